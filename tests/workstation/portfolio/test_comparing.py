"""Figures of portfolios and the walk-forward, by hand-worked numbers."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.portfolio.comparing import figures, held_returns, sizes, walked, windows


def test_weights_that_are_bought_once_drift_with_the_prices():
    """Half in what doubles and half in what stands still is worth 1.5, of which two thirds are the first."""
    returns = np.array([[1.0, 0.0], [0.5, 0.0]])
    earned, after = held_returns(returns, np.array([0.5, 0.5]))
    assert earned == pytest.approx([0.5, 0.5 / 1.5])  # 1 → 1.5 → 2
    assert after == pytest.approx([0.75, 0.25])


def test_what_the_weights_leave_stays_in_money():
    earned, after = held_returns(np.array([[1.0]]), np.array([0.5]))
    assert earned == pytest.approx([0.5])
    assert after == pytest.approx([2 / 3])


def test_figures_of_a_rise_and_a_fall():
    """+10 %, −50 %, +100 %: 1.1, 0.55, 1.1."""
    found = figures(np.array([0.1, -0.5, 1.0]), 3.0)
    assert found is not None
    assert found.total == pytest.approx(0.1)
    assert found.yearly == pytest.approx(0.1)  # three periods are a year
    assert found.drawdown == pytest.approx(0.5)
    assert found.worst == -0.5
    deviation = np.std([0.1, -0.5, 1.0], ddof=1)
    assert found.volatility == pytest.approx(deviation * np.sqrt(3))
    assert found.ratio == pytest.approx(0.2 / deviation * np.sqrt(3))


def test_one_period_has_no_figures():
    assert figures(np.array([0.1]), 12.0) is None


def test_windows_hold_what_comes_next_and_nothing_twice():
    assert windows(10, 4, 3) == [(0, 4, 7), (3, 7, 10)]
    assert windows(9, 4, 3) == [(0, 4, 7), (3, 7, 9)]
    train, hold = sizes(400)
    found = windows(400, train, hold)
    assert 7 <= len(found) <= 9
    assert [start for _, start, _ in found[1:]] == [stop for _, _, stop in found[:-1]]
    assert found[-1][2] == 400


def test_a_walk_forward_pays_for_its_turnover_at_every_fit():
    """All in the first asset, then all in the second: 1 bought, then 1 sold and 1 bought."""
    returns = np.zeros((6, 2))
    fits = [((0, 2, 4), np.array([1.0, 0.0])), ((2, 4, 6), np.array([0.0, 1.0]))]
    earned, turnover, paid = walked(returns, fits, 0.01)
    assert turnover == pytest.approx(3.0)
    assert paid == pytest.approx(0.03)
    assert np.prod(1 + earned) == pytest.approx(0.99 * 0.98)
    assert len(earned) == 4


def test_a_fit_that_asks_for_what_the_drift_has_made_costs_nothing():
    returns = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    _, turnover, _ = walked(returns, [((0, 2, 3), np.array([0.5, 0.5])), ((1, 3, 4), np.array([2 / 3, 1 / 3]))], 0.01)
    assert turnover == pytest.approx(1.0)
