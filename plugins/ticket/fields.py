"""The ticket's parts: choices and switches, one line high and reached by tab, painted lines and the button."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static

from plugins.ticket.report import Line
from screens.kept_lines import KeptLines
from screens.painted import Painted


class Label(KeptLines, Static):
    """What stands before a field."""


class Choice(Painted):
    """Options side by side, one of them chosen; arrows and space go on, a click chooses. `compact` shows one only."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Previous", show=False),
        Binding("right,l,space", "step(1)", "Next", show=False),
    ]
    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; }
    """

    class Changed(Message):
        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(self, options: Sequence[str], *, compact: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options = options
        self.compact = compact
        self.index = 0

    def choose(self, index: int, tell: bool = True) -> None:
        """Choose an option; `tell` posts Changed."""
        changed, self.index = index != self.index, index
        self.repaint()
        if changed and tell:
            self.post_message(self.Changed(self))

    def action_step(self, by: int) -> None:
        self.choose((self.index + by) % len(self.options))

    def style_of(self, index: int) -> Style:
        """How an option looks."""
        ink = self.ink
        if index != self.index:
            return ink.dim
        return ink.on_accent if self.has_focus else ink.text + ink.on_cursor

    def repaint(self) -> None:
        index = self.index
        if self.compact:
            text = f"‹{self.options[index]}›"
            self.put(0, (text, self.has_focus), lambda: [Segment(text, self.style_of(index))])
        else:
            self.put(0, (index, self.has_focus, tuple(self.options)), self._build)
        self.flush()

    def _build(self) -> list[Segment]:
        segments = []
        for index, option in enumerate(self.options):
            segments += [Segment(f" {option} ", self.style_of(index))]
        return segments

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        if self.compact:
            self.action_step(1)
            return
        x = 0
        for index, option in enumerate(self.options):
            x += cell_len(option) + 2
            if event.x < x:
                self.choose(index)
                return


class SideChoice(Choice):
    """Buy in the bid's colour, sell in the ask's."""

    def style_of(self, index: int) -> Style:
        ink = self.ink
        if index != self.index:
            return ink.dim
        bold, name = Style(bold=True), "bid" if index == 0 else "ask"
        if self.has_focus or ink.colours.ansi:  # few terminals have a background that would do for the choice
            return ink.filled(name) + Style(bold=True, underline=self.has_focus and ink.colours.ansi)
        return ink.over(name, f"{name}_depth") + bold


class Switch(Choice):
    """A thing that is on or off."""

    def __init__(self, label: str, *, id: str | None = None) -> None:
        super().__init__((f"☐{label}", f"☑{label}"), id=id)

    @property
    def on(self) -> bool:
        return self.index == 1

    def repaint(self) -> None:
        text, ink = self.options[self.index], self.ink
        style = ink.on_accent if self.has_focus else ink.strong if self.on else ink.dim
        self.put(0, (text, self.has_focus), lambda: [Segment(text, style)])
        self.flush()

    def on_click(self, event: events.Click) -> None:
        self.action_step(1)
        event.prevent_default()  # the choice's own would take what is clicked on, which is what it was


class TicketLines(Painted):
    """Painted lines that the pane sets."""

    DEFAULT_CSS = """
    TicketLines { height: 1fr; width: 1fr; }
    """

    lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.repaint()

    def repaint(self) -> None:
        for y, line in enumerate(self.lines):
            self.put(y, line, lambda line=line: [Segment(text, style) for text, style in line])  # type: ignore[misc]
        for y in range(len(self.lines), self.height):
            self.put(y, None, list)
        self.flush()


class SendButton(TicketLines):
    """The line that sends when it is clicked; Enter does the same from every field and from here."""

    can_focus = True

    DEFAULT_CSS = """
    SendButton { height: 1; }
    """

    class Pressed(Message):
        pass

    def repaint(self) -> None:
        focused = Style(reverse=True) if self.has_focus else Style()
        for y, line in enumerate(self.lines):
            segments = [Segment(text, style + focused) for text, style in line]
            self.put(y, (line, self.has_focus), partial(list, segments))
        self.flush()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.repaint()

    def on_click(self) -> None:
        self.post_message(self.Pressed())
