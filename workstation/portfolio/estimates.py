"""Expected returns and covariances of one period, from a matrix of returns (T × N).

What is a formula stands here in numpy; what is an algorithm of its own (graphical lasso, j-LoGo, denoising, Gerber) is
Riskfolio-Lib's. Figures equal Riskfolio-Lib's `mean_vector` and `covar_matrix`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.problem import PortfolioError, Problem

#: The estimators that are Riskfolio-Lib's own work, so they cost its import.
HEAVY = ("gl", "jlogo", "fixed", "spectral", "shrink", "detoned", "gerber1", "gerber2")


def expected_returns(returns: Floats, method: str, decay: float = 0.94) -> Floats:
    """N expected returns by `methods.EXPECTED` (not BL and FM, which need more than returns). Raises `PortfolioError`
    where a shrinkage needs the inverse of a singular covariance."""
    match method:
        case "hist":
            return np.asarray(returns.mean(axis=0))
        case "ewma1" | "ewma2":
            return np.asarray(_decaying(len(returns), decay, method == "ewma1") @ returns)
        case "JS" | "BS" | "BOP":
            return _shrunk_means(returns, method)
    raise PortfolioError(f"Expected returns are not estimated by {method!r}.")


def _shrunk_means(returns: Floats, method: str) -> Floats:
    """Jorion 1986 (BS), James and Stein in Meucci 2005 (JS), Bodnar, Okhrin and Parolya 2019 (BOP); target: the grand
    mean."""
    rows, assets = returns.shape
    mean = returns.mean(axis=0)
    cov = np.atleast_2d(np.cov(returns, rowvar=False))
    target = np.full(assets, mean.mean())
    away = mean - target
    if method == "JS":
        values = np.linalg.eigvalsh(cov)
        share = (assets * values.mean() - 2 * values.max()) / rows / (away @ away)
        return np.asarray((1 - share) * mean + share * target)
    inverse = _inverse(cov, rows, method)
    if method == "BS":
        share = (assets + 2) / ((assets + 2) + rows * away @ inverse @ away)
        return np.asarray((1 - share) * mean + share * target)
    own, cross, base = mean @ inverse @ mean, mean @ inverse @ target, target @ inverse @ target
    weight = ((own - assets / (rows - assets)) * base - cross**2) / (own * base - cross**2)
    return np.asarray(weight * mean + (1 - weight) * cross / own * target)


def covariance(returns: Floats, method: str, decay: float = 0.94) -> Floats:
    """N × N by `methods.COVARIANCES`. Raises `PortfolioError`."""
    match method:
        case "hist":
            return np.atleast_2d(np.cov(returns, rowvar=False))
        case "ewma1" | "ewma2":
            return _decaying_covariance(returns, decay, method == "ewma1")
        case "ledoit":
            return _ledoit_wolf(returns)
        case "oas":
            return _oas(returns)
        case "shrunk":
            return _towards_identity(_biased(returns), 0.1)
    if method in HEAVY:
        return _by_riskfolio(returns, method)
    raise PortfolioError(f"Covariances are not estimated by {method!r}.")


def _by_riskfolio(returns: Floats, method: str) -> Floats:
    from workstation.portfolio.riskfolio import library

    pd, rp = library()
    frame = pd.DataFrame(returns)
    options: dict[str, Any] = {"method": "fixed", "detone": True} if method == "detoned" else {"method": method}
    cov = np.asarray(rp.covar_matrix(frame, **options), dtype=np.float64)
    values, vectors = np.linalg.eigh(cov)
    least = 1e-6 * float(values.mean())
    if values[0] >= least:
        return cov
    return np.asarray((vectors * np.maximum(values, least)) @ vectors.T)  # detoned ones are singular


def _decaying(rows: int, decay: float, adjusted: bool) -> Floats:
    """Weights of an exponentially weighted mean, newest last; recursive (the first return carries the rest) unless
    adjusted."""
    weights = decay ** np.arange(rows - 1, -1, -1, dtype=np.float64)
    if adjusted:
        return np.asarray(weights / weights.sum())
    weights[1:] *= 1 - decay
    return weights


def _decaying_covariance(returns: Floats, decay: float, adjusted: bool) -> Floats:
    """As pandas' `ewm().cov()`: weighted, freed of bias by 1 / (1 − Σw²)."""
    weights = _decaying(len(returns), decay, adjusted)
    away = returns - weights @ returns
    return np.asarray((away * weights[:, None]).T @ away / (1 - weights @ weights))


def _biased(returns: Floats) -> Floats:
    away = returns - returns.mean(axis=0)
    return np.asarray(away.T @ away / len(returns))


def _towards_identity(cov: Floats, share: float) -> Floats:
    size = len(cov)
    mixed = (1 - share) * cov
    mixed.flat[:: size + 1] += share * np.trace(cov) / size
    return np.asarray(mixed)


def _ledoit_wolf(returns: Floats) -> Floats:
    """Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004."""
    rows, size = returns.shape
    away = returns - returns.mean(axis=0)
    cov = away.T @ away / rows
    scale = np.trace(cov) / size
    spread = (cov * cov).sum() / size - scale**2
    squares = (away * away).sum(axis=1)
    noise = ((squares @ squares) / rows - (cov * cov).sum()) / size / rows
    share = 0.0 if spread == 0 else min(max(noise, 0.0), spread) / spread
    return _towards_identity(cov, float(share))


def _oas(returns: Floats) -> Floats:
    """Chen, Wiesel, Eldar and Hero, Shrinkage algorithms for MMSE covariance estimation, 2010, in the form of
    scikit-learn."""
    rows, size = returns.shape
    cov = _biased(returns)
    scale = np.trace(cov) / size
    square = float((cov * cov).mean())
    above = square + scale**2
    below = (rows + 1) * (square - scale**2 / size)
    return _towards_identity(cov, 1.0 if below == 0 else float(min(above / below, 1.0)))


def black_litterman(
    returns: Floats, assets: tuple[str, ...], problem: Problem, cov: Floats, mean: Floats
) -> tuple[Floats, Floats]:
    """The posterior mean and covariance (Black and Litterman 1992, with Ω from the prior's variance of each view, He
    and Litterman 1999). The prior is the equilibrium of the benchmark (equal weights where none is given)."""
    market = np.full(len(assets), 1 / len(assets))
    if problem.benchmark:
        market[:] = weights_of(problem.benchmark, assets, "benchmark")
    if not problem.views:
        raise PortfolioError(
            "Black-Litterman needs a view: say what an asset will return, or how much more than another."
        )
    excess = float(mean @ market) - problem.rf
    delta = excess / float(market @ cov @ market)
    picks = np.zeros((len(problem.views), len(assets)))
    for row, view in enumerate(problem.views):
        for names, sign in ((view.plus, 1.0), (view.minus, -1.0)):
            for name in names:
                if name not in assets:
                    raise PortfolioError(f"A view is on {name}, which is not among the assets.")
                picks[row, assets.index(name)] += sign / len(names)
        if not 0 < view.confidence < 1:
            raise PortfolioError(f"The confidence of a view lies between 0 and 1, not at {view.confidence:g}.")
    tau = 1 / len(returns)
    prior = delta * cov @ market
    values = np.array([view.value for view in problem.views])
    doubt = np.array([(1 - view.confidence) / view.confidence for view in problem.views])
    omega = np.diag(np.einsum("ij,jk,ik->i", picks, tau * cov, picks) * doubt)
    gain = tau * cov @ picks.T @ np.linalg.inv(picks @ (tau * cov) @ picks.T + omega)
    posterior = prior + gain @ (values - picks @ prior) + problem.rf
    return np.asarray(posterior), np.asarray(cov + tau * cov - gain @ picks @ (tau * cov))


def weights_of(pairs: tuple[tuple[str, float], ...], assets: tuple[str, ...], what: str) -> Floats:
    """N weights from (asset, weight) pairs; those that are not named are zero. Raises `PortfolioError`."""
    weights = np.zeros(len(assets))
    for name, weight in pairs:
        if name not in assets:
            raise PortfolioError(f"The {what} names {name}, which is not among the assets.")
        weights[assets.index(name)] = weight
    return weights


def _inverse(cov: Floats, rows: int, method: str) -> Floats:
    if rows <= len(cov) or np.linalg.cond(cov) > 1e14:
        raise PortfolioError(
            f"{method} needs the inverse of the covariance, and {len(cov)} assets with {rows} returns have none. "
            "Give it a longer history, fewer assets, or expected returns hist."
        )
    return np.asarray(np.linalg.inv(cov))
