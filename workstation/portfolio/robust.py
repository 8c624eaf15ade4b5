"""Worst-case mean-variance: the best ratio if means and covariances are the worst that resampling finds plausible
(Tütüncü and Koenig 2004; Fabozzi 2007)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.inputs import Inputs
from workstation.portfolio.problem import PortfolioError

_DRAWS, _BLOCK, _TAIL = 3_000, 3, 0.05


def worst_inputs(inputs: Inputs) -> Inputs:
    """The same question with the lowest means and highest covariances of a 95 % box, by the stationary bootstrap in
    blocks of three periods (Politis and Romano 1994; the draws are the same each time). For portfolios that are long
    only these are the worst there are, so an ordinary program does what else takes a semidefinite one. Raises
    `PortfolioError`."""
    if inputs.constraints.short > 0:
        raise PortfolioError(
            "The worst case is worked out for portfolios that are long only: set the short limit to zero."
        )
    means, covs = _resampled(inputs.returns)
    low, high = np.percentile(means, [_TAIL / 2 * 100, (1 - _TAIL / 2) * 100], axis=0)
    cov = np.percentile(covs, (1 - _TAIL / 2) * 100, axis=0)
    values, vectors = np.linalg.eigh(cov)
    if values[0] < 0:  # entries taken one by one need not make a covariance: the nearest one is taken
        cov = (vectors * np.maximum(values, 0)) @ vectors.T
    return replace(inputs, mean=np.asarray(inputs.mean - (high - low) / 2), cov=np.asarray(cov))


def _resampled(returns: Floats) -> tuple[Floats, Floats]:
    """Means (draws × N) and covariances (draws × N × N) of resampled histories."""
    from arch.bootstrap import StationaryBootstrap

    count = returns.shape[1]
    if count > 150:
        raise PortfolioError(f"The worst case of {count} assets takes gigabytes: 150 at most.")
    means, covs = np.empty((_DRAWS, count)), np.empty((_DRAWS, count, count))
    draws = StationaryBootstrap(_BLOCK, returns, seed=0).bootstrap(_DRAWS)
    for i, (data, _) in enumerate(draws):
        means[i] = data[0].mean(axis=0)
        away = data[0] - means[i]
        covs[i] = away.T @ away / (len(away) - 1)
    return means, covs
