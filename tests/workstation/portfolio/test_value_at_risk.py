"""VaR, shortfall and their parts against numbers worked by hand, Riskfolio's definitions and their own identities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.portfolio.value_at_risk import (
    Method,
    contributions,
    cornish_fisher,
    drawn,
    historical,
    moments,
    normal,
    student,
    tails,
)


def book(assets: int = 4, days: int = 500, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, (days, 1)) * 0.01
    returns = common + rng.standard_normal((days, assets)) * 0.01
    return rng.uniform(-1_000, 3_000, assets), returns


def test_historical_by_hand():
    """Twenty outcomes, losses 10, 8, 6 and then small ones: at 10 % VaR is the second worst, the shortfall the mean."""
    profits = np.array([-10.0, -8.0, -6.0, *([1.0] * 17)])
    assert historical(profits, 0.10) == (8.0, 9.0)


def test_historical_shortfall_counts_the_last_outcome_in_part():
    """25 outcomes at 10 %: two and a half of them are the tail: (10 + 8 + 6/2) / 2.5."""
    profits = np.array([-10.0, -8.0, -6.0, *([1.0] * 22)])
    var, shortfall = historical(profits, 0.10)
    assert var == 6.0
    assert shortfall == pytest.approx((10 + 8 + 3) / 2.5)


def test_historical_is_riskfolios():
    """VaR_Hist and CVaR_Hist of Riskfolio-Lib, restated: the sorted outcome ⌈αT⌉ − 1, and the mean excess over αT."""
    profits = np.random.default_rng(1).standard_normal(333)
    alpha = 0.05
    ordered = np.sort(profits)
    index = math.ceil(alpha * len(profits)) - 1
    var = -ordered[index]
    cvar = var + sum(max(0.0, -one - var) for one in profits) / (alpha * len(profits))
    assert historical(profits, alpha) == pytest.approx((var, cvar))


def test_normal_by_hand():
    """Mean 0, deviation 100: 164.49 and 206.27 at 95 %, 232.63 and 266.52 at 99 %."""
    assert normal(0.0, 100.0, 0.05) == pytest.approx((164.485, 206.271), abs=1e-3)
    assert normal(0.0, 100.0, 0.01) == pytest.approx((232.635, 266.521), abs=1e-3)
    assert normal(10.0, 100.0, 0.05)[0] == pytest.approx(154.485, abs=1e-3)


def test_students_t_by_hand():
    """Excess kurtosis 1.5 is ν = 8: t₀.₀₅ = −1.8595, scaled by √(6/8): 161.04."""
    var, shortfall = student(0.0, 100.0, 1.5, 0.05)
    assert var == pytest.approx(100 * 1.859548 * math.sqrt(6 / 8), abs=1e-2)
    draws = np.random.default_rng(0).standard_t(8, 2_000_000) * 100 * math.sqrt(6 / 8)
    assert shortfall == pytest.approx(historical(draws, 0.05)[1], rel=0.01)


def test_cornish_fisher_by_hand_and_as_the_normal_where_there_is_no_skew():
    assert cornish_fisher(0.0, 100.0, 0.0, 0.0, 0.05) == pytest.approx(normal(0.0, 100.0, 0.05), rel=2e-3)
    z, skew, excess = -1.644854, -0.5, 1.0
    expanded = z + (z * z - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
    assert cornish_fisher(0.0, 100.0, skew, excess, 0.05)[0] == pytest.approx(-100 * expanded, rel=2e-3)


def test_drawn_outcomes_are_the_same_for_the_same_seed_and_have_the_samples_moments():
    values, returns = book()
    profits = returns @ values
    one = drawn(values, returns, draws=200_000, seed=7)
    assert np.array_equal(one, drawn(values, returns, draws=200_000, seed=7))
    assert one.std() == pytest.approx(profits.std(ddof=1), rel=0.05)
    assert one.mean() == pytest.approx(profits.mean(), abs=0.02 * profits.std())


def test_every_method_is_there_and_the_shortfall_is_beyond_the_var():
    values, returns = book()
    found = tails(values, returns, 0.05)
    assert [one.method for one in found] == list(Method)
    assert all(one.shortfall > one.var > 0 for one in found)


def test_a_longer_horizon_grows_with_the_square_root():
    values, returns = book()
    returns = returns - returns.mean(axis=0)
    one, ten = (next(iter(tails(values, returns, 0.05, horizon))) for horizon in (1.0, 10.0))
    assert ten.var == pytest.approx(one.var * math.sqrt(10))
    by_normal = [tails(values, returns, 0.05, horizon)[1].var for horizon in (1.0, 4.0)]
    assert by_normal[1] == pytest.approx(2 * by_normal[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(0, 10_000), st.sampled_from([0.01, 0.05, 0.1]))
def test_components_sum_to_var_and_tail_shares_to_the_shortfall(assets, seed, tail):
    values, returns = book(assets, 120, seed)
    parts = contributions(values, returns, tail)
    mean, deviation, _, _ = moments(returns @ values)
    assert parts.component.sum() == pytest.approx(normal(mean, deviation, tail)[0])
    assert parts.shortfall.sum() == pytest.approx(historical(returns @ values, tail)[1])


def test_incremental_is_var_less_var_without_the_position():
    values, returns = book(5)
    parts = contributions(values, returns, 0.05)
    mean, deviation, _, _ = moments(returns @ values)
    whole = normal(mean, deviation, 0.05)[0]
    for column in range(5):
        others = values.copy()
        others[column] = 0.0
        mean, deviation, _, _ = moments(returns @ others)
        assert parts.incremental[column] == pytest.approx(whole - normal(mean, deviation, 0.05)[0])


def test_marginal_is_what_a_unit_more_adds():
    values, returns = book(3)
    parts = contributions(values, returns, 0.05)

    def var(some: np.ndarray) -> float:
        mean, deviation, _, _ = moments(returns @ some)
        return normal(mean, deviation, 0.05)[0]

    for column in range(3):
        step = np.zeros(3)
        step[column] = 0.01
        assert parts.marginal[column] == pytest.approx((var(values + step) - var(values - step)) / 0.02, rel=1e-5)
