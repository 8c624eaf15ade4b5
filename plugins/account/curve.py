"""A line through (time, value) points in braille: two dots by four in every cell."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800


@dataclass(frozen=True, slots=True)
class Curve:
    """`rows` of equally many characters, the value at the top and at the bottom of them, and the row of the first
    value (None where it does not show)."""

    rows: tuple[str, ...]
    high: float
    low: float
    first_row: int


def curve(points: Sequence[tuple[int, float]], start: int, end: int, columns: int, rows: int) -> Curve:
    """Draw points (UTC ns, value; oldest first) from `start` to `end`. Between two points the line keeps the older
    value, as an account does. Nothing is drawn before the first point. Raises ValueError without points."""
    if not points:
        raise ValueError("a curve needs a point")
    times = [ts for ts, _ in points]
    values = [value for _, value in points]
    low, high = min(values), max(values)
    least = abs(high) * 1e-5 or 1e-5
    if high - low < least:
        middle = (high + low) / 2
        low, high = middle - least / 2, middle + least / 2
    wide, tall = columns * 2, rows * 4
    grid = [[_EMPTY] * columns for _ in range(rows)]

    def level(value: float) -> int:
        return min(tall - 1, max(0, round((high - value) / (high - low) * (tall - 1))))

    before: int | None = None
    seen = 0
    for x in range(wide):
        until = bisect_right(times, start + (end - start) * (x + 1) // wide)
        if not until:
            continue
        here = values[seen:until] or [values[until - 1]]
        seen = until
        levels = [level(value) for value in here] + ([] if before is None else [before])
        for y in range(min(levels), max(levels) + 1):
            grid[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        before = level(here[-1])
    drawn = tuple("".join(" " if code == _EMPTY else chr(code) for code in row) for row in grid)
    return Curve(drawn, high, low, level(values[0]) // 4)
