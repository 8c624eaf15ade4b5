"""The account pane: figures, equity curve and the three tables."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading_scene import BTC, ETH, Scene, scene

from plugins.account import AccountPane
from plugins.account.curve import curve
from plugins.risk import RiskPane
from workstation.clock import SECOND
from workstation.domain.order import Side

SIZES = [(160, 48), (100, 30), (80, 24)]
DAY = 86_400 * SECOND


def text(desk) -> str:
    pane = desk.app.workspace.panes["account"]
    return "\n".join(pane.row_text(y) for y in range(pane.height))


def store_equity(desk, days: int = 20) -> None:
    """Equity snapshots of some days, a gain of 100 a day with a dip in the middle."""
    now = desk.clock.now()
    for number in range(days * 24):
        ts = now - (days * 24 - number) * 3_600 * SECOND
        dip = 900 if days * 12 < number < days * 13 else 0
        desk.engine._store.save_equity(ts, "desk", Decimal(198_000 + number * 100 // 24 - dip), currency="USDT")
    desk.engine._store.flush()
    for booked in desk.engine.core.results.days[now - now % DAY].values():
        booked.flow = Decimal(0)  # this desk's money came long before its first order


async def read(desk, pilot) -> None:
    pane = desk.app.workspace.panes["account"]
    before = pane._version
    pane._read_at = None
    await desk.painted(pilot)
    for _ in range(200):
        if pane._version > before:
            break
        await pilot.pause(0.01)
    await desk.painted(pilot)


async def test_balances_with_their_worth_in_the_account_currency(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, _pilot):
        shown = text(desk)
        assert f"{desk.engine.equity():,.2f} USDT" in shown
        eth = next(line for line in shown.splitlines() if " ETH " in line)
        worth = desk.engine.balance("NOVA", "ETH") * desk.engine.mark(ETH.id)
        assert f"{worth:,.2f}" in eth
        assert "ORBIT" in shown


async def test_days_say_what_was_realised_paid_and_traded(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, pilot):
        store_equity(desk)
        desk.app.workspace.panes["account"].focus()
        await pilot.press("v")
        await read(desk, pilot)
        today = next(line for line in text(desk).splitlines() if "15 Jan 2026" in line)
        results = desk.engine.day_results()
        assert f"{results[0].net:+,.2f}" in today
        assert f" {len(desk.engine.fills())} " in today
        before = next(line for line in text(desk).splitlines() if "13 Jan 2026" in line)
        assert "+100.00" in before, "a day without trades has its change of equity"


async def test_strategies_are_told_apart_by_the_origin_of_their_orders(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, pilot):
        await desk.order(BTC.id, Side.BUY, "0.01", origin="sma_cross")
        desk.app.workspace.panes["account"].focus()
        await pilot.press("v", "v")
        await desk.painted(pilot)
        assert "by hand" in text(desk)
        line = next(line for line in text(desk).splitlines() if "sma_cross" in line)
        assert " 1 " in line


async def test_the_curve_is_drawn_from_the_store_and_its_length_is_chosen_by_a_key(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, pilot):
        store_equity(desk)
        pane = desk.app.workspace.panes["account"]
        pane.focus()
        assert pane.status() == "equity 1d"
        await pilot.press("i", "i")
        await read(desk, pilot)
        assert pane.status() == "equity 1m"
        assert any(0x2800 < ord(char) < 0x2900 for char in text(desk))
        assert "16 Dec" in text(desk)
        assert len(pane._points) > 400


async def test_a_click_on_a_tab_shows_its_table(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, pilot):
        pane = desk.app.workspace.panes["account"]
        x = next(first for first, _, view in pane._tab_places if view == "strategies")
        await pilot.click(AccountPane, offset=(x + 1, pane.head - 1))
        await desk.painted(pilot)
        assert pane.view == "strategies"


async def test_results_survive_a_restart(tmp_path):
    async with scene(tmp_path, AccountPane) as (desk, _pilot):
        before = (desk.engine.day_results(), desk.engine.owner_results())
        desk.engine._store.flush()
    async with scene(tmp_path, AccountPane, traded=False) as (desk, _pilot):
        days, owners = desk.engine.day_results(), desk.engine.owner_results()
        assert [(one.realized, one.fees, one.fills) for one in days] == [
            (one.realized, one.fees, one.fills) for one in before[0]
        ]
        assert [(one.origin, one.realized, one.fills) for one in owners] == [
            (one.origin, one.realized, one.fills) for one in before[1]
        ]


async def test_the_axis_shows_cents_in_full_where_the_equity_hardly_moves(tmp_path):
    async with scene(tmp_path, AccountPane, traded=False) as (desk, _pilot):
        pane = desk.app.workspace.panes["account"]
        assert pane.row_text(2).endswith(" 200,001.00")
        assert desk.engine.equity() == 200_000


async def test_money_in_a_coin_is_shown_in_eight_decimals(tmp_path):
    options = {"currency": "BTC", "balances": {"BTC": Decimal("1.00012345")}}
    async with scene(tmp_path, AccountPane, traded=False, instruments=(BTC,), **options) as (desk, pilot):
        pane = desk.app.workspace.panes["account"]
        assert "Equity 1.00012345 BTC" in pane.row_text(0)
        assert "+0.00000000" not in pane.row_text(0)
        assert pane.row_text(2).rstrip().endswith("1.0001285"), "the axis tells a curve apart that hardly moves"
        line = next(line for line in text(desk).splitlines() if " BTC " in line and "Equity" not in line)
        assert line.split() == ["NOVA", "BTC", "1.00012345", "1.00012345", "1.00012345", "100.0%"]
        for view in ("days", "strategies"):
            pane._show(view)
            await read(desk, pilot)
        assert pane.COLUMNS[1].width == 14


def test_a_curve_rises_from_the_lower_left_to_the_upper_right():
    drawn = curve([(0, 1.0), (50, 2.0), (99, 3.0)], 0, 100, 10, 3)
    assert drawn.rows[2][0] not in " "
    assert drawn.rows[0][-1] not in " "
    assert drawn.rows[0][0] == " "
    assert drawn.rows[2][-1] == " "
    assert (drawn.low, drawn.high, drawn.first_row) == (1.0, 3.0, 2)


def test_a_curve_begins_with_its_first_point_and_a_flat_one_is_a_line_in_the_middle():
    drawn = curve([(50, 5.0)], 0, 100, 10, 3)
    assert drawn.rows[0].strip() == drawn.rows[2].strip() == ""
    assert drawn.rows[1][:4].strip() == ""
    assert drawn.rows[1][5:].strip()


def test_a_spike_between_two_columns_is_not_lost():
    points = [(ts, 100.0 if ts == 501 else 1.0) for ts in range(1000)]
    drawn = curve(points, 0, 1000, 10, 4)
    assert drawn.rows[0].strip()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", ["balances", "days", "strategies"])
def test_picture_of_the_account(snap_compare, tmp_path, size, view):
    desk = Scene(tmp_path, [RiskPane, AccountPane])

    async def before(pilot):
        await desk.ready(pilot)
        await desk.trade()
        store_equity(desk)
        desk.app.layouts.bring("account")
        desk.app.workspace.focus_slot("account")
        pane = desk.app.workspace.panes["account"]
        pane.settings.update(span="1m")
        pane._show(view)
        await read(desk, pilot)

    assert snap_compare(desk.app, terminal_size=size, run_before=before)
