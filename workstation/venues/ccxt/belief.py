"""Whether a book that tells no changes may be believed: a quiet market, or a subscription that the exchange has lost.

A connection that answers pings, and on which other books go on, proves nothing of this one. Its silence is broken only
by what comes beside it: trades beyond its best prices, which would have changed it; and, when it has been silent for
long, a look at the exchange's own.
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
#: Seconds between two looks at which books are silent; and for how long the exchange's own is waited for.
_ROUND, _ANSWER = 1.0, 10.0
#: Levels a side that are asked for: the fewest that any exchange gives.
_LEVELS = 5

_log = logging.getLogger(__name__)


class Beliefs:
    """Of the books of one exchange object. `whole`: those that count as true; `deny(symbol, reason)` ends that."""

    def __init__(
        self, exchange: Any, clock: Clock, silence: float, whole: Set[str], deny: Callable[[str, str], None]
    ) -> None:
        self._exchange, self._clock, self._silence, self._whole, self._deny = exchange, clock, silence, whole, deny
        #: When the exchange told something of each book last (UTC ns); who tells the change writes it.
        self.heard: dict[str, int] = {}
        self._looked: dict[str, int] = {}  # when the exchange's own was asked for last
        self._doubted: dict[str, int] = {}  # since when trades contradict it

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
            if apart or (trade.get("timestamp") or newest) < newest or bid <= price <= ask:
                continue
            now = self._clock.now()
            since = self._doubted.get(symbol, 0)
            if since <= self.heard.get(symbol, 0):  # it has told something since
                self._doubted[symbol] = now
            elif now - since >= _CONTRADICTED * SECOND:
                del self._doubted[symbol]
                self._deny(symbol, f"it trades at {price:g}, and the book stands still at {bid:g} / {ask:g}")
                return

    async def keep(self) -> None:
        """Look at the exchange's own book wherever ours has been silent for long."""
        if not self._exchange.has.get("fetchOrderBook"):
            return
        while True:
            await asyncio.sleep(_ROUND)
            for symbol in sorted(self._whole):
                now = self._clock.now()
                if now - max(self.heard.get(symbol, now), self._looked.get(symbol, 0)) < self._silence * SECOND:
                    continue
                self._looked[symbol] = now
                try:
                    await self._compare(symbol)
                except Exception as error:  # the probe of the link tells of it
                    _log.debug("no look at the book of %s: %r", symbol, error)

    async def _compare(self, symbol: str) -> None:
        heard, ours = self.heard.get(symbol), self._best(symbol)
        with urgent(Urgency.BACKGROUND):
            found = await asyncio.wait_for(self._exchange.fetch_order_book(symbol, _LEVELS), _ANSWER)
        theirs = _best_of(found)
        if ours is None or theirs is None or ours == theirs:
            return
        await asyncio.sleep(_CONTRADICTED)
        if self.heard.get(symbol) == heard:
            self._deny(
                symbol,
                f"it has told nothing for {self._silence:g} s, and the exchange's is {theirs[0]:g} / {theirs[1]:g}",
            )

    def _best(self, symbol: str) -> tuple[float, float] | None:
        return _best_of(self._exchange.orderbooks.get(symbol))


def _best_of(book: Any) -> tuple[float, float] | None:
    if not book or not book["bids"] or not book["asks"]:
        return None
    return float(book["bids"][0][0]), float(book["asks"][0][0])
