"""Typed lines: what a line means, shown while it is typed, and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input

from screens import figures
from screens.command_line import Meaning
from screens.keys import display
from screens.layout_words import WordsError, layout_line
from workstation.domain.order import OrderState
from workstation.past.desk import REFUSAL
from workstation.trading.command_completion import completion
from workstation.trading.command_line import EXAMPLES, parse
from workstation.trading.command_run import context_of, outcome, perform
from workstation.trading.command_text import describe
from workstation.trading.command_words import CommandError
from workstation.trading.commands import (
    BreakEven,
    CancelOrders,
    ChangeExits,
    ChaseOrder,
    ClosePosition,
    Command,
    Context,
    Execute,
    Flatten,
    Kill,
    ManageRebalance,
    PauseExecution,
    PlaceOrder,
    ReversePosition,
    RunAction,
    SelectInstrument,
    SetTheme,
    StartPlan,
    StartRebalance,
)
from workstation.trading.errors import Refused
from workstation.trading.strategy_commands import CloseStrategy, EndStrategy, ResumeStrategy, StartStrategy
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from screens.app import TwsApp

#: Typed commands that send orders: they need the desk ARMED, as keys do.
_SENDS = (
    PlaceOrder, StartPlan, ChangeExits, StartRebalance, ManageRebalance, ChaseOrder, Execute, PauseExecution,
    ClosePosition, ReversePosition, BreakEven, StartStrategy, ResumeStrategy, CloseStrategy,
)  # fmt: skip
#: Typed commands that only stop: they are never too late.
_STOPS = (CancelOrders, Kill, Flatten, EndStrategy)
#: What may be typed while the desk shows the past: the kill switch, and what is the screen's own.
_IN_THE_PAST = (Kill, Flatten, RunAction, SelectInstrument, SetTheme)
_BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)


def _sends(command: Command) -> bool:
    """Pausing an algorithm or a rebalance, and ending one, only pulls orders."""
    only_pulls = (isinstance(command, PauseExecution) and not command.resume) or (
        isinstance(command, ManageRebalance) and command.what != "resume"
    )
    return isinstance(command, _SENDS) and not only_pulls


class TypedLines:
    """Reads typed lines for the desk as it stands, and does what they ask."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._asked = ""  # the line whose question has been shown: another Enter sends it

    def _context(self) -> Context:
        app, engine = self._app, self._app.travel.present
        return context_of(
            engine,
            app.desk.instrument_at_hand,
            currency=engine.currency,
            account_name=engine.account_name,
            max_order_value=engine.risk.limits.max_order_value,
            actions={action.name: action.title for action in app.table},
            themes=tuple(app.live.theme_names()),
            zone=figures.zone(),
            numbers=figures.style(),
        )

    def forget(self) -> None:
        """The line was left: a questioned order typed again is questioned again."""
        self._asked = ""

    def meaning(self, line: str) -> Meaning:
        """What Enter would do now, or why it would do nothing."""
        if not line:
            return Meaning(EXAMPLES, brief=True)
        try:
            if (asked := layout_line(line, self._app)) is not None:
                return Meaning(asked.sentence)
        except WordsError as error:
            return Meaning(str(error), False)
        context = self._context()
        try:
            command = parse(line, context)
        except CommandError as error:
            return Meaning(figures.refusal_text(error, line), False)
        sentence = figures.sentence(describe(command, context))
        if self._app.travel.past is not None and not isinstance(command, _IN_THE_PAST):
            return Meaning(REFUSAL, False)
        if self._app.travel.what_if is not None and isinstance(command, Flatten):
            return Meaning(self._no_flatten(), False)
        if _sends(command) and not self._app.armed:
            return Meaning(f"{sentence} The desk is DISARMED: {self._arm_key()} first.", False)
        if isinstance(command, PlaceOrder | StartPlan | StartRebalance | Execute) and command.question:
            again = "Enter again sends it." if line == self._asked else ""
            return Meaning(f"{figures.sentence(command.question)} {again} {sentence}", False)
        return Meaning(sentence)

    def completion(self, line: str) -> str:
        """The line with its last word whole; "" where nothing is known."""
        return completion(line, self._context())

    def questions(self, line: str) -> bool:
        """Whether Enter is to be pressed again: an order that looks wrong is sent only when its question was seen."""
        try:
            command = parse(line, self._context())
        except CommandError:
            return False
        questioned = isinstance(command, PlaceOrder | StartPlan | StartRebalance | Execute) and bool(command.question)
        asks = questioned and self._app.armed and line != self._asked
        self._asked = line if asks else ""
        return asks

    def only_stops(self, field: Widget) -> bool:
        """Whether Enter in this field would do nothing but stop: cancel, kill or flatten. That is never too late."""
        if not isinstance(field, Input) or field not in self._app.desk_screen.command_line.walk_children():
            return False
        try:
            return isinstance(parse(field.value, self._context()), _STOPS)
        except CommandError:
            return False

    def _arm_key(self) -> str:
        arm = self._app.table.get("arm")
        return display(arm.keys[0]) if arm is not None and arm.keys else "arm it"

    def _no_flatten(self) -> str:
        """Why `flatten` is not taken in a what-if: it closes what is real, and here nobody expects that."""
        kill = self._app.table.get("kill")
        key = display(kill.keys[0]) if kill is not None and kill.keys else "the kill switch"
        return (
            f"This is a what-if, and flatten would close the desk's own positions: close closes those of the what-if, "
            f"{key} twice flattens the desk itself."
        )

    async def run(self, line: str) -> None:
        """Do what was typed; what came of it is said in a notice."""
        app = self._app
        try:
            if (asked := layout_line(line, app)) is not None:
                asked.run()
                app.refresh_bars()
                return
            command = parse(line, self._context())
            if app.travel.past is not None and not isinstance(command, _IN_THE_PAST):
                raise Refused(REFUSAL)
            if app.travel.what_if is not None and isinstance(command, Flatten):
                raise Refused(self._no_flatten())
            if _sends(command) and not app.armed:
                raise Refused(f"DISARMED: nothing was sent. {self._arm_key()} arms the desk.")
            await self._do(command)
        except (Refused, VenueError, WordsError) as refusal:
            app.toast(figures.refusal_text(refusal, line), error=True)
        except Exception as error:
            app.engine.log.error("desk", f"The command {line!r} failed: {error!r}")
            app.toast(f"The command {line!r} failed: {error!r}", error=True)
        app.refresh_bars()

    async def _do(self, command: Command) -> None:
        app = self._app
        match command:
            case RunAction(name=name):
                app.run_named(name)
            case SetTheme(name=name):
                app.use_theme(name)
            case SelectInstrument(instrument=instrument):
                app.desk.select_at_hand(instrument)
            case Kill():
                app.commands.do_kill()
            case Flatten():
                app.commands.flatten()
            case PlaceOrder(draft=draft, best_of=False):
                order = await app.travel.present.submit(draft)
                became = outcome(order, app.travel.present.instrument(order.instrument))
                app.toast(figures.sentence(became), error=order.state in _BAD)
            case _:
                if came := await perform(command, app.travel.present):
                    app.toast(figures.sentence(came))
