"""What stands dimmed behind a dialog: rendered once, and after that only the rows of it that change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

type Rows = Callable[[int, int], list[Strip]]


class Dimmed:
    """The rows of the screen beneath, under a colour that lets them through.

    Textual renders the whole screen beneath and mixes every segment of it anew whenever anything of a dialog is
    painted, some 40 ms of a key's answer at 160×48, and again for each pane that goes on beneath.
    """

    def __init__(self) -> None:
        self._strips: list[Strip | None] = []
        self._look: tuple[int, int, Color] | None = None

    def forget(self, first: int = 0, end: int | None = None) -> None:
        """Something beneath has changed in the rows `first` … `end`−1, or in any."""
        end = len(self._strips) if end is None else min(end, len(self._strips))
        for y in range(max(0, first), end):
            self._strips[y] = None

    def lines(
        self, rows: Iterable[int], size: tuple[int, int], colour: Color, base: Style, render: Rows
    ) -> list[Strip]:
        """The dimmed rows. `render` gives the rows from one to before another of the screen beneath; it is asked for
        those alone that are not known."""
        width, height = size
        if self._look != (width, height, colour):
            self._look = (width, height, colour)
            self._strips = [None] * height
        wanted = [y for y in rows if 0 <= y < height]
        strips, start = self._strips, 0
        missing = [y for y in wanted if strips[y] is None]
        for at, y in enumerate(missing):
            if at + 1 == len(missing) or missing[at + 1] != y + 1:
                first = missing[start]
                for row, strip in enumerate(render(first, y + 1), first):
                    strips[row] = _dim(strip, width, colour, base)
                start = at + 1
        return [strips[y] or Strip.blank(width, base) for y in wanted]


def _dim(strip: Strip, width: int, colour: Color, base: Style) -> Strip:
    segments = [Segment(text, _mixed(style or base, colour, base)) for text, style, _ in strip]
    return Strip(segments, strip.cell_length).adjust_cell_length(width, base)


@lru_cache(maxsize=4096)
def _mixed(style: Style, colour: Color, base: Style) -> Style:
    """A style under the colour, without links and what a click on it would do."""
    inks = [
        (Color.from_rich_color(ink) + colour).rich_color if ink is not None else None
        for ink in (style.color, style.bgcolor)
    ]
    return base + style.clear_meta_and_links() + Style.from_color(*inks)
