"""The charts of a run: candles with entries and exits, and lines in braille. Everything comes thinned out already."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.style import Style

from screens.figures import shown
from screens.parts import DOTS, Grid, Line, Part, number, price, when
from screens.theme import Ink
from workstation.research.bench.messages import Picture

#: Columns for the axis at the right.
AXIS = 10
_GLYPHS = {
    (0, 1): "╷", (1, 0): "╵", (1, 1): "│", (0, 2): "╻", (2, 0): "╹", (2, 2): "┃", (1, 2): "╽", (2, 1): "╿",
}  # fmt: skip
#: The dots of a braille cell from one row down to another, for its left and its right column.
_COLUMNS = [
    [[sum(DOTS[row][side] for row in range(top, bottom + 1)) for bottom in range(4)] for top in range(4)]
    for side in (0, 1)
]
_LONG_IN, _LONG_OUT, _SHORT_IN, _SHORT_OUT = 1, 2, 4, 8


def candles(picture: Picture, width: int, height: int, ink: Ink, cursor: int | None) -> list[Line]:
    """Price with entries (▲ long, ▼ short) and exits (◇), `width` cells with the axis; a cursor stands at bar."""
    room = width - AXIS
    if height < 2 or room < 8 or not picture.opens:
        return []
    known = [x for x, close in enumerate(picture.closes) if not math.isnan(close)]
    if not known:
        return []
    low, high = min(picture.lows[x] for x in known), max(picture.highs[x] for x in known)
    if high <= low:
        high = low + max(abs(low) * 1e-6, 1e-9)
    margin = (high - low) * 0.04
    low, high = low - margin, high + margin
    grid = Grid(room, height, ink.text)
    halves = 2 * height

    def half(value: float) -> int:
        return min(halves - 1, max(0, int((high - value) / (high - low) * halves)))

    rules = [height * part // 4 for part in (1, 2, 3)] if height >= 8 else [height // 2]
    for y in rules:
        for x in range(0, room, 2):
            grid.set(x, y, "·", ink.line)
    columns = len(picture.opens)
    rising, falling = ink.faded("bid", 0.75), ink.faded("ask", 0.75)
    for x in known:
        at = x * room // columns if columns < room else x
        o, c = picture.opens[x], picture.closes[x]
        style = rising if c >= o else falling
        top, bottom = half(picture.highs[x]), half(picture.lows[x])
        body_top, body_bottom = half(max(o, c)), half(min(o, c))
        for y in range(top // 2, bottom // 2 + 1):
            upper = _kind(2 * y, top, bottom, body_top, body_bottom)
            lower = _kind(2 * y + 1, top, bottom, body_top, body_bottom)
            grid.set(at, y, _GLYPHS.get((upper, lower), " "), style)
    for x, marks in enumerate(picture.marks):
        if marks:
            at = x * room // columns if columns < room else x
            below, above = half(picture.lows[x]) // 2 + 1, half(picture.highs[x]) // 2 - 1
            _mark(grid, at, min(below, height - 1), max(above, 0), marks, ink)
    column = column_of(picture, cursor, room)
    lines = grid.lines(column, ink.on_cursor)
    labels = {0: high - margin, height - 1: low + margin}
    for y in rules:
        labels[y] = high - (high - low) * (y + 0.5) / height
    last = min(height - 1, half(picture.closes[known[-1]]) // 2)
    labels[last] = picture.closes[known[-1]]
    return [
        (*row, (f" {_price_within(labels[y]):>{AXIS - 1}}", ink.strong if y == last else ink.dim))
        if y in labels
        else (*row, (" " * AXIS, ink.text))
        for y, row in enumerate(lines)
    ]


def titled(lines: list[Line], title: str, style: Style) -> list[Line]:
    """A chart with a title in its upper left corner, over whatever is there."""
    if not lines:
        return lines
    rest: list[Part] = []
    skip = len(title)
    for part, painted in lines[0]:
        if kept := part[skip:]:
            rest.append((kept, painted))
        skip = max(0, skip - len(part))
    return [((title, style), *rest), *lines[1:]]


def column_of(picture: Picture, bar: int | None, room: int) -> int | None:
    """The cell in which a bar stands; None where it is not in the picture."""
    if bar is None or not picture.first <= bar < picture.last:
        return None
    columns = len(picture.opens)
    at = (bar - picture.first) * columns // (picture.last - picture.first)
    return at * room // columns if columns < room else at


def _kind(half: int, top: int, bottom: int, body_top: int, body_bottom: int) -> int:
    return 2 if body_top <= half <= body_bottom else 1 if top <= half <= bottom else 0


def _mark(grid: Grid, x: int, below: int, above: int, marks: int, ink: Ink) -> None:
    bold = Style(bold=True)
    if marks & _LONG_OUT:
        grid.set(x, above, "◇", ink.own + bold)
    if marks & _SHORT_OUT:
        grid.set(x, below, "◇", ink.own + bold)
    if marks & _LONG_IN:
        grid.set(x, below, "▲", ink.bid + bold)
    if marks & _SHORT_IN:
        grid.set(x, above, "▼", ink.ask + bold)


def time_axis(picture: Picture, interval: int, width: int, ink: Ink) -> Line:
    """Times under a chart, some thirty cells apart."""
    room = width - AXIS
    text = [" "] * room
    columns = len(picture.times)
    gap = 30 if room >= 60 else 22
    at = 0
    while at < room:
        index = min(columns - 1, at * columns // room if columns < room else at)
        label = when(picture.times[index], interval, short=False)
        if at + len(label) <= room:
            text[at : at + len(label)] = label
        at += gap
    return (("".join(text), ink.dim), (" " * AXIS, ink.dim))


def curves(
    lines: Sequence[tuple[Sequence[float], Style]],
    width: int,
    height: int,
    ink: Ink,
    form: str = "money",
    column: int | None = None,
    rules: Sequence[float] = (),
) -> list[Line]:
    """Lines over one another in braille, the first one on top, with an axis; None of the values may be missing.
    `rules`: shares of the width where a thin line stands upright."""
    room = width - AXIS
    known = [value for values, _ in lines for value in values]
    if height < 1 or room < 4 or not known:
        return []
    low, high = min(known), max(known)
    if form == "percent":
        high = 0.0
    if high - low < max(abs(high), 1e-9) * 1e-6:
        low, high = low - max(abs(low), 1.0) * 1e-3, high + (0 if form == "percent" else max(abs(high), 1.0) * 1e-3)
    grid = Grid(room, height, ink.text)
    tall = height * 4
    for share in rules:
        for y in range(height):
            grid.set(min(room - 1, int(share * room)), y, "┊", ink.faint)
    for values, style in reversed(lines):
        _trace(grid, values, low, high, tall, style, fill=form == "percent")
    parts = grid.lines(column, ink.on_cursor)

    def label(value: float) -> str:
        if form == "percent":
            return number(100 * value, ".1f", " %")
        return number(value, ",.2f") if form == "figure" else whole_within(value, AXIS - 1)

    labels = {0: label(high), height - 1: label(low)} if height > 1 else {0: label(low)}
    return [(*row, (f" {labels.get(y, ''):>{AXIS - 1}}"[:AXIS], ink.dim)) for y, row in enumerate(parts)]


def _price_within(value: float) -> str:
    text = price(value)
    return text if len(text) < AXIS else whole_within(value, AXIS - 1)


def whole_within(value: float, width: int) -> str:
    """A whole number in at most so many places: in millions and more where it does not fit."""
    text = number(value, ",.0f")
    if len(text) <= width:
        return text
    for scale, unit in ((1e6, "M"), (1e9, "G"), (1e12, "T")):
        if abs(value) < 999.95 * scale:
            return number(value / scale, ",.1f", unit)
    return shown(f"{value:.1e}")


def _trace(
    grid: Grid, values: Sequence[float], low: float, high: float, tall: int, style: Style, fill: bool = False
) -> None:
    wide, count = grid.width * 2, len(values)
    codes = [[0] * grid.width for _ in range(grid.height)]
    scale, before = (tall - 1) / (high - low), -1
    for x in range(wide):
        level = min(tall - 1, max(0, round((high - values[x * count // wide]) * scale)))
        start = 0 if fill else level if before < 0 else before
        cell, dots = x >> 1, _COLUMNS[x & 1]
        top, bottom = (start, level) if start < level else (level, start)
        for row in range(top >> 2, (bottom >> 2) + 1):  # the dots of each cell between the two levels, at once
            codes[row][cell] |= dots[max(top - 4 * row, 0)][min(bottom - 4 * row, 3)]
        before = level
    for y, line in enumerate(codes):
        for x, code in enumerate(line):
            if code:
                grid.set(x, y, chr(0x2800 + code), style)
