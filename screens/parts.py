"""Lines made of (text, style) parts, cut and filled to a width, and a grid of characters to draw on: what the pieces of
a page that paints whole pictures are made of."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from screens.figures import moment, shown
from screens.theme import Ink
from workstation.clock import DAY, SECOND

type Part = tuple[str, Style]
type Line = tuple[Part, ...]

_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|ms|h|min)(?!\w))")
_KEPT = "\ue000"  # stands for a space at which no line ends

#: Bits of the dots of a braille character, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def fit(parts: Sequence[Part], width: int, under: Style) -> Line:
    """The parts in exactly `width` cells, on the style `under`; cut with an ellipsis."""
    found: list[Part] = []
    room = width
    for text, style in parts:
        length = cell_len(text)
        if length > room:
            if room > 0:
                found.append((set_cell_size(text, room - 1) + "…", under + style))
            return tuple(found)
        found.append((text, under + style))
        room -= length
    if room:
        found.append((" " * room, under))
    return tuple(found)


def tabs[View](
    titles: Iterable[tuple[View, str]], chosen: View, width: int, ink: Ink, on: Style, at: int = 0
) -> tuple[Line, list[tuple[int, int, View]]]:
    """A row of tabs, the chosen one in the style `on`, and where each of them stands: its first and last column, from
    `at` on."""
    parts: list[Part] = []
    places, x = [], at
    for view, title in titles:
        text = f" {title} "
        parts.append((text, on if view == chosen else ink.dim))
        places.append((x, x + len(text) - 1, view))
        x += len(text)
    return fit(parts, width, ink.on_bar), places


def spread(left: Sequence[Part], right: Sequence[Part], width: int, under: Style) -> Line:
    """Parts at the left and at the right end; the left ones give way."""
    room = width - sum(cell_len(text) for text, _ in right)
    if room < 4:
        return fit(left, width, under)
    return (*fit(left, room, under), *((text, under + style) for text, style in right))


def number(value: float | None, form: str = ",.2f", unit: str = "") -> str:
    """A figure of research; – for one that is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    return shown(f"{value:{form}}") + unit


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return shown(f"{value:,.0f}")


def price(value: float) -> str:
    """A price with as many decimals as its size asks for."""
    size = abs(value)
    return number(value, ",.1f" if size >= 10_000 else ",.2f" if size >= 20 else ",.4f" if size >= 0.1 else ",.6f")


def when(ts: int, interval: int, *, short: bool = False) -> str:
    """The time of a bar: its UTC date where bars are days or longer, else date and time in the user's zone."""
    if interval >= DAY:
        import datetime

        day = datetime.datetime.fromtimestamp(ts // SECOND, datetime.UTC)
        return f"{day:%Y-%m-%d}"
    return f"{moment(ts):%m-%d %H:%M}" if short else f"{moment(ts):%Y-%m-%d %H:%M}"


class Grid:
    """Characters with a style each, row by row."""

    def __init__(self, width: int, height: int, style: Style) -> None:
        self.width, self.height = width, height
        self.cells: list[list[Part]] = [[(" ", style)] * width for _ in range(height)]

    def set(self, x: int, y: int, char: str, style: Style) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self.cells[y][x] = (char, style)

    def lines(self, column: int | None = None, under: Style | None = None) -> list[list[Part]]:
        """Each row as parts, equal styles joined; the background `under` one column."""
        found = []
        for row in self.cells:
            parts: list[Part] = []
            for x, (char, style) in enumerate(row):
                painted = style + under if x == column and under is not None else style
                if parts and parts[-1][1] is painted:
                    parts[-1] = (parts[-1][0] + char, painted)
                else:
                    parts.append((char, painted))
            found.append(parts)
        return found


def wrapped(text: str, width: int) -> list[str]:
    """A sentence on as many lines as it needs; a figure stays with its unit: no line ends between 0.2 and s."""
    lines = textwrap.wrap(_UNIT.sub(_KEPT, text), width)
    return [line.replace(_KEPT, " ") for line in lines]
