"""The least variance of many assets by primal-dual active sets (Hintermüller, Ito and Kunisch 2002)."""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Bools, Floats

_TURNS = 60
_SLACK = 1e-12


def least_variance(cov: Floats, lower: Floats, upper: Floats, budget: float) -> Floats | None:
    """N weights of the least w'Σw with Σ w = budget between the bounds, exactly: the weights that rest on a bound are
    guessed, the others follow from one linear system, and what is then out of place is guessed anew, until nothing is.
    None where the guesses do not settle or Σ is singular for the free ones; it has no other way to be wrong."""
    cov = cov / (float(np.trace(cov)) / len(cov) or 1.0)
    low: Bools = np.zeros(len(cov), dtype=np.bool_)
    high: Bools = np.zeros(len(cov), dtype=np.bool_)
    for _ in range(_TURNS):
        free = ~(low | high)
        places = np.flatnonzero(free)
        if not len(places):
            return None
        weights = np.where(high, upper, np.where(low, lower, 0.0))
        rows = cov[places]
        try:
            solved = np.linalg.solve(rows[:, places], np.column_stack([np.ones(len(places)), rows @ weights]))
        except np.linalg.LinAlgError:
            return None
        level = (budget - weights.sum() + solved[:, 1].sum()) / solved[:, 0].sum()
        weights[places] = level * solved[:, 0] - solved[:, 1]
        slope = cov @ weights - level
        to_low: Bools = np.where(free, weights < lower - _SLACK, low & (slope > 0))
        to_high: Bools = np.where(free, weights > upper + _SLACK, high & (slope < 0))
        if (to_low == low).all() and (to_high == high).all():
            size = max(abs(float(level)), 1e-12)
            sound = np.abs(slope[places]).max() <= 1e-7 * size and abs(weights.sum() - budget) <= 1e-9
            return np.asarray(np.clip(weights, lower, upper)) if sound else None
        low, high = to_low, to_high
    return None
