"""Dialogs: the common frame, the list in it, and a question with two answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip

from screens.dimmed import Dimmed
from screens.overlay import OverlayCompositor
from screens.painted import Painted
from screens.prompt import PromptScreen

type Part = tuple[str, Style]

#: The desk around a dialog is dimmed so long after its box was painted.
DIM_SECONDS = 0.03


class Dialog[Result](PromptScreen[Result], ModalScreen[Result]):
    """A box over the desk; Esc closes it. The kill key and its like work in it: the shell sees keys first."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 55%; }
    Dialog > Vertical { width: 84; max-width: 100%; height: auto; max-height: 90%; background: $surface;
                        border: round $accent; padding: 0 1; }
    Dialog Input { border: none; height: 1; padding: 0; background: $surface; margin: 0 0 1 0; }
    Dialog Input:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "close", "Close")]
    #: Keys by which it sends orders: they must have been pressed while it stood there.
    SENDS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._dimmed = Dimmed()
        #: Until the desk around the box is dimmed, only the box is painted.
        self._opens = False
        self._paints_box = False
        self._was_covered = False

    @property
    def _beneath(self) -> OverlayCompositor | None:
        """The compositor of the screen under this one."""
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else 0
        compositor = stack[at - 1]._compositor if at else None
        return compositor if isinstance(compositor, OverlayCompositor) else None

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As Textual's, which says here too what has changed beneath: it is rendered again, and nothing else of it."""
        for screen in self.app.screen_stack if self.is_running else ():
            if isinstance(screen, Dialog):
                for region in regions:
                    screen._dimmed.forget(region.y, region.bottom)
                if not regions and repaint:
                    screen._dimmed.forget()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    # -- opening: the box is painted first, over the desk as it stands, and then the desk is dimmed around it

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        """As Textual's, which would paint the whole screen here, and again when the desk says that it is beneath."""
        event.prevent_default()
        self.stack_updates += 1
        self._update_auto_focus()
        if not self.is_attached:
            return
        if self._was_covered:  # by another dialog, which must vanish
            self._was_covered = False
            self._opens = True
            self.dim_beneath()
        else:
            self.open()

    def _on_screen_suspend(self) -> None:
        self._opens = False
        self._was_covered = self in self.app.screen_stack

    def open(self) -> None:
        """Paint the box at once, and dim the desk around it a moment later."""
        if self._opens or self.app.screen is not self:
            return
        self._opens = True
        self._dimmed.forget()
        if self._size != self.app.size:
            self._refresh_layout(self.app.size)
        else:
            self._compositor._dirty_regions.add(self.app.size.region)
            self._before_painting()
            self._compositor_refresh()
        self.set_timer(DIM_SECONDS, self.dim_beneath)

    def lay_out_unseen(self) -> None:
        """Be laid out before being opened."""
        if self.app.screen is not self:
            self._refresh_layout(self.app.size)

    def dim_beneath(self) -> None:
        """The whole screen is painted, if it was not yet since the dialog opened."""
        if self._opens:
            self._opens = False
            if self._size != self.app.size:
                self._refresh_layout(self.app.size)
            self._compositor._dirty_regions.add(self.app.size.region)
            self.refresh()

    def _compositor_refresh(self) -> None:
        if not self._opens or self.app.screen is not self:
            super()._compositor_refresh()
            return
        if self._lays_out:
            self._settle()
        compositor, screen = self._compositor, self.app.size.region
        boxes = [
            place[0].intersection(screen) for one in self.children if (place := compositor.visible_widgets.get(one))
        ]
        parts = {part.intersection(box) for part in compositor._dirty_regions for box in boxes}
        compositor._dirty_regions = {part for part in parts if part}
        self._paints_box = True
        try:
            super()._compositor_refresh()
        finally:
            self._paints_box = False

    def render_lines(self, crop: Region) -> list[Strip]:
        """What stands beneath, dimmed."""
        if self._paints_box:
            return [Strip.blank(crop.width)] * crop.height  # of which nothing is seen
        colour, beneath = self.styles.background, self._beneath
        if beneath is None or colour.a == 1:
            return super().render_lines(crop)
        rows = self._dimmed.lines(crop.line_range, self.size, colour, self.rich_style, beneath.rows)
        if crop.x or crop.width != self.size.width:
            rows = [strip.crop(crop.x, crop.right) for strip in rows]
        for line_filter in self.get_line_filters():
            rows = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in rows]
        return rows

    def action_close(self) -> None:
        self.dismiss(None)

    def tick(self, now: int) -> None:
        """Called at the frame rate while the dialog is on top; `now` is the engine's UTC ns."""


class Line(msgspec.Struct, frozen=True):
    """A line of a `Lines` list: parts from the left, parts at the right end; a heading cannot be chosen."""

    left: tuple[Part, ...]
    right: tuple[Part, ...] = ()
    heading: bool = False


class Lines(Painted):
    """A painted list with a cursor and scrolling."""

    DEFAULT_CSS = """
    Lines { width: 1fr; height: 1fr; background: $surface; }
    """

    class Chosen(Message):
        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Pressed(Message):
        """A click on a line of a list without a cursor, so many cells from its left end."""

        def __init__(self, line: Line, x: int) -> None:
            super().__init__()
            self.line = line
            self.x = x

    def __init__(self, cursor: bool = True, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()
        self.has_cursor = cursor
        self.cursor = 0
        self.top = 0
        self.empty = empty

    def show(self, lines: Sequence[Line], keep: bool = False) -> None:
        """Show other lines; the cursor goes to the first unless it is to `keep` its place."""
        self.lines = lines
        if not keep:
            self.cursor = self.top = 0
        self._settle(1)
        self.repaint()

    def move(self, by: int) -> None:
        if not self.has_cursor:
            self.top = max(0, min(self.top + by, len(self.lines) - self.height))
        else:
            self.cursor = max(0, min(self.cursor + by, len(self.lines) - 1))
            self._settle(1 if by > 0 else -1)
        self.repaint()

    def _settle(self, by: int) -> None:
        """Off a heading, in the direction of the move and else the other way."""
        for step in (by, -by):
            index = self.cursor
            while 0 <= index < len(self.lines) and self.lines[index].heading:
                index += step
            if 0 <= index < len(self.lines):
                self.cursor = index
                return

    def repaint(self) -> None:
        ink, width, height = self.ink, self.width, self.height
        if self.has_cursor and height:
            first = self.cursor - 1 if self.cursor and self.lines[self.cursor - 1].heading else self.cursor
            self.top = max(min(self.top, first), self.cursor - height + 1)
        self.top = max(0, min(self.top, len(self.lines) - height))
        for y in range(height):
            index = self.top + y
            if index >= len(self.lines):
                text = self.empty if not self.lines and y == 0 else ""
                self.put(y, ("end", text), lambda text=text: [Segment(text.ljust(width), ink.dim + ink.on_surface)])  # type: ignore[misc]
                continue
            line = self.lines[index]
            at = self.has_cursor and index == self.cursor
            more = y == height - 1 and index < len(self.lines) - 1
            self.put(y, (line, at, more), lambda line=line, at=at, more=more: self._build(line, at, more))  # type: ignore[misc]
        self.flush()

    def _build(self, line: Line, at: bool, more: bool) -> list[Segment]:
        back = self.ink.on_cursor if at else self.ink.on_surface
        right = (*line.right, ("▾" if more else " ", self.ink.dim))
        room = self.width - sum(cell_len(text) for text, _ in right)
        segments: list[Segment] = []
        for text, style in line.left:
            kept = text
            if cell_len(text) > room:
                kept = set_cell_size(text, max(0, room - 1)) + "…" if room > 0 else ""
            segments.append(Segment(kept, back + style))
            room -= cell_len(kept)
        segments.append(Segment(" " * max(0, room), back))
        return segments + [Segment(text, back + style) for text, style in right]

    def on_click(self, event: events.Click) -> None:
        index = self.top + event.y
        if index >= len(self.lines) or self.lines[index].heading:
            return
        if not self.has_cursor:
            self.post_message(self.Pressed(self.lines[index], event.x))
        else:
            self.cursor = index
            self.repaint()
            self.post_message(self.Chosen(index))

    def on_mouse_scroll_down(self) -> None:
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        self.move(-3)


class Question(Dialog[bool]):
    """A sentence to be answered with y or n."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "answer(True)", "Yes"), ("n", "answer(False)", "No")]
    SENDS = frozenset({"y"})

    def __init__(self, text: str, yes: str, no: str) -> None:
        super().__init__()
        self.text, self.yes, self.no = text, yes, no

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(cursor=False)

    def on_mount(self) -> None:
        import textwrap

        ink = self.query_one(Lines).ink
        lines = [Line(((line, ink.text),)) for line in textwrap.wrap(self.text, min(78, self.app.size.width - 6))]
        self._answers = Line((("y ", ink.accent), (self.yes, ink.text), ("    n ", ink.accent), (self.no, ink.text)))
        shown = self.query_one(Lines)
        shown.styles.height = len(lines) + 2
        shown.show([*lines, Line(()), self._answers])

    def on_lines_pressed(self, message: Lines.Pressed) -> None:
        if message.line is self._answers:
            yes = cell_len(f"y {self.yes}")
            if message.x < yes or yes + 4 <= message.x < yes + cell_len(f"    n {self.no}"):
                self.dismiss(message.x < yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
