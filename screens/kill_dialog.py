"""The kill switch's dialog: what was stopped, what became of each order and position, and how to go on."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from screens.bars import age
from screens.dialog import Dialog, Line, Lines
from screens.figures import sentence
from screens.parts import wrapped
from workstation.domain.events import TradingState
from workstation.domain.strategy_run import RunState
from workstation.engine import Engine
from workstation.trading.kill_status import KillItem, KillOutcome, KillPhase

#: Cells for what an order is, at least and at most: a stop-limit has two prices.
_LABEL, _LONGEST = 26, 40
_BUTTON = " Close all positions "
#: Seconds in which the button takes no click after the window has come up: it may open by itself beneath a hand that
#: trades with the mouse.
_BUTTON_RESTS = 1.0
#: Seconds within which the button's second click closes the positions.
_BUTTON_ASKS = 3.0


class KillDialog(Dialog[None]):
    """Fed from `engine.kill_status` at the frame rate until it is closed. Closing it stops nothing."""

    DEFAULT_CSS = """
    KillDialog > Vertical { width: 96; border: heavy $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "move(-1)", "Up"),
        ("down", "move(1)", "Down"),
        ("pageup", "move(-10)", "Page up"),
        ("pagedown", "move(10)", "Page down"),
    ]

    def __init__(
        self,
        engine: Engine,
        kill_key: str,
        flatten_left: Callable[[], float],
        failure: Callable[[], str],
        flatten: Callable[[], None],
        seconds: Callable[[], float],
    ) -> None:
        """`flatten_left`: seconds in which another press still flattens; `failure`: why the kill itself failed;
        `flatten` closes the positions too, for who has the mouse in the hand: at the button's second click.
        `seconds`: the time that a wall clock counts."""
        super().__init__()
        self.engine = engine
        self.kill_key = kill_key
        self.flatten_left = flatten_left
        self.failure = failure
        self.flatten = flatten
        self.seconds = seconds
        self._seen_at: float | None = None  # when the window was first painted
        self._clicked_at: float | None = None  # when the button asked for its second click
        self._early = False  # whether it was clicked when the window had only just come up

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "KILL SWITCH"
            box.border_subtitle = "Esc closes this window, the work goes on"
            yield Lines(cursor=False)

    def action_move(self, by: int) -> None:
        self.query_one(Lines).move(by)

    def tick(self, now: int) -> None:
        if not self.query(Lines):
            return  # the dialog is not up yet
        shown = self.query_one(Lines)
        lines = self.report(now, max(30, (shown.width or min(90, self.app.size.width - 6)) - 2))
        if tuple(lines) != tuple(shown.lines):
            height = self.app.size.height
            top = shown.top
            tallest = max(8, min(height - 6, height * 9 // 10 - 2))  # what the box has room for: the last row shows
            shown.styles.height = min(tallest, max(len(lines), shown.height))  # it grows and never jumps back
            shown.show(lines, keep=True)
            shown.top = top
            shown.repaint()
        if self._seen_at is None:
            self._seen_at = self.seconds()

    def report(self, now: int, width: int) -> list[Line]:
        """The dialog's text at a moment."""
        status = self.engine.kill_status
        ink = self.query_one(Lines).ink
        orders = [item for item in status.items if item.kind == "order"]
        positions = [item for item in status.items if item.kind == "position"]
        failed = [item for item in status.items if item.state is KillOutcome.FAILED]
        halted = self.engine.trading_state is TradingState.HALTED
        head = (" HALTED ", ink.badges["live"]) if halted else (" NOT HALTED ", ink.badges["paper"])
        took = f" · {age((status.finished or now) - status.started)}" if status.started else ""
        lines = [Line((head, ("  ", ink.text), (_PHASES[status.phase] + took, ink.strong)))]
        if failure := self.failure():
            lines += [Line(((f" {line}", ink.error),)) for line in textwrap.wrap(failure, width)]
        names = max(map(len, status.venues), default=0)
        for venue, words in status.venues.items():
            told = textwrap.wrap(sentence(words), max(10, width - names - 3), max_lines=3, placeholder=" …")
            for n, text in enumerate(told):
                lines.append(Line(((f" {'' if n else venue:<{names}}  ", ink.dim), (text, ink.text))))
        lines.append(Line(()))
        lines += self._count("Orders pulled", "No order was working.", orders, status.phase is KillPhase.DONE)
        if status.flatten:
            lines += self._count("Positions closed", "No position was open.", positions, status.phase is KillPhase.DONE)
        if stopped := self._strategies():
            words = f"Strategies stopped: {', '.join(stopped)}"
            lines += [Line(((f" {line}", ink.strong),)) for line in textwrap.wrap(words, width)]
        if failed:
            ended = status.phase is KillPhase.DONE
            what = "Could not be done" if ended else "Not done yet, it is tried again until the venue confirms"
            lines += [Line(()), Line(((f" {what}:", ink.error),))]
            for item in failed:
                text = f"{sentence(item.label)} {item.instrument}: {sentence(item.detail) or 'no answer'}"
                lines += [Line(((f"   {line}", ink.error),)) for line in textwrap.wrap(text, width - 4)]
        lines.append(Line(()))
        left = self.flatten_left()
        if not status.flatten:
            longest = f" To close all positions too: {self.kill_key} twice, or :flatten"
            how = (f" {self.kill_key} again within {left:.0f} s closes all positions too.", ink.warning)
            if left <= 0:
                how = (longest, ink.dim)
            button = _BUTTON
            if (asks := self._button_asks()) > 0:
                how = (" Click once more to close all positions too.", ink.warning)
                button = f" Again within {math.ceil(asks)} s ".center(len(_BUTTON))
            elif self._early:
                how = (" Clicked too early: two clicks close all positions.", ink.warning)
            pressed = ((button, ink.badges["live"]),)
            if cell_len(longest) + len(_BUTTON) < width:
                lines.append(Line((how,), right=pressed))
            else:  # a narrow terminal; the button keeps its place whatever the words are
                lines += [Line((how,)), Line((), right=pressed)]
        lines.append(Line(((" Protective stops are pulled with the other orders.", ink.dim),)))
        again, rearm = (" To trade again: close this window and type  ", ink.dim), f":rearm {self.engine.account_name}"
        if cell_len(again[0]) + cell_len(rearm) < width:
            lines.append(Line((again, (rearm, ink.own))))
        else:
            lines += [Line((again,)), Line(((f"   {rearm}", ink.own),))]
        if status.receipt:
            lines += [Line(()), Line(((" Receipt", ink.accent),))]
            lines += [Line(((f"   {line}", ink.text),)) for line in wrapped(sentence(status.receipt), width - 4)]
        if status.items:  # the long part last: what to know and to press stands above it, however much there was
            labels = min(_LONGEST, max(cell_len(sentence(item.label)) for item in status.items))
            lines += [Line(()), *self._each(positions, labels), *self._each(orders, labels)]
        return lines

    def on_lines_pressed(self, message: Lines.Pressed) -> None:
        width = self.query_one(Lines).width - 1
        if not message.line.right or not width - len(_BUTTON) <= message.x < width:
            return
        now = self.seconds()
        self._early = self._seen_at is None or now - self._seen_at < _BUTTON_RESTS
        if not self._early and self._button_asks() > 0:
            self._clicked_at = None
            self.flatten()
            return
        if not self._early:
            self._clicked_at = now
        self.tick(self.engine.clock.now())

    def _button_asks(self) -> float:
        """Seconds in which another click on the button closes all positions; 0 where the first is still to come."""
        return 0.0 if self._clicked_at is None else max(0.0, self._clicked_at + _BUTTON_ASKS - self.seconds())

    def _strategies(self) -> list[str]:
        """The runs that this halt has ended."""
        since = self.engine.kill_status.started
        runs = self.engine.core.strategy_runs.values()
        return [run.run_id for run in runs if run.state is RunState.STOPPED and since and run.since >= since]

    def _count(self, title: str, none: str, items: list[KillItem], started: bool) -> list[Line]:
        ink = self.query_one(Lines).ink
        done = sum(item.state is KillOutcome.DONE for item in items)
        if not items:
            return [Line(((f" {none}" if started else "", ink.dim),))]
        all_done = ink.good if done == len(items) else ink.warning
        return [Line(((f" {title}: ", ink.strong), (f"{done} of {len(items)}", all_done)))]

    def _each(self, items: list[KillItem], labels: int) -> list[Line]:
        """A line for each order or position; what still needs eyes stands first. `labels`: cells for what it is."""
        ink = self.query_one(Lines).ink
        marks = {KillOutcome.DONE: ("✓", ink.good), KillOutcome.FAILED: ("✗", ink.error)}
        lines = []
        for item in sorted(items, key=lambda one: _RANK[one.state]):
            mark, style = marks.get(item.state, ("…", ink.warning))
            tries = f" ({item.attempts} tries)" if item.attempts > 1 else ""
            words = (f"{sentence(item.detail)}{tries}", ink.dim if item.state is KillOutcome.DONE else style)
            label = (f"{sentence(item.label):<{max(_LABEL, labels)}} ", ink.text)
            instrument = (f"{item.instrument:<18} ", ink.dim)
            lines.append(Line(((f"   {mark} ", style), label, instrument, words)))
        return lines


_RANK = {KillOutcome.FAILED: 0, KillOutcome.PENDING: 1, KillOutcome.DONE: 2}
_PHASES = {
    KillPhase.IDLE: "the desk begins",
    KillPhase.CANCELLING: "pulling all working orders",
    KillPhase.FLATTENING: "closing all positions",
    KillPhase.DONE: "done, as the venues show",
}
