"""Sizes and exits that an instrument's orders begin with: typed, shown before they are sent, sent along."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

from trading_scene import BTC, PERP, scene

from plugins.books import LadderPane
from plugins.chart import ChartPane
from plugins.orders import OrdersPane
from plugins.ticket import TicketPane
from workstation.domain.order import Side


def pane(desk, kind):
    return next(one for one in desk.app.workspace.panes.values() if isinstance(one, kind))


async def settled(desk, pilot, condition):
    for _ in range(300):
        if condition():
            break
        await asyncio.sleep(0.01)
    await desk.painted(pilot)
    assert condition()


async def test_a_ladder_sends_its_entries_with_the_default_exits(tmp_path):
    async with scene(tmp_path, LadderPane, OrdersPane, traded=False) as (desk, pilot):
        engine, ladder = desk.engine, pane(desk, LadderPane)
        desk.app.desk.select(PERP.id)
        await desk.app.typed.run("default size 0.3 stop 1% tp 2%")
        assert "from now on: size 0.3, entries with stop 1% tp 2%" in desk.app.typed.meaning("default tp 2%").text
        assert desk.app.desk.size(PERP.id) == D("0.3")
        ladder.focus()
        ladder.action_buy()
        await desk.painted(pilot)
        assert "stop 63" in desk.screen_text()  # what will go along stands there before it goes
        ladder.action_send()
        await settled(desk, pilot, lambda: bool(engine.plans()))
        (plan,) = engine.plans()
        price = plan.entries[0].price
        assert plan.entries[0].quantity == D("0.3")
        assert abs(plan.stop - price * D("0.99")) <= PERP.tick
        assert abs(plan.target - price * D("1.02")) <= PERP.tick
        desk.app.run_named("exits")  # off
        desk.clock.advance(3 * 10**9)
        desk.tick()
        await desk.painted(pilot)
        ladder.action_sell()
        ladder.action_send()
        await settled(desk, pilot, lambda: any(o.side is Side.SELL and not o.plan for o in engine.orders()))
        assert len(engine.plans()) == 1


async def test_what_closes_a_position_brings_no_exits(tmp_path):
    async with scene(tmp_path, ChartPane, LadderPane, traded=False) as (desk, pilot):
        desk.app.desk.select(PERP.id)
        await desk.order(PERP.id, Side.BUY, "0.2")
        await desk.app.typed.run("default stop 300")
        chart = pane(desk, ChartPane)
        chart.focus()
        await desk.painted(pilot)
        chart.action_sell()
        assert chart.staged_exits(chart.draft()) == ""
        chart.action_buy()
        assert chart.staged_exits(chart.draft()).startswith("stop ")


async def test_the_ticket_says_which_exits_it_adds_and_typed_ones_go_before(tmp_path):
    async with scene(tmp_path, TicketPane, OrdersPane, traded=False) as (desk, pilot):
        engine, ticket = desk.engine, pane(desk, TicketPane)
        desk.app.desk.select(BTC.id)
        await desk.app.typed.run("default stop 1%")
        await desk.painted(pilot)
        assert "By default with stop 63" in desk.screen_text()
        await ticket.action_send()
        await settled(desk, pilot, lambda: bool(engine.plans()))
        (plan,) = engine.plans()
        assert plan.stop == D("63558.0")  # 1 % below the bid of 64200.0
        await desk.app.typed.run("default none")
        await desk.painted(pilot)
        assert "By default" not in desk.screen_text()
        assert desk.app.desk_settings.order_defaults == {}


async def test_a_word_that_is_wrong_says_so_while_it_is_typed(tmp_path):
    async with scene(tmp_path, LadderPane, traded=False) as (desk, _):
        meaning = desk.app.typed.meaning
        assert "not a distance" in meaning("default stop soon").text
        assert "multiple of the lot" in meaning("default size 0.00000001").text
        assert "no defaults of its own" in meaning("default").text
