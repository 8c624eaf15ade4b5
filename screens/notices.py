"""Short notices over the lower right corner. The same text again only counts up; a flood never fills the screen."""

from __future__ import annotations

import textwrap

import msgspec
from rich.segment import Segment
from textual.geometry import Region

from screens.painted import Painted, cells

_SHOWN = 4
_SECONDS = 4.0
_ERROR_SECONDS = 10.0
_WIDTH = 58
#: A notice is never narrower.
_LEAST = 40


class Notice(msgspec.Struct):
    text: str
    error: bool
    until: float  # monotonic seconds
    count: int = 1


class Notices(Painted):
    """At most `_SHOWN` notices, newest last; older ones make room."""

    DEFAULT_CSS = """
    Notices { layer: notices; position: absolute; width: 58; height: 1; background: $surface; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Notice] = []
        self._wide = _WIDTH
        self._left = 0
        self._beside_of: Region | None = None  # where the pane at hand was when they were placed

    def add(self, text: str, error: bool = False, stay: float | None = None) -> None:
        """`stay`: seconds, where neither those of news nor those of errors fit."""
        until = self._seconds() + (stay or (_ERROR_SECONDS if error else _SECONDS))
        for item in self.items:
            if (item.text, item.error) == (text, error):
                item.count += 1
                item.until = until
                self.arrange_lines()
                return
        self.items.append(Notice(text, error, until))
        if len(self.items) > _SHOWN:
            # an error outlives what is only news
            self.items.remove(next((item for item in self.items if not item.error), self.items[0]))
        self.arrange_lines()

    def _seconds(self) -> float:
        seconds: float = self.app.seconds()  # type: ignore[attr-defined]
        return seconds

    def clear(self) -> None:
        self.items.clear()
        self.arrange_lines()

    def tick(self) -> None:
        """Take off what has stood long enough."""
        now = self._seconds()
        if any(item.until <= now for item in self.items):
            self.items = [item for item in self.items if item.until > now]
            self.arrange_lines()
        elif self.items and self._at_hand() != self._beside_of:  # another pane or page: they stand in its way no more
            self.arrange_lines()

    def _lines(self) -> list[list[Segment]]:
        ink = self.ink
        lines: list[list[Segment]] = []
        for item in self.items:
            colour = ink.error if item.error else ink.accent
            text = item.text + (f"  ×{item.count}" if item.count > 1 else "")
            for number, line in enumerate(textwrap.wrap(text, self._wide - 5)[:4] or [""]):
                mark = "▌ " if number else "▌" + ("✗" if item.error else "›")
                lines.append(
                    cells((mark, colour + ink.on_surface), (f" {line:<{self._wide - 3}}", ink.text + ink.on_surface))
                )
        return lines

    def arrange_lines(self) -> None:
        if not self.is_attached:
            return
        size, foot = self.screen.size, self._foot()
        self._beside_of = self._at_hand()
        self._wide = _WIDTH
        count, self._left = len(self._lines()), max(0, size.width - _WIDTH - 1)
        room = self._beside(self._left, foot - count)
        if count and room is not None:
            self._left, self._wide = room
            count = len(self._lines())
        self.display = count > 0
        self.styles.width, self.styles.height = self._wide, max(1, count)
        self.styles.offset = (self._left, max(0, foot - count))
        self.repaint()

    def _foot(self) -> int:
        """The row under the last notice: a row above the footer stays free, or the command line stands there."""
        rows: int = self.screen.command_line.rows  # type: ignore[attr-defined]
        return self.screen.size.height - 2 - max(0, rows - 1)

    def make_room(self) -> None:
        """The command line below has more rows now, or fewer."""
        if self.items:
            self.styles.offset = (self._left, max(0, self._foot() - len(self._lines())))

    def _at_hand(self) -> Region | None:
        """Where the pane with the focus is; while the command line has it, and as the desk closes, that of before."""
        workspace = self.app.workspace  # type: ignore[attr-defined]
        pane = workspace.focused_pane if workspace.is_attached else None
        return self._beside_of if pane is None else pane.region

    def _beside(self, left: int, top: int) -> tuple[int, int] | None:
        """(left edge, width) to the left of the pane at hand, where the corner is that pane's own foot: what came of
        its order stands there."""
        pane = self._at_hand()
        if pane is None or pane.right <= left or pane.bottom <= top or pane.x < _LEAST:
            return None
        return max(0, pane.x - _WIDTH - 1), min(_WIDTH, pane.x - 1)

    def repaint(self) -> None:
        for y, line in enumerate(self._lines()):
            self.put(y, tuple(line), lambda line=line: line)  # type: ignore[misc]
        self.flush()

    def on_click(self) -> None:
        self.clear()
