"""Risk measures that are a weighted sum of the ordered returns: Gini's mean difference, and Tail Gini."""

from __future__ import annotations

import math

import numpy as np

from workstation.market.candles import Floats

#: Steps by which Tail Gini approximates its integral, as in Riskfolio-Lib.
TAIL_STEPS = 100


def gini_weights(rows: int) -> Floats:
    """Of the ordered returns, smallest first: their weighted sum is Gini's mean difference."""
    i = np.arange(1, rows + 1, dtype=np.float64)
    return np.asarray((4 * i - 2 * (rows + 1)) / (rows * (rows - 1)))


def tail_gini_weights(rows: int, alpha: float, steps: int = TAIL_STEPS) -> Floats:
    """Of the ordered returns, smallest first: Tail Gini as the trapezoidal mixture of CVaRs up to `alpha`
    (Ogryczak and Ruszczynski 2002, as Riskfolio-Lib does it)."""
    levels = np.linspace(alpha, 0.0001, steps)[::-1]
    shares = np.zeros(steps)
    shares[0] = levels[1] * levels[0] / alpha**2
    shares[1:-1] = (levels[2:] - levels[:-2]) * levels[1:-1] / alpha**2
    shares[-1] = (levels[-1] - levels[-2]) / alpha
    weights = np.zeros(rows)
    for level, share in zip(levels, shares, strict=True):
        whole = math.ceil(level * rows) - 1
        one = np.zeros(rows)
        one[:whole] = -1 / (level * rows)
        one[whole] = -1 - one[:whole].sum()
        weights += share * one
    return weights
