"""Grids and DCA, by hand-worked swings in the event engine and on the demo desk."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.bars import candles, random_walk
from tests.support.desk import BTC, demo_desk
from workstation.domain.strategy_run import RunState
from workstation.research.engine import Costs, Result, engine
from workstation.strategies.contract import Strategy
from workstation.strategies.shipped.dca import Dca
from workstation.strategies.shipped.grid import Grid

type Row = tuple[float, float, float, float]


def at(*prices: float) -> list[Row]:
    """Bars from price to price."""
    before = (prices[0], *prices[:-1])
    return [(o, max(o, c), min(o, c), c) for o, c in zip(before, prices, strict=True)]


def run(strategy: Strategy, *prices: float, **costs: float) -> Result:
    return engine("event").run(strategy, candles(at(*prices)), Costs(**costs))  # type: ignore[arg-type]


def test_an_arithmetic_grid_earns_each_swing() -> None:
    """100 at first; two rungs of 1 % each way; a share of 10 % is 10 units."""
    result = run(Grid(levels=2, step=1.0, share=10.0), 100, 100, 99, 100, 99, 100, close_at_end=False)
    closed = [trade for trade in result.rows() if trade.tag != "open"]
    assert [(trade.tag, trade.size, trade.exit_price) for trade in closed] == [("rung 0", 10, 100)] * 2
    assert result.equity[-1] == pytest.approx(10_000 + 2 * 10)  # bought at 99, sold at 100, twice


def test_a_geometric_grid_stands_by_the_rung_before() -> None:
    grid = Grid(kind="geometric", levels=2, step=10.0, share=10.0)
    result = run(grid, 100, 100, 121, 121, close_at_end=False)
    assert [trade.exit_price for trade in result.rows()] == pytest.approx([110, 121])


def test_an_infinity_grid_holds_one_value_however_far_the_market_goes() -> None:
    grid = Grid(kind="infinity", step=10.0, keep=50.0)
    result = run(grid, 100, 100, 110.1, 121.1, 133.2, 133.2, close_at_end=False)
    sold = [trade.size for trade in result.rows() if trade.tag.startswith("rung")]
    value = [5_000 / 100, 5_000 / 110, 5_000 / 121, 5_000 / 133.1]
    assert sold == pytest.approx([value[0] - value[1], value[1] - value[2], value[2] - value[3]], abs=1e-6)


def test_a_reverse_grid_sells_first_and_buys_back_below() -> None:
    grid = Grid(kind="reverse", levels=1, step=1.0, share=10.0)
    result = run(grid, 100, 100, 101, 100, 100)
    [trade] = result.rows()
    assert (trade.side, trade.entry_price, trade.exit_price) == ("short", pytest.approx(101), pytest.approx(100))


def test_safety_orders_lower_the_average_and_the_target_with_it() -> None:
    """5 % at 100 is 5 units; the safety order 10 % below buys twice the money: 1,000 at 90."""
    dca = Dca(base=5.0, orders=1, deviation=10.0, size_scale=2.0, profit=1.0)
    result = run(dca, 100, 100, 90, 95, close_at_end=False)
    bought = Decimal(1_000) / 90
    average = (500 + 1_000) / (5 + float(bought))
    [trade] = result.rows()
    assert trade.tag == "target"
    assert trade.size == pytest.approx(5 + float(bought), abs=1e-7)
    assert trade.entry_price == pytest.approx(average, rel=1e-7)
    assert trade.exit_price == pytest.approx(average * 1.01, rel=1e-7)


def test_after_its_profit_it_begins_anew() -> None:
    result = run(Dca(base=5.0, orders=2, profit=1.0), 100, 100, 101, 101, 102.5, 102.5, 103, close_at_end=False)
    assert [trade.tag for trade in result.rows()][:2] == ["target", "target"]


@pytest.mark.parametrize("strategy", [Grid(), Grid(kind="infinity"), Grid(kind="geometric"), Dca()])
def test_they_never_sell_more_than_they_hold(strategy: Strategy) -> None:
    walk = random_walk(400, seed=11)
    result = engine("event").run(strategy, walk, Costs(cash=100_000, fee=0.0005))
    assert len(result.trades) > 5
    assert set(result.trades.side.tolist()) == {1}
    assert result.equity[-1] == pytest.approx(100_000 + result.trades.pnl.sum(), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "params"),
    [("grid", {"levels": 3, "step": 0.05, "share": 5}), ("dca", {"orders": 3, "deviation": 0.1, "profit": 0.1})],
)
async def test_on_the_desk_they_rest_their_orders_and_come_back_with_them(
    tmp_path: Path, name: str, params: dict[str, object]
) -> None:
    async with demo_desk(tmp_path) as desk:
        run = await desk.engine.strategies.start(
            name, BTC, capital=Decimal(10_000), interval=5_000_000_000, params=params, restarts=True
        )
        for _ in range(10):
            await desk.run(2)
            await asyncio.sleep(0.1)
        view = desk.engine.strategies.view(run.run_id)
        assert view.position > 0
        assert {str(order.side) for order in view.orders} == {"buy", "sell"}
        now = desk.clock.now()
    async with demo_desk(tmp_path, start=now) as desk:
        await desk.settle(lambda: len(desk.engine.strategies.view(run.run_id).orders) > 1)
        view = desk.engine.strategies.view(run.run_id)
        assert view.run.state is RunState.RUNNING
        first = [order for order in desk.engine.orders() if order.note in ("first", "base")]
        assert len(first) == 1  # it has not begun anew
