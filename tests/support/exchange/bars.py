"""Candles of the exchange: the demo market's history before its start, and what has traded since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.spans import MINUTE

#: (instrument, interval in ns, count) → bars before the market's start, oldest first.
type History = Callable[[InstrumentId, int, int], Sequence[Bar]]


class Bars:
    def __init__(self, instruments: dict[InstrumentId, Instrument]) -> None:
        self.instruments = instruments
        self.history: History = lambda instrument, interval, count: ()
        self._minutes: dict[InstrumentId, dict[int, Bar]] = defaultdict(dict)

    def take(self, event: MarketEvent) -> None:
        if not isinstance(event, Trade):
            return
        instrument = self.instruments[event.instrument]
        price = float(instrument.price(event.price))
        quantity = float(instrument.quantity(event.quantity))
        start = event.ts - event.ts % MINUTE
        minutes = self._minutes[event.instrument]
        bar = minutes.get(start)
        if bar is None:
            minutes[start] = Bar(start, price, price, price, price, quantity)
        else:
            minutes[start] = Bar(
                start, bar.open, max(bar.high, price), min(bar.low, price), price, bar.volume + quantity
            )

    def last(self, instrument: InstrumentId, interval: int, count: int, now: int) -> list[Bar]:
        """The newest `count` bars, oldest first; the last one is still forming."""
        bars = {bar.ts: bar for bar in self.history(instrument, interval, count)}
        newest = max(bars, default=0)
        forming = [bar for bar in self.history(instrument, MINUTE, interval // MINUTE) if bar.ts >= newest + interval]
        for minute in [*forming, *self._minutes[instrument].values()]:
            start = minute.ts - minute.ts % interval
            bar = bars.get(start)
            bars[start] = (
                Bar(start, minute.open, minute.high, minute.low, minute.close, minute.volume)
                if bar is None
                else Bar(
                    start,
                    bar.open,
                    max(bar.high, minute.high),
                    min(bar.low, minute.low),
                    minute.close,
                    bar.volume + minute.volume,
                )
            )
        return [bars[start] for start in sorted(bars) if start <= now][-count:]
