"""What a run of a strategy hears of one of its instruments."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.bar import Bar
from workstation.domain.market import Trade
from workstation.domain.numbers import from_float
from workstation.market.data import InstrumentMarket


class Heard:
    """What a run hears of one instrument: each closed bar; of books and trades the newest."""

    def __init__(self, name: str, market: InstrumentMarket, interval: int) -> None:
        """`name`: that of a further instrument, "" for the first."""
        self.name, self.market, self._interval = name, market, interval
        self.trade: Trade | None = None
        self.book_moved = False
        self.rejoin()

    def rejoin(self) -> None:
        """Bars of before now are void."""
        self.series = self.market.candles.series(self._interval)
        self.last_bar = self.series.closed[-1].ts if self.series.closed else -1

    def lowest(self) -> Decimal | None:
        """The lower one of the prices that a strategy may have reckoned with: the last close, the market now."""
        mid, closed = self.market.mid(), self.series.closed
        if not closed:
            return mid
        close = from_float(closed[-1].close, self.market.instrument.tick)
        return close if mid is None else min(mid, close)

    def new_bars(self) -> list[Bar]:
        """Those that closed since the last time."""
        closed = self.series.closed
        if not closed or closed[-1].ts <= self.last_bar:
            return []
        found = [bar for bar in closed[-50:] if bar.ts > self.last_bar]
        self.last_bar = closed[-1].ts
        return found
