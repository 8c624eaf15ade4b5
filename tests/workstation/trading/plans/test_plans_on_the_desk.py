"""Plans on the real engine and the demo market: entries, exits, chases, restarts, the kill switch."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from tests.support.desk import BTC, PERP, TestDesk, demo_desk
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import STOP_LEG, TARGET_LEG, Plan, PlanState
from workstation.trading.plans import terms


def entry(desk: TestDesk, instrument: str, side: Side, quantity: str, away: int | None = None) -> OrderDraft:
    """A market entry, or a limit `away` ticks behind the best price of its own side."""
    if away is None:
        return OrderDraft(instrument=instrument, side=side, quantity=D(quantity), type=OrderType.MARKET)
    tick = desk.engine.instrument(instrument).tick
    price = desk.best(instrument, side) - tick * away * side.sign
    return OrderDraft(instrument=instrument, side=side, quantity=D(quantity), price=price)


def legs(desk: TestDesk, plan: Plan, leg: str) -> list[Order]:
    return [order for order in desk.engine.plan_orders(plan) if order.leg == leg]


def live(desk: TestDesk, plan: Plan, leg: str) -> list[Order]:
    return [order for order in legs(desk, plan, leg) if order.is_open]


def around(desk: TestDesk, instrument: str, ticks: int) -> D:
    """The best bid moved by so many ticks."""
    return desk.best(instrument, Side.BUY) + desk.engine.instrument(instrument).tick * ticks


async def protected(desk: TestDesk, plan: Plan) -> Order:
    """The plan's stop once it rests at the venue."""
    await desk.settle(lambda: any(o.state is OrderState.ACCEPTED for o in live(desk, plan, STOP_LEG)))
    return live(desk, plan, STOP_LEG)[0]


def state(desk: TestDesk, plan: Plan) -> PlanState:
    known = desk.engine.plan(plan.plan_id)
    assert known is not None
    return known.state


async def test_a_bracket_on_a_perpetual_rests_both_exits_reduce_only_and_ends_flat(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        stop, target = around(desk, PERP, -300), around(desk, PERP, 60)
        plan = await desk.engine.start_plan(terms.bracket(entry(desk, PERP, Side.BUY, "0.5"), stop=stop, target=target))
        resting = await protected(desk, plan)
        await desk.settle(lambda: bool(live(desk, plan, TARGET_LEG)))
        held = desk.engine.position(PERP).quantity
        aim = live(desk, plan, TARGET_LEG)[0]
        assert (resting.side, resting.leaves, resting.stop_price) == (Side.SELL, held, stop)
        assert (aim.side, aim.leaves, aim.price) == (Side.SELL, held, target)
        assert resting.reduce_only
        assert aim.reduce_only

        await desk.run_until(lambda: desk.engine.position(PERP).is_flat, 3_600)
        await desk.settle(lambda: state(desk, plan) is PlanState.DONE)
        await desk.settle(lambda: not desk.engine.open_orders(PERP))
        assert sum(o.filled for o in desk.engine.plan_orders(plan) if o.leg in (STOP_LEG, TARGET_LEG)) == D("0.5")


async def test_spot_rests_the_stop_alone_and_swaps_it_for_the_target_when_the_market_is_there(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        plan = await desk.engine.start_plan(
            terms.bracket(
                entry(desk, BTC, Side.BUY, "0.5"), stop=around(desk, BTC, -3_000), target=around(desk, BTC, 40)
            )
        )
        await protected(desk, plan)
        assert not live(desk, plan, TARGET_LEG)
        for _ in range(4_000):
            if desk.engine.position(BTC).is_flat:
                break
            await desk.run(0.5)
            working = sum((o.leaves for o in desk.engine.open_orders(BTC) if o.leg in (STOP_LEG, TARGET_LEG)), D(0))
            assert working <= desk.engine.position(BTC).quantity
            await desk.settle(lambda: not desk.engine.gateway.sending)
        assert desk.engine.position(BTC).is_flat
        await desk.settle(lambda: state(desk, plan) is PlanState.DONE)
        assert not desk.engine.open_orders(BTC)
        assert {o.tif for o in legs(desk, plan, TARGET_LEG)} == {TimeInForce.IOC}
