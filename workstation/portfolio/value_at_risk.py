"""Value at risk and expected shortfall of a book, and what each position adds to them. Losses are positive numbers.

A book is `values` (N, signed money in one currency) over `returns` (T × N, simple, of one period, no gaps). `tail` is
the probability of the worse outcomes: 0.05 is VaR at 95 %. P. Jorion, Value at Risk (3rd ed.), chapters 5, 7 and 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from workstation.market.candles import Floats

_DRAWS = 20_000
_MOST_NU = 100.0  # from here on Student's t is the normal distribution


class Method(StrEnum):
    HISTORICAL = "historical"  # the past's own outcomes
    NORMAL = "normal"
    STUDENT = "student-t"  # fat tails, fitted to the kurtosis
    CORNISH_FISHER = "cornish-fisher"  # the normal quantile corrected by skew and kurtosis
    MONTE_CARLO = "monte carlo"  # drawn outcomes of all assets with fat tails and their correlation


@dataclass(frozen=True, slots=True)
class Tail:
    """`var` is the loss that is exceeded with probability `tail`, `shortfall` the mean of the losses beyond it."""

    method: Method
    tail: float
    var: float
    shortfall: float


def historical(profits: Floats, tail: float) -> tuple[float, float]:
    """VaR and expected shortfall of T outcomes, each as likely: VaR is the ⌈tail·T⌉-th worst, the shortfall the mean of
    the worst share `tail`, the last outcome counted in part (Rockafellar and Uryasev, 2002)."""
    ordered = np.sort(profits)
    count = tail * len(ordered)
    last = max(0, int(np.ceil(count - 1e-9)) - 1)
    var = -float(ordered[last])
    beyond = float((ordered[:last] + var).sum())  # how much further than VaR the worse outcomes go
    return var, var - beyond / count


def normal(mean: float, deviation: float, tail: float) -> tuple[float, float]:
    """Of a normal distribution: −(μ + σ z) and −μ + σ φ(z)/tail, z its `tail` quantile."""
    z = quantile(tail)
    density = float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
    return -(mean + deviation * z), -mean + deviation * density / tail


def quantile(tail: float) -> float:
    """Of the standard normal distribution: −1.645 at 0.05."""
    from scipy.special import ndtri  # scipy.stats takes a second to load

    return float(ndtri(tail))


def degrees_of_freedom(excess: float) -> float:
    """Of the Student t with this excess kurtosis, ν = 4 + 6/κ; many where the tails are not fat."""
    return min(_MOST_NU, 4.0 + 6.0 / excess) if excess > 0 else _MOST_NU


def student(mean: float, deviation: float, excess: float, tail: float) -> tuple[float, float]:
    """Of a Student t scaled to the deviation; shortfall by McNeil, Frey and Embrechts, Quantitative Risk Management,
    example 2.15."""
    from scipy.special import gammaln, stdtrit

    nu = degrees_of_freedom(excess)
    scale = deviation * np.sqrt((nu - 2.0) / nu)
    q = float(stdtrit(nu, tail))
    constant = float(gammaln((nu + 1) / 2) - gammaln(nu / 2)) - np.log(nu * np.pi) / 2
    density = float(np.exp(constant - (nu + 1) / 2 * np.log1p(q * q / nu)))
    shortfall = density / tail * (nu + q * q) / (nu - 1.0)
    return float(-(mean + scale * q)), float(-mean + scale * shortfall)


def cornish_fisher(mean: float, deviation: float, skew: float, excess: float, tail: float) -> tuple[float, float]:
    """The quantile by the expansion of fourth order (Cornish and Fisher, 1938), the shortfall as the mean of the
    expanded quantiles beyond it. Where the expansion is not monotone its quantiles are put in order first, as
    Chernozhukov, Fernández-Val and Galichon (2010) do."""
    from scipy.special import ndtri

    steps = 4_000
    z = ndtri((np.arange(steps) + 0.5) / steps)
    expanded = np.sort(_expanded(z, skew, excess))
    at = np.interp(tail * steps - 0.5, np.arange(steps), expanded)
    count = tail * steps
    whole = int(count)
    beyond = (expanded[:whole].sum() + (count - whole) * expanded[min(whole, steps - 1)]) / count
    return float(-(mean + deviation * at)), float(-(mean + deviation * beyond))


def _expanded(z: Floats, skew: float, excess: float) -> Floats:
    return np.asarray(
        z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36, dtype=np.float64
    )


def moments(profits: Floats) -> tuple[float, float, float, float]:
    """Mean, standard deviation (T − 1), skew and excess kurtosis; the last two 0 where nothing moves."""
    mean = float(profits.mean())
    deviation = float(profits.std(ddof=1)) if len(profits) > 1 else 0.0
    centred = profits - mean
    second = float((centred**2).mean())
    if second <= 0:
        return mean, deviation, 0.0, 0.0
    return mean, deviation, float((centred**3).mean()) / second**1.5, float((centred**4).mean()) / second**2 - 3.0


def drawn(values: Floats, returns: Floats, draws: int = _DRAWS, seed: int = 1) -> Floats:
    """`draws` profits of the book: a multivariate Student t with the sample's mean and covariance and the ν of the
    book's own kurtosis (McNeil, Frey and Embrechts, 6.2.2). Seeded: the same inputs give the same outcomes."""
    rng = np.random.default_rng(seed)
    nu = degrees_of_freedom(moments(returns @ values)[3])
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    # Every linear function of a multivariate t is one: the book's profit needs one column, whatever N is.
    deviation = float(np.sqrt(max(float(values @ covariance @ values), 0.0)))
    mean = float(returns.mean(axis=0) @ values)
    common = np.sqrt((nu - 2.0) / rng.chisquare(nu, draws))
    return np.asarray(mean + deviation * common * rng.standard_normal(draws))


def tails(values: Floats, returns: Floats, tail: float, horizon: float = 1.0, seed: int = 1) -> list[Tail]:
    """Every method, over `horizon` periods: means grow with it, deviations with its square root, skew falls with the
    square root and kurtosis with the horizon itself (independent periods). Historical and drawn outcomes scale about
    their mean by the square root."""
    profits = returns @ values
    mean, deviation, skew, excess = moments(profits)
    root = horizon**0.5
    mean_h, deviation_h, skew_h, excess_h = mean * horizon, deviation * root, skew / root, excess / horizon

    def scaled(outcomes: Floats) -> Floats:
        return np.asarray((outcomes - mean) * root + mean_h)

    found: dict[Method, Callable[[], tuple[float, float]]] = {
        Method.HISTORICAL: lambda: historical(scaled(profits), tail),
        Method.NORMAL: lambda: normal(mean_h, deviation_h, tail),
        Method.STUDENT: lambda: student(mean_h, deviation_h, excess_h, tail),
        Method.CORNISH_FISHER: lambda: cornish_fisher(mean_h, deviation_h, skew_h, excess_h, tail),
        Method.MONTE_CARLO: lambda: historical(scaled(drawn(values, returns, seed=seed)), tail),
    }
    return [Tail(method, tail, *work()) for method, work in found.items()]


@dataclass(frozen=True, slots=True)
class Contributions:
    """Of each position (N, in its currency). `component` sums to the normal VaR and `shortfall` to the historical
    expected shortfall; `marginal` is the VaR that one unit of money more would add; `incremental` what VaR would fall
    by without the position."""

    component: Floats
    marginal: Floats
    incremental: Floats
    shortfall: Floats


def contributions(values: Floats, returns: Floats, tail: float) -> Contributions:
    """Jorion, chapter 7: marginal VaR is its derivative, component VaR the position times it, which sums to VaR as VaR
    is of degree one (Euler). Incremental VaR is worked out anew without each position."""
    z = -quantile(tail)
    means = returns.mean(axis=0)
    covariance = np.atleast_2d(np.cov(returns, rowvar=False))
    product = covariance @ values
    deviation = float(np.sqrt(max(float(values @ product), 0.0)))
    marginal = z * product / deviation - means if deviation > 0 else -means
    whole = z * deviation - float(values @ means)
    # Without position i: variance − 2 vᵢ (Σv)ᵢ + vᵢ² Σᵢᵢ, so one product serves all N.
    rest = np.maximum(deviation**2 - 2 * values * product + values**2 * np.diag(covariance), 0.0)
    without = z * np.sqrt(rest) - (float(values @ means) - values * means)
    return Contributions(values * marginal, marginal, whole - without, _tail_shares(values, returns, tail))


def _tail_shares(values: Floats, returns: Floats, tail: float) -> Floats:
    """Each position's mean loss in the outcomes that make the book's historical shortfall, the last one in part."""
    order = np.argsort(returns @ values, kind="stable")
    count = tail * len(order)
    last = max(0, int(np.ceil(count - 1e-9)) - 1)
    weights: np.ndarray[Any, np.dtype[np.float64]] = np.ones(last + 1)
    weights[last] = count - last
    return np.asarray(-(weights @ returns[order[: last + 1]]) * values / count)
