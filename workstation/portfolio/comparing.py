"""What weights would have earned: figures in and out of sample, and methods side by side over a walk-forward.

Pure. In a walk-forward the weights are fitted on a window, held over the bars that follow (drifting with the prices),
and fitted again; at each fit the turnover from what the drift has made of them is paid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats

#: Share of the rows on which weights are fitted when they are judged by the rest.
IN_SAMPLE = 0.7


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one portfolio over some periods: total and yearly return, yearly volatility, their ratio, the deepest fall
    from a peak of the worth, the worst period; fractions. `turnover` and `cost` are those of a walk-forward."""

    rows: int
    total: float
    yearly: float
    volatility: float
    ratio: float
    drawdown: float
    worst: float
    turnover: float = 0.0
    cost: float = 0.0


def figures(
    returns: Floats, periods: float, rf: float = 0.0, *, turnover: float = 0.0, cost: float = 0.0
) -> Figures | None:
    """Of the returns of single periods (T); None for fewer than two. `periods`: a year's; `rf`: a period's."""
    if len(returns) < 2:
        return None
    worth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    total = float(worth[-1] - 1.0)
    yearly = float(worth[-1] ** (periods / len(returns)) - 1.0) if worth[-1] > 0 else -1.0
    deviation = float(np.std(returns, ddof=1))
    volatility = deviation * float(np.sqrt(periods))
    ratio = float((np.mean(returns) - rf) / deviation * np.sqrt(periods)) if deviation > 0 else float("nan")
    fall = float(np.max(1.0 - worth / np.maximum.accumulate(worth)))
    return Figures(len(returns), total, yearly, volatility, ratio, fall, float(np.min(returns)), turnover, cost)


def held_returns(returns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(returns of each period, weights at the end) of weights (N) that are bought once and left to drift over
    `returns` (T × N); what they leave of 1 stays in money."""
    money = 1.0 - float(weights.sum())
    worth = np.vstack([weights, weights * np.cumprod(1.0 + returns, axis=0)])
    total = worth.sum(axis=1) + money
    return np.asarray(total[1:] / total[:-1] - 1.0), np.asarray(worth[-1] / total[-1])


def windows(rows: int, train: int, hold: int) -> list[tuple[int, int, int]]:
    """(first row, first row that is held, row after the last that is held) of each window, over `rows` returns."""
    found = []
    at = train
    while at < rows:
        found.append((at - train, at, min(at + hold, rows)))
        at += hold
    return found


def sizes(rows: int) -> tuple[int, int]:
    """A training window and a holding time that make about eight windows of `rows` returns."""
    train = max(20, rows * 2 // 5)
    return train, max(5, (rows - train + 7) // 8)


def walked(
    returns: Floats, fits: Sequence[tuple[tuple[int, int, int], Floats]], cost: float
) -> tuple[Floats, float, float]:
    """(returns of each held period, turnover in all, cost in all): `fits` are windows with the weights fitted on each.

    The first buying counts: it is paid for as any other turnover, at `cost` a unit, out of the period that follows.
    """
    parts: list[Floats] = []
    before: Floats | None = None
    turnover = paid = 0.0
    for (_, start, stop), weights in fits:
        moved = float(np.abs(weights - (np.zeros_like(weights) if before is None else before)).sum())
        turnover += moved
        paid += moved * cost
        earned, before = held_returns(returns[start:stop], weights)
        earned = earned.copy()
        if len(earned):
            earned[0] = (1.0 + earned[0]) * (1.0 - moved * cost) - 1.0
        parts.append(earned)
    return (np.concatenate(parts) if parts else np.zeros(0)), turnover, paid
