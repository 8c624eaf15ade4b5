"""What the desk's own actions do."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from screens.actions import DESK, EVERYWHERE, Action
from screens.figures import refusal_text
from screens.keys import display
from screens.layout_actions import LAYOUT
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.past.desk import REFUSAL
from workstation.settings import SettingsError
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from screens.app import TwsApp
    from workstation.notify.notifier import Notifier


class DeskCommands:
    """One method for each of the desk's actions: `do_<name>`."""

    def __init__(self, app: TwsApp) -> None:
        self.app = app
        self._killed_at: float | None = None  # monotonic seconds of the first press: the trader's time, not a replay's
        self._kill_failure = ""
        self._gone_live = False  # whether the trader has typed the venues' names in this session

    def run(self, action: Action) -> None:
        if action.name.startswith("page_"):
            page = int(action.name.removeprefix("page_")) - 1
            if page >= len(self.app.workspace.pages):
                self.app.toast(f"There is no page {page + 1} yet: n in the layout mode makes one.", error=True)
            else:
                self.app.workspace.show_page(page)
            return
        try:
            getattr(self, f"do_{action.name}")()
        except Refused as refusal:
            self.app.toast(refusal_text(refusal), error=True)

    # -- safety

    def do_kill(self) -> None:
        """First press: halt and pull. A second one within the window: flatten too."""
        if self.flatten_left() > 0:
            self.flatten()
        else:
            self._killed_at = self.app.seconds()
            self._press(self.app.engine.kill)

    def flatten(self) -> None:
        """Halt, pull, and close every position."""
        self._killed_at = None
        self._press(self.app.engine.flatten)

    def _press(self, kill: Callable[[], None]) -> None:
        try:
            kill()
            self._kill_failure = ""
        except Exception as error:  # whatever went wrong must be seen; the dialog stands on top of everything
            self._kill_failure = f"The kill switch itself failed: {error!r}. Pull your orders at the venue."
            self.app.engine.log.error("kill", self._kill_failure)
        self.app.desk_screen.command_line.close()
        self.app.travel.leave_all()  # the kill acts on what is real: that is what must be seen
        self.show_kill()

    def flatten_left(self) -> float:
        """Seconds in which another press of the kill key still flattens."""
        if self._killed_at is None:
            return 0.0
        window = self.app.desk_settings.kill.flatten_window_seconds
        return max(0.0, window - (self.app.seconds() - self._killed_at))

    def show_kill(self) -> None:
        from screens.kill_dialog import KillDialog

        if isinstance(self.app.screen, KillDialog):
            self.app.screen.tick(self.app.engine.clock.now())
            return
        key = display(self._keys("kill")[0])
        left, failure = lambda: math.ceil(self.flatten_left()), lambda: self._kill_failure
        dialog = KillDialog(self.app.engine, key, left, failure, self.flatten, self.app.seconds)
        self.app.push_screen(dialog, self._kill_closed)

    def _kill_closed(self, _: None) -> None:
        """A press in the middle of typing has closed the line: the pane from which it was typed has the keys again."""
        if self.app.desk_screen.focused is None:
            self.app.give_focus_back()

    def _keys(self, name: str) -> tuple[str, ...]:
        action = self.app.table.get(name)
        return action.keys if action is not None else ()

    def do_arm(self) -> None:
        live = self.app.engine.mode == "live" and self.app.desk_settings.live.confirm == "session"
        if live and not self.app.armed and not self._gone_live:
            self._ask_live()
            return
        self._arm(not self.app.armed)

    def _ask_live(self) -> None:
        from screens.live_dialog import LiveDialog

        def answered(yes: bool | None) -> None:
            if yes:
                self._gone_live = True
                self.app.engine.log.warning("desk", "Live trading was confirmed by the trader for this session.")
                self._arm(True)

        self.app.push_screen(LiveDialog(self.app.engine), answered)

    def _arm(self, armed: bool) -> None:
        self.app.armed = armed
        self.app.toast("ARMED: trading keys send orders." if self.app.armed else "DISARMED: trading keys do nothing.")

    def do_reducing(self) -> None:
        """REDUCING, or back to ACTIVE."""
        if self.app.travel.past is not None:
            raise Refused(REFUSAL)
        self.app.run_apart(self._turn_reducing())

    def do_rearm(self) -> None:
        """The account's name is typed by hand: ending a halt is no slip of a key."""
        if self.app.travel.present.trading_state is TradingState.ACTIVE:
            raise Refused("The desk is ACTIVE already.")
        self.app.desk_screen.command_line.open("rearm ")

    async def _turn_reducing(self) -> None:
        engine = self.app.travel.present
        on = engine.trading_state is not TradingState.REDUCING
        try:
            await engine.set_reducing(on)
        except Refused as refusal:
            self.app.toast(refusal_text(refusal), error=True)
            return
        what = "REDUCING: only orders that shrink a position may be sent." if on else "ACTIVE: all orders may be sent."
        self.app.toast(what)
        self.app.refresh_bars()

    # -- finding

    def do_palette(self) -> None:
        from screens.palette import entries

        if not self._in_dialog():
            asked = "Type an action, a pane, an instrument …"
            self.app.find("Command palette", asked, entries(self.app), " Nothing of that name.")

    def do_search(self) -> None:
        from screens.palette import instruments

        pane = self.app.workspace.focused_pane
        if pane is not None and pane.search():
            return
        self.app.find("Instrument", "Type a venue or a symbol …", instruments(self.app), " No such instrument.")

    def do_help(self) -> None:
        from screens.finder import Help

        app = self.app
        if self._in_dialog():
            if isinstance(app.screen, Help):
                app.screen.dismiss(None)
            return
        pane = app.workspace.focused_pane
        own = app.table.of(pane.PANE) if pane is not None else []
        title = pane.TITLE if pane is not None else None
        if app.layout_commands.active:
            own, title = app.table.of(LAYOUT), "Layout mode"
        desk = [action for action in app.table if action.context in (DESK, EVERYWHERE)]
        desk.sort(key=lambda action: _GROUPS.index(action.group) if action.group in _GROUPS else len(_GROUPS))
        arm = display(self._keys("arm")[0]) if self._keys("arm") else "the palette"
        note = (
            f"‡ trades: acts only in the focused pane and while the desk is ARMED ({arm}). In a text field letters "
            f"are letters. The kill switch ({display(self._keys('kill')[0])}) works everywhere, always."
        )
        app.ready.help(title, own, desk, note)

    def do_help_here(self) -> None:
        self.do_help()

    def do_command(self) -> None:
        self.app.desk_screen.command_line.open()

    def do_ticket(self) -> None:
        slot = self.app.layouts.bring("ticket")
        if slot is None:
            raise Refused("There is no order ticket on this desk.")
        self.app.workspace.focus_slot(slot)
        self.app.workspace.panes[slot].called()

    def do_exits(self) -> None:
        values = self.app.state.values
        values["exits"] = not values.get("exits", True)
        self.app.state.dirty = True
        on = "Entries bring their default exits along." if values["exits"] else "Entries bring no default exits along."
        self.app.toast(on)

    def do_alerts(self) -> None:
        slot = self.app.layouts.bring("alerts")
        if slot is None:
            raise Refused("There is no alerts pane on this desk.")
        self.app.workspace.focus_slot(slot)

    # -- panes

    def do_jump(self) -> None:
        if not self._in_dialog():
            if self.app.jump.active:
                self.app.jump.stop()
            else:
                self.app.jump.start()

    def do_focus_next(self) -> None:
        if not self._moved_within(1):
            self.app.desk_screen.focus_next()

    def do_focus_previous(self) -> None:
        if not self._moved_within(-1):
            self.app.desk_screen.focus_previous()

    def _moved_within(self, by: int) -> bool:
        pane = self.app.workspace.focused_pane
        return pane is not None and pane.move_within(by)

    def do_layout(self) -> None:
        if not self._in_dialog():
            self.app.layout_commands.enter()

    def do_pane_next(self) -> None:
        self.app.workspace.step(1)

    def do_pane_previous(self) -> None:
        self.app.workspace.step(-1)

    def do_zoom(self) -> None:
        self.app.workspace.zoom()

    def do_restart_pane(self) -> None:
        from screens.error_card import ErrorCard

        failed = [slot for slot, pane in self.app.workspace.panes.items() if isinstance(pane, ErrorCard)]
        if not failed:
            raise Refused("No pane has failed.")
        current = self.app.workspace.current
        self.app.workspace.restart(current if current in failed else failed[0])

    # -- the past

    def do_now(self) -> None:
        if self.app.travel.past is None and self.app.travel.what_if is None:
            raise Refused("The desk shows what is now.")
        self.app.travel.leave()

    def do_sessions(self) -> None:
        from screens.finder import Entry

        travel = self.app.travel
        entries = [
            Entry("Session", title, partial(travel.open, session), detail)
            for session, title, detail in travel.session_words()
        ]
        self.app.find("Sessions", "Type a day …", entries, " No session has been kept yet.")

    # -- the desk

    def do_theme(self) -> None:
        from screens.theme import DARK, LIGHT

        self.app.use_theme(LIGHT if self.app.theme == DARK else DARK)

    def do_settings(self) -> None:
        self.open_settings()

    def open_settings(self, path: str = "") -> None:
        """Show the settings; with a path those that it finds."""
        from screens.settings_dialog import SettingsDialog

        if not self._in_dialog():
            self.app.push_screen(SettingsDialog(self.app.live, path))

    def do_keys(self) -> None:
        from screens.key_editor import KeyEditor

        if not self._in_dialog():
            titles = {info.name: info.title for info in self.app.pane_infos}
            self.app.push_screen(KeyEditor(self.app.live, self.app.table, titles))

    def use_setting(self, path: str, text: str) -> None:
        """Change a setting and say what came of it."""
        try:
            self.app.toast(self.app.live.change(path, text))
        except SettingsError as error:
            self.app.toast(str(error), error=True)

    def do_record(self) -> None:
        """Start a recording in the desk's folder of recordings, or stop the one that runs."""
        from workstation.market.recording.errors import RecordingError

        engine, folder = self.app.engine, self.app.recordings
        if engine.recording is not None:
            path = engine.recording
            short = engine.stop_recording()
            self.app.toast(short or f"Recorded to {path}.", error=bool(short))
            return
        if folder is None:
            raise Refused("This desk has no folder for recordings.")
        started = datetime.fromtimestamp(engine.clock.now() / SECOND, UTC)
        path = folder / f"{started:%Y%m%d-%H%M%S}.tws"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            engine.start_recording(path)
        except (OSError, RecordingError) as error:
            raise Refused(f"No recording was started: {error}") from error
        self.app.toast(f"Recording to {path}.")

    def do_test_note(self) -> None:
        """Try every address for notes, and say what came of each."""
        notifier = self.app.engine.notifier
        if notifier is None:
            raise Refused("There is no address for notes: tws notify add NAME keeps one, in a shell.")
        self.app.run_apart(self._test_note(notifier))

    async def _test_note(self, notifier: Notifier) -> None:
        for name, problem in (await notifier.test()).items():
            self.app.toast(f"{name}: {problem or 'the note was taken'}.", error=problem is not None)

    def do_notices(self) -> None:
        self.app.desk_screen.notices.clear()

    def do_quit(self) -> None:
        from screens.dialog import Question
        from screens.leaving import leaving_question

        if isinstance(self.app.screen, Question):
            return
        text = leaving_question(self.app.engine, display(self._keys("kill")[0]))
        if not text:
            self._leave(True)
            return
        self.app.push_screen(Question(text, "leave the desk", "stay"), self._leave)

    def _leave(self, yes: bool | None) -> None:
        if yes:
            self.app.state.save()
            self.app.state.settle()
            if (problem := self.app.state.save()) is not None:
                self.app.engine.log.error("desk", problem)
            self.app.exit()

    def _in_dialog(self) -> bool:
        return self.app.screen is not self.app.desk_screen

    # -- replay

    def do_replay_pause(self) -> None:
        replay = self.app.travel.present.replay
        if replay is not None:
            replay.toggle()

    def do_replay_step(self) -> None:
        replay = self.app.travel.present.replay
        if replay is not None:
            replay.step()

    def do_replay_slower(self) -> None:
        replay = self.app.travel.present.replay
        if replay is not None:
            replay.slower()

    def do_replay_faster(self) -> None:
        replay = self.app.travel.present.replay
        if replay is not None:
            replay.faster()

    def do_replay_seek(self) -> None:
        self.app.desk_screen.command_line.open("seek ")

    def do_replay_loop(self) -> None:
        replay = self.app.travel.present.replay
        if replay is not None:
            replay.loop = not replay.loop
            self.app.toast(f"The recording {'begins again' if replay.loop else 'stops'} at its end.")


_GROUPS = ["Safety", "Trade", "Find", "Panes", "Replay", "Desk"]
