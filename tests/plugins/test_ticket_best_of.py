"""Best of in the ticket: chosen in place of a venue, previewed leg by leg, sent as one, followed, cancelled."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from test_ticket import pane_of, text_of, type_into
from trading_scene import BTC, ETH, Scene, scene

from plugins.orders import OrdersPane
from plugins.ticket import TicketPane
from screens.testing import BTC_ORBIT
from workstation.domain.events import RouteStarted
from workstation.domain.order import OrderState, Side
from workstation.domain.route import Route
from workstation.trading.limits import RiskLimits

LIMITS = RiskLimits(max_order_value=D(10**8), max_position_value=D(10**8), max_exposure=D(10**9))
RICH = {"USDT": D(10**7)}
SIZES = [(160, 48), (80, 24)]


async def until(pilot, desk, condition):
    for _ in range(300):
        if condition():
            break
        await asyncio.sleep(0.01)
    await desk.painted(pilot)


async def market_of(pilot, desk, quantity):
    """A market order of so much, to the best of the venues."""
    await type_into(pilot, desk, "amount", quantity)
    pane_of(desk).query_one("#type").focus()
    await pilot.press("right", "v")
    await desk.painted(pilot)


async def test_an_order_is_split_in_the_preview_sent_as_one_and_told_at_its_end(tmp_path):
    async with scene(tmp_path, TicketPane, OrdersPane, traded=False, limits=LIMITS, balances=RICH) as (desk, pilot):
        await market_of(pilot, desk, "12")
        text = text_of(desk)
        for words in ("NOVA", "ORBIT", "cheaper than", "every leg passes every risk check"):
            assert words in text
        assert "⏎ BUY 12 @ market at NOVA, ORBIT" in text
        await pilot.press("enter")
        await desk.painted(pilot)
        (route,) = desk.engine.core.routes.sets.values()
        assert [leg.instrument for leg in route.legs] == [BTC.id, BTC_ORBIT.id]
        assert sum(leg.quantity for leg in route.legs) == 12
        await until(pilot, desk, lambda: not desk.engine.route(route.route_id).is_active)
        assert "● Bought 12 of 12 BTC" in text_of(desk)
        assert {order.state for order in desk.engine.orders()} == {OrderState.FILLED}


async def test_it_belongs_to_assets_that_several_venues_list_and_takes_no_exits(tmp_path):
    async with scene(tmp_path, TicketPane, traded=False, limits=LIMITS) as (desk, pilot):
        assert " Venue" in text_of(desk)
        await pilot.press("o", "v")
        await desk.painted(pilot)
        assert pane_of(desk).form.best_of
        assert "Waits at NOVA" in text_of(desk) or "Waits at ORBIT" in text_of(desk)
        await type_into(pilot, desk, "exit_stop", "63000")
        await desk.painted(pilot)
        assert "takes no exits" in text_of(desk)
        desk.app.desk.select_at_hand(ETH.id)
        await desk.painted(pilot)
        assert not pane_of(desk).form.best_of
        assert " Venue" not in text_of(desk)
        pane_of(desk).query_one("#side").focus()
        await pilot.press("v")
        await desk.painted(pilot)
        assert "No other venue of this desk lists this asset." in desk.toasts()


async def test_a_route_is_one_row_with_its_legs_and_x_cancels_what_is_left(tmp_path):
    async with scene(tmp_path, OrdersPane, traded=False, limits=LIMITS) as (desk, pilot):
        await routed(desk)
        await desk.painted(pilot)
        text = text_of(desk)
        assert "best of" in text
        assert text.count("└limit") == 2
        pane = desk.app.workspace.panes["orders"]
        pane.focus()
        pane.move_to(0)
        await pilot.press("x")
        await until(pilot, desk, lambda: not desk.engine.open_orders())
        assert {order.state for order in desk.engine.orders()} == {OrderState.CANCELED}
        await desk.painted(pilot)
        assert "best of" not in text_of(desk)


async def routed(desk) -> None:
    """A route whose legs wait, as at a venue that is slow to end them."""
    now = desk.clock.now()
    route = Route(route_id="rt-1", instrument=BTC.id, base="BTC", side=Side.BUY, quantity=D("0.3"), limit=D(63_000),
                  legs=(), created_at=now, updated_at=now)  # fmt: skip
    desk.engine._routes._handing["rt-1"] = {"": "held"}
    desk.engine._routes.record(RouteStarted(ts=now, route=route))
    for name, quantity in ((BTC.id, "0.2"), (BTC_ORBIT.id, "0.1")):
        await desk.order(name, Side.BUY, quantity, "63000", plan="rt-1", leg=name)
    desk.engine._routes._handing.clear()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_best_of(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [TicketPane, OrdersPane], limits=LIMITS, balances=RICH)

    async def before(pilot) -> None:
        await desk.ready(pilot)
        await routed(desk)
        await market_of(pilot, desk, "12")

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
