"""The time line under the journal: how busy the session was when, and where in it the desk stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"


def density(times: Sequence[int], start: int, end: int, width: int) -> str:
    """`width` cells from `start` to `end` (UTC ns): the fuller, the more of the ascending `times` fall into them."""
    if width <= 0:
        return ""
    length = max(1, end - start)
    counts, before = [], 0
    for cell in range(width):
        upto = bisect_right(times, start + length * (cell + 1) // width)
        counts.append(upto - before)
        before = upto
    most = max(counts)
    return "".join(_LEVELS[min(7, 8 * count // (most + 1))] if count else "·" for count in counts)


def cell_of(at: int, start: int, end: int, width: int) -> int:
    """The cell in which `at` stands."""
    return max(0, min(width - 1, (at - start) * width // max(1, end - start)))
