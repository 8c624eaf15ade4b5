"""The volume profile: how much was traded at which price, over the bars that the chart shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from plugins.chart.canvas import Canvas, Paint
from plugins.chart.plot import Plot
from workstation.domain.bar import Bar

#: Share of the volume in the value area (J. Dalton, Mind over Markets, 1990).
_AREA = 0.7
_WIDEST = 32
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Rows(Protocol):
    """Maps prices to rows, 0 at the top."""

    rows: int

    def part_row(self, value: float, parts: int, /) -> int: ...
    def price(self, row: float, /) -> float: ...


class Profile(msgspec.Struct, frozen=True):
    """Volume of every row, from the top; `most` is the row with the largest (the point of control), and the value area
    goes from row `top` to row `bottom`, both included."""

    volumes: list[float]
    most: int
    top: int
    bottom: int


def profile(bars: Sequence[Bar], scale: Rows) -> Profile | None:
    """The volume by rows of the scale; None without any. A bar's volume is spread evenly over its range: the trades
    within it are not known any more."""
    volumes = [0.0] * scale.rows
    for bar in bars:
        first, last = (max(0, min(scale.rows - 1, scale.part_row(value, 1))) for value in (bar.high, bar.low))
        share = bar.volume / (last - first + 1)
        for row in range(first, last + 1):
            volumes[row] += share
    whole = math.fsum(volumes)
    if whole <= 0:
        return None
    most = top = bottom = volumes.index(max(volumes))
    inside = volumes[most]
    while inside < _AREA * whole:
        above = volumes[top - 1] if top > 0 else -1.0
        below = volumes[bottom + 1] if bottom < scale.rows - 1 else -1.0
        if above >= below:
            top -= 1
        else:
            bottom += 1
        inside += max(above, below)
    return Profile(volumes, most, top, bottom)


def draw_profile(canvas: Canvas, found: Profile, plot: Plot) -> None:
    """Bars from the left edge, beneath everything else: the value area stronger than what lies outside."""
    room = min(_WIDEST, plot.columns // 4)
    for row, volume in enumerate(found.volumes):
        eighths = round(volume / found.volumes[found.most] * room * 8)
        paint = Paint.PROFILE_AREA if found.top <= row <= found.bottom else Paint.PROFILE
        whole, part = divmod(eighths, 8)
        text = "█" * whole + (_EIGHTHS[part] if part else "")
        canvas.text(0, plot.top + row, text, paint)
