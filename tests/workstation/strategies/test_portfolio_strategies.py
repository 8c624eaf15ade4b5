"""1/N and "hold these weights" on the real desk: each keeps a portfolio of its own, beside what the trader holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, ETH, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.order import Side
from workstation.domain.plan import PlanState
from workstation.strategies.parameters import ParameterError
from workstation.strategies.shipped.equal_weights import EqualWeights
from workstation.strategies.shipped.hold_weights import HoldWeights
from workstation.trading.errors import Refused

SOL = "NOVA:SOL-USDT"


async def until(desk: TestDesk, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    for _ in range(round(seconds / 0.25)):
        if condition():
            return
        await desk.run(0.25)
        await asyncio.sleep(0.004)
    raise AssertionError("it never came to that")


def idle(desk: TestDesk, count: int) -> Callable[[], bool]:
    """So many rebalances were there, and none is under way."""
    return lambda: len(desk.engine.all_rebalances()) == count and not desk.engine.rebalances()


def held(desk: TestDesk, run_id: str, instrument: str) -> D:
    owned = desk.engine.core.results.owners.get((run_id, instrument))
    return D(0) if owned is None else owned.position.quantity


async def test_one_nth_of_its_capital_goes_into_each_and_the_traders_own_holding_is_left_alone(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(BTC, Side.BUY, "0.5")
        await until(desk, lambda: desk.engine.balance("NOVA", "BTC") == D("0.5"))
        run = await desk.engine.strategies.start("equal_weights", BTC, capital=D(30_000))
        await until(desk, idle(desk, 1))
        for instrument in (BTC, ETH, SOL):
            worth = held(desk, run.run_id, instrument) * (desk.engine.mark(instrument) or D(0))
            assert float(worth) == pytest.approx(9_890, rel=0.01)
        assert held(desk, "manual", BTC) == D("0.5")
        assert {order.origin for order in desk.engine.orders()} == {"manual", run.run_id}


async def test_within_its_band_nothing_is_traded_at_the_next_look_and_beyond_it_all_is_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.strategies.shipped.hold_weights._HOUR", 4.0)  # seconds
    async with demo_desk(tmp_path) as desk:
        run = await desk.engine.strategies.start(
            "hold_weights", BTC, capital=D(20_000), params={"weights": "BTC-USDT 50 ETH-USDT 30", "hours": 1, "band": 3}
        )
        await until(desk, idle(desk, 1))
        begun = desk.clock.now()
        await until(desk, lambda: desk.clock.now() > begun + 6 * SECOND)
        assert len(desk.engine.all_rebalances()) == 1
        await desk.engine.strategies.revise(run.run_id, params={"weights": "BTC-USDT 20 ETH-USDT 60"})
        await until(desk, idle(desk, 2))
        worth = held(desk, run.run_id, ETH) * (desk.engine.mark(ETH) or D(0))
        assert float(worth) == pytest.approx(12_000, rel=0.01)


async def test_its_rebalance_ends_with_the_strategy(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, latency_ms=100) as desk:  # so that it is not done before it can be stopped
        run = await desk.engine.strategies.start("equal_weights", BTC, capital=D(30_000))
        await desk.settle(lambda: bool(desk.engine.all_rebalances()))
        async with desk.ticking(speed=1):
            await desk.engine.strategies.stop(run.run_id)
        assert desk.engine.all_rebalances()[0].state is PlanState.CANCELED
        await until(desk, lambda: not desk.engine.open_orders())


async def test_weights_that_cannot_be_meant_are_refused_before_it_starts(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        for weights, says in (
            ("BTC-USDT", "pairs"),
            ("BTC-USDT 80 ETH-USDT 40", "more than 100"),
            ("A x", "no weight"),
        ):
            with pytest.raises(Refused, match=says):
                await desk.engine.strategies.start("hold_weights", BTC, capital=D(1_000), params={"weights": weights})
    with pytest.raises(ParameterError, match="each once"):
        EqualWeights(weights="BTC-USDT BTC-USDT")
    assert HoldWeights(weights="BTC-USDT 50%, ETH-USDT 30").parsed() == {"BTC-USDT": 50.0, "ETH-USDT": 30.0}
