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


class _Time:
    """The event loop's clock, held still until the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)

    async def on(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(3):  # what is due is called
            await asyncio.sleep(0)


async def test_no_garbage_is_collected_while_an_order_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        collector.free_from = 0.0
        with monkeypatch.context() as patch:
            time = _Time(patch)
            order = await desk.limit(PERP, Side.BUY, "0.01", away=100)
            assert order.state is OrderState.ACCEPTED
            assert not gc.isenabled()
            await time.on(0.051)
            assert gc.isenabled()


async def test_half_of_the_time_belongs_to_the_collector_however_many_orders_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        time, away = _Time(patch), 0
        for _ in range(100):
            collector.keep_away()
            away += not gc.isenabled()
            await time.on(0.004)
        assert 40 < away < 60
        await time.on(0.051)
        assert gc.isenabled()


async def test_who_has_switched_it_off_keeps_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        time = _Time(patch)
        gc.disable()
        collector.keep_away()
        await time.on(0.051)
        assert not gc.isenabled()
