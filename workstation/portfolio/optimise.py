"""One function from prices and a problem to weights, which the pane, the command line and strategies share."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio import mean_risk
from workstation.portfolio.inputs import Inputs, prepare
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError, Problem
from workstation.portfolio.risks import risk_of

_OBJECTIVES = {"max_ratio": "ratio", "min_risk": "risk", "max_return": "return", "max_utility": "utility"}


@dataclass(frozen=True, eq=False)
class Allocation:
    """Weights and what they mean. `expected_return`, `risk_value` and `contributions` (N, their sum is the risk) are
    those of one period; `sharpe` is return above the risk-free rate for a unit of that risk. `tree` is scipy's linkage
    matrix of the hierarchical methods. `first` and `last` (UTC ns) are the times of the prices that were used, `rows`
    how many returns they make. `notes` are sentences for the trader."""

    problem: Problem
    assets: tuple[str, ...]
    values: Floats
    expected_return: float
    risk_value: float
    sharpe: float
    contributions: Floats
    solver: str
    seconds: float
    periods_per_year: float
    first: int
    last: int
    rows: int
    notes: tuple[str, ...] = ()
    tree: Floats | None = None
    order: tuple[int, ...] = ()

    @property
    def weights(self) -> dict[str, float]:
        return {asset: float(weight) for asset, weight in zip(self.assets, self.values, strict=True)}


def allocate(prices: PriceTable, problem: Problem, *, leave_out: bool = False) -> Allocation:
    """The weights of `problem` on `prices`. With `leave_out` assets that cannot be used go with a note; else they are
    refused. Pure: the same inputs give the same weights. Raises `PortfolioError`, a sentence."""
    begun = time.perf_counter()
    inputs = prepare(prices, problem, leave_out=leave_out)
    weights, solver, tree, order = _solve(inputs)
    return describe(inputs, weights, solver, time.perf_counter() - begun, tree=tree, order=order)


def describe(
    inputs: Inputs,
    weights: Floats,
    solver: str,
    seconds: float,
    *,
    tree: Floats | None = None,
    order: tuple[int, ...] = (),
) -> Allocation:
    """What these weights are worth by the problem's estimates and risk measure."""
    expected = float(inputs.mean @ weights)
    risk = risk_value(inputs, weights)
    return Allocation(
        inputs.problem,
        inputs.assets,
        weights,
        expected,
        risk,
        (expected - inputs.problem.rf) / risk if risk > 0 else float("nan"),
        contributions(inputs, weights),
        solver,
        seconds,
        inputs.table.periods_per_year,
        int(inputs.table.times[0]),
        int(inputs.table.times[-1]),
        len(inputs.returns),
        inputs.notes,
        tree,
        order,
    )


def risk_value(inputs: Inputs, weights: Floats, measure: str | None = None) -> float:
    """The risk of these weights for one period, by the problem's measure or another one."""
    p = inputs.problem
    deviation = math.sqrt(max(float(weights @ inputs.cov @ weights), 0.0))
    return risk_of(
        measure or inputs.measure.code,
        inputs.returns @ weights,
        cov_risk=deviation,
        rf=p.rf,
        alpha=p.alpha,
        kappa=p.kappa,
    )


def contributions(inputs: Inputs, weights: Floats) -> Floats:
    """What each asset adds to the risk: wᵢ ∂risk/∂wᵢ (Euler), exact for MV, by central differences for the others."""
    if inputs.measure.code == "MV":
        marginal = inputs.cov @ weights
        total = math.sqrt(max(float(weights @ marginal), 0.0))
        return np.asarray(weights * marginal / total) if total > 0 else np.zeros(len(weights))
    step = 1e-5
    parts = np.zeros(len(weights))
    for i in np.flatnonzero(weights):
        up, down = weights.copy(), weights.copy()
        up[i] += step
        down[i] -= step
        parts[i] = weights[i] * (risk_value(inputs, up) - risk_value(inputs, down)) / (2 * step)
    return parts


def _solve(inputs: Inputs) -> tuple[Floats, str, Floats | None, tuple[int, ...]]:
    method = inputs.method.code
    if method in _OBJECTIVES:
        return mean_risk.solve(inputs, _OBJECTIVES[method]), "clarabel", None, ()
    count, budget = len(inputs.assets), inputs.constraints.budget
    match method:
        case "equal_weight":
            return np.full(count, budget / count), "closed form", None, ()
        case "inverse_volatility":
            inverse = 1 / np.sqrt(np.diag(inputs.cov))
            return np.asarray(inverse * budget / inverse.sum()), "closed form", None, ()
        case "min_variance":
            return mean_risk.solve(inputs, "risk", measure="MV"), "clarabel", None, ()
    raise PortfolioError(f"{inputs.method.name} is not yet here.")
