"""Panes that draw their own lines: cached strips, and only the rows that changed are refreshed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.pane import Pane
from screens.parts import Line, fit
from screens.row import row_of
from screens.theme import Ink

_NOTHING = object()


def cells(*parts: tuple[str, Style]) -> list[Segment]:
    """Segments of (text, style) parts."""
    return [Segment(text, style) for text, style in parts]


class Painted(Widget):
    """A Line API widget. `put` each row with a cheap key; a row is built again only when its key changed.

    Rows are screen rows 0 … `height`−1; `width` is in cells. A row without `put` keeps what it showed; `blank_from`
    clears the rest. After a resize, a change of theme or of the instrument every key is forgotten, so that `paint`
    draws everything once.
    """

    ALLOW_SELECT = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._row_keys: list[Hashable] = []
        self._strips: list[Strip] = []
        self._dirty: set[int] = set()
        self._made_for = (0, 0)  # width and height of the rows
        self._settled = 0  # messages on their way of a new size, or of being seen again, that has been acted on

    @property
    def ink(self) -> Ink:
        """The palette of the theme in force."""
        ink: Ink = self.app.ink  # type: ignore[attr-defined]
        return ink

    @property
    def width(self) -> int:
        """Cells of each row. A widget that is hidden keeps the size that it had."""
        return self._made_for[0]

    @property
    def height(self) -> int:
        return self._made_for[1]

    @property
    def painted(self) -> bool:
        """Whether every row shows what was put there since the last `invalidate` or change of size."""
        return _NOTHING not in self._row_keys

    def put(self, y: int, key: Hashable, build: Callable[[], Iterable[Segment]]) -> None:
        """Row `y` shows what `build` gives, which depends on nothing but `key`. Rows off the pane are ignored."""
        if 0 <= y < len(self._row_keys) and self._row_keys[y] != key:
            self.put_strip(y, key, lambda: row_of(build(), self.ink.base, self.width))

    def put_strip(self, y: int, key: Hashable, build: Callable[[], Strip]) -> None:
        """As `put`, for a finished strip: exactly as wide as the widget, its styles standing on the base style."""
        if not 0 <= y < len(self._row_keys) or self._row_keys[y] == key:
            return
        self._row_keys[y] = key
        strip = build()
        if strip != self._strips[y]:
            self._strips[y] = strip
            self._dirty.add(y)

    def put_line(self, y: int, line: Line) -> None:
        """Row `y` shows the line."""
        self.put(y, line, lambda: cells(*line))

    def put_columns(self, left: Sequence[Line], right: Sequence[Line]) -> None:
        """Every row shows a line of each column, a rule between them; both are as many lines as the pane has rows."""
        rule = ("│", self.ink.line)
        for y in range(self.height):
            self.put_line(y, (*left[y], rule, *right[y]))

    def filled(self, lines: Sequence[Line], height: int, width: int) -> list[Line]:
        """Exactly `height` lines: empty ones of `width` cells below, what is too much left out."""
        empty = fit([], width, self.ink.text)
        return [*lines[:height], *([empty] * (height - len(lines)))]

    def put_text(self, y: int, text: str, style: Style | None = None) -> None:
        """Row `y` shows one text in one style."""
        ink = style or self.ink.text
        self.put(y, (text, ink), lambda: [Segment(text, ink)])

    def blank_from(self, y: int) -> None:
        """Empty row `y` and all below it."""
        for row in range(y, len(self._row_keys)):
            self.put(row, None, list)

    def invalidate(self) -> None:
        """Forget all keys: the next `paint` builds every row."""
        self._row_keys = [_NOTHING] * len(self._row_keys)

    def row_text(self, y: int) -> str:
        """What row `y` shows, for tests and for copying."""
        return self._strips[y].text

    # -- the shell's side

    def flush(self) -> None:
        if not self._dirty:
            return
        regions = []
        rows = sorted(self._dirty)
        start = previous = rows[0]
        for row in rows[1:]:
            if row != previous + 1:
                regions.append(Region(0, start, self.width, previous - start + 1))
                start = row
            previous = row
        regions.append(Region(0, start, self.width, previous - start + 1))
        self._dirty.clear()
        self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Straight from the strips: what Textual's styles cache would add (border, padding, links) is not there, and it
        costs more than half of a frame. Ours are true colours, so only a filter that changes those is applied."""
        if self.gutter:
            return super().render_lines(crop)
        rows = [self.render_line(y) for y in crop.line_range]
        if crop.x or crop.width != self.width:
            rows = [strip.crop(crop.x, crop.right) for strip in rows]
        for line_filter in self.get_line_filters():
            if not isinstance(line_filter, ANSIToTruecolor):
                rows = [strip.apply_filter(line_filter, self.background_colors[1]) for strip in rows]
        return rows

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.width, self.ink.base)

    def _on_resize(self, event: events.Resize) -> None:
        if self._settled:
            self._settled -= 1
        else:
            self._take_size()

    def settle(self) -> None:
        """Textual has laid us out and its message is on its way: be painted at the new size, and as things are now, in
        the very picture that follows."""
        self._settled += 1
        self._take_size()

    def _take_size(self) -> None:
        size = self.content_size.width, self.content_size.height
        if size != self._made_for:  # else we were hidden, and what a row shows still depends on its key alone
            self._made_for = size
            self._strips = [Strip.blank(self.width, self.ink.base)] * self.height
            self._row_keys = [_NOTHING] * self.height
            self._dirty = set(range(self.height))
            self.resized()
        self.repaint()

    def repaint(self) -> None:
        """Paint now instead of at the next frame."""
        raise NotImplementedError

    def resized(self) -> None:
        """The pane has another `width` or `height`; `paint` follows."""


class PaintedPane(Painted, Pane, can_focus=True):
    """A pane that draws its own lines: put the rows in `paint`."""

    def repaint(self) -> None:
        self.paint(self.engine.clock.now())
        self.flush()

    def changed(self) -> None:
        self.invalidate()
        super().changed()

    def themed(self) -> None:
        self.invalidate()
        super().themed()
