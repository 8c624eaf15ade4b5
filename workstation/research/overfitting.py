"""How much of a result is luck: the Sharpe ratio deflated by the number of trials, the probability of backtest
overfitting, and how flat the ground around a parameter set is. Sharpe ratios here are per period, not annualised."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from workstation.market.candles import Floats

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, given skew and kurtosis; NaN without any variation.

    D. Bailey and M. López de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15 (2012), eq. 9.
    """
    n = len(returns)
    spread = float(np.std(returns, ddof=1)) if n > 2 else 0.0
    if spread <= 0:
        return float("nan")
    ratio = float(np.mean(returns)) / spread
    standard = (returns - np.mean(returns)) / np.std(returns)
    skew, kurtosis = float(np.mean(standard**3)), float(np.mean(standard**4))
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if variance <= 0:
        return float("nan")
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(n - 1) / math.sqrt(variance))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of so many worthless, independent trials is expected to show.

    D. Bailey and M. López de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (2014), eq. 1.
    """
    if trials < 2:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / trials)
    second = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(max(variance, 0.0)) * ((1 - _EULER) * first + _EULER * second)


def deflated_sharpe(returns: Floats, trials: Sequence[float]) -> float:
    """Probability that the chosen result is better than the best of worthless trials would be.

    `returns` are those of the chosen one, `trials` the per-period Sharpe ratios of all that were tried (NaN are left
    out, but count as tried). Bailey and López de Prado, 2014, eq. 2. Below 0.95 the result is no evidence.
    """
    known = np.array([ratio for ratio in trials if math.isfinite(ratio)], dtype=np.float64)
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else 0.0
    return probabilistic_sharpe(returns, expected_best_sharpe(len(trials), variance))


@dataclass(frozen=True, slots=True)
class Overfitting:
    """`probability` that the best in sample is below the median out of sample; one logit a split (below 0: it was)."""

    probability: float
    logits: tuple[float, ...]
    verdict: str


def backtest_overfitting(returns: Floats, blocks: int = 10) -> Overfitting:
    """Combinatorially symmetric cross-validation of a search: `returns` has a row a period and a column a trial.

    Raises `ValueError` for fewer than 2 trials, an odd number of blocks, or fewer than 2 periods a block.
    D. Bailey, J. Borwein, M. López de Prado, Q. Zhu, The Probability of Backtest Overfitting, 2017.
    """
    periods, trials = returns.shape
    if trials < 2 or blocks % 2 or blocks < 2 or periods < 2 * blocks:
        raise ValueError("Cross-validation needs two trials, an even number of blocks, and two periods in each block.")
    edges = np.linspace(0, periods, blocks + 1).astype(int)
    parts = [returns[a:b] for a, b in itertools.pairwise(edges)]
    counts = np.array([len(part) for part in parts])
    sums = np.array([part.sum(axis=0) for part in parts])
    squares = np.array([(part**2).sum(axis=0) for part in parts])
    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.zeros(blocks, dtype=np.bool_)
        inside[list(chosen)] = True
        best = int(np.argmax(_sharpe(counts[inside], sums[inside], squares[inside])))
        outside = _sharpe(counts[~inside], sums[~inside], squares[~inside])
        below = float(np.sum(outside < outside[best])) + 0.5 * (float(np.sum(outside == outside[best])) - 1)
        rank = (below + 1) / (trials + 1)
        logits.append(math.log(rank / (1 - rank)))
    probability = float(np.mean(np.array(logits) <= 0))
    return Overfitting(probability, tuple(logits), _verdict(probability))


def _sharpe(counts: Any, sums: Floats, squares: Floats) -> Floats:
    n = counts.sum()
    mean = sums.sum(axis=0) / n
    variance = np.maximum(squares.sum(axis=0) / n - mean**2, 0.0)
    ratio: Floats = np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-18)
    return ratio


def _verdict(probability: float) -> str:
    percent = f"{100 * probability:.0f} %"
    if probability >= 0.5:
        return f"Overfitted: in {percent} of the splits the best in sample is below the median out of sample."
    if probability >= 0.2:
        return f"Doubtful: in {percent} of the splits the best in sample is below the median out of sample."
    return f"Holds: in only {percent} of the splits is the best in sample below the median out of sample."


def plateau_score(grid: Mapping[tuple[int, ...], float], best: tuple[int, ...]) -> float:
    """Mean figure of the neighbours of `best` (one step in any parameters) over its own: near 1 on a plateau, near 0 or
    below on a lone peak; NaN without neighbours or where its figure is not above zero. Keys are places in the grid."""
    steps = itertools.product((-1, 0, 1), repeat=len(best))
    near = [tuple(p + s for p, s in zip(best, step, strict=True)) for step in steps if any(step)]
    known = [grid[place] for place in near if place in grid and math.isfinite(grid[place])]
    return float(np.mean(known)) / grid[best] if known and grid[best] > 0 else float("nan")
