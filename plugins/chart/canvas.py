"""A grid of characters, each in one of the chart's paints, that gives its rows as cheap keys and as segments."""

from __future__ import annotations

import re
from enum import IntEnum

from rich.segment import Segment
from rich.style import Style

from screens.theme import Ink

_RUNS = re.compile(rb"(.)\1*", re.DOTALL)
_TINT = 64  # added to a paint: on the crosshair's background


class Paint(IntEnum):
    """What a cell is painted with."""

    NONE = 0
    GRID = 1
    AXIS = 2
    UP = 3
    DOWN = 4
    FLAT = 5
    UP_VOLUME = 6
    DOWN_VOLUME = 7
    DAY = 8
    TEXT = 9
    UP_LABEL = 10
    DOWN_LABEL = 11
    CURSOR_LABEL = 12
    BUY_LINE = 13
    SELL_LINE = 14
    BUY_LABEL = 15
    SELL_LABEL = 16
    OWN_LINE = 17
    OWN_LABEL = 18
    BUY_FILL = 19
    SELL_FILL = 20
    STAGED = 21
    STAGED_LABEL = 22
    ERROR = 23
    LAST = 24
    STUDY_1 = 25
    STUDY_2 = 26
    STUDY_3 = 27
    STUDY_4 = 28
    PROFILE = 29
    PROFILE_AREA = 30


def palette(ink: Ink) -> list[Style]:
    """The style of every paint, and again of every paint on the crosshair's background."""
    bold = Style(bold=True)
    styles = {
        Paint.NONE: ink.text,
        Paint.GRID: ink.faded("faint", 0.6),
        Paint.AXIS: ink.dim,
        Paint.UP: ink.bid,
        Paint.DOWN: ink.ask,
        Paint.FLAT: ink.faded("dim", 0.7),
        Paint.UP_VOLUME: ink.faded("bid", 0.45),
        Paint.DOWN_VOLUME: ink.faded("ask", 0.45),
        Paint.DAY: ink.strong,
        Paint.TEXT: ink.text,
        Paint.UP_LABEL: ink.filled("bid") + bold,
        Paint.DOWN_LABEL: ink.filled("ask") + bold,
        Paint.CURSOR_LABEL: ink.filled("dim") + bold,
        Paint.BUY_LINE: ink.faded("bid", 0.75),
        Paint.SELL_LINE: ink.faded("ask", 0.75),
        Paint.BUY_LABEL: ink.bid + ink.on_bid,
        Paint.SELL_LABEL: ink.ask + ink.on_ask,
        Paint.OWN_LINE: ink.faded("accent", 0.75),
        Paint.OWN_LABEL: ink.over("accent", "bar"),
        Paint.BUY_FILL: ink.over("bid", "background") + bold,
        Paint.SELL_FILL: ink.over("ask", "background") + bold,
        Paint.STAGED: ink.own,
        Paint.STAGED_LABEL: ink.filled("own") + bold,
        Paint.ERROR: ink.error,
        Paint.LAST: ink.dim,
        Paint.STUDY_1: ink.accent,
        Paint.STUDY_2: ink.own,
        Paint.STUDY_3: ink.text,
        Paint.STUDY_4: ink.warning,
        Paint.PROFILE: ink.faded("accent", 0.2),
        Paint.PROFILE_AREA: ink.faded("accent", 0.35),
    }
    plain = [styles.get(Paint(code), ink.text) if code in Paint else ink.text for code in range(_TINT)]
    tinted = (style if style.bgcolor is not None else style + ink.on_cursor for style in plain)
    return [ink.base + style for style in (*plain, *tinted)]


class Canvas:
    """`width` × `height` cells; what falls outside is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.chars = [[" "] * width for _ in range(height)]
        self.paints = [bytearray(width) for _ in range(height)]

    def set(self, x: int, y: int, char: str, paint: int) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self.chars[y][x] = char
            self.paints[y][x] = paint

    def text(self, x: int, y: int, text: str, paint: int) -> None:
        """A text of characters of one cell each."""
        for offset, char in enumerate(text):
            self.set(x + offset, y, char, paint)

    def rule(self, y: int, start: int, end: int, char: str, paint: int) -> None:
        """A horizontal line in columns `start` … `end` − 1."""
        if 0 <= y < self.height:
            start, end = max(0, start), min(end, self.width)
            length = max(0, end - start)
            self.chars[y][start:end] = char * length
            self.paints[y][start:end] = bytes([paint]) * length

    def column(self, x: int, top: int, bottom: int, char: str, paint: int) -> None:
        """A vertical line in rows `top` … `bottom` − 1."""
        for y in range(top, bottom):
            self.set(x, y, char, paint)

    def tint_row(self, y: int, start: int, end: int) -> None:
        """Put the crosshair's background under a row."""
        if 0 <= y < self.height:
            row = self.paints[y]
            for x in range(max(0, start), min(end, self.width)):
                row[x] |= _TINT

    def tint_column(self, x: int, top: int, bottom: int) -> None:
        if 0 <= x < self.width:
            for y in range(max(0, top), min(bottom, self.height)):
                self.paints[y][x] |= _TINT

    def key(self, y: int) -> tuple[str, bytes]:
        """What row `y` shows: equal keys look equal."""
        return "".join(self.chars[y]), bytes(self.paints[y])


def segments(key: tuple[str, bytes], styles: list[Style]) -> list[Segment]:
    """A row's key as segments."""
    text, paints = key
    runs = ((run.start(), run.end()) for run in _RUNS.finditer(paints))
    return [Segment(text[start:end], styles[paints[start]]) for start, end in runs]
