"""Candles of before the desk was opened, from the venues themselves: asked for beside, when a series first wants them.

A chart or a strategy that asks gets what is known at once, and the rest is put in front of its series when it comes.
Bars end before the first trade that this desk saw; the bar in which it was opened begins with that trade.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from workstation.clock import MILLISECOND, MINUTE, Clock
from workstation.domain.bar import Bar
from workstation.domain.instrument import InstrumentId
from workstation.market.data import MarketData
from workstation.market.timeframes import BadTimeframe, Timeframe
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState
from workstation.venues.urgency import Urgency, urgent

#: The most bars that are asked for of one interval, and in one page.
MOST, PAGE = 3_000, 1_000
#: Seconds between two tries.
_AGAIN = 5.0


class VenueHistory:
    """Call it as the history of `MarketData`; `market` is set once that is made."""

    def __init__(self, venues: Mapping[str, CcxtVenue], clock: Clock) -> None:
        """`venues` whose prices are shown, by the name that their instruments carry."""
        self._venues = venues
        self._clock = clock
        self._known: dict[tuple[InstrumentId, int], list[Bar]] = {}
        self._tasks: dict[tuple[InstrumentId, int], asyncio.Task[None]] = {}
        self.market: MarketData | None = None

    def __call__(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """Up to `count` bars, oldest first: none before they have come."""
        key = (instrument, interval)
        if key in self._known:
            return self._known[key][-count:]
        if key not in self._tasks:
            try:
                task = asyncio.get_running_loop().create_task(self._fetch(*key), name=f"candles of {instrument}")
            except RuntimeError:  # nothing runs yet
                return ()
            self._tasks[key] = task
        return ()

    def stop(self) -> None:
        """Nothing is asked for any more."""
        for task in self._tasks.values():
            task.cancel()

    async def _fetch(self, instrument: InstrumentId, interval: int) -> None:
        venue, tries = self._venues[instrument.partition(":")[0]], 0
        while True:
            if venue.link is LinkState.CONNECTED and venue.exchange is not None:
                timeframe = _named(interval)
                if not venue.exchange.has.get("fetchOHLCV") or timeframe not in (venue.exchange.timeframes or {}):
                    self._known[instrument, interval] = []  # the exchange has no candles of that length
                    return
                try:
                    with urgent(Urgency.BACKGROUND):
                        rows = await self._rows(venue, instrument, timeframe, interval)
                    break
                except Exception as error:
                    tries += 1
                    if tries == 3:
                        said = words_of(error)
                        venue.on_notice("warning", f"{venue.name} gives no candles of {instrument}: {said}.")
                        return
            await asyncio.sleep(_AGAIN if tries else 0.5)
        self._put(instrument, interval, rows)

    async def _rows(self, venue: CcxtVenue, instrument: InstrumentId, timeframe: str, interval: int) -> list[list[Any]]:
        symbol, wanted = venue.symbols[instrument], MOST if interval == MINUTE else PAGE
        since = (self._clock.now() - wanted * interval) // MILLISECOND
        rows: dict[int, list[Any]] = {}
        while len(rows) < wanted:
            page = await venue.exchange.fetch_ohlcv(symbol, timeframe, since, PAGE)
            fresh = [row for row in page if row[0] not in rows]
            rows.update({row[0]: row for row in fresh})
            if not fresh or max(rows) + interval // MILLISECOND > self._clock.now() // MILLISECOND:
                break
            since = max(rows) + 1
        return [rows[at] for at in sorted(rows)]

    def _put(self, instrument: InstrumentId, interval: int, rows: list[list[Any]]) -> None:
        assert self.market is not None
        market = self.market.markets[instrument]
        first = market.tape[0].ts if market.tape else self._clock.now()
        bars = [
            Bar(int(at) * MILLISECOND, float(o), float(h), float(low), float(c), float(v or 0.0))
            for at, o, h, low, c, v in rows
            if int(at) * MILLISECOND + interval <= first and None not in (o, h, low, c)
        ]
        self._known[instrument, interval] = bars
        market.candles.series(interval).prepend(bars)


def _named(interval: int) -> str:
    """ccxt's word for so many ns; "" for a length that has none."""
    try:
        return str(Timeframe.of(interval))
    except BadTimeframe:
        return ""
