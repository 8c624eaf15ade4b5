"""The simulated venue under the conformance suite: at once, with latency, with a ledger on disk, through a wrapper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from venue_conformance import ConformanceBench, VenueConformance
from venue_desk import VenueDesk
from venue_market import PERP, SPOT, START, HandMarket

from workstation.clock import MILLISECOND, SimClock
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.venues.contract import Venue
from workstation.venues.faulty import FaultyVenue
from workstation.venues.matching import ConstantLatency, JitterLatency
from workstation.venues.simulated import SimulatedVenue


@pytest.fixture(params=["at once", "latency", "jitter", "ledger", "wrapped"])
async def venue_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ConformanceBench]:
    latency = {
        "latency": ConstantLatency(20 * MILLISECOND, 15 * MILLISECOND),
        "jitter": JitterLatency(MILLISECOND, MILLISECOND, 30 * MILLISECOND, seed=3),
    }.get(request.param)
    clock = SimClock(START)
    inner = SimulatedVenue(
        "NOVA",
        [SPOT, PERP],
        clock,
        {"USDT": Decimal(100_000)},
        latency=latency,
        ledger=tmp_path / "venue.sqlite" if request.param == "ledger" else None,
    )
    venue: Venue = FaultyVenue(inner, clock) if request.param == "wrapped" else inner
    market = HandMarket(clock, inner.feed)
    desk = VenueDesk(venue, clock)
    await desk.connect()
    for instrument in (SPOT, PERP):
        market.book(instrument, {"999": "5", "998": "5"}, {"1001": "5", "1002": "5"})

    async def trade(instrument: Instrument, side: Side, quantity: str, price: str) -> None:
        (market.bought if side is Side.BUY else market.sold)(instrument, quantity, price)

    async def move(instrument: Instrument, bids: dict[str, str], asks: dict[str, str]) -> None:
        market.delta(instrument, bids, asks)

    async def wait(nanoseconds: int) -> None:
        clock.advance(nanoseconds)

    async def settle() -> None:
        clock.advance(1000 * MILLISECOND)

    yield ConformanceBench(desk, SPOT, PERP, trade, move, settle, wait)
    await inner.close()


class TestSimulatedVenue(VenueConformance):
    @pytest.fixture
    def bench(self, venue_bench: ConformanceBench) -> ConformanceBench:
        return venue_bench
