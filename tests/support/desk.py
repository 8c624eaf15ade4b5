"""A real desk for tests: the real engine, store and demo market on a clock that the test drives, without latency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from tests.support.going_on import going_on
from tests.support.taped_market import TapedMarket
from workstation.assembly import open_store
from workstation.clock import SECOND, SimClock
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.market.data import MarketData
from workstation.settings import Settings
from workstation.trading.limits import RiskLimits
from workstation.trading.order_ids import counting_order_ids
from workstation.venues.contract import Venue
from workstation.venues.matching.models import ConstantLatency
from workstation.venues.pump import MarketPump
from workstation.venues.simulated import SimulatedVenue
from workstation.watch.requests import Doors

#: 2026-01-05 12:00 UTC, a Monday.
START = 1_767_614_400 * SECOND
BTC = "NOVA:BTC-USDT"
ETH = "NOVA:ETH-USDT"
PERP = "NOVA:BTC-USDT-PERP"
OTHER_PERP = "ORCA:BTC-USDT-PERP"


class TestDesk:
    """`engine` on the demo market; `run` moves time and market, `settle` lets tasks and the store finish."""

    __test__ = False

    def __init__(self, engine: Engine, clock: SimClock, pump: MarketPump, venues: Mapping[str, SimulatedVenue]) -> None:
        self.engine = engine
        self.clock = clock
        self.pump = pump
        self.venues = venues

    async def run(self, seconds: float) -> None:
        """Let the market move for `seconds` of its own time."""
        self.pump.pump_until(self.clock.now() + round(seconds * SECOND))
        await asyncio.sleep(0)

    async def run_until(self, condition: Callable[[], bool], seconds: float = 600.0, step: float = 0.5) -> None:
        """Let the market move until the condition holds; AssertionError if it does not within `seconds`.

        What came of the last step may wait for the disk: that is waited for in real time."""
        for _ in range(round(seconds / step)):
            if condition():
                return
            await self.run(step)
        try:
            await self.settle(condition)
        except TimeoutError:
            raise AssertionError("the market never got there") from None

    async def settle(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait in real time (market standing still) until the condition holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def ticking(self, speed: float = 10.0) -> AsyncIterator[None]:
        """Let market and time go on beside the test, `speed` times as fast as real time."""

        async def tick() -> None:
            while True:
                await self.run(0.01 * speed)
                await asyncio.sleep(0.01)

        async with going_on(tick()):
            yield

    def best(self, instrument: str, side: Side) -> Decimal:
        """The best bid (BUY) or ask (SELL)."""
        book = self.engine.book(instrument)
        ticks = book.best_bid if side is Side.BUY else book.best_ask
        assert ticks is not None
        return self.engine.instrument(instrument).price(ticks)

    async def limit(self, instrument: str, side: Side, quantity: str, away: int = 0, **terms: object) -> Order:
        """Rest a limit order `away` ticks behind the best price of its own side."""
        terms_of = self.engine.instrument(instrument)
        price = self.best(instrument, side) - terms_of.tick * away * side.sign
        draft = OrderDraft(instrument=instrument, side=side, quantity=Decimal(quantity), price=price, **terms)  # type: ignore[arg-type]
        return await self.engine.submit(draft)

    async def market(self, instrument: str, side: Side, quantity: str, **terms: object) -> Order:
        draft = OrderDraft(
            instrument=instrument,
            side=side,
            quantity=Decimal(quantity),
            type=OrderType.MARKET,
            **terms,  # type: ignore[arg-type]
        )
        return await self.engine.submit(draft)


GENEROUS = RiskLimits(
    max_order_value=Decimal(10_000_000),
    max_position_value=Decimal(10_000_000),
    max_exposure=Decimal(100_000_000),
    max_leverage=Decimal(1_000),
    max_instrument_leverage=Decimal(1_000),
    max_working_orders=100_000,
    max_working_orders_per_instrument=100_000,
    max_orders_per_second=1_000,
    max_orders_per_day=10_000_000,
    duplicate_window_ms=0,
)


@asynccontextmanager
async def demo_desk(
    folder: Path,
    *,
    start: int = START,
    limits: RiskLimits = GENEROUS,
    seed: int = 1,
    latency_ms: int = 0,
    wrap: Callable[[SimulatedVenue], Venue] | None = None,
    next_id: Callable[[], str] | None = None,
    answer_timeout: float = 0.5,
    warm_up: float = 2.0,
    money: str = "1000000",
    wait: bool = True,
    watched: bool = False,
) -> AsyncIterator[TestDesk]:
    """A running desk whose files are in `folder`: leaving and entering again is a restart.

    `wrap` stands something between the desk and each venue (faults); `wait=False` yields before the store is open;
    a `watched` desk hears halt requests.
    """
    clock = SimClock(start)
    source = TapedMarket(seed, start)
    by_venue: dict[str, list[object]] = {}
    for instrument in source.instruments:
        by_venue.setdefault(instrument.venue, []).append(instrument)
    simulated = {
        name: SimulatedVenue(
            name,
            instruments,  # type: ignore[arg-type]
            clock,
            {"USDT": Decimal(money)},
            latency=ConstantLatency(latency_ms * 1_000_000, latency_ms * 1_000_000),
            ledger=folder / f"venue-{name.lower()}.sqlite",
        )
        for name, instruments in by_venue.items()
    }
    venues: Sequence[Venue] = [wrap(venue) if wrap else venue for venue in simulated.values()]
    pump = MarketPump(source, clock, simulated)
    engine = Engine(
        mode="demo",
        clock=clock,
        venues=venues,
        market=MarketData(source.instruments, source.history),
        limits=limits,
        open_store=lambda: open_store(folder / "demo.sqlite", "demo", clock),
        settings=Settings(),
        pump=pump,
        next_id=next_id or counting_order_ids(f"t{clock.now() // SECOND % 100_000}"),
        answer_timeout=answer_timeout,
        doors=Doors.of(folder / "demo.sqlite", folder) if watched else None,
    )
    desk = TestDesk(engine, clock, pump, simulated)
    await engine.start()
    try:
        pump.pump_until(start + round(warm_up * SECOND))
        if wait:
            await engine.wait_ready()
        yield desk
    finally:
        await engine.close()
