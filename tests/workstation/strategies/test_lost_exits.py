"""A strategy's exit that its venue never answered: of contracts another follows, of spot it is waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.kill_scene import Faults
from workstation.clock import SECOND
from workstation.domain.order import Order, OrderState, OrderType, Side
from workstation.domain.strategy_run import StrategyRun
from workstation.strategies.live_run import LiveRun
from workstation.venues.faulty import Fault, FaultyVenue

QUIET = """
from workstation.strategies.contract import Strategy

class Quiet(Strategy):
    '''Does what the test says.'''
    def on_unsent(self, client_id, reason):
        self.trader.say(f"hears of a lost stop: {reason}")
        self.stop()
    def on_reject(self, client_id, reason):
        self.trader.say(f"hears of a refusal: {reason}")
    def stop(self):
        from workstation.domain.order import Side
        self.trader.order(Side.SELL, self.trader.position, stop=50_000, reduce_only=True)
"""


class Scene:
    def __init__(self, desk: TestDesk, nova: FaultyVenue, run: StrategyRun) -> None:
        self.desk, self.nova, self.run = desk, nova, run

    @property
    def live(self) -> LiveRun:
        return self.desk.engine.strategies._live[self.run.run_id]

    @property
    def held(self) -> Decimal:
        return self.desk.engine.strategies.view(self.run.run_id).position

    @property
    def waits(self) -> str:
        return self.desk.engine.strategies.view(self.run.run_id).waits

    def sent(self) -> list[Order]:
        return [one for one in self.desk.engine.orders() if one.origin == self.run.run_id]

    def denied(self, order: Order) -> bool:
        return self.desk.engine._reconciler.lost.denied(order.client_id)

    async def lost(self, count: int, kind: OrderType) -> Order:
        """The order of that number is lost."""
        await self.desk.settle(lambda: len(self.sent()) >= count and self.sent()[count - 1].state is OrderState.UNKNOWN)
        found = self.sent()[count - 1]
        assert found.type is kind
        return found


@asynccontextmanager
async def holding(folder: Path, instrument: str) -> AsyncIterator[Scene]:
    """A run that holds 0.5, at a venue that may take a request for half a minute."""
    file = folder / "quiet.py"
    file.write_text(QUIET)
    faults = Faults()
    async with demo_desk(folder, wrap=faults) as desk:
        nova = faults.venues["NOVA"]
        nova.request_life = lambda: 30.0  # type: ignore[attr-defined]
        desk.engine._reconciler.lost.span = 0.2
        run = await desk.engine.strategies.start(
            f"{file}:Quiet", instrument, capital=Decimal(100_000), interval=5 * SECOND
        )
        scene = Scene(desk, nova, run)
        scene.live.change(lambda: scene.live.trader.order(Side.BUY, Decimal("0.5")) and None)
        await desk.settle(lambda: len(scene.sent()) == 1)
        await desk.run(0.2)
        await desk.settle(lambda: scene.held == Decimal("0.5"))
        yield scene


async def test_a_lost_order_that_closes_contracts_is_followed_by_another(tmp_path: Path) -> None:
    async with holding(tmp_path, PERP) as scene:
        scene.nova.faults.add("submit", Fault.LOST)
        scene.live.change(lambda: scene.live.trader.close("signal"))
        first = await scene.lost(2, OrderType.MARKET)
        await scene.desk.settle(lambda: not scene.held)
        assert scene.desk.engine.core.orders.orders[first.client_id].is_open
        assert [one.quantity for one in scene.sent()] == [Decimal("0.5")] * 3
        assert any(
            "The order that closes is lost. NOVA has not answered on the order SELL 0.5" in line.text
            for line in scene.desk.engine.log.entries
        )
        await scene.nova.inner.submit(first)
        await scene.desk.settle(lambda: not scene.desk.engine.core.orders.orders[first.client_id].is_open)
        assert scene.desk.engine.position(PERP).is_flat


async def test_a_close_of_contracts_does_not_wait_for_a_lost_entry(tmp_path: Path) -> None:
    async with holding(tmp_path, PERP) as scene:
        scene.nova.faults.add("submit", Fault.LOST)
        scene.live.change(lambda: scene.live.trader.order(Side.BUY, Decimal("0.2"), limit=Decimal(50_000)) and None)
        entry = await scene.lost(2, OrderType.LIMIT)
        scene.live.change(lambda: scene.live.trader.close("signal"))
        await scene.desk.settle(lambda: not scene.held)
        assert scene.desk.engine.core.orders.orders[entry.client_id].is_open


async def test_nothing_is_closed_beside_a_lost_plain_order_that_closes_it_too(tmp_path: Path) -> None:
    async with holding(tmp_path, PERP) as scene:
        scene.nova.faults.add("submit", Fault.LOST)
        scene.live.change(lambda: scene.live.trader.order(Side.SELL, Decimal("0.5")) and None)
        first = await scene.lost(2, OrderType.MARKET)
        scene.live.change(lambda: scene.live.trader.close("signal"))
        await scene.desk.settle(lambda: scene.waits.startswith("The order that closes is not sent yet: NOVA has not"))
        assert re.search(r"SELL 0.5 BTC-USDT-PERP, and may still take it for up to (28|29|30) s\.$", scene.waits)
        await scene.nova.inner.submit(first)
        await scene.desk.settle(lambda: not scene.held)
        await scene.desk.settle(lambda: not scene.waits)
        assert len(scene.sent()) == 2
        assert scene.desk.engine.position(PERP).is_flat


async def test_a_lost_stop_of_contracts_is_told_and_another_is_set(tmp_path: Path) -> None:
    async with holding(tmp_path, PERP) as scene:
        scene.nova.faults.add("submit", Fault.LOST)
        scene.live.change(scene.live.strategy.stop)  # type: ignore[attr-defined]
        first = await scene.lost(2, OrderType.STOP)
        await scene.desk.settle(lambda: [one.state for one in scene.sent()[2:]] == [OrderState.ACCEPTED])
        await scene.nova.inner.submit(first)
        await scene.desk.settle(lambda: not scene.desk.engine.core.orders.orders[first.client_id].is_open)
        assert [one.client_id for one in await scene.nova.open_orders()] == [scene.sent()[2].client_id]
        told = [line.text for line in scene.desk.engine.log.entries if " hears of " in line.text]
        assert ["lost stop" in line for line in told] == [True], "what is pulled is no refusal"


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.STOP])
async def test_of_spot_it_is_waited_for_and_the_trader_reads_for_what_and_how_long(
    tmp_path: Path, kind: OrderType
) -> None:
    async with holding(tmp_path, BTC) as scene:
        scene.nova.faults.add("submit", Fault.LOST)
        stop = scene.live.strategy.stop  # type: ignore[attr-defined]
        scene.live.change(stop if kind is OrderType.STOP else lambda: scene.live.trader.close("signal"))
        first = await scene.lost(2, kind)
        await scene.desk.settle(lambda: scene.denied(first))
        await asyncio.sleep(0.3)
        assert len(scene.sent()) == 2
        what = "A stop" if kind is OrderType.STOP else "The order that closes"
        said = rf"^May be NOT PROTECTED\. {what} is lost\. NOVA has .* SELL 0.5 BTC-USDT, and .* for up to "
        said += "(27|28|29|30) s; nothing is sent"
        assert re.search(said, scene.waits)
        scene.nova.request_life = lambda: 0.2  # type: ignore[attr-defined]
        await scene.desk.settle(lambda: not scene.desk.engine.core.orders.orders[first.client_id].is_open)
        await scene.desk.settle(lambda: any("hears of a refusal" in one.text for one in scene.desk.engine.log.entries))
        assert not scene.waits


async def test_what_closes_spot_waits_until_what_was_missed_of_its_venue_is_booked(tmp_path: Path) -> None:
    """What the run holds may have been sold by hand meanwhile: the trader's own coins would go."""
    async with holding(tmp_path, BTC) as scene:
        core = scene.desk.engine.core
        core.behind.add("NOVA")
        scene.live.change(lambda: scene.live.trader.close("signal"))
        missed = "what happened at NOVA while it was away is asked for."
        await scene.desk.settle(lambda: scene.waits == f"The order that closes is not sent yet: {missed}")
        scene.live.change(lambda: scene.live.trader.order(Side.SELL, Decimal("0.2")) and None)
        words = f"An order of {scene.run.run_id} is not sent yet: {missed}"
        await scene.desk.settle(lambda: any(line.text == words for line in scene.desk.engine.log.entries))
        assert len(scene.sent()) == 1
        core.behind.clear()
        await scene.desk.settle(lambda: not scene.held)


async def test_what_closes_spot_does_not_wait_for_a_venue_that_tells_nothing_for_ever(tmp_path: Path) -> None:
    async with holding(tmp_path, BTC) as scene:
        scene.desk.engine.core.behind.add("NOVA")
        scene.live.change(lambda: scene.live.trader.close("signal"))
        await scene.desk.settle(lambda: scene.waits)
        await scene.desk.run(31)
        await scene.desk.settle(lambda: not scene.held)
