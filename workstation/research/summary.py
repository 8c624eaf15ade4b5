"""The figures of a sweep's row, compiled: the same formulas as `metrics`, on the kernel's columns."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from workstation.market.candles import Floats, Ints

#: The figures in the order of `summarise`'s answer; each is that of `metrics.measure` by the same name.
FIGURES = (
    "final_equity",
    "return_pct",
    "max_drawdown_pct",
    "sharpe",
    "sortino",
    "calmar",
    "win_rate_pct",
    "profit_factor",
    "sqn",
    "expectancy",
    "exposure_pct",
    "fees_paid",
    "n_trades",
)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def summarise(whole: Ints, real: Floats, equity: Floats, ends: Ints, periods: float, cash: float) -> Floats:
    """One number for each of `FIGURES`."""
    n, count, nan = len(equity), len(whole), np.nan
    peak, deepest = equity[0], 0.0
    for i in range(n):
        if equity[i] > peak:
            peak = equity[i]
        elif equity[i] < peak * (1 + deepest):  # a division only where the drawdown deepens
            deepest = min(deepest, equity[i] / peak - 1)
    m = len(ends) - 1
    mean, growth, down = 0.0, 1.0, 0.0
    for k in range(m):
        before, now = equity[ends[k]], equity[ends[k + 1]]
        change = now / before - 1 if before > 0 else 0.0
        mean += change
        growth *= 1 + change
        if change < 0:
            down += change * change
    sharpe, sortino, annual = nan, nan, nan
    if m > 0:
        mean /= m
        annual = growth ** (periods / m) - 1 if growth > 0 else -1.0
    if m > 1:
        squares = 0.0
        for k in range(m):
            before, now = equity[ends[k]], equity[ends[k + 1]]
            squares += ((now / before - 1 if before > 0 else 0.0) - mean) ** 2
        spread = math.sqrt(squares / (m - 1))
        if spread > 0:
            sharpe = mean / spread * math.sqrt(periods)
        if down > 0:
            sortino = mean / math.sqrt(down / m) * math.sqrt(periods)
    wins, won, lost, total, fees, bars, since = 0, 0.0, 0.0, 0.0, 0.0, 0, n
    for t in range(count):
        pnl = real[t, 3]
        total += pnl
        fees += real[t, 4]
        if pnl > 0:
            wins += 1
            won += pnl
        else:
            lost -= pnl
    for t in range(count - 1, -1, -1):  # from the last end back: all from `since` to this end has been counted
        bars += max(min(whole[t, 1], since - 1) - whole[t, 0] + 1, 0)
        since = min(since, whole[t, 0])
    average, sqn = (total / count if count else nan), nan
    if count > 1:
        squares = 0.0
        for t in range(count):
            squares += (real[t, 3] - average) ** 2
        if squares > 0:
            sqn = math.sqrt(count) * average / math.sqrt(squares / (count - 1))
    out = np.empty(13)
    out[0], out[1], out[2] = equity[n - 1], 100 * (equity[n - 1] / cash - 1), 100 * deepest
    out[3], out[4], out[5] = sharpe, sortino, (annual / -deepest if deepest < 0 else nan)
    out[6], out[7] = (100 * wins / count if count else nan), (won / lost if lost > 0 else nan)
    out[8], out[9], out[10], out[11], out[12] = sqn, average, 100 * bars / n, fees, count
    return out
