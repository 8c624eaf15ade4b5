"""Plans in the blotter: a head with its legs under it, moved and cancelled by keys like orders."""

from __future__ import annotations

from decimal import Decimal as D

from msgspec.structs import replace
from trading_scene import BTC, ETH, Scene, scene

from plugins.orders import OrdersPane
from workstation.clock import SECOND
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.domain.plan import Plan, PlanState
from workstation.trading.plans import terms
from workstation.trading.plans.rows import is_head, is_kept, kept_id
from workstation.trading.rebalancing.planning import Wish


def pane_of(desk: Scene) -> OrdersPane:
    return desk.app.workspace.panes["orders"]


async def go_to(desk: Scene, pilot, client_id: str) -> None:
    pane = pane_of(desk)
    pane.focus()
    pane.move_to([row.client_id for row in pane._shown].index(client_id))
    await desk.painted(pilot)


async def bracket(desk: Scene, pilot) -> Plan:
    """A spot bracket that is filled: its stop rests, its target is kept by the desk."""
    await desk.order(ETH.id, Side.SELL, "2")  # out of the position that the scene has
    await desk.engine.cancel_all(ETH.id)
    entry = OrderDraft(instrument=ETH.id, side=Side.BUY, quantity=D("1"), type=OrderType.MARKET)
    desk.tick()
    plan = await desk.engine.start_plan(terms.bracket(entry, stop=D(3000), target=D(3500)))
    await settled(desk, pilot, lambda: any(o.leg == "stop" for o in desk.engine.open_orders(ETH.id)))
    return plan


async def settled(desk: Scene, pilot, condition) -> None:
    for _ in range(200):
        if condition():
            break
        await pilot.pause(0.02)
    assert condition()
    await desk.painted(pilot)


async def test_a_plan_stands_first_with_its_working_and_its_kept_exits_under_it(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        plan = await bracket(desk, pilot)
        head, stop, target = pane_of(desk)._shown[:3]
        assert is_head(head)
        assert (head.client_id, head.note, head.reason) == (plan.plan_id, "protected", "stop 3000 tp 3500")
        assert (stop.leg, stop.stop_price, stop.quantity) == ("stop", D(3000), D(1))
        assert is_kept(target)
        assert (target.price, target.note) == (D(3500), "held")
        text = [pane_of(desk).row_text(y) for y in (1, 2, 3)]
        assert "bracket" in text[0]
        assert "protected" in text[0]
        assert "└stop" in text[1]
        assert "held" in text[2]


async def test_a_head_shows_the_average_price_of_what_was_entered_and_none_before(tmp_path):
    async with scene(tmp_path, OrdersPane, size=(160, 48)) as (desk, pilot):
        plan = await bracket(desk, pilot)
        entry = desk.engine.plan_orders(plan)[0]
        pane = pane_of(desk)
        head = next(row for row in pane.rows() if row.client_id == plan.plan_id)
        assert entry.average_price is not None
        assert pane.cell(head, "average")[0] == pane.cell(entry, "average")[0]
        assert head.filled == 1
        none = replace(head, filled_value=D(0))  # as a rebalance's, which counts its trades
        assert pane.cell(none, "average")[0] == "–"


async def test_the_kept_target_and_the_working_stop_move_by_keys(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        plan = await bracket(desk, pilot)
        await go_to(desk, pilot, kept_id(plan, "target"))
        await pilot.press("K", "enter")
        await settled(desk, pilot, lambda: desk.engine.plan(plan.plan_id).target == D("3500.01"))
        stop = next(o for o in desk.engine.open_orders(ETH.id) if o.leg == "stop")
        await go_to(desk, pilot, stop.client_id)
        await pilot.press("K", "enter")
        await settled(desk, pilot, lambda: desk.engine.order(stop.client_id).stop_price == D("3000.01"))
        assert desk.engine.plan(plan.plan_id).stop == D("3000.01")


async def test_x_on_the_head_ends_the_plan_and_on_a_kept_exit_takes_it_out(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        plan = await bracket(desk, pilot)
        await go_to(desk, pilot, kept_id(plan, "target"))
        await pilot.press("x")
        await settled(desk, pilot, lambda: desk.engine.plan(plan.plan_id).target is None)
        await go_to(desk, pilot, plan.plan_id)
        await pilot.press("x")
        await settled(desk, pilot, lambda: not desk.engine.open_orders(ETH.id))
        assert desk.engine.plan(plan.plan_id).state is PlanState.CANCELED
        assert not any(is_head(row) for row in pane_of(desk)._shown)


async def test_a_plan_that_waits_shows_its_exits_before_there_is_anything_to_close(tmp_path):
    async with scene(tmp_path, OrdersPane) as (desk, pilot):
        entry = OrderDraft(instrument=BTC.id, side=Side.BUY, quantity=D("0.01"), price=D(63000))
        plan = await desk.engine.start_plan(terms.bracket(entry, stop=D(62000), target=D(66000)))
        await settled(desk, pilot, lambda: len(desk.engine.plan_orders(plan)) == 1)
        kept = {row.leg: row.note for row in desk.engine.kept_exits(BTC.id)}
        assert kept == {"stop": "waits", "target": "waits"}
        assert {row.leg for row in desk.engine.working(BTC.id)} >= {"entry", "stop", "target"}


async def test_a_rebalance_is_one_row_with_its_orders_under_it_and_x_ends_it(tmp_path):
    async with scene(tmp_path, OrdersPane, traded=False) as (desk, pilot):
        wish = Wish(targets={BTC.id: D("0.3"), ETH.id: D("0.2")}, name="two of them", patience=3_600 * SECOND)
        rebalance = await desk.engine.start_rebalance(wish)
        await settled(desk, pilot, lambda: len(desk.engine.open_orders()) == 2)
        head, *legs = pane_of(desk)._shown
        assert (is_head(head), head.client_id) == (True, rebalance.rebalance_id)
        assert {leg.instrument for leg in legs} == {BTC.id, ETH.id}
        shown = desk.screen_text()
        for words in ("two of them", "rebalanc", "2 trades", "0%", "working"):
            assert words in shown
        await go_to(desk, pilot, head.client_id)
        await pilot.press("enter")
        await desk.painted(pilot)
        assert "This row stands for several orders" in desk.toasts()[-1]
        await pilot.press("x")
        await settled(desk, pilot, lambda: not desk.engine.open_orders())
        assert desk.engine.rebalance(rebalance.rebalance_id).state is PlanState.CANCELED
        assert head.client_id not in [row.client_id for row in pane_of(desk)._shown]
