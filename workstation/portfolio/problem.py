"""What is asked of the optimiser: plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property


class PortfolioError(Exception):
    """The portfolio cannot be worked out; the text says which asset or constraint is at fault, and what mends it."""


@dataclass(frozen=True)
class GroupBound:
    """The weights of `assets` together lie between `lower` and `upper`."""

    name: str
    assets: tuple[str, ...]
    lower: float = 0.0
    upper: float = 1.0


@dataclass(frozen=True)
class View:
    """An opinion for Black-Litterman: the assets of `plus` (equally) will return `value` a period; with `minus`, so
    much more than those. `confidence` from 0 to 1 weighs it against the market's own estimate; 0.5 trusts both alike,
    as Riskfolio-Lib does."""

    plus: tuple[str, ...]
    value: float
    minus: tuple[str, ...] = ()
    confidence: float = 0.5


@dataclass(frozen=True)
class Constraints:
    """Bounds on weights; all fractions of the budget's unit (1 = the whole money).

    `lower` and `upper` hold for every asset, `bounds` for single ones as (asset, lower, upper). Long only unless
    `short` is above zero: then all short weights together come to `short` at most, and longs to `budget + short`.
    `max_assets` counts weights that are not zero. `turnover` bounds the sum of |new − held| (1 = half the book sold and
    bought again), `costs` is what a unit of turnover costs, and comes off the expected return. `tracking_error` bounds
    the standard deviation of the difference to the benchmark's returns; `min_return` is a floor of the expected return.
    """

    lower: float = 0.0
    upper: float = 1.0
    bounds: tuple[tuple[str, float, float], ...] = ()
    groups: tuple[GroupBound, ...] = ()
    budget: float = 1.0
    short: float = 0.0
    max_assets: int | None = None
    turnover: float | None = None
    costs: float = 0.0
    tracking_error: float | None = None
    min_return: float | None = None


@dataclass(frozen=True)
class Problem:
    """One question to the optimiser. Rates, returns and risks are those of one period of the prices.

    `method` and `risk` are codes of `methods.METHODS` and `methods.MEASURES` (Riskfolio-Lib's for the measures),
    `expected` and `covariance` codes of `methods.EXPECTED` and `methods.COVARIANCES`. `alpha` is the tail of VaR and
    drawdown measures, `kappa` the deformation of the relativistic ones, `aversion` the weight of risk in the utility,
    `kelly` takes the mean of log returns in place of returns ("approx" or "exact"). `held` are the weights held now,
    `benchmark` those that the tracking error is measured against (equal weights where empty), `budgets` the shares of
    risk of a risk parity (equal where empty). `factors` are columns of the table that explain the others in the factor
    model; they get no weight. The hierarchical methods take `linkage`, `codependence` and, HERC and NCO, `clusters`
    (found by themselves where None); NCO optimises `nested`: min_risk, max_ratio, max_utility or risk_parity.
    `textbook` grows the tree as in López de Prado's paper (distances between the columns of the distance matrix, leaves
    in the order of the joins) and not as Riskfolio-Lib does (the distances themselves, neighbours as near as can be).
    `relaxation` is the version A, B or C of the relaxed risk parity (Gambeta and Kwon 2020).
    """

    method: str = "max_ratio"
    risk: str = "MV"
    rf: float = 0.0
    expected: str = "hist"
    covariance: str = "hist"
    constraints: Constraints = field(default_factory=Constraints)
    aversion: float = 2.0
    alpha: float = 0.05
    kappa: float = 0.3
    decay: float = 0.94
    kelly: str = ""
    views: tuple[View, ...] = ()
    held: tuple[tuple[str, float], ...] = ()
    benchmark: tuple[tuple[str, float], ...] = ()
    budgets: tuple[tuple[str, float], ...] = ()
    factors: tuple[str, ...] = ()
    linkage: str = "single"
    codependence: str = "pearson"
    clusters: int | None = None
    nested: str = "min_risk"
    relaxation: str = "A"
    textbook: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all that is asked (hex, 16 characters)."""
        import hashlib

        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]
