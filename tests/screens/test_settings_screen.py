"""Every setting and every key is found, understood and changed from the screen, and takes effect."""

from __future__ import annotations

import asyncio
import os
import tomllib
from contextlib import asynccontextmanager

import demo_panes
import pytest

from screens import figures
from screens.dialog import Lines
from screens.key_editor import KeyEditor
from screens.testing import FrozenDesk
from screens.themes import MONO
from workstation.domain.formats import COMMA
from workstation.settings_book import SettingsBook


@pytest.fixture
def open_with_file(tmp_path):
    """A desk whose settings come from a config file: `async with open_with_file(text) as (desk, pilot, file)`."""

    @asynccontextmanager
    async def opened(text="", size=(160, 48)):
        file = tmp_path / "config.toml"
        file.write_text(text)
        book = SettingsBook(file, environ={"LC_ALL": "C"})
        desk = FrozenDesk(tmp_path, demo_panes.ALL, book=book, limits=book.settings.risk)
        try:
            async with desk.app.run_test(size=size) as pilot:
                await desk.ready(pilot)
                yield desk, pilot, file
        finally:
            await desk.engine.close()

    return opened


async def find(pilot, words):
    await pilot.press(*("space" if one == " " else one for one in words))
    await pilot.pause()


def told(desk) -> str:
    """What stands below the list of the dialog."""
    lines = list(desk.app.screen.query(Lines))[1].lines
    return " ".join("".join(text for text, _ in line.left).strip() for line in lines)


async def test_the_keys_among_the_settings_open_their_editor(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        await pilot.press("ctrl+s", *"keys", "enter")
        await pilot.pause()
        assert isinstance(desk.app.screen, KeyEditor)


async def test_a_setting_is_changed_written_and_reset(open_with_file):
    async with open_with_file("# mine\n") as (desk, pilot, file):
        await pilot.press("ctrl+s")
        await find(pilot, "stale_after")
        await pilot.press("enter", *["backspace"] * 5, *"1500", "enter")
        assert "market.stale_after_ms is 1500 now" in told(desk)
        assert desk.engine.settings.market.stale_after_ms == 1500
        assert file.read_text().startswith("# mine\n")
        assert tomllib.loads(file.read_text())["market"] == {"stale_after_ms": 1500}
        await pilot.press("ctrl+r")
        assert desk.engine.settings.market.stale_after_ms == 5000
        assert "again (default)" in told(desk)


async def test_a_limit_is_reset_only_when_it_is_asked_for_twice(open_with_file):
    async with open_with_file("[risk]\nmax_order_value = 700\nmax_leverage = 2") as (desk, pilot, _):
        limits = desk.engine.risk
        await pilot.press("ctrl+s")
        await find(pilot, "risk.max_order_value")
        await pilot.press("ctrl+r")
        assert "risk.max_order_value: 700 → 100000, at once. ^r again does it." in told(desk)
        assert limits.limits.max_order_value == 700
        await pilot.press("down", "up", "ctrl+r")
        assert limits.limits.max_order_value == 700, "the question was passed over: it is asked anew"
        await pilot.press("ctrl+r")
        assert "risk.max_order_value is 100000 again (default)" in told(desk)
        async with asyncio.timeout(10):
            while limits.limits.max_order_value != 100_000:
                await asyncio.sleep(0.002)


async def test_limits_that_contradict_each_other_are_refused_with_both_names(open_with_file):
    text = "[risk.breakers]\ndrawdown_zero_size = 0.12\n"
    async with open_with_file(text) as (desk, pilot, file):
        await desk.engine.risk.change_limit("breakers.drawdown", "11 %", "risk page")
        await pilot.press("ctrl+s")
        await find(pilot, "risk.breakers.drawdown_zero_size")
        await pilot.press("enter", *["backspace"] * 4, *"10.5%", "enter")
        said = "at once, and with it breakers.drawdown from 11 % to 10.5 %. Enter again does it."
        assert said in told(desk)
        assert desk.app.screen.editing is not None
        assert file.read_text() == text
        await pilot.press("escape")
        await find(pilot, "risk.breakers.drawdown_kill")
        await pilot.press("enter", "ctrl+u", *"11%", "enter")  # the file itself says 12 % of the size
        said = "risk.breakers.drawdown_zero_size of 12 % must not be above risk.breakers.drawdown_kill of 11 %"
        assert said in told(desk)
        await pilot.press("escape")
        await find(pilot, "risk.breakers.drawdown_zero_size")
        await desk.engine.risk.change_limit("breakers.drawdown_kill", "13 %", "risk page")
        await pilot.press("ctrl+r", "ctrl+r")  # the default is 15 %
        assert "drawdown_zero_size of 15 % must not be above risk.breakers.drawdown_kill of 13 %" in told(desk)
        assert file.read_text() == text
        await pilot.press("enter", "ctrl+u", *"10.5%", "enter", "enter")
        assert "is 0.105 now, and with it breakers.drawdown from 11 % to 10.5 %." in told(desk)


async def test_a_limit_that_the_locale_reads_otherwise_than_the_settings_is_refused(open_with_file):
    async with open_with_file('locale = "de_DE"\n') as (desk, pilot, _):
        await pilot.press("ctrl+s")
        await find(pilot, "risk.max_order_value")
        await pilot.press("enter", "ctrl+u", *"50.000", "enter")
        assert "50.000 can be 50000 or 50,000" in told(desk)
        await pilot.press("ctrl+u", *"50.000,5", "enter")
        assert "risk.max_order_value: 100000 → 50000.5, at once" in told(desk)


async def test_a_limit_that_was_changed_on_the_risk_page_stands_among_the_settings_as_it_is(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        await desk.engine.risk.change_limit("max_order_value", "4000", "risk page")
        await pilot.press("ctrl+s")
        await find(pilot, "risk.max_order_value")
        assert "from this desk (risk page), default 100000" in told(desk)
        await pilot.press("ctrl+r")
        assert "risk.max_order_value: 4000 → 100000, at once. ^r again does it." in told(desk)
        assert desk.engine.risk.limits.max_order_value == 4_000


async def test_a_value_that_cannot_be_stays_in_the_field_with_its_sentence(open_with_file):
    async with open_with_file() as (desk, pilot, file):
        await pilot.press("ctrl+s")
        await find(pilot, "frame_rate")
        await pilot.press("enter", *["backspace"] * 2, *"99", "enter")
        assert "must be a whole number <= 60, not 99" in told(desk)
        assert desk.app.screen.editing == "market.frame_rate"
        await pilot.press("escape")
        assert desk.app.screen.editing is None
        assert file.read_text() == ""
        assert desk.engine.settings.market.frame_rate == 20


async def test_what_cannot_take_effect_now_says_so(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        await pilot.press("ctrl+s")
        await find(pilot, "demo.seed")
        await pilot.press("enter", "backspace", "7", "enter")
        assert "it takes effect at the next start" in told(desk)


async def test_a_keymap_is_chosen_live_from_the_palette(open_with_file):
    async with open_with_file() as (desk, pilot, file):
        await pilot.press("ctrl+p", *"keymap vim", "enter")
        await pilot.pause()
        assert desk.app.table.get("pane_next").keys == ("right_square_bracket", "L")
        assert tomllib.loads(file.read_text())["keymap"] == "vim"


async def test_a_keymap_file_is_taken_again_when_it_is_saved(open_with_file, tmp_path):
    (tmp_path / "keymaps").mkdir()
    mine = tmp_path / "keymaps" / "mine.toml"
    mine.write_text('[keys]\nzoom = "m"')
    async with open_with_file('keymap = "mine"') as (desk, pilot, _):
        assert desk.app.table.get("zoom").keys == ("m",)
        mine.write_text('[keys]\nzoom = "ctrl+y"')
        os.utime(mine, ns=(1, 1))
        desk.app.live.poll()
        assert desk.app.table.get("zoom").keys == ("ctrl+y",)
        mine.write_text("[keys")
        os.utime(mine, ns=(2, 2))
        desk.app.live.poll()
        await pilot.pause()
        assert any("cannot be read" in text for text in desk.toasts())
        assert desk.app.table.get("zoom").keys == ("ctrl+y",)


async def test_the_key_editor_gives_an_action_another_key(open_with_file):
    async with open_with_file() as (desk, pilot, file):
        desk.app.run_named("keys")
        await pilot.pause()
        editor = desk.app.screen
        assert isinstance(editor, KeyEditor)
        assert {name for name in editor._rows if name} == {action.name for action in desk.app.table}
        await find(pilot, "maximise")
        assert editor.chosen.name == "zoom"
        await pilot.press("enter", "ctrl+y")
        assert desk.app.table.get("zoom").keys == ("ctrl+y",)
        assert tomllib.loads(file.read_text())["keys"] == {"zoom": "ctrl+y"}
        await pilot.press("ctrl+t", "m")
        assert desk.app.table.get("zoom").keys == ("ctrl+y", "m")
        await pilot.press("ctrl+r")
        assert desk.app.table.get("zoom").keys == ("z",)
        await pilot.press("ctrl+x")
        assert desk.app.table.get("zoom").keys == ()


async def test_a_conflict_is_shown_at_once_and_taken_over_by_the_same_key_again(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        desk.app.run_named("keys")
        await pilot.pause()
        await find(pilot, "maximise")
        await pilot.press("enter", "o")
        assert "o is the key of 'Order ticket'" in told(desk)
        assert desk.app.table.get("zoom").keys == ("z",)
        await pilot.press("o")
        assert desk.app.table.get("zoom").keys == ("o",)
        assert desk.app.table.get("ticket").keys == ()


async def test_the_kill_switch_works_while_a_key_is_waited_for_and_keeps_its_keys(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        desk.app.run_named("keys")
        await pilot.pause()
        await find(pilot, "maximise")
        await pilot.press("enter", "f9")
        await pilot.pause()
        assert str(desk.engine.trading_state) == "halted"
        await pilot.press("escape")
        await pilot.press("ctrl+l")  # everywhere too, but the editor wants to know it
        assert "^l is the key of 'Arm / disarm order entry'" in told(desk)
        await pilot.press("escape", *["backspace"] * 8, *"kill switch", "ctrl+x")
        assert "cannot be left without a key" in told(desk)


async def test_a_key_that_terminals_swallow_is_refused_with_the_reason(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        desk.app.run_named("keys")
        await pilot.pause()
        await find(pilot, "maximise")
        await pilot.press("enter", "shift+up")
        assert "shift+↑ is not sent by every terminal" in told(desk)
        await pilot.press("ctrl+y")
        assert desk.app.table.get("zoom").keys == ("ctrl+y",)


async def test_numbers_and_times_follow_locale_and_zone_at_once(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        assert "200,000.00" in desk.screen_text()
        desk.app.live.change("locale", "de_DE")
        desk.app.live.change("time_zone", "Asia/Tokyo")
        await desk.painted(pilot)
        text = desk.screen_text()
        assert "200.000,00" in text
        assert "200,000.00" not in text
        assert "21:00:00 JST" in text
        assert figures.style() == COMMA


async def test_what_is_typed_is_read_in_the_locale(open_with_file):
    async with open_with_file('locale = "de_DE"') as (desk, _, _file):
        meaning = desk.app.typed.meaning("buy 0,25 @ 64.200,5").text
        assert meaning.startswith("Buy 0,25 BTC-USDT at 64.200,5 limit")
        assert "can be 64200 or 64,200" in desk.app.typed.meaning("buy 0,25 @ 64.200").text


async def test_a_broken_theme_file_is_one_sentence_and_the_old_theme_stays(open_with_file, tmp_path):
    (tmp_path / "themes").mkdir()
    mine = tmp_path / "themes" / "mine.toml"
    mine.write_text('[colours]\nbid = "#00ff00"')
    async with open_with_file('theme = "mine"') as (desk, pilot, _):
        assert desk.app.ink.colours.bid == "#00ff00"
        mine.write_text('[colours]\nbid = "#0000ff"')
        os.utime(mine, ns=(1, 1))
        desk.app.live.poll()
        assert desk.app.ink.colours.bid == "#0000ff"  # as soon as it is saved
        mine.write_text('[colours]\nbid = "bluish"')
        os.utime(mine, ns=(2, 2))
        desk.app.live.poll()
        await pilot.pause()
        assert [text for text in desk.toasts() if "bid must be a colour like #62aef7" in text]
        assert desk.app.ink.colours.bid == "#0000ff"


async def test_no_color_opens_the_desk_without_any(open_with_file, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_with_file('theme = "tws-light"') as (desk, pilot, _):
        assert desk.app.theme == MONO
        await desk.painted(pilot)
        colours = {
            colour.name
            for strip in desk.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None
            for colour in (segment.style.color, segment.style.bgcolor)
            if colour is not None
        }
        assert colours <= {"default"}
        assert " DEMO " in desk.screen_text()


async def test_another_theme_repaints_everything_at_once(open_with_file):
    async with open_with_file() as (desk, pilot, _):
        for name in desk.app.live.theme_names():
            desk.app.use_theme(name)
            await pilot.pause()
            wanted = desk.app.ink.base.bgcolor
            allowed = {one.bgcolor for one in vars_of(desk.app.ink)}
            for pane in desk.app.workspace.shown():
                for strip in getattr(pane, "_strips", []):
                    for segment in strip:
                        assert segment.style.bgcolor in allowed | {wanted}, (name, pane.PANE, segment)


def vars_of(ink):
    return [getattr(ink, name) for name in ink.__slots__ if name not in ("badges", "colours")]


async def test_rising_prices_can_be_red(open_with_file):
    async with open_with_file() as (desk, _pilot, _):
        green, red = desk.app.ink.bid, desk.app.ink.ask
        desk.app.live.change("rising", "red")
        assert (desk.app.ink.bid, desk.app.ink.ask) == (red, green)
        assert desk.app.ink.good == green  # what is in order stays green
