"""Constraints hold, bind where they should, and those that cannot be met are named."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.support.universes import walks
from workstation.portfolio.frontier import frontier
from workstation.portfolio.optimise import allocate
from workstation.portfolio.problem import Constraints, GroupBound, PortfolioError, Problem, View


def every_choice(problem: Problem, assets: int, held: int) -> float:
    """The least risk or highest ratio over all choices of `held` assets, one by one."""
    prices = walks(assets, 200)
    limits = problem.constraints
    found = []
    for chosen in itertools.combinations(prices.assets, held):
        bare = replace(problem, constraints=replace(limits, max_assets=None))
        with contextlib.suppress(PortfolioError):  # a choice of losers has no ratio
            answer = allocate(prices.take(chosen), bare)
            found.append(answer.risk_value if problem.method == "min_risk" else -answer.sharpe)
    return min(found)


@pytest.mark.parametrize("method", ["min_risk", "max_ratio"])
@pytest.mark.parametrize(("risk", "lower"), [("MV", 0.0), ("MV", 0.25), ("WR", 0.0)])
def test_a_number_of_assets_is_proved_the_best_choice(method: str, risk: str, lower: float) -> None:
    problem = Problem(method=method, risk=risk, constraints=Constraints(lower=lower, max_assets=3))
    found = allocate(walks(6, 200), problem)
    assert np.count_nonzero(found.values > 1e-6) <= 3
    assert found.solver == "branch and bound"
    assert found.notes == ()
    best = every_choice(problem, 6, 3)
    # with a lower bound fewer than three may be better, and are allowed
    assert (found.risk_value if method == "min_risk" else -found.sharpe) <= best + 1e-8
    if lower:
        assert found.values[found.values > 1e-6].min() >= lower - 1e-6
    else:
        assert (found.risk_value if method == "min_risk" else -found.sharpe) == pytest.approx(best, rel=1e-6)


def test_turnover_is_counted_against_what_is_held() -> None:
    prices = walks(8, 300)
    held = (("A000", 0.5), ("A001", 0.5))
    free = allocate(prices, Problem(method="min_risk", held=held))
    tight = allocate(prices, Problem(method="min_risk", held=held, constraints=Constraints(turnover=0.3)))
    before = np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0])
    assert np.abs(free.values - before).sum() > 0.3
    assert np.abs(tight.values - before).sum() == pytest.approx(0.3, abs=1e-6)
    assert tight.risk_value > free.risk_value


def test_costs_keep_what_is_held_until_it_pays_to_trade() -> None:
    prices = walks(6, 300)
    held = tuple((asset, 1 / 6) for asset in prices.assets)
    dear = allocate(prices, Problem(method="max_utility", held=held, constraints=Constraints(costs=0.05)))
    np.testing.assert_allclose(dear.values, 1 / 6, atol=1e-5)
    cheap = allocate(prices, Problem(method="max_utility", held=held, constraints=Constraints(costs=1e-9)))
    free = allocate(prices, Problem(method="max_utility"))
    np.testing.assert_allclose(cheap.values, free.values, atol=1e-4)


def test_a_tracking_error_binds() -> None:
    prices = walks(8, 300)
    found = allocate(prices, Problem(method="min_risk", constraints=Constraints(tracking_error=0.002)))
    away = prices.returns @ (found.values - 1 / 8)
    assert np.sqrt((away @ away) / (len(away) - 1)) == pytest.approx(0.002, rel=1e-4)


def test_budget_short_and_groups() -> None:
    prices = walks(8, 300)
    half = allocate(prices, Problem(method="min_risk", constraints=Constraints(budget=0.5)))
    assert half.values.sum() == pytest.approx(0.5)
    short = allocate(prices, Problem(method="max_ratio", constraints=Constraints(short=0.4, upper=1.4)))
    assert short.values.sum() == pytest.approx(1)
    assert short.values[short.values < 0].sum() >= -0.4 - 1e-6
    assert (short.values < -1e-4).any()
    group = GroupBound("first", prices.assets[:3], 0.0, 0.1)
    for risk in ("MV", "CVaR", "UCI"):
        found = allocate(prices, Problem(risk=risk, constraints=Constraints(groups=(group,))))
        assert found.values[:3].sum() <= 0.1 + 1e-6


def test_a_frontier_keeps_to_the_constraints() -> None:
    group = GroupBound("first", walks(8, 300).assets[:4], 0.0, 0.5)
    limits = Constraints(upper=0.3, groups=(group,))
    for risk in ("MV", "MAD", "CVaR"):
        line = frontier(walks(8, 300), Problem(risk=risk, constraints=limits), 6)
        assert line.weights.max() <= 0.3 + 1e-6
        assert line.weights[:, :4].sum(axis=1).max() <= 0.5 + 1e-6
        assert np.all(np.diff(line.returns) > 0)
        np.testing.assert_allclose(np.diff(line.risks), np.diff(line.risks).mean(), rtol=1e-3)


def test_a_view_moves_the_weight() -> None:
    prices = walks(5, 300)
    plain = allocate(prices, Problem(expected="BL", views=(View(("A002",), 0.0),)))
    liked = allocate(prices, Problem(expected="BL", views=(View(("A002",), 0.01),)))
    sure = allocate(prices, Problem(expected="BL", views=(View(("A002",), 0.01, confidence=0.9),)))
    assert plain.weights["A002"] < liked.weights["A002"] <= sure.weights["A002"] + 1e-9


def test_the_factor_model_gives_factors_no_weight() -> None:
    found = allocate(walks(7, 300), Problem(expected="FM", factors=("A005", "A006"), method="min_risk"))
    assert found.assets == tuple(f"A{i:03}" for i in range(5))
    with pytest.raises(PortfolioError, match="needs factors"):
        allocate(walks(7, 300), Problem(expected="FM"))


@pytest.mark.parametrize(
    ("constraints", "sentence"),
    [
        (Constraints(upper=0.1), "5 assets need 20.00% each or more"),
        (Constraints(lower=0.3), "lowest weights sum to 150.00%"),
        (Constraints(bounds=(("A001", 0.6, 0.5),)), "A001 must weigh 60.00% or more and 50.00% or less"),
        (Constraints(bounds=(("A001", -0.1, 0.5),)), "nothing may be sold short"),
        (Constraints(groups=(GroupBound("two", ("A000", "A009"), 0, 1),)), "names A009"),
        (Constraints(upper=0.4, groups=(GroupBound("two", ("A000", "A001"), 0.9, 1),)), "may come to 80.00% only"),
        (
            Constraints(groups=(GroupBound("x", ("A000",), 0.7, 1), GroupBound("y", ("A001",), 0.7, 1))),
            "without the group x or without the group y there is one",
        ),
        (Constraints(tracking_error=1e-5, bounds=(("A000", 0.9, 1.0),)), "without the tracking error"),
        (Constraints(min_return=0.05), "The most that the other constraints leave is"),
        (Constraints(max_assets=0), "At least one asset"),
        (Constraints(max_assets=2, upper=0.3), "No portfolio of 2 assets or fewer"),
        (Constraints(budget=0), "The budget is above zero"),
    ],
)
def test_what_cannot_be_met_is_named(constraints: Constraints, sentence: str) -> None:
    with pytest.raises(PortfolioError, match=sentence):
        allocate(walks(5, 200), Problem(method="min_risk", constraints=constraints))
