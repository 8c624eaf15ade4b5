"""A typed line means what the trader looks at: the focused pane's instrument, which its echo names."""

from __future__ import annotations

import pytest

from screens.testing import BTC, ETH, PERP, SOL


def show(desk, how, instrument):
    """Give the ladder an instrument of its own."""
    if how == "pinned":
        desk.app.workspace.panes["books"].pin(instrument)
    else:
        desk.app.desk.link("books", "B")
        desk.app.desk.select_in("books", instrument)


async def typed(desk, pilot, line):
    await pilot.press("colon", *line)
    await pilot.pause()


@pytest.mark.parametrize("how", ["pinned", "linked"])
async def test_an_order_is_for_the_focused_panes_instrument_and_the_echo_names_it(open_desk, how):
    async with open_desk() as (desk, pilot):
        assert desk.app.desk.selected == BTC.id
        desk.app.workspace.focus_slot("books")
        show(desk, how, ETH.id)
        await typed(desk, pilot, "buy 0.2 @ 3200")
        echo = desk.app.typed.meaning("buy 0.2 @ 3200").text
        assert ETH.symbol in echo
        assert echo.partition(":")[0] in desk.screen_text()
        await pilot.press("enter")
        await desk.painted(pilot)
        assert [order.instrument for order in desk.engine.orders()] == [ETH.id]
        assert desk.app.desk.selected == BTC.id


async def test_a_pane_that_shows_no_instrument_leaves_it_with_the_desks(open_desk):
    async with open_desk() as (desk, pilot):
        show(desk, "pinned", ETH.id)
        desk.app.workspace.focus_slot("positions")
        await typed(desk, pilot, "buy 0.2 @ 64000")
        assert BTC.symbol in desk.app.typed.meaning("buy 0.2 @ 64000").text


async def test_a_typed_instrument_goes_where_the_trader_looks(open_desk):
    async with open_desk() as (desk, pilot):
        desk.app.workspace.focus_slot("books")
        await typed(desk, pilot, "SOL-USDT")
        await pilot.press("enter")
        assert desk.app.desk.selected == SOL.id
        show(desk, "pinned", ETH.id)
        await typed(desk, pilot, PERP.id)
        await pilot.press("enter")
        await pilot.pause()
        assert desk.app.workspace.panes["books"].instrument_id == PERP.id
        assert desk.app.desk.selected == SOL.id
