"""What if I had not closed? From a moment of the past the desk goes on in a simulator of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import OrderFilled, TradingState
from workstation.domain.margin import MarginMode
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.past.desk import PastDesk, open_past
from workstation.past.what_if import WhatIf, branch
from workstation.trading.errors import Refused
from workstation.trading.plans import terms


async def moment(desk: TestDesk, ts: int) -> PastDesk:
    past = await open_past(desk.engine, desk.engine.sessions()[-1])
    past.go_to(ts)
    return past


@asynccontextmanager
async def what_if(past: PastDesk, folder: Path) -> AsyncIterator[WhatIf]:
    gone_on = await branch(past, folder)
    try:
        yield gone_on
    finally:
        await gone_on.close()


async def go_on(engine: Engine, seconds: float) -> None:
    assert engine.pump is not None
    engine.pump.pump_until(engine.clock.now() + round(seconds * SECOND))


@pytest.mark.slow
async def test_what_if_i_had_not_closed(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.run(30)
        held = desk.clock.now()
        await desk.run(1)
        await desk.engine.close_position(PERP)
        await desk.run(120)
        end, last = desk.clock.now(), desk.engine.bar_series(PERP, 5 * SECOND).closed[-1]
        events, equity = len(desk.engine.journal), desk.engine.equity()

        past = await moment(desk, held)
        then, past_mark = past.equity(), past.mark(PERP)
        assert past_mark is not None
        async with what_if(past, tmp_path / "what-if") as gone_on:
            engine = gone_on.engine
            assert (engine.mode, engine.clock.now(), engine.replay.paused) == ("replay", held, True)
            assert engine.position(PERP).quantity == D("0.5")
            assert engine.core.portfolio.accounts == past.core.portfolio.accounts
            assert abs(engine.equity() - then) < 10
            await go_on(engine, (last.ts + 5 * SECOND - held) / SECOND - 0.1)
            mark = engine.mark(PERP)
            assert mark is not None
            assert float(mark) == pytest.approx(last.close, abs=0.1)  # the prices are those that came
            moved = (mark - past_mark) * D("0.5")
            assert abs(engine.equity() - then - moved) < 1
            assert not gone_on.invented
            own = gone_on.own_equity()
            assert own is not None
            assert abs(own - equity) < 1  # flat by then
            made = [bar for bar in engine.bar_series(PERP, 60 * SECOND).closed if bar.ts >= held]
            kept = {bar.ts: bar for bar in desk.engine.bar_series(PERP, 60 * SECOND).closed}
            for bar in made:
                was = kept[bar.ts]
                assert (bar.high, bar.low, bar.close) == pytest.approx((was.high, was.low, was.close), abs=0.11)
            await go_on(engine, 60)
            assert gone_on.invented
            assert gone_on.own_equity() is None
        assert (desk.clock.now(), len(desk.engine.journal), desk.engine.equity()) == (end, events, equity)
        assert not list((tmp_path / "what-if").glob("*"))


async def test_what_is_sent_there_stays_there(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        resting = await desk.limit(BTC, Side.BUY, "0.01", away=5_000)
        await desk.run(30)
        then = desk.clock.now()
        await desk.run(1)
        await desk.engine.cancel(resting.client_id)
        await desk.run(20)
        async with what_if(await moment(desk, then), tmp_path / "what-if") as gone_on:
            engine = gone_on.engine
            (order,) = engine.open_orders()
            assert order.client_id == resting.client_id
            bought = await engine.submit(
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.02"), type=OrderType.MARKET)
            )
            assert engine.order(bought.client_id).filled == D("0.02")  # type: ignore[union-attr]
            await engine.amend(order.client_id, price=order.price - 10)  # type: ignore[operator]
            await engine.cancel(order.client_id)
            assert engine.open_orders() == []
            engine.kill()
            assert engine.trading_state is TradingState.HALTED
        assert desk.engine.trading_state is TradingState.ACTIVE
        assert desk.engine.position(BTC).is_flat
        assert not any(isinstance(event, OrderFilled) for event in desk.engine.journal)
        assert not await desk.venues["NOVA"].open_orders()


async def test_plans_margin_and_limits_go_along(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        await engine.set_margin_mode(PERP, MarginMode.ISOLATED)
        await engine.set_leverage(PERP, D(20))
        await engine.risk.change_limit("max_orders_per_second", "7")
        ask = desk.best(PERP, Side.SELL)
        entry = OrderDraft(instrument=PERP, side=Side.BUY, quantity=D("0.2"), type=OrderType.MARKET)
        await engine.start_plan(terms.bracket(entry, stop=ask - 3_000, target=ask + 3_000))
        await desk.settle(lambda: len(engine.open_orders()) == 2)
        await desk.run(5)
        then, isolated = desk.clock.now(), engine.margin(PERP)
        await desk.run(1)
        await engine.close_position(PERP)
        await desk.run(5)
        assert engine.plans() == []
        async with what_if(await moment(desk, then), tmp_path / "what-if") as gone_on:
            there = gone_on.engine
            (plan,) = there.plans()
            assert {order.leg for order in there.open_orders()} == {"stop", "target"}
            assert there.margin(PERP).liquidation == isolated.liquidation
            assert there.risk.limits.max_orders_per_second == 7
            await there.close_position(PERP)
            for _ in range(50):
                await go_on(there, 0.2)
                if not there.open_orders():
                    break
            assert there.position(PERP).is_flat
            assert not there.open_orders()  # no exit is left after flat
            assert plan.plan_id not in [one.plan_id for one in there.plans()]


async def test_an_earlier_run_goes_on_with_invented_prices(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.run(10)
        await desk.market(PERP, Side.BUY, "0.5")
        await desk.run(10)
        began, held = desk.engine.opened_at, desk.clock.now()
        fill = desk.engine.fills(PERP)[-1]
    async with demo_desk(tmp_path, start=began + 7_200 * SECOND) as desk:
        past = await open_past(desk.engine, desk.engine.sessions()[0])
        past.go_to(held)
        async with what_if(past, tmp_path / "what-if") as gone_on:
            assert gone_on.invented
            mark = gone_on.engine.mark(PERP)
            assert mark is not None
            assert abs(mark - fill.price) < 1
            await go_on(gone_on.engine, 60)
            assert gone_on.engine.mark(PERP) != mark
            assert gone_on.engine.book(PERP).spread == 1
        past.go(0)
        with pytest.raises(Refused, match="No price of this moment was kept"):
            await branch(past, tmp_path / "what-if")
