"""Whether a book that tells no changes may be believed: a quiet market, or a subscription that the exchange has lost.

A connection that answers pings, and on which other books go on, proves nothing of this one. Its silence is broken only
by what comes beside it: trades beyond its best prices, which would have changed it; and a look at the exchange's own,
which also confirms a quiet book. What is denied and comes again just as it was is not denied again: the exchange means
it so. It is not confirmed either, and grows old.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from workstation.clock import SECOND, Clock
from workstation.venues.urgency import Urgency, urgent

#: Seconds for which trades contradict a book that tells nothing before it is false: a change may be on its way.
_CONTRADICTED = 1
#: Trades that happened longer ago than this (ms) tell of the past.
_OLD = 5_000
#: Seconds between two looks at which books are silent, between two questions, and that an answer is waited for.
_ROUND, _SPACING, _ANSWER = 0.5, 0.5, 10.0
#: Seconds of silence after which a book is looked at, at most: a quiet one that is true should not look old (the
#: setting market.stale_after_ms, five seconds unless it is changed).
_QUIET = 3.5
#: Levels a side that are asked for: the fewest that any exchange gives.
_LEVELS = 5

_log = logging.getLogger(__name__)


#: Best bid and offer; None where nobody is.
type Best = tuple[float | None, float | None]


class Beliefs:
    """Of the books of one exchange object. `whole`: those that count as true; `deny(symbol, reason)` ends that,
    `confirm(symbol)` says that nothing has changed."""

    def __init__(
        self,
        exchange: Any,
        clock: Clock,
        silence: float,
        whole: Set[str],
        deny: Callable[[str, str], None],
        confirm: Callable[[str], None],
    ) -> None:
        self._exchange, self._clock, self._whole, self._deny, self._confirm = exchange, clock, whole, deny, confirm
        self._silence = round(min(silence, _QUIET) * SECOND)
        #: When the exchange told something of each book last (UTC ns); who tells the change writes it.
        self.heard: dict[str, int] = {}
        self._looked: dict[str, int] = {}  # when the exchange's own was asked for last
        self._doubted: dict[str, int] = {}  # since when trades contradict it
        self._denied: dict[str, Best] = {}  # as it stood when it was denied last

    def traded(self, symbol: str, trades: Iterable[Mapping[str, Any]]) -> None:
        """Trades beyond the best prices take levels away: if the book tells nothing of it for so long, it is false."""
        best = self._best(symbol)
        if best is None or symbol not in self._whole:
            return
        bid, ask = best
        newest = self._exchange.milliseconds() - int(self._exchange.options.get("timeDifference") or 0) - _OLD
        for trade in trades:
            info, price = trade.get("info"), trade["price"]
            apart = isinstance(info, Mapping) and bool(info.get("BT") or info.get("RPI"))  # dealt beside the book
            within = (bid is None or bid <= price) and (ask is None or price <= ask)
            if apart or within or (trade.get("timestamp") or newest) < newest:
                continue
            now = self._clock.now()
            since = self._doubted.get(symbol, 0)
            if since <= self.heard.get(symbol, 0):  # it has told something since
                self._doubted[symbol] = now
            elif now - since >= _CONTRADICTED * SECOND:
                del self._doubted[symbol]
                self._call_false(
                    symbol, best, f"it trades at {price:.12g}, and the book stands still at {_words(best)}"
                )
                return

    async def keep(self) -> None:
        """Look at the exchange's own book wherever ours has been silent for long."""
        if not self._exchange.has.get("fetchOrderBook"):
            return
        while True:
            await asyncio.sleep(_ROUND)
            for symbol in sorted(self._whole):
                now = self._clock.now()
                if now - max(self.heard.get(symbol, 0), self._looked.get(symbol, 0)) < self._silence:
                    continue
                self._looked[symbol] = now
                try:
                    await self._compare(symbol)
                except Exception as error:  # the probe of the link tells of it
                    _log.debug("no look at the book of %s: %r", symbol, error)
                await asyncio.sleep(_SPACING)

    async def _compare(self, symbol: str) -> None:
        heard, ours = self.heard.get(symbol, 0), self._best(symbol)
        with urgent(Urgency.BACKGROUND):
            found = await asyncio.wait_for(self._exchange.fetch_order_book(symbol, _LEVELS), _ANSWER)
        theirs = _best_of(found)
        if ours is None or self.heard.get(symbol, 0) != heard:  # it lives
            return
        if ours == theirs:
            self._confirm(symbol)
            return
        await asyncio.sleep(_CONTRADICTED)
        if self.heard.get(symbol, 0) == heard:
            silent = (self._clock.now() - heard) // SECOND
            self._call_false(
                symbol, ours, f"it has told nothing for {silent} s, and the exchange's is {_words(theirs)}"
            )

    def _call_false(self, symbol: str, ours: Best, reason: str) -> None:
        if self._denied.get(symbol) != ours:
            self._denied[symbol] = ours
            self._deny(symbol, reason)

    def _best(self, symbol: str) -> Best | None:
        book = self._exchange.orderbooks.get(symbol)
        return None if book is None else _best_of(book)


def _best_of(book: Any) -> Best:
    bid, ask = (float(book[side][0][0]) if book[side] else None for side in ("bids", "asks"))
    return bid, ask


def _words(best: Best) -> str:
    return " / ".join("nobody" if price is None else f"{price:.12g}" for price in best)
