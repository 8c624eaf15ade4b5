"""Monte Carlo on a result: what other orders of the same luck would have looked like, with confidence bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats

#: The bands of a fan, as quantiles.
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Fan:
    """`paths`: one row for each of `BANDS`, the equity's quantile after each step, the start included. `final` and
    `drawdowns` (fractions, 0 or less): one number a run."""

    paths: Floats
    final: Floats
    drawdowns: Floats

    @property
    def loss_probability(self) -> float:
        """Share of the runs that end below the start."""
        return float(np.mean(self.final < self.paths[0, 0]))

    def drawdown_at(self, confidence: float = 0.95) -> float:
        """The drawdown that this share of the runs does not exceed."""
        return float(np.quantile(self.drawdowns, 1 - confidence))


def shuffle_trades(gains: Floats, cash: float, runs: int = 1_000, seed: int = 0) -> Fan:
    """The same trades in other orders: the end stays, the way there does not.

    `gains` are profits as fractions of the equity before each trade (`equity_gains`).
    """
    rng = np.random.default_rng(seed)
    return _fan(rng.permuted(np.tile(gains, (runs, 1)), axis=1), cash)


def bootstrap(returns: Floats, cash: float, block: float = 10.0, runs: int = 1_000, seed: int = 0) -> Fan:
    """Returns drawn anew in blocks of random length (mean `block`), which keeps their short memory.

    D. Politis and J. Romano, The Stationary Bootstrap, Journal of the American Statistical Association 89 (1994).
    Raises `ValueError` for no returns or a block shorter than 1.
    """
    n = len(returns)
    if n == 0 or block < 1:
        raise ValueError("A bootstrap needs returns, and blocks of one at least.")
    rng = np.random.default_rng(seed)
    fresh = rng.random((runs, n)) < 1 / block
    fresh[:, 0] = True
    starts = rng.integers(0, n, (runs, n))
    step = np.arange(n)
    begun = np.maximum.accumulate(np.where(fresh, step, 0), axis=1)
    rows = (np.take_along_axis(starts, begun, axis=1) + step - begun) % n
    return _fan(returns[rows], cash)


def equity_gains(pnl: Floats, cash: float) -> Floats:
    """Each trade's profit as a fraction of the closed equity before it."""
    before = cash + np.append(0.0, np.cumsum(pnl)[:-1])
    return np.divide(pnl, before, out=np.zeros_like(pnl), where=before > 0)


def _fan(gains: Floats, cash: float) -> Fan:
    paths = cash * np.cumprod(np.maximum(1 + gains, 0.0), axis=1)
    paths = np.concatenate([np.full((len(paths), 1), cash), paths], axis=1)
    falls = (paths / np.maximum.accumulate(paths, axis=1) - 1).min(axis=1)
    return Fan(np.quantile(paths, BANDS, axis=0), paths[:, -1].copy(), falls)
