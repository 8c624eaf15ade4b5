"""The watchlist: what a row says, sorting, adding, removing, selecting."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace
from trading_scene import BTC, ETH, PERP, scene

from plugins.watchlist import WatchlistPane, change_text, price_in, short_amount, sparkline
from screens import testing
from screens.testing import BTC_ORBIT, SOL, START
from workstation.clock import MINUTE, SECOND
from workstation.domain.market import BookStale, Trade

SHIB = replace(BTC, symbol="SHIB-USDT", base="SHIB", tick=Decimal("0.00000001"), lot=Decimal(1))


@asynccontextmanager
async def watchlist(tmp_path, size=(100, 20), traded=False, **options):
    async with scene(tmp_path, WatchlistPane, size=size, traded=traded, **options) as (desk, pilot):
        pane = desk.app.workspace.panes["watchlist"]
        pane.focus()

        async def press(*keys):
            for key in keys:
                await pilot.press(key)
                await desk.painted(pilot)
            await desk.painted(pilot)
            pane.repaint()

        await press()
        yield desk, pane, press


def symbols(pane):
    return [row.instrument.id for row in pane._shown]


def line_of(pane, name):
    return next(pane.row_text(y) for y in range(1, pane.height) if name in pane.row_text(y))


# Figures.


async def test_keys_are_taken_between_the_days_of_two_instruments_that_are_drawn_for_the_first_time(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, _):
        markets = [desk.engine.market(name) for name in pane.watched]
        for market in markets:
            market.candles.reset()
        desk.app.frames.wake()
        drawn = [0]
        for _ in desk.app.frames.steps():
            drawn.append(sum(market.candles.drawn(MINUTE) for market in markets))
        assert drawn[-1] == len(markets) > 2
        assert drawn.index(1) == 4, "the first day comes in quarters"
        assert max(after - before for before, after in pairwise(drawn)) == 1


def test_a_sparkline_runs_from_the_lowest_to_the_highest():
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5], 8) == "▄▄▄"
    assert sparkline([], 8) == ""


def test_a_sparkline_with_less_room_still_spans_all_values():
    assert sparkline(list(range(40)), 4) == "▁▃▆█"
    assert len(sparkline(list(range(40)), 7)) == 7


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, "–"), (950.4, "950"), (1_234.0, "1.23k"), (12_345_678.0, "12.3M"), (999_000_000.0, "999M"),
     (5.4e9, "5.40G")],
)  # fmt: skip
def test_volumes_are_short(value, text):
    assert short_amount(value) == text


@pytest.mark.parametrize(("change", "text"), [(0.0041, "+0.41%"), (-0.123, "-12.3%"), (2.4, "+240%"), (math.nan, "–")])
def test_changes_fit_six_cells(change, text):
    assert change_text(change) == text


def test_a_price_loses_decimals_before_digits():
    assert price_in(64_200.123, 2, 8) == "64200.12"
    assert price_in(104_200.123, 2, 8) == "104200.1"


# The pane.


async def test_a_row_says_last_change_volume_spread_and_the_last_minutes(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, _):
        cells = line_of(pane, "NOVA:BTC-USDT").split()
        day = desk.engine.market(BTC.id).day()
        assert cells[1] == "64199.7"
        assert cells[2] == change_text(day.change)
        assert cells[3] == short_amount(day.volume * day.last)
        assert cells[4:6] == ["1t", "0.02"]
        assert set(cells[6]) <= set("▁▂▃▄▅▆▇█")


async def test_the_last_price_follows_the_trades(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, press):
        desk.feed(Trade(BTC.id, START + 1, 642_100, 5, True, "n"))
        await press()
        assert "64210.0" in line_of(pane, "NOVA:BTC-USDT")


async def test_a_stale_book_shows_no_spread(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, press):
        desk.feed(BookStale(BTC.id, START + 1, "the link is down"))
        await press()
        assert "1t" not in line_of(pane, "NOVA:BTC-USDT")


async def test_positions_are_marked(tmp_path):
    async with watchlist(tmp_path, traded=True) as (_, pane, _press):
        assert "▲NOVA:ETH-USDT" in line_of(pane, "ETH")
        assert "▼NOVA:BTC-PERP" in line_of(pane, "PERP")
        assert " NOVA:SOL-USDT" in line_of(pane, "SOL")


async def test_enter_selects_for_the_whole_desk_and_the_cursor_follows_the_desk(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, press):
        await press("down", "enter")
        assert desk.app.desk.selected == ETH.id
        desk.app.desk.select(PERP.id)
        await press()
        assert pane.selected_row.instrument.id == PERP.id


async def test_a_click_selects(tmp_path):
    async with scene(tmp_path, WatchlistPane, size=(100, 20), traded=False) as (desk, pilot):
        await pilot.click(desk.app.workspace.panes["watchlist"], offset=(5, 3))
        await desk.painted(pilot)
        assert desk.app.desk.selected == SOL.id


async def test_a_click_on_a_title_sorts_and_another_turns_round(tmp_path):
    async with scene(tmp_path, WatchlistPane, size=(100, 20), traded=False) as (desk, pilot):
        pane = desk.app.workspace.panes["watchlist"]
        seen = []
        for _ in range(3):
            await pilot.click(pane, offset=(pane._layout[1][1] + 1, pane.head))
            seen.append((pane.sort_key, pane.sort_down))
        assert seen == [("last", False), ("last", True), ("last", False)]


async def test_rows_sort_by_a_column_and_turn_round(tmp_path):
    async with watchlist(tmp_path) as (_, pane, press):
        assert symbols(pane) == [BTC.id, ETH.id, SOL.id, PERP.id, BTC_ORBIT.id]
        await press("t", "t")  # symbol, last
        assert symbols(pane) == [SOL.id, ETH.id, BTC.id, BTC_ORBIT.id, PERP.id]
        await press("T")
        assert symbols(pane) == [PERP.id, BTC_ORBIT.id, BTC.id, ETH.id, SOL.id]


async def test_instruments_are_removed_and_added_and_kept(tmp_path):
    async with watchlist(tmp_path) as (desk, pane, press):
        await press("down", "d")
        assert ETH.id not in symbols(pane)
        assert desk.app.state.pane("watchlist")["instruments"] == [BTC.id, SOL.id, PERP.id, BTC_ORBIT.id]
        await press("a", "e", "t", "h", "enter")
        assert symbols(pane)[-1] == ETH.id
        assert pane.selected_row.instrument.id == ETH.id


async def test_an_emptied_list_says_what_to_do(tmp_path):
    async with watchlist(tmp_path) as (_, pane, press):
        await press(*["d"] * 5)
        assert symbols(pane) == []
        assert "a adds an instrument" in pane.row_text(1)


async def test_adding_to_a_full_list_says_so(tmp_path):
    async with watchlist(tmp_path) as (desk, _pane, press):
        await press("a")
        assert any("Every instrument" in toast for toast in desk.toasts())


async def test_a_new_desk_watches_what_the_config_file_names(tmp_path):
    options = {"settings": {"watchlist": (ETH.id, "NOVA:GONE")}}
    async with watchlist(tmp_path, **options) as (_, pane, _press):
        assert symbols(pane) == [ETH.id]


async def test_the_day_is_reckoned_once_a_second_at_most(tmp_path, monkeypatch):
    async with watchlist(tmp_path) as (desk, pane, press):
        counted = []
        market = desk.engine.market(BTC.id)
        day = type(market).day
        monkeypatch.setattr(type(market), "day", lambda self: counted.append(1) or day(self))
        for number in range(5):
            desk.feed(Trade(BTC.id, START + number, 642_000 + number, 5, True, f"n{number}"))
            await press()
        assert counted == []
        desk.clock.advance(SECOND)
        pane.paint(desk.clock.now())
        assert len(counted) == 5


async def test_a_narrow_list_keeps_symbol_last_and_change(tmp_path):
    async with watchlist(tmp_path, size=(34, 12)) as (_, pane, _press):
        assert line_of(pane, "NOVA:BTC-USDT").split()[:2] == ["NOVA:BTC-USDT", "64199.7"]
        assert "%" in line_of(pane, "NOVA:BTC-USDT")


async def test_a_symbol_that_would_lose_its_last_letters_gets_a_cell_of_the_sparkline(tmp_path):
    async with watchlist(tmp_path, size=(37, 12)) as (_, pane, _press):
        assert line_of(pane, "ORBIT:BTC-USDT").split()[:2] == ["ORBIT:BTC-USDT", "64204.0"]
        assert pane._layout[-1][2] == 3


async def test_a_tiny_price_keeps_its_digits_in_a_narrow_list(tmp_path, monkeypatch):
    monkeypatch.setitem(testing.MIDS, SHIB.id, 0.00002302)
    for size in ((37, 12), (80, 12)):
        async with watchlist(tmp_path / str(size[0]), size=size, instruments=(BTC, SHIB)) as (_, pane, _press):
            price = line_of(pane, "NOVA:SHIB-USDT").split()[1]
            assert len(price) == 10
            assert price.startswith("0.0000230"), "four digits of it"
            assert line_of(pane, "NOVA:BTC-USDT").index("%") == line_of(pane, "SHIB").index("%")
            assert pane.row_text(0).index("24h") + 2 == line_of(pane, "SHIB").index("%")
