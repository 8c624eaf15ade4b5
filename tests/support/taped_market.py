"""The demo market for hundreds of desks: what it gives in its first minute is worked out once for all of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from functools import lru_cache

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, MarketEvent
from workstation.market.demo.market import DemoMarket

_KEPT = 60 * SECOND


class _Tape:
    """The events of one seed and start, as far as a desk has come; and beyond what is kept the market as it is then."""

    def __init__(self, seed: int, start: int) -> None:
        self.market = DemoMarket(seed, start)
        self.events: list[MarketEvent] = []
        self.end = start + _KEPT
        self._at_end = b""

    def lengthen(self, ts: int) -> None:
        self.events += self.market.until(min(ts, self.end))

    def market_at_end(self) -> DemoMarket:
        if not self._at_end:
            self.lengthen(self.end)
            self._at_end = pickle.dumps(self.market)
        market: DemoMarket = pickle.loads(self._at_end)
        return market


_tape = lru_cache(8)(_Tape)


class TapedMarket:
    """A `MarketSource` that gives exactly what `DemoMarket(seed, start)` does."""

    def __init__(self, seed: int, start: int) -> None:
        self._tape = _tape(seed, start)
        self._given = 0
        self._own: DemoMarket | None = None

    @property
    def instruments(self) -> Sequence[Instrument]:
        return self._tape.market.instruments

    @property
    def start(self) -> int:
        return self._tape.market.start

    @property
    def end(self) -> None:
        return None

    def until(self, ts: int) -> Iterator[MarketEvent]:
        tape = self._tape
        if self._own is None:
            tape.lengthen(ts)
            events = tape.events
            while self._given < len(events) and events[self._given].ts <= ts:
                self._given += 1
                yield events[self._given - 1]
            if self._given < len(events) or ts <= tape.end:
                return
            self._own = tape.market_at_end()
        yield from self._own.until(ts)

    def next_time(self) -> int:
        if self._own is None and self._given < len(self._tape.events):
            return self._tape.events[self._given].ts
        return (self._own or self._tape.market).next_time()

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        return self._tape.market.seek(ts)

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        return self._tape.market.history(instrument, interval, count)
