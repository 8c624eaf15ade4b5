"""The market of a moment of the past, as far as something of it was kept: prices and candles, hardly ever books."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import takewhile

from workstation.domain.bar import Bar
from workstation.domain.events import AccountEvent, FundingPaid, InterestCharged, OrderEvent, OrderFilled
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookStale, Trade
from workstation.domain.numbers import divide
from workstation.domain.spans import MINUTE
from workstation.market.bars import INTERVALS, BarSeries
from workstation.market.data import MarketData

#: What stands where a book would: there is none.
NO_BOOK = "the book of this moment was not kept"
_FINEST = INTERVALS["5s"]


class PriceFrom(StrEnum):
    """Where the price of a moment comes from."""

    CANDLE = "candle"
    FILL = "last fill"


class Prices:
    """The prices that the journal itself names: fills, and the marks of funding and interest; the newest at a time."""

    def __init__(self, events: Iterable[OrderEvent | AccountEvent]) -> None:
        found: dict[InstrumentId, list[tuple[int, Decimal]]] = {}
        for event in events:
            match event:
                case OrderFilled(fill=fill):
                    found.setdefault(fill.instrument, []).append((event.ts, fill.price))
                case FundingPaid() | InterestCharged() if event.mark > 0:
                    found.setdefault(event.instrument, []).append((event.ts, event.mark))
                case _:
                    pass
        self._times: dict[InstrumentId, list[int]] = {}
        self._prices: dict[InstrumentId, list[Decimal]] = {}
        for name, prices in found.items():
            prices.sort(key=lambda one: one[0])
            self._times[name] = [ts for ts, _ in prices]
            self._prices[name] = [price for _, price in prices]

    def at(self, instrument: InstrumentId, ts: int) -> tuple[int, Decimal] | None:
        """The newest price up to `ts` and its time."""
        times = self._times.get(instrument, [])
        number = bisect_right(times, ts)
        return (times[number - 1], self._prices[instrument][number - 1]) if number else None


class PastMarket(MarketData):
    """What `MarketData` says, at a moment: `move_to` goes there. Candles are the desk's own up to then."""

    def __init__(
        self, instruments: Sequence[Instrument], present: MarketData, traded: Callable[[int], bool], prices: Prices
    ) -> None:
        """`present`: the running market; `traded`: whether its candles of a time (UTC ns) are of the market in which
        the desk traded."""
        self._present = present
        self._traded = traded
        self._named = prices
        self.at = 0
        self.price_from: dict[InstrumentId, PriceFrom] = {}
        super().__init__(instruments, self._candles)

    def move_to(self, ts: int) -> None:
        """Show the market of `ts`."""
        self.at = ts
        self.reset()
        self.price_from.clear()
        self.events += 1
        for name, market in self.markets.items():
            market.book.apply(BookStale(name, ts, NO_BOOK))
            found = self._price(name)
            if found is not None:
                when, price, origin = found
                instrument = market.instrument
                ticks = int(divide(price, instrument.tick).to_integral_value())
                market.last = Trade(name, when, ticks, 0, True)
                market.updated_at = when
                self.price_from[name] = origin

    def _price(self, name: InstrumentId) -> tuple[int, Decimal, PriceFrom] | None:
        named = self._named.at(name, self.at)
        for interval in (_FINEST, MINUTE):
            bars = self._candles(name, interval, 1)
            if bars and (named is None or bars[-1].ts + interval > named[0]):
                instrument = self.markets[name].instrument
                price = Decimal(str(bars[-1].close)).quantize(instrument.tick)
                return min(bars[-1].ts + interval, self.at), price, PriceFrom.CANDLE
        return None if named is None else (*named, PriceFrom.FILL)

    def _candles(self, name: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """The closed bars of the desk that ended by now, if they are of the market that was traded."""
        return self.before(self.at, name, interval, count)

    def before(self, ts: int, name: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """Up to `count` closed bars of the desk that ended by `ts`, if they are of the market that was traded."""
        if not self._traded(ts):
            return ()
        bars = self._series(name, interval, ts - interval).until(ts - interval, count)
        return [bar for bar in bars if bar.ts + interval <= ts]

    def after(self, ts: int, name: InstrumentId, interval: int) -> Sequence[Bar]:
        """The closed bars of the desk that began at `ts` or later, as long as the market that was traded is kept."""
        if not self._traded(ts):
            return ()
        series = self._series(name, interval, ts)
        bars = series.since(ts, series.limit + series.limit // 4)
        return [bar for bar in takewhile(lambda bar: self._traded(bar.ts), bars) if bar.closed]

    def _series(self, name: InstrumentId, interval: int, ts: int) -> BarSeries:
        """The desk's bars, back to `ts` where there are any."""
        candles = self._present.markets[name].candles
        series = candles.series(interval)
        while (first := series.first) is not None and first.ts > ts and candles.older(interval):
            pass
        return series
