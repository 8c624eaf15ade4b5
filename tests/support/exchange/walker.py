"""The market that moves by itself: the demo market, seeded, in real time, under the exchange's own symbols."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from workstation.clock import Clock
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarketEvent
from workstation.market.demo.listings import LISTINGS
from workstation.market.demo.market import DemoMarket

_SOURCE = "NOVA"


def listed(instruments: Iterable[Instrument]) -> dict[InstrumentId, InstrumentId]:
    """Which stream of the demo market each instrument takes: the one of the same base, contract, tick and lot."""
    streams = {}
    for instrument in instruments:
        for listing in LISTINGS:
            other = listing.instrument
            same = (other.venue, other.base, other.quote, other.contract, other.tick, other.lot)
            if same == (
                _SOURCE,
                instrument.base,
                instrument.quote,
                instrument.contract,
                instrument.tick,
                instrument.lot,
            ):
                streams[other.id] = instrument.id
    return streams


class Walker:
    """Feeds `feed` with what the demo market of this seed does from now on. `rate` as in `DemoMarket`."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        clock: Clock,
        feed: Callable[[MarketEvent], None],
        *,
        seed: int,
        rate: float = 0.3,
        every: float = 0.05,
    ) -> None:
        self._clock, self._feed, self._every = clock, feed, every
        self._streams = listed(instruments)
        self._sources = {ours: theirs for theirs, ours in self._streams.items()}
        self._market = DemoMarket(seed, clock.now(), rate=rate)
        self.paused = False

    def step(self) -> None:
        """Everything that is due by now."""
        for event in self._market.until(self._clock.now()):
            ours = self._streams.get(event.instrument)
            if ours is not None:
                self._feed(msgspec.structs.replace(event, instrument=ours))

    async def run(self) -> None:
        while True:
            if not self.paused:
                self.step()
            await asyncio.sleep(self._every)

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """Bars before the start, oldest first."""
        source = self._sources.get(instrument)
        return () if source is None else self._market.history(source, interval, count)
