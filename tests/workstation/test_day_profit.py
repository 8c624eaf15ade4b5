"""The day's profit: against the equity before the first order of the day."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from tests.support.desk import BTC, demo_desk
from workstation.clock import DAY, HOUR
from workstation.domain.order import Side


async def test_what_the_first_order_of_a_desk_costs_counts(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        before = desk.engine.equity()
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.settle(lambda: bool(desk.engine.positions()))
        assert desk.engine.day_pnl() == desk.engine.equity() - before < D(-30)


async def test_and_what_the_first_of_a_new_day_costs(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, start=(20_458 * DAY) + 23 * HOUR + HOUR - 3_000_000_000) as desk:
        await desk.market(BTC, Side.BUY, "0.5")
        await desk.run(5)
        before = desk.engine.equity()
        await desk.market(BTC, Side.SELL, "0.5")
        await desk.settle(lambda: not desk.engine.positions())
        assert desk.engine.day_pnl() == desk.engine.equity() - before < D(-30)
