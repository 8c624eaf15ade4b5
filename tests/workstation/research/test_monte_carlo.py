"""Monte Carlo: what stays, what does not, and the same seed gives the same bands."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.research.monte_carlo import bootstrap, equity_gains, shuffle_trades

GAINS = np.random.default_rng(1).normal(0.002, 0.02, 200)


def test_a_shuffle_keeps_the_end_and_changes_the_way() -> None:
    fan = shuffle_trades(GAINS, 1_000, runs=300)
    np.testing.assert_allclose(fan.final, 1_000 * np.prod(1 + GAINS))
    assert fan.paths.shape == (5, 201)
    assert np.ptp(fan.drawdowns) > 0.02
    assert np.all(np.diff(fan.paths, axis=0) >= 0)
    assert fan.drawdown_at(0.95) < fan.drawdown_at(0.5) < 0


def test_gains_of_trades_compound_to_the_equity() -> None:
    pnl = np.array([100.0, -50, 200])
    np.testing.assert_allclose(equity_gains(pnl, 1_000), [0.1, -50 / 1_100, 200 / 1_050])
    np.testing.assert_allclose(shuffle_trades(equity_gains(pnl, 1_000), 1_000, runs=5).final, 1_250)


def test_a_bootstrap_has_the_spread_of_the_returns() -> None:
    fan = bootstrap(GAINS, 1.0, block=1, runs=4_000)
    logs = np.log(fan.final)
    assert logs.std() == pytest.approx(np.log1p(GAINS).std() * np.sqrt(200), rel=0.05)
    assert logs.mean() == pytest.approx(np.log1p(GAINS).sum(), abs=0.02)
    assert 0 < fan.loss_probability < 0.5


def test_blocks_keep_the_memory_of_the_returns() -> None:
    trend = np.repeat(np.random.default_rng(2).choice([0.01, -0.01], 40), 10)  # ten alike, again and again
    assert bootstrap(trend, 1.0, block=20).final.std() > 1.5 * bootstrap(trend, 1.0, block=1).final.std()


def test_the_same_seed_gives_the_same_bands() -> None:
    one, two, other = (bootstrap(GAINS, 1.0, seed=seed).paths for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="needs returns"):
        bootstrap(np.empty(0), 1.0)
