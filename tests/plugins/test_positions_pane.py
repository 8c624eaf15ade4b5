"""Positions: what they are worth now, and getting out of them by keyboard."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
import trade_page
from trading_scene import BTC, ETH, PERP, scene, snapshot

from plugins.positions import PositionsPane
from screens.figures import price_within
from screens.testing import FrozenDesk
from workstation.clock import SECOND
from workstation.domain.margin import MarginMode, MarginTold
from workstation.domain.market import BookSnapshot, MarkPrice, Trade
from workstation.domain.order import OrderState, OrderType, Side


def pane_of(desk) -> PositionsPane:
    return desk.app.workspace.panes["positions"]


def row_of(desk, instrument) -> str:
    pane = pane_of(desk)
    return next(pane.row_text(y) for y in range(1, pane.height) if instrument.id in pane.row_text(y))


async def go_to(desk, pilot, instrument):
    pane = pane_of(desk)
    pane.focus()
    pane.move_to([row.instrument for row in pane._shown].index(instrument.id))
    await desk.painted(pilot)


def mark(desk, price):
    desk.feed(MarkPrice(PERP.id, desk.clock.now(), D(price), D("0.0001"), desk.clock.now() + 10**12))


def test_a_liquidation_price_far_away_loses_its_decimals_and_no_digit():
    assert price_within(D("58123.4"), PERP, 10) == "58,123.4"
    assert price_within(D("2552520.4"), PERP, 10) == "2,552,520"
    assert price_within(None, PERP, 10) == "–"


async def test_a_row_shows_quantity_average_mark_value_and_profit(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        mark(desk, "64115")
        await desk.painted(pilot)
        # short 0.15 at 64,215: 0.25 sold, 0.1 bought back
        for part in ("-0.150", "64,215.0", "64,115.0", "9,617.25", "+15.00", "+0.16", "-0.01", "USDT"):
            assert part in row_of(desk, PERP)


async def test_profit_follows_the_mark_and_nothing_is_painted_without_it(tmp_path, monkeypatch):
    async with scene(tmp_path, PositionsPane) as (desk, _pilot):
        pane, built = pane_of(desk), []
        cell = pane.cell
        monkeypatch.setattr(pane, "cell", lambda row, column: built.append(column) or cell(row, column))
        desk.app.frame()
        assert not built
        mark(desk, "64315")
        desk.app.frame()
        assert "-15.00" in row_of(desk, PERP)


async def test_a_row_shows_where_it_would_be_liquidated_how_far_that_is_and_the_funding(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        mark(desk, "64115")
        await desk.painted(pilot)
        margin = desk.engine.margin(PERP.id)
        assert f"{margin.liquidation:,.1f}" in row_of(desk, PERP)
        assert f"{margin.distance * 100:,.1f}" in row_of(desk, PERP)
        columns = [column.key for column in PositionsPane.COLUMNS]
        assert {"liquidation", "distance", "funding"} <= set(columns)


async def test_what_its_venue_keeps_is_the_venues_word_or_not_known(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        book = desk.engine.core.portfolio.margin
        assert "cross 10×" in row_of(desk, PERP)
        reckoned = f"{desk.engine.margin(PERP.id).liquidation:,.1f}"
        book.keepers.add(PERP.venue)
        mark(desk, "64115")
        await desk.painted(pilot)
        assert row_of(desk, PERP).count("not known") == 2
        assert reckoned not in row_of(desk, PERP)
        book.told[PERP.id] = MarginTold(leverage=D(10), mode=MarginMode.CROSS)
        mark(desk, "64116")
        await desk.painted(pilot)
        assert f"≈{desk.engine.margin(PERP.id).liquidation:,.0f}" in row_of(desk, PERP)
        assert "cross 10×" in row_of(desk, PERP)
        held = desk.engine.position(PERP.id).quantity
        book.told[PERP.id] = MarginTold(
            leverage=D(10), mode=MarginMode.ISOLATED, quantity=held, liquidation=D("70012.5")
        )
        mark(desk, "64117")
        await desk.painted(pilot)
        assert " 70,012.5 " in row_of(desk, PERP)
        assert "≈" not in row_of(desk, PERP)
        assert " 9.2 " in row_of(desk, PERP), "percent of the mark"


async def test_the_last_line_is_the_desks_equity_and_its_parts(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, _pilot):
        equity = desk.engine.equity_detail()
        total = pane_of(desk).row_text(pane_of(desk).height - 1)
        assert f"Equity {equity.total:,.2f}" in total
        assert f"fees {equity.fees:,.2f}" in total


async def test_the_equity_follows_the_price_of_coins_that_are_no_position(tmp_path):
    desk = FrozenDesk(tmp_path, [PositionsPane], balances={"USDT": D(100_000), "BTC": D(2)})
    async with desk.app.run_test(size=(100, 30)) as pilot:
        await desk.ready(pilot)
        before = desk.engine.equity()
        book = desk.engine.book(BTC.id)
        desk.feed(Trade(BTC.id, desk.clock.now(), book.best_bid - 5_000, 100, False))
        desk.feed(BookSnapshot(BTC.id, desk.clock.now(), 9, ((book.best_bid - 5_000, 100),), ((book.best_bid, 100),)))
        desk.clock.advance(SECOND)
        await desk.painted(pilot)
        assert desk.engine.equity() < before
        last = pane_of(desk).row_text(pane_of(desk).height - 1)
        assert f"Equity {desk.engine.equity():,.2f}" in last


async def test_without_positions_it_says_where_the_money_is(tmp_path):
    async with scene(tmp_path, PositionsPane, traded=False) as (desk, pilot):
        assert pane_of(desk).row_text(1).strip() == "No open positions. v shows the balances."
        await pilot.press("v")
        await desk.painted(pilot)
        assert "NOVA" in pane_of(desk).row_text(1)
        assert "100,000.00" in pane_of(desk).row_text(1)


async def test_v_shows_what_there_is_of_every_currency_and_what_is_free(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await pilot.press("v")
        await desk.painted(pilot)
        pane = pane_of(desk)
        shown = [pane.row_text(y) for y in range(1, 6)]
        btc = next(row for row in shown if "BTC" in row)
        assert "0.13750000" in btc
        eth = next(row for row in shown if "ETH" in row)
        assert "2.00000000" in eth  # held …
        assert "0.00000000" in eth  # … and bound by the working stop
        assert "6,420.01" in eth
        usdt = next(row for row in shown if "USDT" in row)
        assert f"{desk.engine.free_funds('NOVA', 'USDT'):,.2f}" in usdt
        assert pane.status() == "balances"
        await pilot.press("v")
        assert pane.status() == "3 open"


async def test_capital_c_cancels_its_orders_and_closes(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, PERP)
        await pilot.press("C")
        await desk.painted(pilot)
        assert desk.engine.position(PERP.id).is_flat
        assert not desk.engine.open_orders(PERP.id)
        assert desk.engine.open_orders(BTC.id)
        last = desk.engine.orders()[-1]
        assert (last.side, last.reduce_only, last.state) == (Side.BUY, True, OrderState.FILLED)
        assert desk.toasts()[-1].startswith(f"Close {PERP.id}: Filled 0.15 at 64,215")


async def test_capital_r_reverses(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, PERP)
        await pilot.press("R")
        await desk.painted(pilot)
        assert desk.engine.position(PERP.id).quantity == D("0.15")


async def test_spot_cannot_be_reversed_and_that_is_said(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, ETH)
        await pilot.press("R")
        await desk.painted(pilot)
        assert desk.engine.position(ETH.id).quantity == 2
        assert any("spot" in toast for toast in desk.toasts())


async def test_capital_e_puts_a_stop_to_break_even(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, PERP)
        await pilot.press("E")
        await desk.painted(pilot)
        assert any("has not passed break-even" in toast for toast in desk.toasts())
        mark(desk, "63900")
        await pilot.press("E")
        await desk.painted(pilot)
        stops = [order for order in desk.engine.orders() if order.note == "break-even"]
        assert [(order.type, order.side, order.reduce_only) for order in stops] == [(OrderType.STOP, Side.BUY, True)]


async def test_a_disarmed_desk_closes_nothing_and_says_so(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await pilot.press("ctrl+l", "C", "R", "E")
        await desk.painted(pilot)
        assert len(desk.engine.positions()) == 3
        assert len(desk.engine.open_orders()) == 5
        assert any("DISARMED" in toast for toast in desk.toasts())


async def test_enter_selects_the_positions_instrument(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, PERP)
        await pilot.press("enter")
        assert desk.app.desk.selected == PERP.id


async def test_the_row_is_copied(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        await go_to(desk, pilot, PERP)
        await pilot.press("y")
        assert desk.app.clipboard.split("\t")[:2] == [PERP.id, "-0.150"]


async def test_sorts_by_profit(tmp_path):
    async with scene(tmp_path, PositionsPane) as (desk, pilot):
        mark(desk, "64115")
        pane_of(desk).sort_by("unrealized", True)
        await desk.painted(pilot)
        assert pane_of(desk)._shown[0].instrument == PERP.id


SIZES = [(160, 48), (80, 24)]


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_the_positions(snap_compare, tmp_path, size):
    assert snapshot(snap_compare, tmp_path, PositionsPane, size=size)


@pytest.mark.parametrize("size", SIZES, ids=["160x48", "80x24"])
def test_picture_of_the_balances_on_the_trade_page(snap_compare, tmp_path, size):
    keys = ("ctrl+o", "s", "v")
    assert snapshot(snap_compare, tmp_path, *trade_page.PANES, size=size, press=keys)
