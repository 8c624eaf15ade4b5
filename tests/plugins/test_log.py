"""The log pane: what it shows, filters, follows, opens and copies, by keys and on the real engine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from trade_page import PANES
from trading_scene import BTC, Scene, Side, scene

from plugins.log import LogPane
from workstation.clock import SECOND
from workstation.log import Level

TRACEBACK = """Traceback (most recent call last):
  File "plugins/tape.py", line 88, in paint
    price = row["price"]
KeyError: 'price'
"""


class Eyes:
    """Keys, each painted before the next, and what the log shows."""

    def __init__(self, desk, pane, pilot):
        self.desk, self.pane, self.pilot = desk, pane, pilot
        self.log = desk.engine.log

    async def __call__(self, *keys):
        for key in keys:
            await self.pilot.press(key)
            await self.paint()

    async def paint(self):
        await self.desk.painted(self.pilot)
        self.pane.repaint()

    @property
    def rows(self) -> list[str]:
        """The rows below the header that are not empty."""
        rows = [self.pane.row_text(y).rstrip(" ▐") for y in range(1, self.pane.height)]
        return [row for row in rows if row]

    @property
    def texts(self) -> list[str]:
        """What stands in the column of texts."""
        return [row[20:].strip() for row in self.rows]

    @property
    def cursor(self) -> str:
        return self.pane.selected_row.entry.text


@asynccontextmanager
async def log_pane(tmp_path, size=(120, 30), **options):
    async with scene(tmp_path, LogPane, size=size, traded=False, **options) as (desk, pilot):
        pane = desk.app.workspace.panes["log"]
        pane.focus()
        desk.engine.log.entries.clear()
        eyes = Eyes(desk, pane, pilot)
        pane._again()
        await eyes.paint()
        yield desk, pane, eyes


# -- what it shows


async def test_an_entry_has_time_level_source_and_text(tmp_path):
    async with log_pane(tmp_path) as (desk, _pane, eyes):
        desk.clock.advance(5 * SECOND)
        eyes.log.info("orders", "A good day")
        eyes.log.warning("market", "A gap in the book")
        eyes.log.error("store", "The disk is full")
        await eyes.paint()
        assert eyes.rows == [
            " 12:00:05 ● orders   A good day",
            " 12:00:05 ▲ market   A gap in the book",
            " 12:00:05 ✖ store    The disk is full",
        ]


async def test_levels_have_their_colours(tmp_path):
    async with log_pane(tmp_path) as (desk, pane, eyes):
        eyes.log.warning("market", "A gap")
        eyes.log.error("store", "Full")
        await eyes.paint()
        ink = desk.app.ink

        def colours(y: int) -> set[str]:
            return {part.style.color.name for part in pane._strips[y] if part.style and part.style.color}

        assert ink.colours.warning in colours(1)
        assert ink.colours.error in colours(2)


async def test_what_the_engine_does_is_in_it(tmp_path):
    async with log_pane(tmp_path) as (desk, _pane, eyes):
        await desk.order(BTC.id, Side.BUY, "0.25")
        while not any("filled" in entry.text for entry in eyes.log.entries):  # put into words a moment later
            await asyncio.sleep(0.005)
        await eyes.paint()
        assert any("order    buy 0.25" in row and "filled" in row for row in eyes.rows)


async def test_repeats_are_one_row_with_a_count(tmp_path):
    async with log_pane(tmp_path) as (_desk, _pane, eyes):
        eyes.log.info("desk", "first")
        for _ in range(3):
            eyes.log.warning("market", "again")
        await eyes.paint()
        assert eyes.texts == ["first", "×3 again"]
        for _ in range(997):
            eyes.log.warning("market", "again")
        await eyes.paint()
        assert eyes.texts == ["first", "×1000 again"]
        eyes.log.info("desk", "last")
        await eyes.paint()
        assert eyes.texts == ["first", "×1000 again", "last"]


async def test_a_flood_shows_its_end_and_keeps_what_the_ring_keeps(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        size = eyes.log.entries.maxlen
        for number in range(size + 250):
            eyes.log.info("flood", f"drop {number}")
            if number % 1_700 == 0:
                await eyes.paint()
        await eyes.paint()
        assert eyes.texts[-1] == f"drop {size + 249}"
        assert len(pane._matching) == size
        await eyes("home")
        assert eyes.cursor == "drop 250"


# -- following


async def test_it_follows_the_newest_until_the_cursor_is_moved(tmp_path):
    async with log_pane(tmp_path) as (desk, pane, eyes):
        for number in range(50):
            eyes.log.info("desk", f"entry {number}")
        await eyes.paint()
        assert (eyes.cursor, eyes.texts[-1]) == ("entry 49", "entry 49")
        await eyes("up", "up")
        assert eyes.cursor == "entry 47"
        before = eyes.rows
        for number in range(50, 60):
            eyes.log.info("desk", f"entry {number}")
        await eyes.paint()
        assert (eyes.rows, eyes.cursor) == (before, "entry 47")
        assert pane.status() == "paused, 10 new"
        assert "paused, 10 new" in desk.screen_text()
        await eyes("end")
        assert (eyes.cursor, pane.status()) == ("entry 59", "")


async def test_space_pauses_and_follows(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        eyes.log.info("desk", "one")
        await eyes("space")
        eyes.log.info("desk", "two")
        await eyes.paint()
        assert (eyes.cursor, pane.status()) == ("one", "paused, 1 new")
        await eyes("space")
        assert eyes.cursor == "two"


async def test_rows_stand_still_while_the_oldest_are_dropped(tmp_path):
    async with log_pane(tmp_path) as (_desk, _pane, eyes):
        size = eyes.log.entries.maxlen
        for number in range(size):
            eyes.log.info("flood", f"drop {number}")
        await eyes.paint()
        await eyes(*["pageup"] * 5)
        before = eyes.rows
        for number in range(40):
            eyes.log.info("flood", f"more {number}")
        await eyes.paint()
        assert eyes.rows == before


# -- filters


async def test_v_filters_by_level_and_remembers_it(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        eyes.log.add(Level.DEBUG, "venue", "heartbeat")
        eyes.log.info("desk", "ready")
        eyes.log.warning("market", "gap")
        eyes.log.error("store", "full")
        await eyes.paint()
        seen = [eyes.texts]
        for _ in range(4):
            await eyes("v")
            seen.append(eyes.texts)
        every = ["heartbeat", "ready", "gap", "full"]
        assert [[text for text in texts if text in every] for texts in seen] == [
            every, every[1:], every[2:], every[3:], every
        ]  # fmt: skip
        await eyes("v", "v")
        assert pane.settings["level"] == "warning"
        assert "warnings and errors · 2 of 4" in eyes.rows[-1]


async def test_f_filters_by_words_while_they_are_typed(tmp_path):
    async with log_pane(tmp_path) as (desk, pane, eyes):
        eyes.log.info("orders", "Buy 0.5 of BTC accepted")
        eyes.log.info("orders", "Sell 0.5 of ETH accepted")
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        await eyes.paint()
        await eyes("f", *"btc")
        assert [row.entry.text for row in pane._matching] == ["Buy 0.5 of BTC accepted"]
        await eyes("enter")
        assert desk.app.focused is pane
        assert "“btc” in everything · 1 of 3" in eyes.rows[-1]
        eyes.log.info("orders", "Sell 1 of BTC accepted")
        eyes.log.info("orders", "Sell 1 of SOL accepted")
        await eyes.paint()
        assert eyes.texts[:-1] == ["Buy 0.5 of BTC accepted", "Sell 1 of BTC accepted"]
        await eyes("escape")
        assert len(eyes.texts) == 5


async def test_words_are_looked_for_in_source_and_detail_too_all_of_them(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        eyes.log.info("orders", "Buy accepted")
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        await eyes.paint()
        for words, found in (("ORDERS buy", 1), ("keyerror", 1), ("orders keyerror", 0), ("a", 2)):
            await eyes("f", *("space" if char == " " else char for char in words), "enter")
            assert len(pane._matching) == found, words
            await eyes("escape")


async def test_esc_while_typing_drops_the_filter_and_letters_are_letters(tmp_path):
    async with log_pane(tmp_path) as (desk, pane, eyes):
        eyes.log.info("desk", "ready")
        await eyes("f", "v", "y", "z")
        assert pane._words == "vyz"
        assert "No entries. Esc drops the text filter" in eyes.rows[0]
        await eyes("escape")
        assert (pane._words, desk.app.focused) == ("", pane)
        assert eyes.texts == ["ready"]


# -- detail and copy


async def test_enter_opens_the_detail_and_closes_it(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        eyes.log.info("desk", "before")
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        eyes.log.info("desk", "after")
        await eyes.paint()
        assert "The tape has failed …" in eyes.rows[1]
        await eyes("up", "enter")
        text = "\n".join(eyes.rows)
        assert "error from pane" in text
        assert 'File "plugins/tape.py", line 88, in paint' in text
        assert "KeyError: 'price'" in text
        assert eyes.rows[-1].endswith("after")
        await eyes("down", "down", "enter")  # on a line of the detail
        assert len(eyes.rows) == 3
        assert eyes.cursor == "The tape has failed"
        await eyes("enter", "escape")
        assert len(eyes.rows) == 3
        assert pane.status() == "paused"


async def test_a_long_text_is_shown_whole_when_it_is_opened(tmp_path):
    long = "The venue said: " + " ".join(f"word{number}" for number in range(60))
    async with log_pane(tmp_path, size=(80, 24)) as (_desk, _pane, eyes):
        eyes.log.error("venue", long)
        await eyes.paint()
        assert "word59" not in eyes.rows[0]
        await eyes("enter")
        assert "word59" in "\n".join(eyes.rows)


async def test_an_opened_entry_keeps_counting(tmp_path):
    async with log_pane(tmp_path) as (_desk, _pane, eyes):
        eyes.log.warning("market", "again")
        await eyes.paint()
        await eyes("enter")
        eyes.log.warning("market", "again")
        await eyes.paint()
        assert "2 times" in "\n".join(eyes.rows)


async def test_a_double_click_opens_too(tmp_path):
    async with log_pane(tmp_path) as (_desk, pane, eyes):
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        await eyes.paint()
        await eyes.pilot.click(pane, offset=(30, 1), times=2)
        await eyes.paint()
        assert "KeyError" in "\n".join(eyes.rows)


@pytest.mark.parametrize("key", ["y", "c"])
async def test_copy_takes_the_entry_and_its_detail(tmp_path, key):
    async with log_pane(tmp_path) as (desk, _pane, eyes):
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        eyes.log.error("pane", "The tape has failed", TRACEBACK)
        await eyes.paint()
        await eyes(key)
        assert desk.app.clipboard == "12:00:00.000 error pane: The tape has failed ×2\n" + TRACEBACK.rstrip()
        assert "The entry is in the clipboard." in desk.toasts()


async def test_keys_on_an_empty_log_do_nothing(tmp_path):
    async with log_pane(tmp_path) as (desk, _pane, eyes):
        await eyes("enter", "y", "up", "home", "end", "space", "escape")
        assert desk.app.clipboard == ""
        assert eyes.rows[0].strip().startswith("No entries.")


# -- what it looks like


class Session(Scene):
    async def trade(self) -> None:
        log = self.engine.log
        await self.order(BTC.id, Side.BUY, "0.25")
        for number in range(12):
            self.tick(0.4)
            log.info("orders", f"Buy 0.{number + 1} of NOVA:BTC-USDT at {64_000 + number}.5 was amended by the trader.")
        for _ in range(12):
            log.warning("market", "The book of NOVA:ETH-USDT is stale: update 9 does not follow 5.")
        self.tick()
        log.error("pane", "The tape has failed: KeyError('price')", TRACEBACK)
        log.add(Level.DEBUG, "venue", "NOVA answered within 3 ms.")
        self.tick()
        log.info("fill", "Filled: buy 0.25 NOVA:BTC-USDT at 64200.1, fee 16.05 USDT.")


@pytest.fixture
def picture(snap_compare, tmp_path):
    def compare(size, *keys, panes=(LogPane,), **options):
        desk = Session(tmp_path, panes, **options)

        async def steps(pilot):
            await desk.ready(pilot)
            await desk.trade()
            desk.app.workspace.focus_slot("log")
            await desk.painted(pilot)
            for key in keys:
                await pilot.press(key)
                await desk.painted(pilot)
            for timer in list(desk.app._timers):
                timer.pause()

        return snap_compare(desk.app, run_before=steps, terminal_size=size)

    return compare


SIZES = [(160, 48), (80, 24)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_on_the_trade_page_with_a_detail(picture, size):
    others = tuple(pane for pane in PANES if pane.PANE != "log")
    assert picture(size, "up", "up", "enter", panes=(LogPane, *others))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_the_whole_log(picture, size):
    assert picture(size, "z", "home")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_while_a_filter_is_typed(picture, size):
    assert picture(size, "z", "v", "f", *"book")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture_of_warnings_in_the_light_theme(picture, size):
    assert picture(size, "z", "v", "v", settings={"theme": "tws-light"})


async def test_in_a_narrow_pane_what_became_of_an_order_is_seen_before_all_of_what_it_was(tmp_path):
    async with log_pane(tmp_path, size=(60, 20)) as (_desk, pane, eyes):
        eyes.log.info("order", "buy 0.02 NOVA:BTC-USDT @ 64026.14: accepted")
        eyes.log.info("order", "buy 0.02 NOVA:BTC-USDT @ 64026.14: filled 0.02 at 64026.14, fee 1.02 USDT")
        await eyes.paint()
        accepted, filled = eyes.texts
        assert accepted == "buy 0.02 BTC-USDT @ 64026.14: accepted"
        assert filled.startswith("buy 0.02: filled 0.02 at 64026.14")
        assert "NOVA:BTC-USDT @ 64026.14: filled" in pane.table_texts()[1][-1][-1]
