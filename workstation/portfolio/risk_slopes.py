"""How each risk measure answers to the return of every single period: its gradient (a subgradient at a kink)."""

from __future__ import annotations

import math

import numpy as np

from workstation.market.candles import Floats, Ints
from workstation.portfolio.problem import PortfolioError
from workstation.portfolio.rank_weights import gini_weights, tail_gini_weights
from workstation.portfolio.risks import drawdowns, entropic_scale


def slope_of(measure: str, returns: Floats, *, rf: float = 0.0, alpha: float = 0.05, kappa: float = 0.3) -> Floats:
    """T numbers: ∂risk/∂return of each period, by the code of `methods.MEASURES`. Raises `PortfolioError`."""
    x = np.asarray(returns, dtype=np.float64)
    rows = len(x)
    away = x - x.mean()
    match measure:
        case "MV":
            return np.asarray(away / ((rows - 1) * np.std(x, ddof=1)))
        case "MAD":
            signs = np.sign(away) / rows
            return np.asarray(signs - signs.mean())
        case "MSV":
            below = np.minimum(away, 0)
            slope = below / (math.sqrt(float(below @ below) * (rows - 1)) or 1.0)
            return np.asarray(slope - slope.mean())
        case "KT" | "EM" | "SKT" | "ESM":
            part = away if measure in ("KT", "EM") else np.minimum(away, 0)
            slope = 2 * part**3 / (math.sqrt(float((part**4).sum()) * rows) or 1.0)
            return np.asarray(slope - slope.mean())
        case "FLPM":
            return np.where(x < rf, -1.0 / rows, 0.0)
        case "SLPM":
            short = np.maximum(rf - x, 0)
            return np.asarray(-short / (math.sqrt(float(short @ short) * (rows - 1)) or 1.0))
        case "GMD":
            return _by_rank(x, gini_weights(rows))
        case "VRG" | "CVRG" | "TGRG" | "EVRG" | "RVRG" | "RG":
            one = {"VRG": "VaR", "CVRG": "CVaR", "TGRG": "TG", "EVRG": "EVaR", "RVRG": "RLVaR", "RG": "WR"}[measure]
            return np.asarray(_tail(one, x, alpha, kappa) - _tail(one, -x, alpha, kappa))
        case "VaR" | "CVaR" | "TG" | "EVaR" | "RLVaR" | "WR":
            return _tail(measure, x, alpha, kappa)
    return _of_drawdowns(measure, x, alpha, kappa)


def _of_drawdowns(measure: str, x: Floats, alpha: float, kappa: float) -> Floats:
    compounded = measure.endswith("_Rel")
    falls = drawdowns(x, compounded)
    rows = len(x)
    match measure.removesuffix("_Rel"):
        case "MDD":
            outer = _tail("WR", -falls, alpha, kappa)
        case "ADD":
            outer = np.full(rows, -1 / rows)
        case "UCI":
            outer = -falls / (math.sqrt(float(falls @ falls) * rows) or 1.0)
        case "DaR" | "CDaR" | "EDaR" | "RLDaR":
            one = {"DaR": "VaR", "CDaR": "CVaR", "EDaR": "EVaR", "RLDaR": "RLVaR"}[measure.removesuffix("_Rel")]
            outer = _tail(one, -falls, alpha, kappa)
        case _:
            raise PortfolioError(f"There is no risk measure {measure!r}.")
    # `outer` is by −drawdown; a drawdown is peak − level, which the returns since the peak made
    level = np.concatenate([[1.0], np.cumprod(1 + x)]) if compounded else np.concatenate([[0.0], np.cumsum(x)])
    peaks = _peak_places(level)[1:]
    weight = outer * (level[1:] / level[peaks]) if compounded else outer
    change = np.zeros(rows + 1)
    np.add.at(change, peaks, weight)
    change[1:] -= weight  # the sum over t of weight[t] for peak[t] ≤ s < t + 1
    spread = np.cumsum(change)[:-1]
    return np.asarray(spread / (1 + x) if compounded else spread)


def _peak_places(level: Floats) -> Ints:
    peak = np.maximum.accumulate(level)
    places: Ints = np.where(level >= peak, np.arange(len(level), dtype=np.int64), 0)
    return np.asarray(np.maximum.accumulate(places))


def _tail(measure: str, x: Floats, alpha: float, kappa: float) -> Floats:
    rows = len(x)
    match measure:
        case "WR":
            slope = np.zeros(rows)
            slope[int(np.argmin(x))] = -1.0
            return slope
        case "VaR":
            slope = np.zeros(rows)
            slope[int(np.argsort(x, kind="stable")[max(math.ceil(alpha * rows) - 1, 0)])] = -1.0
            return slope
        case "CVaR":
            whole = max(math.ceil(alpha * rows) - 1, 0)
            weights = np.zeros(rows)
            weights[:whole] = -1 / (alpha * rows)
            weights[whole] = -1 + whole / (alpha * rows)
            return _by_rank(x, weights)
        case "TG":
            return _by_rank(x, tail_gini_weights(rows, alpha))
        case "EVaR":
            z = entropic_scale(x, alpha)
            tilted = np.exp(-(x - x.min()) / z)
            return np.asarray(-tilted / tilted.sum())
    from workstation.portfolio.cones import relativistic_shares

    return np.asarray(-relativistic_shares(-x, alpha, kappa))


def _by_rank(x: Floats, weights: Floats) -> Floats:
    slope = np.empty(len(x))
    slope[np.argsort(x, kind="stable")] = weights
    return slope
