"""Closing orders that are refused: when they are tried again, and when what is left is given up and named.

A refusal may pass (the exchange's matching is busy, its money is not free yet), so it is tried again, with growing
pauses. One that comes of what the position or its market is does not pass: a lot that has become coarser than what is
left, a market that is no longer listed. Then the kill ends without it, and its receipt says what is left, why, and
what the trader can do; pressing flatten again tries once more.
"""

from __future__ import annotations

from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.venues.contract import VenueError

#: So often in a row, and over so many seconds, a venue must refuse to close a position until it is believed. Tests
#: do not wait so long.
TIMES, SECONDS = 10, 60.0
#: The same for questions about an order.
ASKED_TIMES, ASKED_SECONDS = 4, 10.0
#: So often the desk itself must: it says the same again.
_OF_ITS_OWN = 3
#: So often, and over so many seconds, all of a position must have been closed until others that open it are left to it.
OPENED_TIMES, OPENED_SECONDS = 5, 30.0
#: Seconds until the second try; doubled each time, to a bound.
_FIRST, _LAST = 0.05, 5.0
_TO_DO = "close it at the exchange itself, or press flatten again"


class Refusals:
    """Of one kill; times are the event loop's."""

    def __init__(self) -> None:
        self._row: dict[InstrumentId, tuple[int, float]] = {}  # how often in a row, since when
        self._next: dict[InstrumentId, float] = {}
        self._closed: dict[InstrumentId, tuple[int, float]] = {}  # how often all of it was closed, since when
        #: What is not tried again, with the sentence that says why.
        self.given_up: dict[InstrumentId, str] = {}

    def due(self, instrument: InstrumentId, now: float) -> bool:
        return now >= self._next.get(instrument, 0.0)

    def went(self, instrument: InstrumentId) -> None:
        """Something of the position was closed, or nothing was refused."""
        self._row.pop(instrument, None)
        self._next.pop(instrument, None)

    def closed(self, instrument: InstrumentId, now: float) -> None:
        """All of a position was closed. Where it is opened again and again, by somebody else on the account, this desk
        does not go on with him for ever."""
        times, since = self._closed.get(instrument, (0, now))
        self._closed[instrument] = times + 1, since
        if times + 1 >= OPENED_TIMES and now - since >= OPENED_SECONDS:
            self.given_up[instrument] = (
                f"closed {times + 1}×, and somebody else on this account opens it again each time: stop him, then "
                "press flatten again"
            )

    def refused(self, order: Order, now: float, connected: bool, doubt: str) -> str:
        """A closing order was refused. `connected`: the venue's link stands, so that the refusal is its word;
        `doubt`: what the venue itself says against closing there at all: then one refusal is enough. What there is to
        say of the position now."""
        reason = (order.reason or "the closing order was refused").rstrip(".")
        if not connected:
            self.went(order.instrument)
            return reason
        times, since = self._row.get(order.instrument, (0, now))
        times += 1
        self._row[order.instrument] = times, since
        self._next[order.instrument] = now + min(_LAST, _FIRST * 2**times)
        if order.state is OrderState.DENIED:
            over = times >= _OF_ITS_OWN
        else:
            over = times >= TIMES and now - since >= SECONDS
        if doubt and doubt not in reason:
            reason = f"{doubt}; {reason}"
        if over or doubt:
            self.given_up[order.instrument] = f"{reason}: {_TO_DO}"
            return self.given_up[order.instrument]
        return f"{reason} (refused {times}×, trying again)"


class Stuck:
    """Orders that their venue refuses, by name, to be asked about (their market is listed no more, say): a kill does
    not wait for them for ever. What of spot they may have bought or sold is not known: it is not closed then, for the
    trader's own coins could be sold in its place."""

    def __init__(self) -> None:
        self._row: dict[ClientOrderId, tuple[int, float]] = {}
        self._given_up: dict[ClientOrderId, Order] = {}

    def refused(self, order: Order, error: VenueError, now: float) -> bool:
        """A question about the order failed so, at that moment of the loop's. Whether it is given up. Raises the error
        where it was none of the venue's word: that may pass."""
        if type(error) is not VenueError:
            raise error
        times, since = self._row.get(order.client_id, (0, now))
        self._row[order.client_id] = times + 1, since
        if times + 1 >= ASKED_TIMES and now - since >= ASKED_SECONDS:
            self._given_up[order.client_id] = order
        return order.client_id in self._given_up

    def is_stuck(self, order: Order) -> bool:
        return order.client_id in self._given_up

    def of(self, instrument: InstrumentId) -> str | None:
        """Why spot of the instrument is not closed."""
        if not any(order.instrument == instrument for order in self._given_up.values()):
            return None
        return (
            "what an order of it has filled cannot be asked for: see at the exchange itself what is left, and close it"
        )
