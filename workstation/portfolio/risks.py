"""What each risk measure is, of a portfolio's returns: the definitions of Riskfolio-Lib, in numpy.

All take the returns of T periods and give one number for one period; a drawdown is that of the uncompounded sum of
returns, or (`_Rel`) of the compounded one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.rank_weights import gini_weights, tail_gini_weights


def risk_of(
    measure: str, returns: Floats, *, cov_risk: float | None = None, rf: float = 0.0, alpha: float = 0.05,
    kappa: float = 0.3,
) -> float:  # fmt: skip
    """The risk of a portfolio whose returns these are, by the code of `methods.MEASURES`. For MV `cov_risk`, where it
    is given, is the standard deviation by the chosen covariance. Raises `PortfolioError`."""
    x = np.asarray(returns, dtype=np.float64)
    if measure == "MV":
        return float(np.std(x, ddof=1)) if cov_risk is None else cov_risk
    if measure in ("FLPM", "SLPM"):
        short = np.maximum(rf - x, 0)
        return float(short.mean()) if measure == "FLPM" else math.sqrt(float(short @ short) / (len(x) - 1))
    if measure in _OF_RETURNS:
        return float(_OF_RETURNS[measure](x))
    if measure in ("VRG", "CVRG", "TGRG", "EVRG", "RVRG"):
        one = {"VRG": "VaR", "CVRG": "CVaR", "TGRG": "TG", "EVRG": "EVaR", "RVRG": "RLVaR"}[measure]
        return _tail(one, x, alpha, kappa) + _tail(one, -x, alpha, kappa)
    if measure in ("VaR", "CVaR", "TG", "EVaR", "RLVaR"):
        return _tail(measure, x, alpha, kappa)
    falls = drawdowns(x, compounded=measure.endswith("_Rel"))
    match measure.removesuffix("_Rel"):
        case "MDD":
            return float(falls.max(initial=0.0))
        case "ADD":
            return float(falls.mean())
        case "UCI":
            return math.sqrt(float(falls @ falls) / len(x))
        case "DaR" | "CDaR" | "EDaR" | "RLDaR":
            one = {"DaR": "VaR", "CDaR": "CVaR", "EDaR": "EVaR", "RLDaR": "RLVaR"}[measure.removesuffix("_Rel")]
            return _tail(one, -falls, alpha, kappa)
    raise PortfolioError(f"There is no risk measure {measure!r}.")


def drawdowns(returns: Floats, compounded: bool = False) -> Floats:
    """The fall from the last peak after each period: in sums of returns, or as a fraction of the peak."""
    if compounded:
        level = np.concatenate([[1.0], np.cumprod(1 + returns)])
        peak = np.maximum.accumulate(level)
        return np.asarray(((peak - level) / peak)[1:])
    level = np.concatenate([[0.0], np.cumsum(returns)])
    return np.asarray((np.maximum.accumulate(level) - level)[1:])


def _tail(measure: str, x: Floats, alpha: float, kappa: float) -> float:
    match measure:
        case "VaR":
            return float(-np.sort(x)[_tail_place(len(x), alpha)])
        case "CVaR":
            ordered = np.sort(x)
            place = _tail_place(len(x), alpha)
            var = -ordered[place]
            return float(var + (-ordered[: place + 1] - var).sum() / (alpha * len(x)))
        case "TG":
            return float(tail_gini_weights(len(x), alpha) @ np.sort(x))
        case "EVaR":
            return _entropic(x, alpha)
    return _relativistic(x, alpha, kappa)


def _tail_place(rows: int, alpha: float) -> int:
    return max(math.ceil(alpha * rows) - 1, 0)


def _entropic(x: Floats, alpha: float) -> float:
    z = entropic_scale(x, alpha)
    worst = float(-x.min())
    return z * (math.log(float(np.exp((-x - worst) / z).mean())) - math.log(alpha)) + worst


def entropic_scale(x: Floats, alpha: float) -> float:
    """The z > 0 at which z · ln(E[e^(−x/z)] / α) is least (Ahmadi-Javid 2012): convex in z, by golden section on
    ln z."""
    loss = -x
    worst = float(loss.max())
    spread = float(loss.std())
    if spread == 0:
        return 1e-12

    def value(log_z: float) -> float:
        z = math.exp(log_z)
        return z * (math.log(float(np.exp((loss - worst) / z).mean())) - math.log(alpha)) + worst

    return math.exp(_golden(value, math.log(spread) - 12, math.log(spread) + 8))


def _golden(value: Callable[[float], float], low: float, high: float) -> float:
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = value(a), value(b)
    for _ in range(80):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = value(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = value(b)
    return (low + high) / 2


def _relativistic(x: Floats, alpha: float, kappa: float) -> float:
    from workstation.portfolio.cones import relativistic

    return relativistic(-x, alpha, kappa)


def _gini(x: Floats) -> float:
    return float(gini_weights(len(x)) @ np.sort(x))


def _away(x: Floats) -> Floats:
    return np.asarray(x - x.mean())


_OF_RETURNS: dict[str, Callable[[Floats], float]] = {
    "MAD": lambda x: float(np.abs(_away(x)).mean()),
    "GMD": _gini,
    "MSV": lambda x: math.sqrt(float((np.minimum(_away(x), 0) ** 2).sum()) / (len(x) - 1)),
    "KT": lambda x: math.sqrt(float((_away(x) ** 4).sum()) / len(x)),
    "SKT": lambda x: math.sqrt(float((np.minimum(_away(x), 0) ** 4).sum()) / len(x)),
    "EM": lambda x: math.sqrt(float((_away(x) ** 4).mean())),
    "ESM": lambda x: math.sqrt(float((np.minimum(_away(x), 0) ** 4).mean())),
    "WR": lambda x: float(-x.min()),
    "RG": lambda x: float(x.max() - x.min()),
}
