"""The shell of the desk: one Textual app around the engine, with one timer that paints what can be seen."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from textual import events, on
from textual._context import active_message_pump
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

from screens.actions import DESK, EVERYWHERE, RECORDING_ACTIONS, REPLAY_ACTIONS, Action, ActionTable, page_actions
from screens.alarm import ring, warn
from screens.arrivals import Arrivals, attentive
from screens.collecting import Collector
from screens.command_line import CommandLine
from screens.commands import DeskCommands
from screens.desk import ShellDesk
from screens.desk_screen import DeskScreen
from screens.desk_table import desk_table
from screens.figures import refusal_text
from screens.frames import Frames
from screens.in_turn import InTurn
from screens.jump import Jump
from screens.keyboard import Keyboard
from screens.keys import display
from screens.layout import pane_of
from screens.layout_actions import LAYOUT
from screens.layout_commands import LayoutCommands
from screens.layout_mouse import LayoutMouse
from screens.layouts import Layouts
from screens.live_settings import LiveSettings
from screens.pane import Pane
from screens.pane_classes import PaneClasses
from screens.plugins import PaneInfo, list_plugins
from screens.prompt import PromptScreen
from screens.ready import READY_SECONDS, ReadyDialogs
from screens.state import DeskState
from screens.terminal_input import waiting
from screens.theme import DARK, INKS, Ink
from screens.themes import MONO, ThemeError
from screens.time_travel import TimeTravel
from screens.typed import TypedLines
from screens.workspace import Workspace
from workstation.domain.events import TradingState
from workstation.ending import when_told
from workstation.engine import Engine
from workstation.interpreter import tune_interpreter
from workstation.past.desk import REFUSAL
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.settings_book import SettingsBook
from workstation.store import StoreError
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillPhase
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from screens.finder import Entry

#: So many of the palette's entries are remembered as used lately.
_RECENT = 10


class TwsApp(App[None]):
    """The desk on the screen. It holds no trading state: the engine runs as well without it."""

    TITLE = "tws"
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        engine: Engine,
        panes: Sequence[PaneInfo],
        *,
        state_file: Path | None = None,
        start: Callable[[], Awaitable[None]] | None = None,
        recordings: Path | None = None,
        layouts: Path | None = None,
        exports: Path | None = None,
        what_ifs: Path | None = None,
        book: SettingsBook | None = None,
    ) -> None:
        """`panes`: what `list_plugins` found; `state_file`: where the desk's looks are kept; `start`: run beside the
        first frame (the engine's `start`); `recordings`, `layouts`, `exports`, `what_ifs`: the folders of what is
        recorded here, of layouts as files, of exported tables and of the stores of what-ifs; `book`: where settings
        come from and are written to."""
        self.arrivals = Arrivals()
        super().__init__()
        self.engine = engine
        self.desk_settings: Settings = engine.settings or Settings()
        #: Seconds on the wall, for what stands on the screen for a while: not the clock of a replay.
        self.seconds: Callable[[], float] = time.monotonic
        self.live = LiveSettings(self, book or SettingsBook(None, settings=self.desk_settings))
        self.live.formats()
        self.state = DeskState(state_file)
        self.start_engine = start
        self.recordings = recordings
        self.exports = exports
        self.what_ifs = what_ifs
        self.pane_classes = PaneClasses(self, panes)
        self.armed = engine.mode == "demo"
        self.travel = TimeTravel(self)
        self.desk = ShellDesk(self)
        self.problems = [f"The pane {info.name} cannot be used: {info.error}" for info in panes if info.error]
        if self.state.problem:
            self.problems.append(self.state.problem)
        self.layouts = Layouts(self, self.pane_classes.names, layouts)
        pages, page = self.layouts.first()
        self.problems += self.layouts.problems
        self.table = self._action_table([page.title for page in pages])
        unknown_keys = self.live.rekey()
        if not self.pane_classes.late:  # else they may be keys of panes that come
            self.problems += unknown_keys
        self.commands = DeskCommands(self)
        self.layout_commands = LayoutCommands(self)
        self.jump = Jump(self)
        self.typed = TypedLines(self)
        self.desk_screen = DeskScreen(self, pages, self.pane_classes)
        self.workspace.page = page
        self.workspace.mouse = LayoutMouse(self.workspace, self.layouts)
        self.keyboard = Keyboard(self)
        self.in_turn = InTurn(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        if engine.pump is not None:
            engine.pump.gives_way = self.arrivals.near
        #: Looks for garbage once the desk has started.
        self.collector: Collector | None = None
        self.frames = Frames(self)
        self.ready = ReadyDialogs(self)
        #: Set once the desk has been painted for the first time: what is slow begins after it.
        self.first_frame = asyncio.Event()
        self.ink: Ink = INKS[DARK]
        wanted = self.state.values.get("theme") or self.desk_settings.theme
        if self.no_color:  # https://no-color.org: nothing but what the terminal's own two colours can show
            self._filters = [NoColor() if isinstance(one, Monochrome) else one for one in self._filters]
            wanted = MONO
        try:
            self.live.put_theme(wanted)
        except ThemeError as error:
            self.problems.append(str(error))
            self.live.put_theme(DARK)

    # -- setting up

    def _action_table(self, pages: Sequence[str]) -> ActionTable:
        table, problems = desk_table(
            {name: cls.ACTIONS for name, cls in self.pane_classes.items()}, pages, self.engine.replay is not None
        )
        self.problems += problems
        return table

    @property
    def pane_infos(self) -> Sequence[PaneInfo]:
        """The panes that there are, all loaded."""
        return self.pane_classes.infos

    def say_problems(self, problems: Sequence[str]) -> None:
        """Tell and log what is wrong; before the desk is open, when it opens."""
        if not self._running:
            self.problems += problems
            return
        for problem in problems:
            self.engine.log.warning("desk", problem)
            self.toast(problem, error=True)

    def get_driver_class(self) -> type[Driver]:
        return attentive(waiting(super().get_driver_class()), self.arrivals.came)

    def get_default_screen(self) -> Screen[None]:
        return self.desk_screen

    async def on_load(self) -> None:
        if self.start_engine is not None:
            self.run_apart(self._start(self.start_engine))

    async def _start(self, start: Callable[[], Awaitable[None]]) -> None:
        try:
            await start()
            self.layouts.store_opened()
            self._say_halted()
        except Exception as error:
            self.engine.log.error("desk", f"The desk could not start whole: {error}")
            self.toast(f"The desk could not start whole: {error}", error=True)

    def on_ready(self) -> None:
        self.call_after_refresh(self.first_frame.set)
        self.set_timer(READY_SECONDS, lambda: self.run_apart(self._make_ready()), name="dialogs")

    async def _make_ready(self) -> None:
        await self.ready.prepare()
        if not self.is_headless:  # else nobody waits for a page
            await self.ready.prepare_panes()

    def on_mount(self) -> None:
        self.frames.start()
        self.engine.on_kill = self._kill_began
        if self.engine.kill_status.phase is not KillPhase.IDLE:
            self._kill_began()
        self.engine.alerts.on_fired = partial(ring, self)
        self.engine.unseen_stops.on_told = self.engine.alerts.blind.on_told = partial(warn, self)
        self.engine.slow_store.on_told = partial(warn, self)
        self.say_problems(self.problems)
        if self.start_engine is None:
            self._say_halted()

    def _say_halted(self) -> None:
        """A desk that comes back HALTED says how it is traded on again."""
        engine = self.engine
        if engine.trading_state is TradingState.HALTED and engine.kill_status.phase is KillPhase.IDLE:
            self.toast(f"HALTED, as the desk was left. To trade again type :rearm {engine.account_name}", error=True)

    def _kill_began(self) -> None:
        self.travel.leave_all()
        self.call_later(self.commands.show_kill)

    # -- the one timer

    def frame(self) -> None:
        """Paint what can be seen, once and whole."""
        for _ in self.frames.steps():
            pass

    def refresh_bars(self) -> None:
        self.desk_screen.repaint_bars()

    @property
    def workspace(self) -> Workspace:
        return self.desk_screen.workspace

    def toast(self, text: str, *, error: bool = False) -> None:
        self.desk_screen.notices.add(text, error)

    def notify(self, message: str, *, severity: str = "information", **_: Any) -> None:
        """Textual's own notices go where ours go."""
        self.toast(message, error=severity == "error")

    def run_apart(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run beside the message loop, so that no key ever waits for a venue. What comes before the first await runs
        at once."""
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- keys and actions

    def post_message(self, message: Message) -> bool:
        posted = super().post_message(message)
        if posted and isinstance(message, events.Key) and not message.is_forwarded:
            self.arrivals.queued.append(message)
        return posted

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            if isinstance(event, events.Key):
                self.arrivals.heard(event)
            if not self.in_turn.waits(event):
                await self.act_on(event)
            return
        if isinstance(event, (events.MouseDown, events.MouseUp)) and self.keyboard.take_mouse(event):
            return
        await super().on_event(event)

    async def act_on(self, event: events.Key | events.Paste) -> None:
        """A key or a pasted text whose turn it is."""
        before = self.screen, self.focused
        if isinstance(event, events.Key):
            self.arrivals.taken(event)
            if self.collector is not None:
                self.collector.pressed()
            taken = self.keyboard.take(event)
            top = self.screen
            if isinstance(top, PromptScreen):
                top.prompt()
                if taken:
                    top.paint_now()
            if taken:
                if (self.screen, self.focused) != before:
                    self.in_turn.handed_on(None)  # what opens is to be there for the next one
                return
        field = self.in_turn.field_of(event)
        await super().on_event(event)
        self.in_turn.handed_on(field)

    def action_help_quit(self) -> None:
        """ctrl+c, which copies in a field: whoever expects it to end the desk hears what does."""
        quits = self.table.get("quit")
        if quits is not None and quits.keys:
            self.toast(f"{display(quits.keys[0])} leaves the desk.")

    def run_named(self, name: str) -> None:
        """Run an action of the table by its name, wherever it belongs."""
        action = self.table.get(name)
        if action is None:
            self.toast(f"There is no action {name!r}.", error=True)
        elif action.context in (DESK, EVERYWHERE):
            self.commands.run(action)
            self.desk_screen.bars_due()
        elif action.context == LAYOUT:
            self.layout_commands.run(action)
            self.desk_screen.bars_due()
        else:
            slot = self.workspace.current
            if slot is None or pane_of(slot) != action.context:
                slot = self.layouts.bring(action.context)
            if slot is None:
                self.toast(f"There is no pane for {action.title!r}.", error=True)
                return
            self.workspace.focus_slot(slot)
            self.run_in_pane(self.workspace.panes[slot], action)

    def run_in_pane(self, pane: Pane, action: Action) -> None:
        """Run a pane's action; refusals become notices, failures the pane's error card."""
        if action.trades and self.travel.past is not None:
            self.toast(REFUSAL, error=True)
            return
        if action.trades and not self.armed:
            arm = self.table.get("arm")
            key = display(arm.keys[0]) if arm is not None and arm.keys else "the palette"
            self.toast(f"DISARMED: nothing was sent. {key} arms the desk.", error=True)
            return
        if action.trades and not action.pulls and self.keyboard.barred:
            self.keyboard.drop(action.title)
            return
        try:
            result = getattr(pane, f"action_{action.verb}")()
        except (Refused, VenueError) as refusal:
            self.toast(refusal_text(refusal), error=True)
        except Exception as error:
            self.workspace.fail(pane, error)
            return
        else:
            if inspect.iscoroutine(result):
                self.desk.spawn(pane, result)
        if self.workspace.panes.get(pane.slot) is pane:
            self.workspace.guard(pane, pane.repaint)
        self.desk_screen.bars_due()

    def mode_word(self) -> str:
        """What the footer says of the mode in which keys are taken."""
        return "JUMP" if self.jump.active else "LAYOUT" if self.layout_commands.active else ""

    def footer_actions(self) -> list[Action]:
        """The actions that matter where the focus is: the pane's, then the desk's."""
        if self.layout_commands.active:
            return self.table.of(LAYOUT)
        pane = self.workspace.focused_pane
        own = self.table.of(pane.PANE) if pane is not None else []
        return [*own, *self.table.of(DESK), *self.table.of(EVERYWHERE)]

    def find(self, title: str, placeholder: str, entries: Sequence[Entry], empty: str) -> None:
        """Open a list to choose from by typing; what was chosen lately comes first."""
        found = self.state.values.get("recent")
        recent = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

        def run(entry: Entry | None) -> None:
            if entry is None:
                return
            if entry.id:
                self.state.values["recent"] = [entry.id, *(one for one in recent if one != entry.id)][:_RECENT]
                self.state.dirty = True
            entry.run()

        self.ready.find(title, placeholder, entries, empty, recent, run)

    def replay_keys(self) -> None:
        """The keys of a replay are there where time can be moved: on a recording, and in a what-if."""
        exists = self.travel.present.replay is not None
        for action in REPLAY_ACTIONS:
            self.table.retitle(replace(action, exists=exists))
        for action in RECORDING_ACTIONS:
            self.table.retitle(replace(action, exists=self.engine.replay is not None and self.travel.what_if is None))

    def pages_changed(self) -> None:
        """The pages have other titles or another order: their actions are called by them."""
        for action in page_actions([page.title for page in self.workspace.pages]):
            self.table.retitle(action)
        self.refresh_bars()

    @on(CommandLine.Entered)
    def _command(self, event: CommandLine.Entered) -> None:
        self.state.values["commands"] = self.desk_screen.command_line.history
        self.state.dirty = True
        self.give_focus_back()
        self.run_apart(self.typed.run(event.line))

    @on(CommandLine.Left)
    def _command_left(self) -> None:
        self.typed.forget()
        self.give_focus_back()

    def give_focus_back(self) -> None:
        """The focus goes back to the pane that had it, unless the next line is being typed already."""
        if self.desk_screen.command_line.is_open:
            return
        slot = self.workspace.current
        if slot in self.workspace.panes:
            self.workspace.focus_slot(slot)

    # -- themes

    def use_theme(self, name: str) -> None:
        """Change the theme and remember it."""
        try:
            self.live.put_theme(name)
        except ThemeError as error:
            self.toast(str(error), error=True)
            return
        self.state.values["theme"] = name
        self.state.dirty = True
        self.live.repaint()

    # -- containment

    def _handle_exception(self, error: Exception) -> None:
        """A failure inside a pane stays there; any other ends the app, as Textual does."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        pane = self._culprit(error)
        if pane is None:
            super()._handle_exception(error)
        else:
            self.workspace.fail(pane, error)

    def _culprit(self, error: Exception) -> Pane | None:
        """The pane in whose code the error arose: by the frames, innermost first, else by whose message it was."""
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
        owners: list[Any] = [frame.f_locals.get("self") for frame in reversed(frames)]
        owners.append(active_message_pump.get(None))
        for owner in owners:
            if isinstance(owner, Widget) and (pane := self.workspace.pane_with(owner)) is not None:
                return pane
        return None


def run_desk(engine: Engine, paths: Paths, book: SettingsBook | None = None) -> int:
    """Open the desk on a screen until the trader leaves it; the exit code."""

    async def start() -> None:
        await engine.start(app.first_frame.wait())
        try:
            await engine.wait_ready()
        except StoreError as error:
            app.exit(return_code=1, message=f"tws: {error}")
        await app.pane_classes.load_rest()
        # What comes after the start is looked at when the screen has time for it; by itself Python looks only where
        # something makes far more than a desk's day does at a stretch.
        tune_interpreter(young=100_000)
        app.collector = Collector()

    app = TwsApp(
        engine,
        list_plugins(paths.plugins, late=True),
        state_file=paths.state / f"desk-{engine.mode}.json",
        start=start,
        recordings=paths.recordings,
        layouts=paths.layouts,
        exports=paths.exports,
        what_ifs=paths.what_ifs,
        book=book,
    )

    async def run() -> None:
        when_told(asyncio.get_running_loop(), lambda: None if app._exit else app.exit())
        try:
            await app.run_async()
        finally:
            app.first_frame.set()  # there may never be one: what waits for it is to end
            await app.travel.close()
            await engine.close()

    asyncio.run(run())
    return app.return_code or 0
