"""Falls of a desk's equity from its peaks: how deep it stands now, and every fall that there was. Pure.

Money that is paid in or out is no result: the curve is taken without it. Magdon-Ismail and Atiya, "Maximum drawdown",
Risk 17 (2004), for the usage of the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fall:
    """One fall: from `peak` (at `began`, UTC ns) to its lowest `trough` (at `deepest`); `ended` is when the peak was
    reached again, None while it was not."""

    began: int
    peak: float
    deepest: int
    trough: float
    ended: int | None = None

    @property
    def lost(self) -> float:
        return self.peak - self.trough

    @property
    def depth(self) -> float:
        """The loss as a fraction of the peak."""
        return self.lost / self.peak if self.peak > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`falls` in order of time; `line` the depth at each time of the curve, as a fraction of the peak so far."""

    falls: tuple[Fall, ...]
    line: tuple[tuple[int, float], ...]

    @property
    def now(self) -> float:
        return self.line[-1][1] if self.line else 0.0

    @property
    def open(self) -> Fall | None:
        """The fall that has not ended."""
        return self.falls[-1] if self.falls and self.falls[-1].ended is None else None

    @property
    def worst(self) -> list[Fall]:
        """The deepest first."""
        return sorted(self.falls, key=lambda fall: (-fall.depth, fall.began))


def drawdown(curve: Sequence[tuple[int, float]], flows: Sequence[tuple[int, float]] = ()) -> Drawdown:
    """Of (UTC ns, equity), oldest first, and (UTC ns, money paid in) in any order; what was paid before the curve
    begins is in its first value."""
    falls: list[Fall] = []
    line: list[tuple[int, float]] = []
    paid = sorted(flow for flow in flows if curve and flow[0] > curve[0][0])
    at, peak, peak_at = 0, 0.0, 0
    fall: Fall | None = None
    for ts, equity in curve:
        while at < len(paid) and paid[at][0] <= ts:
            peak += paid[at][1]  # the peak moves with it: the fall is the same in money
            if fall is not None:
                fall = Fall(fall.began, fall.peak + paid[at][1], fall.deepest, fall.trough + paid[at][1])
            at += 1
        if not line or equity >= peak:
            if fall is not None:
                falls.append(Fall(fall.began, fall.peak, fall.deepest, fall.trough, ts))
                fall = None
            peak, peak_at = equity, ts
        elif fall is None or equity < fall.trough:
            fall = Fall(peak_at, peak, ts, equity)
        line.append((ts, (peak - equity) / peak if peak > 0 else 0.0))
    if fall is not None:
        falls.append(fall)
    return Drawdown(tuple(falls), tuple(line))
