"""A position whose stop was held by this desk and is gone, or came to nothing: never in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.no_stops import NoStops, no_stops
from workstation.clock import SECOND
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.strategy_run import RunState
from workstation.log import Level
from workstation.trading.plans import terms
from workstation.venues.contract import LinkState
from workstation.venues.faulty import Fault
from workstation.venues.simulated import SimulatedVenue

CODE = """
from workstation.strategies.contract import Strategy
from workstation.domain.order import Side
from decimal import Decimal

class Stopped(Strategy):
    '''Buys on its start and protects that; it hears of no refusals.'''
    AT = Decimal(1)
    def on_start(self):
        if not self.trader.position:
            self.trader.order(Side.BUY, Decimal("0.1"), tag="entry")
        self.trader.timer(5, "stop")
    def on_timer(self, name):
        self.trader.order(Side.SELL, self.trader.position, stop=self.AT, reduce_only=True, tag="stop")

class Passed(Stopped):
    '''The market has passed its stop when it is placed.'''
    AT = Decimal(10_000_000)

class Raises(Stopped):
    def on_timer(self, name):
        super().on_timer(name)
        if name == "stop":
            self.trader.timer(5, "raise")
        else:
            raise ValueError("boom")
"""


class Venues:
    def __init__(self, link: LinkState | None = None) -> None:
        self.found: dict[str, NoStops] = {}
        self._link = link

    def __call__(self, venue: SimulatedVenue) -> NoStops:
        made = self.found[venue.name] = no_stops(venue)
        made.link_state = self._link
        return made

    @property
    def nova(self) -> NoStops:
        return self.found["NOVA"]


def told(desk: TestDesk) -> list[str]:
    """The errors of which a note is sent."""
    entries = desk.engine.log.entries
    return [each.text for each in entries if each.source == "position" and each.level is Level.ERROR]


async def started(desk: TestDesk, folder: Path, kind: str, instrument: str = BTC, restarts: bool = False) -> str:
    file = folder / "held.py"
    file.write_text(CODE)
    run = await desk.engine.strategies.start(
        f"{file}:{kind}", instrument, capital=Decimal(10_000), interval=60 * SECOND, restarts=restarts
    )
    await passing(desk, lambda: desk.engine.strategies.view(run.run_id).position)
    return run.run_id


async def passing(desk: TestDesk, condition: Callable[[], object]) -> None:
    """Market time passes until it holds; first calls load libraries."""
    for _ in range(300):
        if condition():
            return
        await desk.run(1)
        for _ in range(10):
            await asyncio.sleep(0.002)
    raise AssertionError([each.text for each in desk.engine.log.entries][-12:])


def exits(desk: TestDesk, run: str) -> list[Order]:
    return [order for order in desk.engine.orders() if order.origin == run and order.reduce_only]


@pytest.mark.parametrize("instrument", [BTC, PERP])
async def test_an_order_that_came_to_nothing_is_sent_again_for_a_strategy_that_does_not_hear_of_it(
    tmp_path: Path, instrument: str
) -> None:
    venues = Venues()
    async with demo_desk(tmp_path, wrap=venues) as desk:
        run = await started(desk, tmp_path, "Passed", instrument)
        venues.nova.faults.add("submit", Fault.REFUSE, times=2)
        await passing(desk, lambda: told(desk))
        assert told(desk)[0].startswith(f"{run} is NOT PROTECTED: the market has passed its stop of {instrument}")
        assert "NOT PROTECTED" in desk.engine.strategies.view(run).waits
        await passing(desk, lambda: not desk.engine.strategies.view(run).position)
        assert [order.state for order in exits(desk, run)] == [
            OrderState.REJECTED,
            OrderState.REJECTED,
            OrderState.FILLED,
        ]
        assert len(told(desk)) == 1
        assert not desk.engine.strategies.view(run).waits
        assert desk.engine.position(instrument).is_flat
        await desk.run(30)
        assert len(exits(desk, run)) == 3


async def test_of_contracts_a_lost_one_is_followed_by_another_and_nothing_is_closed_twice(tmp_path: Path) -> None:
    venues = Venues()
    async with demo_desk(tmp_path, wrap=venues) as desk:
        desk.engine._reconciler.lost.span = 0.2
        run = await started(desk, tmp_path, "Passed", PERP)
        venues.nova.faults.add("submit", Fault.LOST)
        await passing(desk, lambda: not desk.engine.strategies.view(run).position)
        assert any("may be NOT PROTECTED. The order that closes is lost" in text for text in told(desk))
        assert desk.engine.position(PERP).is_flat
        await desk.run(30)
        assert sum(order.filled for order in exits(desk, run)) == Decimal("0.1")


async def test_a_run_that_is_stopped_as_the_desk_was_closed_says_that_its_stop_went_with_it(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await started(desk, tmp_path, "Stopped")
        await passing(desk, lambda: desk.engine.strategies.view(run).held)
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        await desk.settle(lambda: told(desk))
        assert desk.engine.strategies.view(run).run.state is RunState.STOPPED
        held = desk.engine.strategies.view(run).holdings
        words = f"{run} holds {held}, NOT PROTECTED: it is stopped, as the desk was closed"
        assert [text.startswith(words) for text in told(desk)] == [True]
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        assert not told(desk), "it is told once"


async def test_one_that_raises_says_what_it_leaves_without_a_stop(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await started(desk, tmp_path, "Raises")
        await passing(desk, lambda: told(desk))
        assert desk.engine.strategies.view(run).run.state is RunState.FAILED
        assert "NOT PROTECTED: it failed" in told(desk)[0]


async def test_a_halt_says_what_a_run_holds_without_its_stop(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await started(desk, tmp_path, "Stopped")
        await passing(desk, lambda: desk.engine.strategies.view(run).held)
        desk.engine.kill("a test")
        [said] = [each.text for each in desk.engine.log.entries if each.text.startswith(f"{run} is stopped: ")]
        assert f"and holds 0.1 {BTC}" in said
        assert "without its stops" in said


async def test_a_halt_says_what_a_plan_has_left_without_its_stop(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        entry = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
        await desk.engine.start_plan(terms.bracket(entry, stop=Decimal(1_000), target=Decimal(10_000_000)))
        await desk.settle(desk.engine.positions)
        desk.engine.kill("a test")
        assert any(
            "are NOT PROTECTED: the halt has let go of the stop at 1,000.00 held here." in each.text
            for each in desk.engine.log.entries
        )


async def test_one_that_waits_for_its_venue_says_that_what_it_holds_has_no_stop_so_long(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, wrap=no_stops) as desk:
        run = await started(desk, tmp_path, "Stopped", restarts=True)
        await passing(desk, lambda: desk.engine.strategies.view(run).held)
    venues = Venues(LinkState.DOWN)
    async with demo_desk(tmp_path, wrap=venues, wait=False) as desk:
        await desk.settle(lambda: run in desk.engine.core.strategy_runs)
        await desk.settle(lambda: "NOT PROTECTED until it begins" in desk.engine.strategies.view(run).waits)
        venues.nova.link_state = None
        await passing(desk, lambda: desk.engine.strategies.view(run).held)
        assert not desk.engine.strategies.view(run).waits
