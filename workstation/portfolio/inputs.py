"""What a problem rests on, worked out of the prices once: returns, expected returns, covariance, bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio import estimates
from workstation.portfolio.cleaning import clean
from workstation.portfolio.methods import COVARIANCES, EXPECTED, MEASURES, METHODS, Measure, Method, find
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import Constraints, PortfolioError, Problem


@dataclass(frozen=True, eq=False)
class Inputs:
    """`returns` (T × N) are the scenarios; `mean` and `cov` the estimates; `lower` and `upper` the bounds of each
    weight; `held` and `benchmark` N weights. `notes` are for the trader."""

    problem: Problem
    method: Method
    measure: Measure
    table: PriceTable
    assets: tuple[str, ...]
    returns: Floats
    mean: Floats
    cov: Floats
    lower: Floats
    upper: Floats
    held: Floats
    benchmark: Floats
    notes: tuple[str, ...] = ()

    @property
    def constraints(self) -> Constraints:
        return self.problem.constraints

    @property
    def plain(self) -> bool:
        """Whether there is nothing but a budget and bounds on single weights, and no charge for trading."""
        c = self.constraints
        return (
            not c.groups
            and c.short == 0
            and c.max_assets is None
            and c.turnover is None
            and c.costs == 0
            and c.tracking_error is None
            and c.min_return is None
            and not self.problem.kelly
        )


def prepare(table: PriceTable, problem: Problem, *, leave_out: bool = False) -> Inputs:
    """Everything checked that can be checked before solving. Raises `PortfolioError`."""
    method = find(METHODS, problem.method, "method")
    measure = find(MEASURES, problem.risk, "risk measure")
    find(EXPECTED, problem.expected, "estimator of expected returns")
    find(COVARIANCES, problem.covariance, "covariance estimator")
    _check_numbers(problem)
    if method.kind in ("mean-risk", "parity") and method.measured and not measure.frontier:
        raise PortfolioError(f"{measure.name} ({measure.code}) is not convex: only hrp and herc can use it.")
    if method.kind == "parity" and method.measured and not measure.parity:
        raise PortfolioError(
            f"Risk parity on {measure.code} is not defined: one period alone decides it. CVaR and CDaR are near."
        )
    cleaned = clean(table, leave_out=leave_out)
    whole, notes = cleaned.table, list(cleaned.notes)
    if not method.measured or not measure.rows or len(whole) - 1 <= measure.rows:
        pass
    elif method.kind in ("mean-risk", "parity"):
        raise PortfolioError(
            f"{measure.name} on {len(whole) - 1:,} returns takes minutes: with {measure.rows:,} at most it is offered. "
            "Take a shorter history or longer bars, or CVaR, which is near it."
        )
    assets = tuple(asset for asset in whole.assets if asset not in problem.factors)
    unknown = [factor for factor in problem.factors if factor not in whole.assets]
    if unknown:
        raise PortfolioError(f"The factor {unknown[0]} is not among the columns of {table.name}.")
    if len(assets) < 2:
        raise PortfolioError("A portfolio needs two assets or more beside the factors.")
    try:
        lower, upper = bounds(problem.constraints, assets)
    except PortfolioError as error:  # with an asset more they could have been met
        raise PortfolioError(" ".join([*cleaned.notes[: len(cleaned.left_out)], str(error)])) from None
    kept = whole.take(assets)
    returns, mean, cov = _estimates(whole, kept, problem)
    return Inputs(
        problem,
        method,
        measure,
        kept,
        assets,
        returns,
        mean,
        cov,
        lower,
        upper,
        estimates.weights_of(problem.held, assets, "held portfolio"),
        estimates.weights_of(problem.benchmark, assets, "benchmark")
        if problem.benchmark
        else np.full(len(assets), problem.constraints.budget / len(assets)),
        tuple(notes),
    )


def _estimates(whole: PriceTable, kept: PriceTable, problem: Problem) -> tuple[Floats, Floats, Floats]:
    returns = kept.returns
    if problem.expected == "FM":
        if not problem.factors:
            raise PortfolioError("The factor model needs factors: name the columns that explain the others.")
        return _factor_model(returns, whole.take(problem.factors).returns, problem)
    cov = estimates.covariance(returns, problem.covariance, problem.decay)
    if problem.expected == "BL":
        prior = estimates.expected_returns(returns, "hist")
        mean, cov = estimates.black_litterman(returns, kept.assets, problem, cov, prior)
        return returns, mean, cov
    return returns, estimates.expected_returns(returns, problem.expected, problem.decay), cov


def _factor_model(returns: Floats, factors: Floats, problem: Problem) -> tuple[Floats, Floats, Floats]:
    """Loadings by ordinary least squares with a constant; means and covariance from the factors' own, residual
    variances on the diagonal; the scenarios are the explained returns."""
    if len(returns) <= factors.shape[1] + 2:
        raise PortfolioError("The factor model needs more returns than factors.")
    rows = len(returns)
    design = np.column_stack([np.ones(rows), factors])
    loadings, _, rank, _ = np.linalg.lstsq(design, returns, rcond=None)
    if rank < design.shape[1]:
        raise PortfolioError("The factors explain each other (one is a mix of the others); take one out.")
    explained = design @ loadings
    rest = returns - explained
    factor_mean = estimates.expected_returns(factors, "hist")
    factor_cov = estimates.covariance(factors, problem.covariance, problem.decay)
    betas = loadings[1:].T
    mean = loadings[0] + betas @ factor_mean
    cov = betas @ factor_cov @ betas.T
    cov.flat[:: len(cov) + 1] += rest.var(axis=0, ddof=1)
    return np.asarray(explained), np.asarray(mean), np.asarray(cov)


def bounds(constraints: Constraints, assets: tuple[str, ...]) -> tuple[Floats, Floats]:
    """The lowest and highest weight of each asset. Raises `PortfolioError` where they cannot hold the budget."""
    c = constraints
    lowest = -c.short if c.short > 0 and c.lower == 0 else c.lower
    lower = np.full(len(assets), lowest)
    upper = np.full(len(assets), min(c.upper, c.budget + c.short))
    for asset, low, high in c.bounds:
        if asset not in assets:
            raise PortfolioError(f"There is a bound on {asset}, which is not among the assets.")
        lower[assets.index(asset)], upper[assets.index(asset)] = low, high
    for asset, low, high in zip(assets, lower.tolist(), upper.tolist(), strict=True):
        if low > high:
            raise PortfolioError(f"{asset} must weigh {low:.2%} or more and {high:.2%} or less: no weight does both.")
        if low < 0 and c.short <= 0:
            raise PortfolioError(
                f"{asset} may weigh {low:.2%}, but nothing may be sold short: allow it, or set the bound to zero."
            )
    if c.max_assets is None and lower[lower > 0].sum() - c.short > c.budget + 1e-12:
        raise PortfolioError(
            f"The lowest weights sum to {lower[lower > 0].sum():.2%}, which is more than the budget of {c.budget:.0%}: "
            "lower them, or take assets out."
        )
    if upper.sum() < c.budget - 1e-12:
        raise PortfolioError(
            f"The highest weights sum to {upper.sum():.2%}, which is less than the budget of {c.budget:.0%}: "
            f"{len(assets)} assets need {c.budget / len(assets):.2%} each or more."
        )
    for group in c.groups:
        strangers = [asset for asset in group.assets if asset not in assets]
        if strangers:
            raise PortfolioError(f"The group {group.name} names {strangers[0]}, which is not among the assets.")
        members = [assets.index(asset) for asset in group.assets]
        if group.lower > group.upper:
            raise PortfolioError(f"The group {group.name} has a lower bound above its upper one.")
        if upper[members].sum() < group.lower - 1e-12:
            raise PortfolioError(
                f"The group {group.name} must weigh {group.lower:.2%} or more, but its assets may come to "
                f"{upper[members].sum():.2%} only: lower the one or raise the other."
            )
        if lower[members].sum() > group.upper + 1e-12:
            raise PortfolioError(
                f"The group {group.name} may weigh {group.upper:.2%} at most, but its assets must come to "
                f"{lower[members].sum():.2%}: raise the one or lower the other."
            )
    return lower, upper


def _check_numbers(problem: Problem) -> None:
    c = problem.constraints
    checks = (
        (0 < problem.alpha < 1, f"Alpha is the tail's share, 0.05 say, not {problem.alpha:g}."),
        (0 < problem.kappa < 1, f"Kappa lies between 0 and 1, not at {problem.kappa:g}."),
        (0 < problem.decay < 1, f"The decay lies between 0 and 1 (0.94 say), not at {problem.decay:g}."),
        (problem.aversion >= 0, f"The aversion to risk is zero or more, not {problem.aversion:g}."),
        (-1 < problem.rf < 1, f"The risk-free rate is that of one period, as a fraction, not {problem.rf:g}."),
        (problem.kelly in ("", "approx", "exact"), f"Kelly is approx or exact, not {problem.kelly!r}."),
        (c.budget > 0, f"The budget is above zero (1 for all the money), not {c.budget:g}."),
        (c.short >= 0, f"The short limit is zero or more, not {c.short:g}."),
        (c.max_assets is None or c.max_assets >= 1, f"At least one asset must be allowed, not {c.max_assets}."),
        (c.turnover is None or c.turnover >= 0, "The turnover limit is zero or more."),
        (c.costs >= 0, "Transaction costs are zero or more."),
        (c.tracking_error is None or c.tracking_error > 0, "The tracking error limit is above zero."),
    )
    for holds, sentence in checks:
        if not holds:
            raise PortfolioError(sentence)
