"""The efficient frontier: from the least risk to the most return."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats
from workstation.portfolio import mean_risk
from workstation.portfolio.inputs import Inputs, prepare
from workstation.portfolio.mean_risk import risk_value
from workstation.portfolio.optimise import refuse_riskless
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.problem import PortfolioError, Problem


@dataclass(frozen=True, eq=False)
class Point:
    """One portfolio in the plane of risk and expected return."""

    risk: float
    expected_return: float
    weights: Floats


@dataclass(frozen=True, eq=False)
class Frontier:
    """`risks` and `returns` (P) rise together; `weights` is P × N. `asset_risks` and `asset_returns` (N) are each
    asset's own point. `best` is the point of maximum ratio (None where nothing beats the risk-free rate), `least` that
    of minimum risk, `held` that of the weights held now, if any. All are figures of one period."""

    problem: Problem
    assets: tuple[str, ...]
    risks: Floats
    returns: Floats
    weights: Floats
    asset_risks: Floats
    asset_returns: Floats
    least: Point
    best: Point | None
    held: Point | None
    periods_per_year: float
    solver: str
    seconds: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.risks)

    @property
    def slope(self) -> float | None:
        """Return for a unit of risk along the capital market line, from the risk-free rate through `best`."""
        return None if self.best is None else (self.best.expected_return - self.problem.rf) / self.best.risk

    def point(self, place: int) -> Point:
        """The portfolio at a place of the frontier, 0 the least risk."""
        return Point(float(self.risks[place]), float(self.returns[place]), self.weights[place])


def frontier(
    prices: PriceTable,
    problem: Problem,
    points: int = 30,
    *,
    leave_out: bool = False,
    progress: Callable[[int, int], None] | None = None,
    called_off: Callable[[], bool] = bool,
) -> Frontier:
    """`points` portfolios whose risks lie at equal distances from the least to that of the most return, each with the
    most return at its risk (Riskfolio-Lib's points). `progress` hears how many are done; `called_off` is asked
    between them. Raises `PortfolioError`."""
    if not 2 <= points <= 500:
        raise PortfolioError(f"A frontier has from 2 to 500 points, not {points}.")
    begun = time.perf_counter()
    inputs = prepare(prices, problem, leave_out=leave_out)
    if not inputs.measure.frontier:
        raise PortfolioError(f"{inputs.measure.name} ({inputs.measure.code}) is not convex, so it has no frontier.")
    if problem.constraints.max_assets is not None:
        raise PortfolioError("A frontier with a largest number of assets is not drawn: take the limit away.")
    line = mean_risk.corners_of(inputs) if inputs.measure.code == "MV" else None
    if line is not None:
        ends = [risk_value(inputs, row) for row in (line.weights[-1], line.weights[0])]
        weights, solver = line.at_risks(_levels(ends[0], ends[1], points)), "critical line"
    else:
        weights, solver = _by_levels(inputs, points, progress, called_off)
    refuse_riskless(inputs, weights[0])
    risks = np.array([risk_value(inputs, row) for row in weights])
    count = len(inputs.assets)
    best: Point | None = None
    if line is None:
        with contextlib.suppress(PortfolioError):
            best = _point(inputs, mean_risk.best(inputs, "ratio").weights)
    elif float(line.weights[0] @ inputs.mean) > problem.rf:
        best = _point(inputs, line.best_ratio(problem.rf))
    held = inputs.held if problem.held else None
    return Frontier(
        problem,
        inputs.assets,
        risks,
        weights @ inputs.mean,
        weights,
        np.array([risk_value(inputs, row) for row in np.eye(count)]),
        inputs.mean,
        Point(float(risks[0]), float(weights[0] @ inputs.mean), weights[0]),
        best,
        None if held is None else _point(inputs, held),
        inputs.table.periods_per_year,
        solver,
        time.perf_counter() - begun,
        inputs.notes,
    )


def _point(inputs: Inputs, weights: Floats) -> Point:
    return Point(risk_value(inputs, weights), float(weights @ inputs.mean), weights)


def _levels(low: float, high: float, points: int) -> Floats:
    return np.asarray(np.linspace(low, high, points), dtype=np.float64)


def _by_levels(
    inputs: Inputs, points: int, progress: Callable[[int, int], None] | None, called_off: Callable[[], bool]
) -> tuple[Floats, str]:
    """One program whose risk bound moves."""
    least, most = mean_risk.solve(inputs, "risk"), mean_risk.solve(inputs, "return")
    levels = _levels(risk_value(inputs, least), risk_value(inputs, most), points)
    built = mean_risk.build(inputs, "level")
    rows = [least]
    for done, level in enumerate(levels[1:], start=2):
        if called_off():
            raise PortfolioError("The frontier was called off.")
        built.bound(float(level))
        status, weights = built.solve()
        if status != "solved":
            raise PortfolioError(mean_risk.explain(inputs, "level", status))
        rows.append(mean_risk.tidy(weights, inputs))
        if progress is not None:
            progress(done, points)
    return np.array(rows), "clarabel"
