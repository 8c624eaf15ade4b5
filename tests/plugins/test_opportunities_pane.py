"""The opportunities pane on the frozen desk: crosses between its venues, one book, funding; and its pictures."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from trading_scene import Scene, scene

from plugins.opportunities import OpportunitiesPane
from workstation.clock import HOUR
from workstation.domain.market import BookStale
from workstation.trading.opportunities import Carry

SIZES = [(160, 48), (80, 24)]


def text(desk) -> str:
    pane = desk.app.workspace.panes["opportunities"]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


async def test_every_kind_by_its_key(tmp_path):
    async with scene(tmp_path, OpportunitiesPane, traded=False) as (desk, pilot):
        pane = desk.app.workspace.panes["opportunities"]
        listed = {(one.base, one.quote, one.contract) for one in desk.engine.instruments() if one.venue == "ORBIT"}
        shared = any((one.base, one.quote, one.contract) in listed for one in desk.engine.instruments()
                     if one.venue == "NOVA")  # fmt: skip
        assert ("buy NOVA" in text(desk)) == shared
        await pilot.press("v")
        await desk.painted(pilot)
        assert f"buy at {desk.app.desk.selected}" in text(desk)
        assert "sell at " in text(desk)
        await pilot.press("v")
        await desk.painted(pilot)
        assert "No venue of this desk lists three spot markets" in text(desk)
        await pilot.press("v")
        await desk.painted(pilot)
        assert pane.view == "funding"
        row = Carry("NOVA:BTC-USDT-PERP", D("0.0001"), 8 * HOUR, D("0.1095"), None, None, None)
        assert pane._carry(row, "what")[0] == "NOVA:BTC-USDT-PERP: longs pay 0.0100%/8h"
        await pilot.resize_terminal(80, 24)
        await desk.painted(pilot)
        room = next(width for column, _, width in pane._layout if column.key == "what")
        assert len(pane._carry(row, "what")[0]) <= room, "it is read whole in 80 columns"


async def test_a_basis_is_reckoned_from_no_stale_book(tmp_path):
    async with scene(tmp_path, OpportunitiesPane, traded=False) as (desk, _):
        pane = desk.app.workspace.panes["opportunities"]
        spot = next(one.id for one in desk.engine.instruments() if one.is_spot)
        assert pane._middle(spot) is not None
        desk.engine._on_market(BookStale(spot, desk.engine.clock.now(), "a gap"))
        assert pane._middle(spot) is None


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_the_one_book(snap_compare, tmp_path, size):
    desk = Scene(tmp_path, [OpportunitiesPane])

    async def before(pilot) -> None:
        await desk.ready(pilot)
        await pilot.press("v")
        await desk.painted(pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
