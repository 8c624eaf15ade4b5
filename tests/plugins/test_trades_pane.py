"""The trader's journal: trades, what is noted of them, and how they did."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

import pytest
from trading_scene import ETH, PERP, scene, snapshot

from plugins.trades import TradesPane
from plugins.trades.notes import line_of, read
from workstation.domain.order import Side
from workstation.trading.errors import Refused


def pane(desk) -> TradesPane:
    return desk.app.workspace.panes["trades"]


async def close_all(desk, pilot):
    """A winner is not to be had in a market that stands still: the trades cost spread and fees."""
    await desk.engine.cancel_all(ETH.id)
    await desk.order(ETH.id, Side.SELL, "2")
    await desk.order(PERP.id, Side.BUY, "0.15")
    await desk.painted(pilot)


async def test_trades_stand_newest_first_with_their_money(tmp_path):
    async with scene(tmp_path, TradesPane) as (desk, pilot):
        await close_all(desk, pilot)
        trades = desk.engine.core.trades.trades
        rows = pane(desk).rows()
        assert [row.trade_id for row in rows] == [trade.trade_id for trade in reversed(trades)]
        eth = next(y for y in range(1, 10) if ETH.id in pane(desk).row_text(y))
        trade = next(one for one in trades if one.instrument == ETH.id)
        assert f"{trade.net:,.2f}" in pane(desk).row_text(eth)
        for name, position in desk.engine.core.portfolio.positions.items():
            assert sum(one.realized for one in trades if one.instrument == name) == position.realized


async def test_a_note_is_typed_kept_and_there_after_a_restart(tmp_path):
    async with scene(tmp_path, TradesPane) as (desk, pilot):
        await close_all(desk, pilot)
        trade = pane(desk).rows()[0]
        pane(desk).focus()
        await pilot.press("home", "n")
        await pilot.press(*"@break #News r=50 too late", "enter")
        for _ in range(100):
            if desk.engine.core.trades.notes:
                break
            await asyncio.sleep(0.01)
        await desk.painted(pilot)
        note = desk.engine.core.trades.notes[trade.trade_id]
        assert (note.setup, note.tags, note.risk, note.note) == ("break", ("news",), 50, "too late")
        assert "@break #news r=50 too late" in pane(desk).row_text(1)
    async with scene(tmp_path, TradesPane, traded=False) as (desk, _pilot):
        assert desk.engine.core.trades.notes[trade.trade_id] == note


async def test_statistics_by_tag_and_side(tmp_path):
    async with scene(tmp_path, TradesPane) as (desk, pilot):
        pane(desk).focus()
        await pilot.press("v")
        await desk.painted(pilot)
        assert "No trade has ended yet" in pane(desk).row_text(1), "what is open is among the trades and not counted"
        for _ in range(7):
            await pilot.press("v")
        await close_all(desk, pilot)
        pane(desk).focus()
        await pilot.press("v")
        await desk.painted(pilot)
        assert "no tag" in pane(desk).row_text(1)
        for _ in range(4):
            await pilot.press("v")
        await desk.painted(pilot)
        assert pane(desk).status() == "by side, in USDT"
        assert [row.key for row in pane(desk).rows()] == ["long", "short"]


async def test_a_picture_of_the_screen_belongs_to_the_trade(tmp_path):
    async with scene(tmp_path, TradesPane) as (desk, pilot):
        await close_all(desk, pilot)
        desk.app.exports = tmp_path / "exports"
        pane(desk).focus()
        trade = pane(desk).rows()[0]
        await pilot.press("home", "i")
        for _ in range(200):
            if desk.engine.core.trades.notes:
                break
            await asyncio.sleep(0.01)
        (name,) = desk.engine.core.trades.notes[trade.trade_id].pictures
        assert (tmp_path / "exports" / name).read_text().startswith("<svg")


def test_a_line_says_setup_tags_risk_and_words_and_comes_back():
    note = read("#b @breakout in r=2.5 #A late", "x", 1, None)
    assert (note.setup, note.tags, note.risk, note.note) == ("breakout", ("b", "a"), D("2.5"), "in late")
    assert read(line_of(note), "x", 1, None) == note
    with pytest.raises(Refused):
        read("r=-1", "x", 1, None)


@pytest.mark.parametrize("size", [(160, 48), (100, 30), (80, 24)], ids=str)
def test_picture_of_the_trades(snap_compare, tmp_path, size):
    assert snapshot(snap_compare, tmp_path, TradesPane, size=size, press=["home"])
