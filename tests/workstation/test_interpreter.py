"""The collector is kept away from an order's way for a moment, and never for long."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import PERP, demo_desk
from workstation.domain.order import OrderState, Side
from workstation.interpreter import collector


@pytest.fixture(autouse=True)
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    enabled = gc.isenabled()
    monkeypatch.setattr(collector, "free_from", 0.0)
    gc.enable()
    yield
    (gc.enable if enabled else gc.disable)()


async def test_no_garbage_is_collected_while_an_order_is_on_its_way(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        collector.free_from = 0.0
        order = await desk.limit(PERP, Side.BUY, "0.01", away=100)
        assert order.state is OrderState.ACCEPTED
        assert not gc.isenabled()
        await asyncio.sleep(0.1)
        assert gc.isenabled()


async def test_half_of_the_time_belongs_to_the_collector_however_many_orders_come() -> None:
    loop = asyncio.get_running_loop()
    end, away = loop.time() + 0.4, 0
    for _ in range(100):
        collector.keep_away()
        away += not gc.isenabled()
        await asyncio.sleep(0.004)
        if loop.time() > end:
            break
    assert away < 75
    await asyncio.sleep(0.06)
    assert gc.isenabled()


async def test_who_has_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    collector.keep_away()
    await asyncio.sleep(0.06)
    assert not gc.isenabled()
