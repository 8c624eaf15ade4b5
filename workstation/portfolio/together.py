"""How the positions move together: correlation, clusters, beta, and whether the book is one bet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats, Ints

#: A book whose largest common movement makes more than this of its variance is one bet.
ONE_BET = 0.85


@dataclass(frozen=True, eq=False)
class Together:
    """`correlation` N × N; `clusters` N numbers from 0; `order` puts the assets of a cluster side by side; `bets` the
    effective number of uncorrelated bets; `largest` the share of the book's variance in one common movement."""

    correlation: Floats
    clusters: Ints
    order: Ints
    bets: float
    largest: float

    def warning(self, assets: Sequence[str]) -> str:
        """A sentence where three or more positions are one bet; empty else."""
        if len(assets) < 3 or self.largest < ONE_BET:
            return ""
        alike = f", as much as {self.bets:.1f} independent positions" if self.bets < 2 else ""  # a hedge has more
        one = f"{self.largest:.0%} of the book's variance is one common movement"
        return f"{len(assets)} positions are one bet: {one}{alike}."


def together(values: Floats, returns: Floats, apart: float = 0.5) -> Together:
    """Clusters: average linkage on √(½(1 − ρ)) (López de Prado, 2016), cut where correlation falls below `apart`.

    Bets: the square of the diversification ratio, single deviations summed against the book's own (Choueifaty, Froidure
    and Reynier, 2013), at most the number of positions. `largest` is of the principal components.
    """
    count = returns.shape[1]
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    deviation = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(np.outer(deviation, deviation) > 0, covariance / np.outer(deviation, deviation), 0.0)
    np.fill_diagonal(correlation, 1.0)
    correlation = np.clip(correlation, -1.0, 1.0)
    roots, vectors = np.linalg.eigh(covariance)
    parts = np.maximum(roots, 0.0) * (vectors.T @ values) ** 2
    whole = float(parts.sum())
    shares = parts / whole if whole > 0 else np.zeros(count)
    single = float((np.abs(values) * deviation).sum())
    held = int(np.count_nonzero(np.abs(values) * deviation))
    bets = min(float(held), single**2 / whole) if whole > 0 else float(held)
    clusters, order = _clusters(correlation, apart) if count > 1 else (np.zeros(1, np.int64), np.zeros(1, np.int64))
    return Together(correlation, clusters, order, bets, float(shares.max(initial=0.0)))


def _clusters(correlation: Floats, apart: float) -> tuple[Ints, Ints]:
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt(np.maximum(0.5 * (1.0 - correlation), 0.0))
    tree = linkage(squareform(distance, checks=False), method="average")
    found = fcluster(tree, t=float(np.sqrt(0.5 * (1.0 - apart))), criterion="distance") - 1
    return found.astype(np.int64), leaves_list(tree).astype(np.int64)


def betas(returns: Floats, market: Floats) -> Floats:
    """Slope of each asset's returns on the market's: cov(r, m) / var(m); 0 where the market does not move."""
    centred = market - market.mean()
    variance = float(centred @ centred)
    if variance <= 0:
        return np.zeros(returns.shape[1])
    return np.asarray(centred @ (returns - returns.mean(axis=0)) / variance)
