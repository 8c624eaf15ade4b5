"""The verdicts on luck: noise is called noise, skill is not; the numbers against worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workstation.research.bench.judging import judge_sweep
from workstation.research.bench.messages import SweepRequest
from workstation.research.bench.setup import Setup
from workstation.research.overfitting import (
    backtest_overfitting,
    deflated_sharpe,
    expected_best_sharpe,
    plateau_score,
    probabilistic_sharpe,
)
from workstation.research.sweep import Row


def test_probabilistic_sharpe_of_normal_returns_is_the_t_test_nearly() -> None:
    from scipy import stats

    returns = np.random.default_rng(1).normal(0.001, 0.01, 2_000)
    t = stats.ttest_1samp(returns, 0).statistic
    assert probabilistic_sharpe(returns) == pytest.approx(stats.norm.cdf(t), abs=0.005)
    assert probabilistic_sharpe(returns, returns.mean() / returns.std(ddof=1)) == pytest.approx(0.5)
    assert math.isnan(probabilistic_sharpe(np.zeros(50)))


def test_fat_left_tails_make_a_sharpe_ratio_less_certain() -> None:
    rng = np.random.default_rng(2)
    normal = rng.normal(0, 1, 1_000)
    crashing = np.where(rng.random(1_000) < 0.02, -6.0, normal)
    scaled = [(r - r.mean()) / r.std(ddof=1) * 0.01 + 0.0005 for r in (normal, crashing)]
    assert probabilistic_sharpe(scaled[1]) < probabilistic_sharpe(scaled[0])


def test_the_expected_best_of_worthless_trials_is_what_simulation_shows() -> None:
    best = np.random.default_rng(3).normal(0, 0.1, (4_000, 100)).max(axis=1).mean()
    assert expected_best_sharpe(100, 0.01) == pytest.approx(best, rel=0.02)
    assert expected_best_sharpe(1, 0.01) == 0


def test_the_best_of_many_noises_is_deflated_and_real_skill_is_not() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, (750, 200))
    ratios = noise.mean(axis=0) / noise.std(axis=0, ddof=1)
    best = noise[:, int(np.argmax(ratios))]
    assert probabilistic_sharpe(best) > 0.95  # alone it looks like evidence
    assert deflated_sharpe(best, ratios.tolist()) < 0.9
    skilled = best + 0.002
    assert deflated_sharpe(skilled, [*ratios.tolist(), float("nan")]) > 0.95


def test_a_search_over_noise_is_caught_and_one_with_a_true_winner_is_not() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.01, (1_000, 50))
    fitted = backtest_overfitting(noise)
    assert fitted.probability > 0.3
    assert len(fitted.logits) == math.comb(10, 5)
    assert not fitted.verdict.startswith("Holds")
    noise[:, 7] += 0.002
    true = backtest_overfitting(noise)
    assert true.probability < 0.05
    assert true.verdict.startswith("Holds")


def test_trials_that_win_one_half_and_lose_the_other_are_overfitted_entirely() -> None:
    swing = np.repeat([0.01, -0.01], 50)[:, None] * np.array([1.0, -1.0]) + np.tile([0.001, -0.001], 50)[:, None]
    result = backtest_overfitting(swing, blocks=2)
    assert result.probability == 1
    assert result.verdict.startswith("Overfitted: in 100 %")


def test_what_cannot_be_cross_validated_is_refused() -> None:
    for shape, blocks in (((100, 1), 10), ((100, 5), 9), ((10, 5), 10)):
        with pytest.raises(ValueError, match="Cross-validation needs"):
            backtest_overfitting(np.ones(shape), blocks)


def test_plateau_score() -> None:
    flat = {(x, y): 1.0 for x in range(5) for y in range(5)}
    assert plateau_score(flat, (2, 2)) == 1
    assert plateau_score(flat | {(2, 2): 4.0}, (2, 2)) == 0.25
    assert math.isnan(plateau_score({(0, 0): 1.0}, (0, 0)))


def test_a_strategy_that_was_fitted_to_noise_is_caught_and_named() -> None:
    """The best of two hundred crosses on a market without memory shines, and every judge says what it is."""
    from tests.support.bars import random_walk
    from workstation.research.costs import Costs
    from workstation.research.metrics import level_returns, periods_per_year
    from workstation.research.sweep import best_row, grid, sweep
    from workstation.research.walk_forward import hold_out
    from workstation.strategies.shipped.sma_cross import SmaCross

    day = 86_400_000_000_000
    walk, costs = random_walk(1_200, seed=21, interval=day), Costs()
    wanted = [c | {"direction": "both"} for c in grid(SmaCross, {"fast": [*range(2, 22)], "slow": [*range(25, 75, 5)]})]
    rows = list(sweep(SmaCross, walk, wanted, costs, workers=1, levels=range(len(wanted))))
    kept = {row.index: row.levels for row in rows if row.levels is not None}
    best = best_row(rows, "sharpe")
    assert best is not None
    assert best.metrics["sharpe"] > 0.5  # it looks like something
    returns = {index: level_returns(levels) for index, levels in kept.items()}
    fitted = backtest_overfitting(np.column_stack([returns[index] for index in sorted(returns)]))
    assert fitted.verdict.startswith(("Overfitted", "Doubtful"))
    ratios = [row.metrics["sharpe"] / periods_per_year(walk) ** 0.5 for row in rows]
    assert deflated_sharpe(returns[best.index], ratios) < 0.95
    held = hold_out(SmaCross, walk, wanted, costs, share=0.4)
    assert held is not None
    assert held.verdict.startswith(("Fails", "Weaker"))


@pytest.mark.parametrize(("bars", "heads"), [(15, {"Overfitted", "Doubtful", "Holds"}), (7, {"No verdict"})])
def test_the_best_of_a_sweep_over_a_fortnight_is_judged_and_over_a_few_days_it_is_said_why_not(
    bars: int, heads: set[str]
) -> None:
    request = SweepRequest(Setup("sma_cross", "walk"), "fast", (2, 3), "slow", (5, 8))
    rng = np.random.default_rng(3)
    kept = {index: np.cumprod(1 + rng.normal(0, 0.01, bars)) for index in range(4)}
    rows = [Row(index, {}, {"sharpe": float(index), "n_trades": 40}, None) for index in kept]
    verdict = judge_sweep(request, rows, rows[-1], kept)[0]
    assert verdict.head in heads
    assert "block" not in verdict.text
