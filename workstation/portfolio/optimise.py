"""One function from prices and a problem to weights, which the pane, the command line and strategies share."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio import conic, mean_risk
from workstation.portfolio.hierarchy import hierarchical
from workstation.portfolio.inputs import Inputs, prepare
from workstation.portfolio.mean_risk import Best, risk_value
from workstation.portfolio.parity import relaxed_risk_parity, risk_parity
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError, Problem
from workstation.portfolio.risk_slopes import slope_of

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
    if problem.risk != "MV" or len(prices.assets) > mean_risk.FEW:
        conic.load()
    begun = time.perf_counter()
    inputs = prepare(prices, problem, leave_out=leave_out)
    found = _solve(inputs)
    refuse_riskless(inputs, found.weights)
    seconds = time.perf_counter() - begun
    inputs = replace(inputs, notes=(*inputs.notes, *found.notes))
    return describe(inputs, found.weights, found.solver, seconds, tree=found.tree, order=found.order)


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


#: What counts as no risk, as a fraction of the volatility of the quietest asset, or of its square for the measures that
#: are of a variance's size.
_NONE = 1e-6
_SQUARED = ("KT", "SKT")


def refuse_riskless(inputs: Inputs, weights: Floats) -> None:
    """Raise `PortfolioError` where nothing is left of the risk though every asset has some: with few returns of many
    assets a solver finds weights that cancel all that happened, and what is reckoned with their risk means nothing."""
    quietest = float(inputs.returns.std(axis=0).min())
    least = _NONE * quietest ** (2 if inputs.measure.code in _SQUARED else 1)
    if risk_value(inputs, weights) > least:
        return
    if any(risk_value(inputs, alone) <= least for alone in np.eye(len(weights))):
        return  # an asset that never falls has no drawdown, and may be held for that
    by_covariance = inputs.measure.code == "MV" and inputs.problem.covariance == "hist"
    mends = (
        "A longer history, fewer assets or the covariance ledoit"
        if by_covariance
        else "A longer history or fewer assets"
    )
    raise PortfolioError(
        f"{len(inputs.returns):,} returns of {len(weights):,} assets are too few: some weights cancel all that "
        f"happened, so their risk would seem to be none. {mends} mends it."
    )


def contributions(inputs: Inputs, weights: Floats) -> Floats:
    """What each asset adds to the risk: wᵢ ∂risk/∂wᵢ, which sum to the risk (Euler)."""
    if inputs.measure.code == "MV":
        marginal = inputs.cov @ weights
        total = math.sqrt(max(float(weights @ marginal), 0.0))
        return np.asarray(weights * marginal / total) if total > 0 else np.zeros(len(weights))
    p = inputs.problem
    slope = slope_of(inputs.measure.code, inputs.returns @ weights, rf=p.rf, alpha=p.alpha, kappa=p.kappa)
    parts = weights * (slope @ inputs.returns)
    total = float(parts.sum())
    if total == 0:
        return np.asarray(parts)
    return np.asarray(parts * (risk_value(inputs, weights) / total))


def _solve(inputs: Inputs) -> Solved:
    method = inputs.method
    count, budget = len(inputs.assets), inputs.constraints.budget
    _check_kept(inputs)
    if method.code in _OBJECTIVES:
        return Solved.of(mean_risk.best(inputs, _OBJECTIVES[method.code]))
    match method.code:
        case "equal_weight":
            return Solved(np.full(count, budget / count), "closed form")
        case "inverse_volatility":
            inverse = 1 / np.sqrt(np.diag(inputs.cov))
            return Solved(np.asarray(inverse * budget / inverse.sum()), "closed form")
        case "min_variance":
            return Solved.of(mean_risk.best(inputs, "risk", measure="MV"))
        case "max_diversification":
            return Solved.of(mean_risk.best(_diversification(inputs), "ratio", measure="MV"))
        case "max_decorrelation":
            deviation = np.sqrt(np.diag(inputs.cov))
            alike = replace(inputs, cov=np.asarray(inputs.cov / np.outer(deviation, deviation)))
            return Solved.of(mean_risk.best(alike, "risk", measure="MV"))
        case "risk_parity":
            return Solved(*risk_parity(inputs))
        case "relaxed_risk_parity":
            return Solved(relaxed_risk_parity(inputs), "clarabel")
        case "worst_case":
            from workstation.portfolio.robust import worst_inputs

            return Solved.of(mean_risk.best(worst_inputs(inputs), "ratio", measure="MV"))
        case "hrp" | "herc" | "herc2" | "nco":
            weights, tree = hierarchical(inputs, _part)
            return Solved(weights, "tree", tree.links, tuple(tree.order.tolist()))
        case "owa":
            from workstation.portfolio.owa import ordered_average

            return Solved(ordered_average(inputs), "riskfolio")
    raise PortfolioError(f"There is no way to work out {method.name}.")


@dataclass(frozen=True, eq=False)
class Solved:
    weights: Floats
    solver: str
    tree: Floats | None = None
    order: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Best) -> Solved:
        return cls(found.weights, found.solver, notes=found.notes)


def _part(inputs: Inputs, objective: str) -> Floats:
    """A part of NCO."""
    if objective == "risk_parity":
        return risk_parity(inputs)[0]
    if objective not in _OBJECTIVES:
        raise PortfolioError(f"NCO nests {', '.join(_OBJECTIVES)} or risk_parity, not {objective!r}.")
    return mean_risk.best(inputs, _OBJECTIVES[objective]).weights


def _diversification(inputs: Inputs) -> Inputs:
    """Choueifaty and Coignard 2008: the ratio of weighted volatility to portfolio volatility is a ratio whose returns
    are the volatilities."""
    return replace(
        inputs, mean=np.asarray(np.sqrt(np.diag(inputs.cov))), problem=replace(inputs.problem, rf=0.0, kelly="")
    )


def _check_kept(inputs: Inputs) -> None:
    """A constraint that the method does not keep is refused, not forgotten."""
    method, c = inputs.method, inputs.constraints
    if method.bounded:
        return
    bounds_there = bool((inputs.lower > 0).any() or (inputs.upper < c.budget).any())
    there = (
        ("bounds on single weights", bounds_there and not method.boxed),
        ("groups", bool(c.groups)),
        ("short selling", c.short > 0),
        ("a number of assets", c.max_assets is not None),
        ("a limit of turnover", c.turnover is not None),
        ("a tracking error", c.tracking_error is not None),
        ("a least return", c.min_return is not None and method.code != "relaxed_risk_parity"),
    )
    for name, is_there in there:
        if is_there:
            raise PortfolioError(
                f"{method.name} does not keep {name}: take it away, or choose min_risk or max_ratio, which do."
            )
