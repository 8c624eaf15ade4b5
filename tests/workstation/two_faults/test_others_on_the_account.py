"""Others trade on the same account, a second desk or the trader's own hand, while this desk trades and is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.exchange import Kind
from tests.support.going_on import going_on
from tests.support.live_desk import told, until
from tests.support.troubled_desk import Scene, troubled
from tests.support.wire_desks import CREATE
from workstation.domain.order import OrderState
from workstation.engine import Engine

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def quoting(scene: Scene, other: Engine, every: float = 0.15) -> AsyncIterator[None]:
    """Somebody else enters one bid after another."""

    async def quote() -> None:
        price = 61_000
        while True:
            await other.submit(scene.bid(scene.contract, "0.001", price))
            price += 1
            await asyncio.sleep(every)

    async with going_on(quote()):
        yield


@pytest.mark.slow
async def test_a_desk_trades_on_while_others_do_so_on_its_account(tmp_path: Path) -> None:
    async with troubled("bybit", tmp_path, judged=False) as scene:
        desk = scene.engine
        async with scene.desk_beside("other") as other, quoting(scene, other):
            await until(lambda: scene.working() > 5)
            for number in range(10):
                order = await desk.submit(scene.bid(scene.contract, "0.001", 59_000 + number))
                assert order.state is not OrderState.DENIED, f"{order.reason}\n{told(desk)}"
                await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["binanceusdm", "bybit"])
async def test_one_desk_stops_everything_and_the_other_finds_its_orders_gone_and_its_position_closed(
    dialect: str, tmp_path: Path
) -> None:
    """Each adopts what the other does; the kill comes while the other's order has no answer."""
    async with troubled(dialect, tmp_path) as scene, scene.desk_beside("other") as other:
        await scene.rests(scene.contract)
        await scene.holds(scene.contract, "0.2")
        await scene.rests(scene.contract, other, price=62_000)
        await scene.holds(scene.contract, "0.3", other)
        await scene.agrees()
        await scene.agrees(engine=other)
        scene.exchange.faults.script(CREATE[dialect][0], Kind.UNANSWERED)
        scene.command(other.submit(scene.bid(scene.contract, price=61_000)))
        await until(lambda: scene.working() == 3)
        scene.engine.flatten("a test")
        await scene.killed()
        assert not scene.contracts()
        await scene.compared(other)
        await scene.agrees(engine=other)
        assert not other.positions()
        assert not other.open_orders()
