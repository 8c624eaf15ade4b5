"""An order without an answer may still be taken for as long as its request lives; contracts are closed before that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from tests.support.kill_scene import Faults, nothing_left
from workstation.domain.order import Order, OrderState, OrderType, Side
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillPhase
from workstation.venues.faulty import Fault, FaultyVenue


@asynccontextmanager
async def slow_to_believe(folder: Path) -> AsyncIterator[tuple[TestDesk, FaultyVenue]]:
    """A desk whose venue may take a request for half a minute."""
    faults = Faults()
    async with demo_desk(folder, wrap=faults) as desk:
        nova = faults.venues["NOVA"]
        nova.request_life = lambda: 30.0  # type: ignore[attr-defined]
        desk.engine._reconciler._denial_span = 0.2
        desk.engine._kill._timeout = desk.engine._kill._flattener._timeout = 0.5
        yield desk, nova


async def lost(desk: TestDesk, venue: FaultyVenue, instrument: str, side: Side) -> Order:
    venue.faults.add("submit", Fault.LOST)
    order = await desk.limit(instrument, side, "0.2", away=300)
    assert order.state is OrderState.UNKNOWN
    return order


def held(desk: TestDesk, instrument: str) -> Decimal:
    return desk.engine.core.portfolio.position(instrument).quantity


def is_open(desk: TestDesk, order: Order) -> bool:
    return desk.engine.core.orders.orders[order.client_id].is_open


async def test_a_kill_closes_contracts_before_a_lost_order_is_given_up_and_what_comes_of_it_too(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, PERP, Side.BUY)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        assert is_open(desk, order)
        assert desk.engine.kill_status.phase is not KillPhase.DONE, "it may still come"
        came = msgspec.structs.replace(order, type=OrderType.MARKET, price=None)
        await nova.inner.submit(came)
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)
        assert len([one for one in desk.engine.orders() if one.origin == "kill"]) == 2
        assert "no position (2× asked)" in desk.engine.kill_status.receipt


async def test_a_lost_closing_order_of_contracts_is_followed_by_another(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        nova.faults.add("submit", Fault.LOST)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        [first] = [one for one in desk.engine.orders() if one.origin == "kill" and one.is_open]
        assert desk.engine.kill_status.phase is not KillPhase.DONE
        await nova.inner.submit(first)
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)


async def test_spot_waits_until_a_lost_order_is_clear_and_contracts_do_not(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(BTC, Side.BUY, "0.3")
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, BTC, Side.SELL)
        desk.engine.flatten("test")
        await desk.settle(lambda: not held(desk, PERP))
        assert is_open(desk, order)
        assert held(desk, BTC), "a sale that may still come would be the second of the same coins"
        nova.request_life = lambda: 0.2  # type: ignore[attr-defined]
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)


async def test_close_goes_past_a_lost_order_of_contracts_and_pulls_it_when_it_comes(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        order = await lost(desk, nova, PERP, Side.BUY)
        assert (await desk.engine.close_position(PERP)).state is OrderState.FILLED
        assert not held(desk, PERP)
        assert is_open(desk, order)
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert await nova.open_orders() == []


async def test_a_reversal_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.trading.exits._PULL_TIMEOUT", 0.8)
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        await lost(desk, nova, PERP, Side.BUY)
        with pytest.raises(Refused, match="not confirmed gone"):
            await desk.engine.reverse(PERP)


async def test_beside_a_lost_plain_order_that_closes_nothing_is_closed_twice(tmp_path: Path) -> None:
    async with slow_to_believe(tmp_path) as (desk, nova):
        await desk.market(PERP, Side.BUY, "0.5")
        nova.faults.add("submit", Fault.LOST)
        order = await desk.market(PERP, Side.SELL, "0.5")
        assert order.state is OrderState.UNKNOWN
        with pytest.raises(Refused, match="not confirmed gone"):
            await desk.engine.close_position(PERP)
        await nova.inner.submit(order)
        await desk.settle(lambda: not is_open(desk, order))
        assert held(desk, PERP) == 0
