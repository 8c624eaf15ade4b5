"""Monte Carlo: what stays, what does not, and the same seed gives the same bands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.bars import random_walk
from workstation.research.costs import Costs
from workstation.research.engine import engine
from workstation.research.metrics import period_ends
from workstation.research.monte_carlo import (
    bootstrap,
    candle_noise,
    equity_gains,
    jittered,
    noisy,
    parameter_jitter,
    shuffle_trades,
)
from workstation.strategies.parameters import parameters_of
from workstation.strategies.shipped.buy_and_hold import BuyAndHold
from workstation.strategies.shipped.sma_cross import SmaCross

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


def edge() -> SmaCross:
    return SmaCross(fast=5, slow=20, direction="both")


def test_noise_keeps_every_bar_whole_and_the_market_the_same() -> None:
    walk = random_walk(2_000, seed=8)
    other = noisy(walk, 0.25, np.random.default_rng(1))  # Candles examine themselves: high ≥ open, close ≥ low
    moved = np.log(other.close / walk.close)
    usual = np.median((walk.high - walk.low) / walk.close)
    assert moved.std() == pytest.approx(0.25 * usual, rel=0.1)
    assert abs(moved.mean()) < 0.05 * usual
    np.testing.assert_array_equal(other.time, walk.time)
    assert np.median(other.high / other.low) > np.median(walk.high / walk.low)


def test_a_fan_of_noise_is_narrow_around_what_does_not_hang_on_ticks_and_zero_noise_is_the_run() -> None:
    walk = random_walk(24 * 60, seed=8)
    still = candle_noise(edge, walk, Costs(), size=0.0, runs=3)
    result = engine("fast").run(edge(), walk, Costs())
    np.testing.assert_allclose(still.final, result.equity[-1])
    np.testing.assert_allclose(still.paths[2][1:], result.equity[period_ends(walk)])
    held = candle_noise(BuyAndHold, walk, Costs(), runs=40)
    crossing = candle_noise(edge, walk, Costs(), runs=40)
    assert np.std(held.final / held.final.mean()) < 0.02 < np.std(crossing.final / crossing.final.mean())
    assert held.paths.shape == (5, 1 + len(period_ends(walk)))
    np.testing.assert_array_equal(crossing.paths, candle_noise(edge, walk, Costs(), runs=40).paths)


def test_parameters_are_moved_by_a_step_at_least_and_stay_within_their_bounds() -> None:
    rng, known = np.random.default_rng(2), parameters_of(SmaCross)
    drawn = [jittered({"fast": 2, "slow": 100, "direction": "both"}, known, 0.1, rng) for _ in range(300)]
    assert {each["fast"] for each in drawn} <= {known["fast"].low, 2, 3}  # type: ignore[attr-defined]
    assert min(each["slow"] for each in drawn) == 90
    assert max(each["slow"] for each in drawn) == 110
    assert {each["direction"] for each in drawn} == {"both"}


def test_jitter_shows_what_hangs_on_one_number() -> None:
    walk = random_walk(24 * 60, seed=8)
    known, params = parameters_of(SmaCross), {"fast": 5, "slow": 20, "direction": "both"}
    fan = parameter_jitter(SmaCross, params, known, walk, Costs(), runs=60)
    assert len(set(fan.final.tolist())) > 3
    assert fan.paths[0, -1] < fan.paths[4, -1]
    none = parameter_jitter(BuyAndHold, {"direction": "long"}, parameters_of(BuyAndHold), walk, Costs(), runs=4)
    assert np.ptp(none.final) == 0


def test_a_cancel_leaves_fewer_runs() -> None:
    seen = []
    fan = candle_noise(
        edge, random_walk(300), Costs(), runs=50, cancelled=lambda: len(seen) > 5 or bool(seen.append(1))
    )
    assert len(fan.final) == 6  # it is asked before each run, and calls off at the seventh question
