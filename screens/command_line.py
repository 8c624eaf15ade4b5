"""The `:` line: typed orders and commands, with the meaning shown while they are typed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
from rich.segment import Segment
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from screens.field import Field
from screens.overlay import set_present
from screens.painted import Painted

_KEPT = 200
#: A meaning takes so many lines at most; most take one.
_ECHOES = 3


class Meaning(msgspec.Struct, frozen=True):
    """What a typed line would do, in words; `ok` is False where it would do nothing. Of a `brief` one it is enough to
    read as much as has room in a line."""

    text: str
    ok: bool = True
    brief: bool = False

    def lines(self, width: int) -> list[str]:
        """The words in lines of at most `width` cells: no more of them than are there to show it, and one at least."""
        lines = textwrap.wrap(self.text, max(20, width)) or [""]
        most = 1 if self.brief else _ECHOES
        if len(lines) > most and not self.brief:
            lines[most - 1] = f"{lines[most - 1][: width - 2]} …"
        return lines[:most]


class _Echo(Painted):
    """One line of what Enter would do."""

    DEFAULT_CSS = """
    _Echo { height: 1; width: 1fr; background: $bar; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.text, self.good = "", True

    def say(self, text: str, good: bool) -> None:
        self.text, self.good = text, good
        self.repaint()

    def repaint(self) -> None:
        style = (self.ink.text if self.good else self.ink.warning) + self.ink.on_bar
        text = f"  {self.text}".ljust(self.width)
        self.put(0, (text, style), lambda: [Segment(text, style)])
        self.flush()


class _Completion(Suggester):
    """How the last word goes on, shown behind the cursor; → or Tab takes it."""

    def __init__(self, completion: Callable[[str], str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._completion = completion

    async def get_suggestion(self, value: str) -> str | None:
        return self._completion(value) or None


class _Prompt(Painted):
    DEFAULT_CSS = """
    _Prompt { height: 1; width: 2; background: $surface; }
    """

    def repaint(self) -> None:
        self.put(0, ":", lambda: [Segment(" :", self.ink.accent + self.ink.on_surface)])
        self.flush()


class CommandLine(Vertical):
    """At the foot of the desk while a command is typed: the input, and over it the echo in as many lines as it takes.

    There is room for all of them; those that are not needed are absent, so that nothing is laid out anew while a line
    is typed.
    """

    DEFAULT_CSS = """
    CommandLine { layer: typed; dock: bottom; margin-bottom: 1; height: 4; width: 100%; }
    CommandLine Horizontal { height: 1; background: $surface; }
    CommandLine Input { border: none; height: 1; padding: 0; background: $surface; width: 1fr; }
    CommandLine Input:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "Leave"),
        ("up", "history(-1)", "Older"),
        ("down", "history(1)", "Newer"),
        ("tab", "complete", "Complete"),
    ]

    class Entered(Message):
        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class Left(Message):
        """The line was left without a command."""

    def __init__(
        self,
        meaning: Callable[[str], Meaning],
        questions: Callable[[str], bool],
        history: Sequence[str] = (),
        completion: Callable[[str], str] = lambda _: "",
        resized: Callable[[], None] = lambda: None,
    ) -> None:
        """`questions(line)`: whether Enter shows a question first instead of doing what the line says; `completion`:
        the line with its last word whole, "" where nothing is known; `resized` is told when `rows` has changed."""
        super().__init__()
        self.completion = completion
        self.meaning = meaning
        self.questions = questions
        self.history = list(history)
        self.is_open = False
        self.rows = 0  # that show
        self._at = 0
        self._resized = resized
        self._echoes = [_Echo() for _ in range(_ECHOES)]  # from the top

    def compose(self) -> ComposeResult:
        yield from self._echoes
        with Horizontal():
            yield _Prompt()
            hint = "buy 0.5 @ 64200 · cancel all · close · rearm … (Esc leaves)"
            yield Field(placeholder=hint, suggester=_Completion(self.completion), select_on_focus=False)

    def on_mount(self) -> None:
        self.query_one(Field).can_focus = False
        set_present(self, False)

    def parts(self) -> list[Widget]:
        """What shows of it."""
        return list(self.children[len(self.children) - self.rows :])

    def _show(self, rows: int) -> None:
        """Let as many rows be there, from the foot."""
        if rows == self.rows:
            return
        for number, part in enumerate(reversed(self.children), start=1):
            if (number <= rows) is not (number <= self.rows):
                set_present(part, number <= rows)
        self.rows = rows
        self.screen._dirty_widgets.update(self.parts())  # all in one picture: the rows that stay say something else too
        self._resized()

    def open(self, text: str = "") -> None:
        self.is_open = True
        self._at = len(self.history)
        field = self.query_one(Input)
        field.can_focus = True
        field.value = text
        field.cursor_position = len(text)
        self._say(text)
        self.screen.set_focus(field)  # at once: a blur that is still on its way must find the focus here

    def close(self) -> None:
        self.is_open = False
        self._show(0)
        field = self.query_one(Input)
        field.value = ""
        if field.has_focus:
            self.screen.set_focus(None)
        field.can_focus = False

    def _say(self, text: str) -> None:
        meaning = self.meaning(text.strip())
        lines = meaning.lines(self.app.size.width - 3)
        for echo, line in zip(self._echoes[-len(lines) :], lines, strict=True):
            echo.say(line, meaning.ok)
        self._show(len(lines) + 1)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self._say(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        line = event.value.strip()
        if not line:
            self.action_leave()
            return
        if self.questions(line):
            self._say(line)
            return
        if self.history[-1:] != [line]:
            self.history = [*self.history, line][-_KEPT:]
        self.close()
        self.post_message(self.Entered(line))

    def action_leave(self) -> None:
        self.close()
        self.post_message(self.Left())

    def action_history(self, by: int) -> None:
        self._at = max(0, min(self._at + by, len(self.history)))
        field = self.query_one(Input)
        field.value = self.history[self._at] if self._at < len(self.history) else ""
        field.cursor_position = len(field.value)

    def action_complete(self) -> None:
        field = self.query_one(Input)
        if field.cursor_position == len(field.value) and (whole := self.completion(field.value)):
            field.value = whole
            field.cursor_position = len(whole)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A click elsewhere leaves the line."""
        if self.is_open and self.app.screen is self.screen and self.screen.focused is not self.query_one(Input):
            self.close()
