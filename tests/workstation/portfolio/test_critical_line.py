"""The critical line's corners are the frontier that the cone solver finds, a point at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.universes import walks
from workstation.portfolio import mean_risk
from workstation.portfolio.active_set import least_variance
from workstation.portfolio.critical_line import corners
from workstation.portfolio.frontier import frontier
from workstation.portfolio.inputs import prepare
from workstation.portfolio.optimise import allocate
from workstation.portfolio.problem import Constraints, Problem


@pytest.mark.parametrize(
    "constraints", [Constraints(), Constraints(upper=0.15), Constraints(lower=0.02, upper=0.3), Constraints(budget=0.8)]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ratio_risk_utility_and_return_are_the_solvers(seed: int, constraints: Constraints) -> None:
    inputs = prepare(walks(14, 400, seed), Problem(constraints=constraints, aversion=3.0))
    for objective in ("ratio", "risk", "utility", "return"):
        ours = mean_risk.best(inputs, objective)
        assert ours.solver == "critical line"
        np.testing.assert_allclose(ours.weights, mean_risk.solve(inputs, objective), atol=2e-6)


@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(0.15, 1.0), st.floats(0.0, 0.9))
@settings(max_examples=60, deadline=None)
def test_every_corner_is_efficient(seed: int, assets: int, upper: float, lowest: float) -> None:
    """Karush-Kuhn-Tucker at every corner: no weight can move for the better."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(assets, assets + 2))
    cov, mean = factor @ factor.T * 1e-4, rng.normal(0, 1e-3, assets)
    high = np.full(assets, max(upper, 1.0001 / assets))
    low = np.full(assets, lowest / assets)
    line = corners(mean, cov, low, np.maximum(high, low), 1.0)
    assert line is not None
    for value, weights in zip(line.lambdas, line.weights, strict=True):
        assert weights.sum() == pytest.approx(1)
        slope = cov @ weights - value * mean
        size = np.abs(cov @ weights).max() + value * np.abs(mean).max()
        can_fall, can_rise = weights > low + 1e-9, weights < high - 1e-9
        if can_fall.any() and can_rise.any():
            assert slope[can_rise].min() >= slope[can_fall].max() - 1e-7 * size


@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.02, 1.0), st.floats(0.0, 0.95))
@settings(max_examples=60, deadline=None)
def test_the_least_variance_by_active_sets_cannot_be_bettered(
    seed: int, assets: int, upper: float, lowest: float
) -> None:
    """Karush-Kuhn-Tucker: no weight that can fall has a steeper slope than one that can rise."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(assets, assets + 2)) + rng.normal(size=(assets, 1))
    cov = factor @ factor.T * 1e-4
    low = np.full(assets, lowest / assets)
    high = np.maximum(np.full(assets, max(upper, 1.0001 / assets)), low)
    weights = least_variance(cov, low, high, 1.0)
    if weights is None:  # the cone solver's then
        return
    assert weights.sum() == pytest.approx(1)
    assert (weights >= low).all()
    assert (weights <= high).all()
    slope = cov @ weights
    can_fall, can_rise = weights > low + 1e-9, weights < high - 1e-9
    if can_fall.any() and can_rise.any():
        assert slope[can_rise].min() >= slope[can_fall].max() - 1e-7 * np.abs(slope).max()


@pytest.mark.parametrize("upper", [1.0, 0.02])
def test_the_least_risk_of_many_is_the_solvers_and_a_singular_one_is_its_own(upper: float) -> None:
    asked = Problem(method="min_risk", constraints=Constraints(upper=upper))
    inputs = prepare(walks(80, 400), asked)
    ours = mean_risk.best(inputs, "risk")
    assert ours.solver == "active set"
    known = mean_risk.solve(inputs, "risk")
    np.testing.assert_allclose(ours.weights, known, atol=2e-5)
    assert ours.weights @ inputs.cov @ ours.weights <= known @ inputs.cov @ known + 1e-12
    assert least_variance(np.ones((3, 3)), np.zeros(3), np.ones(3), 1.0) is None


def test_between_corners_the_frontier_is_exact() -> None:
    prices, problem = walks(20, 500), Problem(rf=0.0001)
    line = frontier(prices, problem, 25)
    assert line.solver == "critical line"
    inputs = prepare(prices, problem)
    np.testing.assert_allclose(np.diff(line.risks), np.diff(line.risks).mean(), rtol=1e-9)
    built = mean_risk.build(inputs, "level")
    for place in (3, 11, 20):
        built.bound(float(line.risks[place]))
        status, weights = built.solve()
        assert status == "solved"
        assert float(weights @ inputs.mean) == pytest.approx(float(line.returns[place]), abs=1e-9)
    assert line.best is not None
    ratios = (line.returns - problem.rf) / line.risks
    assert line.slope is not None
    assert line.slope >= ratios.max()
    assert line.slope == pytest.approx(allocate(prices, problem).sharpe)


def test_a_singular_covariance_is_left_to_the_solver() -> None:
    """30 assets, 25 returns: the walk may lose its way, the answer must not."""
    found = allocate(walks(30, 26), Problem(method="min_risk"))
    inputs = prepare(walks(30, 26), Problem(method="min_risk"))
    known = mean_risk.solve(inputs, "risk")
    assert found.risk_value <= float(np.sqrt(known @ inputs.cov @ known)) + 1e-7


def test_the_efficient_portfolio_of_two_assets_by_hand() -> None:
    """Variances 4 and 1, no correlation: the least risk holds 1/5 and 4/5; with returns 2 and 1 the best ratio holds
    them by return over variance, 1/3 and 2/3."""
    line = corners(np.array([2.0, 1.0]), np.diag([4.0, 1.0]), np.zeros(2), np.ones(2), 1.0)
    assert line is not None
    np.testing.assert_allclose(line.weights[-1], [0.2, 0.8], atol=1e-12)
    np.testing.assert_allclose(line.best_ratio(0.0), [1 / 3, 2 / 3], atol=1e-12)
    np.testing.assert_allclose(line.at_risks(np.array([2.0, np.sqrt(0.8)])), [[1, 0], [0.2, 0.8]], atol=1e-7)
