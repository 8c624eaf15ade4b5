"""Keys reach the right action, and only where they may act."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from demo_panes import ALL
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from screens.actions import DESK_ACTIONS, REPLAY_ACTIONS
from screens.command_line import CommandLine
from screens.dialog import Dialog, Lines
from screens.finder import Finder, Help
from screens.keyboard import STALE_SECONDS
from workstation.domain.events import TradingState
from workstation.domain.order import Side
from workstation.notify.notifier import Notifier
from workstation.notify.outbox import Outbox


def current(desk):
    return desk.app.workspace.current


async def until(pilot, holds):
    for _ in range(300):
        if holds():
            break
        await pilot.pause(0.01)
    assert holds()


async def test_the_ladder_has_the_focus_when_the_desk_opens(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.pause()
        assert current(desk) == "books"
        assert desk.app.focused is desk.app.workspace.panes["books"]
        assert "b Buy" in desk.screen_text().splitlines()[-1]


async def test_a_page_key_that_comes_before_the_first_focus_leaves_the_ladder_its_own(open_desk):
    async with open_desk(ready=False) as (desk, pilot):
        desk.app.screen.set_focus(None)
        workspace = desk.app.workspace
        workspace._recent.clear()  # as it is before the first focus is given
        workspace.show_page(1)
        await desk.ready(pilot)
        await pilot.press("1")
        assert current(desk) == "books"


async def test_a_trading_letter_acts_in_the_focused_pane_while_armed(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("b")
        assert desk.app.workspace.panes["books"].done == ["buy"]
        await pilot.press("]", "]", "]", "b")
        assert current(desk) not in ("books", "books:2")
        assert desk.app.workspace.panes["books"].done == ["buy"]


async def test_a_disarmed_desk_sends_nothing_and_says_how_to_arm(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+l", "b")
        assert desk.app.workspace.panes["books"].done == []
        assert any("^l arms" in text for text in desk.toasts())
        await desk.painted(pilot)
        assert "DISARMED" in desk.screen_text()
        await pilot.press("space")  # what does not trade goes on
        assert desk.app.workspace.panes["books"].done == ["recentre"]


@pytest.mark.parametrize("mode", ["paper", "replay"])
async def test_every_desk_but_the_demo_opens_disarmed(open_desk, mode):
    async with open_desk(mode=mode) as (desk, pilot):
        await pilot.press("b")
        assert desk.app.workspace.panes["books"].done == []
        assert f" {mode.upper()}  DISARMED " in desk.screen_text()


async def test_in_a_text_field_letters_are_letters_and_the_kill_key_still_kills(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("o")
        field = desk.app.workspace.panes["ticket"].query_one(Input)
        assert field.has_focus
        await pilot.press("b", "z", "2", "?", "+", "o")
        assert field.value == "bz2?+o"
        assert desk.app.workspace.page == 0
        await pilot.press("f9")
        assert desk.engine.trading_state is TradingState.HALTED
        assert field.value == "bz2?+o"


async def test_tab_and_brackets_move_the_focus_through_hidden_tabs_too(open_desk):
    async with open_desk(size=(80, 24)) as (desk, pilot):
        slots = desk.app.workspace.slots()
        seen = []
        for _ in slots:
            seen.append(current(desk))
            desk.app.run_named("pane_next")
            await pilot.pause()
        assert set(seen) == set(slots)


async def test_zoom_gives_one_pane_the_page_and_back(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("z")
        await desk.painted(pilot)
        assert [pane.slot for pane in desk.app.workspace.shown()] == ["books"]
        assert desk.app.workspace.panes["books"].size.width == 160
        await pilot.press("z")
        await desk.painted(pilot)
        assert len(desk.app.workspace.shown()) == 8


async def test_pages_open_by_number_and_only_those_that_have_panes_exist(open_desk):
    async with open_desk(panes=ALL[:2]) as (desk, pilot):
        assert [page.title for page in desk.app.workspace.pages] == ["Trade", "Books", "Chart"]
        await pilot.press("2")
        await desk.painted(pilot)
        assert [pane.slot for pane in desk.app.workspace.shown()] == ["books:3", "books:4", "books:5", "books:6"]
        shown = [pane.instrument_id for pane in desk.app.workspace.shown()]
        assert len(set(shown)) == 4
        await pilot.press("1")
        await desk.painted(pilot)
        assert "books" in [pane.slot for pane in desk.app.workspace.shown()]


async def test_only_panes_that_can_be_seen_are_painted(open_desk):
    async with open_desk() as (desk, pilot):
        hidden = desk.app.workspace.panes["books"]
        await pilot.press("2")
        await desk.painted(pilot)
        before = hidden.paints
        for _ in range(5):
            desk.app.frames._painted_activity = None  # as if the market had moved
            desk.app.frame()
        assert hidden.paints == before


async def test_a_market_that_stands_still_is_painted_once_a_second_only(open_desk):
    async with open_desk() as (desk, _):
        shown = desk.app.workspace.panes["books"]
        for _ in range(6):
            desk.app.frame()
        before, rate = shown.paints, desk.app.desk_settings.market.frame_rate
        for _ in range(2 * rate):
            desk.app.frame()
        assert shown.paints - before == 2
        desk.app.frames._painted_activity = None
        desk.app.frame()
        assert shown.paints - before == 3


async def test_jump_mode_shows_letters_and_goes_there(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+o")
        await desk.painted(pilot)
        assert "wWatchlist" in desk.screen_text()
        await pilot.press("w")
        assert current(desk) == "watchlist"
        await pilot.press("ctrl+o", "escape")
        assert current(desk) == "watchlist"


async def test_palette_finds_an_action_and_runs_it(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+p")
        assert isinstance(desk.app.screen, Finder)
        await pilot.press(*"recen")
        await pilot.press("enter")
        await pilot.pause()
        assert desk.app.workspace.panes["books"].done == ["recentre"]


async def test_palette_finds_instruments_panes_and_themes(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+p", *"sol", "enter")
        await pilot.pause()
        assert desk.app.desk.selected == "NOVA:SOL-USDT"
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:SOL-USDT"
        await pilot.press("ctrl+p", *"tws-light", "enter")
        await pilot.pause()
        assert desk.app.theme == "tws-light"
        await pilot.press("ctrl+p", *"watchlist", "enter")
        await until(pilot, lambda: current(desk) == "watchlist")


async def test_search_selects_an_instrument_for_the_panes_that_follow(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("/", *"perp", "enter")
        await pilot.pause()
        await desk.painted(pilot)
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:BTC-PERP"
        assert desk.app.workspace.panes["books:2"].instrument_id == "NOVA:ETH-USDT", "a pinned ladder stays"


async def test_help_shows_the_keys_of_the_focused_pane_first_and_searches(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("?")
        await desk.painted(pilot)
        assert isinstance(desk.app.screen, Help)
        text = desk.screen_text()
        assert text.index("Stage a buy") < text.index("Kill switch")
        await pilot.press(*"theme")
        await desk.painted(pilot)
        assert "Dark / light theme" in desk.screen_text()
        assert "Stage a buy" not in desk.screen_text()
        await pilot.press("escape")
        assert desk.app.screen is desk.app.desk_screen


async def test_keys_of_the_config_file_replace_the_defaults(open_desk):
    keys = {"books.recentre": "r", "zoom": ["f6", "Z"], "kill": "ctrl+k", "books.bye": "x", "theme": "f33+"}
    async with open_desk(settings={"keys": keys}) as (desk, pilot):
        await pilot.press("space", "r")
        assert desk.app.workspace.panes["books"].done == ["recentre"]
        await pilot.press("f9")
        assert desk.engine.trading_state is TradingState.ACTIVE
        await pilot.press("ctrl+k")
        assert desk.engine.trading_state is TradingState.HALTED
        assert any("no action 'books.bye'" in problem for problem in desk.app.problems)
        assert any("theme" in problem and "not a key" in problem for problem in desk.app.problems)


async def test_a_venue_that_never_answers_holds_up_no_other_key(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("W", "b", "f9")
        assert desk.app.workspace.panes["books"].done == ["asked", "buy"]
        assert desk.engine.trading_state is TradingState.HALTED


async def test_trading_keys_pressed_during_a_stall_are_dropped(open_desk):
    async with open_desk() as (desk, pilot):
        desk.app.keyboard.stale_seconds = STALE_SECONDS
        await pilot.pause()
        time.sleep(1.2)  # noqa: ASYNC251 - the stall itself: nothing of the desk runs meanwhile
        await pilot.press("b")
        assert desk.app.workspace.panes["books"].done == []
        assert any("dropped" in text for text in desk.toasts())
        await pilot.pause(0.5)
        await pilot.press("b")
        assert desk.app.workspace.panes["books"].done == ["buy"]


async def test_command_line_shows_the_meaning_sends_and_gives_the_focus_back(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press(":", *"buy 0.01 @ 64100")
        await desk.painted(pilot)
        assert "Buy 0.01 BTC-USDT at 64,100.0 limit on NOVA" in desk.screen_text()
        await pilot.press("enter")
        await until(pilot, lambda: [order.price for order in desk.engine.open_orders()] == [64100])
        assert not desk.app.desk_screen.query_one(CommandLine).is_open
        assert desk.app.focused is desk.app.workspace.panes["books"]
        await pilot.press(":", "up")
        assert desk.app.desk_screen.query_one(CommandLine).query_one(Input).value == "buy 0.01 @ 64100"
        await pilot.press("escape")
        assert desk.app.focused is desk.app.workspace.panes["books"]


async def test_tab_completes_the_word_that_is_being_typed(open_desk):
    async with open_desk() as (desk, pilot):
        field = desk.app.desk_screen.query_one(CommandLine).query_one(Input)
        await pilot.press(":", *"strategy start rsi_b", "tab", *" 5000 exit tr", "tab", *"1%")
        assert field.value == "strategy start rsi_bollinger 5000 exit trailing=1%"
        await pilot.press(*" si")
        await until(pilot, lambda: field._suggestion == f"{field.value}ze")
        await pilot.press("right", *" ri", "tab", "tab", *"1%")
        assert field.value == "strategy start rsi_bollinger 5000 exit trailing=1% size risk=1%"
        assert desk.app.focused is field, "Tab goes nowhere else from here"
        await desk.painted(pilot)
        text = (
            "Start rsi_bollinger on NOVA:BTC-USDT with 5,000 USDT, on bars of 1m; size by risk, size 1 %, trailing 1 %."
        )
        assert text in desk.screen_text()


async def test_typed_orders_need_an_armed_desk_and_a_refusal_is_a_sentence(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+l", ":", *"buy 0.01 @ 64100", "enter")
        await until(pilot, lambda: any("DISARMED" in text for text in desk.toasts()))
        assert desk.engine.orders() == []
        await pilot.press(":", *"twap buy 0.5 over 1m", "enter")
        await pilot.pause(0.1)
        assert desk.engine.plans() == []
        await pilot.press(":", *"bogus", "enter")
        await until(pilot, lambda: any("bogus is not a command" in text for text in desk.toasts()))
        assert desk.engine.orders() == []
        assert desk.engine.plans() == []


async def test_a_typed_order_that_looks_wrong_is_sent_only_by_a_second_enter(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press(":", *"buy 100 market", "enter")
        await pilot.pause(0.1)
        assert desk.engine.orders() == []
        line = desk.app.desk_screen.query_one(CommandLine)
        assert line.is_open
        await desk.painted(pilot)
        assert "Enter again" in desk.screen_text()
        await pilot.press("enter")
        await until(pilot, lambda: len(desk.engine.orders()) == 1)


async def test_footer_and_titles_take_the_mouse(open_desk):
    async with open_desk() as (desk, pilot):
        lines = desk.screen_text().splitlines()
        x = lines[-1].index("z Zoom")
        await pilot.click(offset=(x, 47))
        await desk.painted(pilot)
        assert desk.app.workspace.zoomed == "books"
        await pilot.press("z")
        await desk.painted(pilot)
        row = next(y for y, line in enumerate(desk.screen_text().splitlines()) if "Positions" in line)
        await pilot.click(offset=(desk.screen_text().splitlines()[row].index("Log"), row))
        await desk.painted(pilot)
        assert current(desk) == "log"
        assert "log" in [pane.slot for pane in desk.app.workspace.shown()]


async def test_leaving_with_working_orders_asks_first(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press(":", *"buy 0.01 @ 64100", "enter")
        await until(pilot, lambda: bool(desk.engine.open_orders()))
        await pilot.press("ctrl+c")
        assert [item.text for item in desk.app.desk_screen.notices.items][-1] == "^q leaves the desk."
        await pilot.press("ctrl+q")
        await desk.painted(pilot)
        assert "1 working order stays as it is" in desk.screen_text()
        await pilot.press("n")
        assert desk.app.screen is desk.app.desk_screen
        await pilot.press("ctrl+q", "y")
        await pilot.pause()
        assert not desk.app.is_running or desk.app._exit


async def test_settings_and_theme_come_back_at_the_next_start(open_desk, tmp_path):
    looks = tmp_path / "desk.json"
    async with open_desk(state_file=looks) as (desk, pilot):
        await pilot.press("ctrl+p", *"tws-light", "enter", "/", *"sol", "enter")
        await pilot.pause()
        desk.app.workspace.panes["books"].pin("NOVA:BTC-PERP")
        desk.app.state.save()
    async with open_desk(state_file=looks) as (desk, pilot):
        assert desk.app.theme == "tws-light"
        assert desk.app.desk.selected == "NOVA:SOL-USDT"
        assert desk.app.workspace.panes["books"].instrument_id == "NOVA:BTC-PERP"


def test_every_action_of_the_desk_has_help_and_a_way_to_it():
    for action in (*DESK_ACTIONS, *REPLAY_ACTIONS):
        assert action.help.endswith("."), action.name
        assert action.keys or action.palette, action.name


async def test_the_record_key_records_the_market_and_the_status_bar_says_so(open_desk, tmp_path):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+e")
        await desk.painted(pilot)
        assert "● REC" in desk.screen_text()
        path = desk.engine.recording
        await pilot.press("ctrl+e")
        await desk.painted(pilot)
        assert "● REC" not in desk.screen_text()
        assert path.parent == tmp_path / "recordings"
        assert path.stat().st_size > 0
        assert desk.toasts()[-1] == f"Recorded to {path}."


async def test_a_recording_whose_last_write_failed_is_not_called_recorded(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+e")
        await desk.painted(pilot)
        writer = desk.engine._recorder._writer
        writer._file.close()
        writer._file = Path("/dev/full").open("wb", buffering=0)  # noqa: ASYNC230, SIM115
        await pilot.press("ctrl+e")
        await desk.painted(pilot)
        about = [text for text in desk.toasts() if "Record" in text and text != f"Recording to {writer.path}."]
        assert about == [writer.failure]
        assert "has stopped: No space left on device" in writer.failure


async def test_the_status_bar_shows_the_pages_and_takes_a_click_on_one(open_desk):
    async with open_desk() as (desk, pilot):
        status = desk.app.desk_screen.status
        assert "1 Trade  2 Books  3 Chart  4 Blotter" in status.row_text(0)
        await pilot.click(type(status), offset=(status.page_spans[2][0] + 1, 0))
        assert desk.app.workspace.page == 2
        await pilot.resize_terminal(115, 30)
        await desk.painted(pilot)
        assert "1  2  3 Chart  4 " in status.row_text(0), "short of room, only the page that shows has its title"


async def test_of_many_pages_the_status_bar_shows_the_beginnings_at_160_columns(open_desk):
    titles = ["Trade", "Books", "Chart", "Blotter", "Risk", "Journal", "Backtest", "Strategies", "Portfolio"]
    async with open_desk() as (desk, pilot):
        status = desk.app.desk_screen.status
        went = []
        status.pages, status.show_page = lambda: (titles, 0), went.append
        await pilot.resize_terminal(160, 47)
        await desk.painted(pilot)
        row = status.row_text(0)
        assert "1 Trade 2 Books 3 Chart 4 Blot 5 Risk 6 Jour 7 Back 8 Stra 9 Port " in row
        assert "Equity 200,000.00" in row
        assert "● NOVA 0.0s" in row
        await pilot.click(type(status), offset=(row.index("Port") + 1, 0))
        assert went == [8]
        rows = []
        for width in range(155, 190):
            await pilot.resize_terminal(width, 47)
            await desk.painted(pilot)
            rows.append(status.row_text(0))
        assert any("USDT" in row and "UTC" not in row for row in rows), "the clock's zone goes before the currency"
        assert not any("UTC" in row and "USDT" not in row for row in rows)


async def test_a_command_line_opened_again_at_once_keeps_the_focus(open_desk):
    """The word that it was hidden comes when it is on the screen again."""
    async with open_desk() as (desk, pilot):
        for _ in range(3):
            desk.app.run_named("command")
            await pilot.pause()
            line = desk.app.desk_screen.command_line
            line.close()
            desk.app.desk_screen._refresh_layout()
            desk.app.run_named("command")
            await pilot.pause()
            await pilot.press("4", "2")
            assert line.query_one(Input).value == "42"
            await pilot.press("escape")


async def test_the_traders_own_kill_key_takes_the_key_from_settings_and_it_is_told(open_desk):
    async with open_desk(settings={"keys": {"kill": "ctrl+s"}}) as (desk, pilot):
        assert any("settings has lost ^s to kill" in toast for toast in desk.toasts())
        await pilot.press("ctrl+s")
        assert desk.engine.trading_state is TradingState.HALTED


async def test_a_test_note_goes_to_every_address_and_what_came_of_it_is_told(open_desk):
    async with open_desk() as (desk, pilot):
        desk.app.run_named("test_note")
        await desk.painted(pilot)
        assert any("There is no address for notes" in toast for toast in desk.toasts())
        desk.engine.notifier = Notifier(
            outbox=Outbox(per_minute=1, quiet=None, local_minute=lambda ts: 0),
            topics=(),
            addresses=lambda: {"phone": "a://", "mail": "b://"},
            deliver=lambda address, title, text: None if address == "a://" else "did not take the note",
            order_of=lambda client_id: None,
            instrument_of=lambda instrument: None,
            clock=desk.engine.clock,
            log=desk.engine.log,
            title="tws",
        )
        desk.app.run_named("test_note")
        for _ in range(100):
            await pilot.pause(0.01)
            if any("mail" in toast for toast in desk.toasts()):
                break
        assert any("phone: the note was taken." in toast for toast in desk.toasts())
        assert any("mail: did not take the note." in toast for toast in desk.toasts())


def burst(desk, *keys) -> None:
    """Keys that arrive in one go, pasted or over a slow line: the desk has no turn between them."""
    for key in keys:
        one = len(key) == 1
        desk.app.post_message(events.Key(_character_to_key(key) if one else key, key if one else None))


async def test_a_line_that_is_typed_mended_and_sent_in_one_burst_of_keys_says_what_was_typed(open_desk):
    async with open_desk() as (desk, pilot):
        burst(desk, *":uy 0.01 @ 64101", "backspace", "0", "home", "b", "enter")
        await until(pilot, lambda: bool(desk.engine.open_orders()))
        assert [(order.side, order.price) for order in desk.engine.open_orders()] == [(Side.BUY, 64100)]


async def test_lines_of_one_burst_are_done_one_after_the_other(open_desk):
    async with open_desk() as (desk, pilot):
        for price in ("64000", "64010"):
            burst(desk, *f":buy 0.01 @ {price}", "enter")
        burst(desk, "ctrl+p", *"arm", "escape", ":", "up", "backspace", "5", "enter")
        await until(pilot, lambda: len(desk.engine.open_orders()) == 3)
        assert sorted(order.price for order in desk.engine.open_orders()) == [64000, 64010, 64015]


async def test_what_is_found_chosen_and_run_in_one_burst_is_what_stands_under_the_cursor(open_desk):
    async with open_desk() as (desk, pilot):
        await pilot.press("ctrl+p", *"theme", "down", "down")
        finder = desk.app.screen
        wanted = finder.found[finder.query_one(Lines).cursor].title
        await pilot.press("escape")
        ran = []
        burst(desk, "ctrl+p", *"themx", "backspace", "e", "down", "down", "enter")
        desk.app.use_theme = ran.append
        await until(pilot, lambda: bool(ran))
        assert ran == [wanted]


async def test_keys_in_their_turn_leave_nothing_behind_and_a_fault_holds_none_back(open_desk, monkeypatch):
    async with open_desk() as (desk, pilot):
        await pilot.press(*":buy")
        task = desk.app.screen._task
        before = len(task._callbacks or ())
        await pilot.press(*" 0.01 @ 64100")
        await until(pilot, lambda: desk.app.in_turn._settling is None)
        assert len(task._callbacks or ()) <= before

        def broken() -> list[object]:
            raise RuntimeError("no way")

        monkeypatch.setattr(desk.app.in_turn, "_way", broken)
        burst(desk, "0", "backspace", "enter")
        await until(pilot, lambda: bool(desk.engine.open_orders()))
        assert "no way" in next(entry.text for entry in desk.engine.log.entries if entry.source == "keys")


async def test_text_that_comes_as_keys_into_a_pane_sends_nothing(open_desk):
    """A paste over a line that does not mark it as one: B of BTC would buy."""
    async with open_desk() as (desk, pilot):
        done = desk.app.workspace.panes["books"].done
        burst(desk, *"b%b")
        told, words = desk.engine.log.entries, "means nothing here. Nothing was sent"
        await until(pilot, lambda: sum(entry.count for entry in told if words in entry.text) == 2)
        assert done == []
        burst(desk, *"bb")  # keys alone are keys
        await until(pilot, lambda: done == ["buy", "buy"])
        burst(desk, "b", *":buy 0.01 @ 64000", "enter")  # and so are those before a line
        await until(pilot, lambda: len(desk.engine.open_orders()) == 1)
        assert done == ["buy"] * 3


async def test_a_key_that_was_dropped_keeps_what_came_with_it_from_sending_but_not_from_stopping(open_desk):
    async with open_desk() as (desk, pilot):
        keyboard, done = desk.app.keyboard, desk.app.workspace.panes["books"].done
        late, first = keyboard.is_late, []

        def once(event):
            if isinstance(event, events.Key) and not first:
                first.append(event)
            return event in first or late(event)

        keyboard.is_late = once
        burst(desk, *"bb:buy 0.01 @ 64000", "enter", "escape", *":cancel all", "enter")
        await until(pilot, lambda: any("cancel" in text.lower() for text in desk.toasts()))
        assert (done, desk.engine.orders()) == ([], [])
        dropped = [text for text in desk.toasts() if "was dropped" in text]
        assert len(dropped) == 3
        assert "stood still" in dropped[0]
        await pilot.press("b")
        assert done == ["buy"]


class Asks(Dialog[bool]):
    SENDS = frozenset({"enter"})
    BINDINGS = (("enter", "answer", "Yes"),)

    def action_answer(self) -> None:
        self.dismiss(True)


async def test_a_question_is_answered_and_a_pane_traded_by_keys_that_were_pressed_for_them_alone(open_desk):
    async with open_desk() as (desk, pilot):
        done, answers = desk.app.workspace.panes["books"].done, []
        desk.app.workspace.panes["books"].action_recentre = lambda: desk.app.push_screen(Asks(), answers.append)
        burst(desk, "space", "enter")
        await until(pilot, lambda: any("before the question stood there" in text for text in desk.toasts()))
        assert answers == []
        burst(desk, "enter", "b", "b")  # typed while it stands there: it goes, and then the ladder would buy
        await until(pilot, lambda: any("pressed for has gone" in text for text in desk.toasts()))
        assert (answers, done) == ([True], [])
        await pilot.press("b")
        assert done == ["buy"]


async def test_the_kill_switch_waits_for_no_key_before_it(open_desk):
    async with open_desk() as (desk, pilot):
        hangs = asyncio.Event()
        desk.app.in_turn._settling = asyncio.create_task(hangs.wait())
        await pilot.press("b", "f9")
        assert desk.app.workspace.panes["books"].done == []  # waits for the key before it
        assert desk.engine.trading_state is TradingState.HALTED
        hangs.set()


async def test_notices_stand_in_the_way_of_no_pane_that_the_focus_goes_to(open_desk):
    async with open_desk() as (desk, pilot):
        workspace, notices = desk.app.workspace, desk.app.desk_screen.notices
        corner = 160 - 58 - 1
        workspace.focus_slot("positions")
        await desk.painted(pilot)
        desk.app.toast("Something happened.")
        await desk.painted(pilot)
        pane = workspace.panes["positions"].region
        assert notices.region.right <= pane.x, "the foot of the pane at hand says what came of its order"
        workspace.focus_slot("books")
        for _ in range(10):  # it is looked at with the status bar, not at every frame
            await desk.painted(pilot)
        assert notices.region.x == corner
