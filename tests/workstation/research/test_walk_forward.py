"""Walk-forward: nothing of a test window is seen before it is traded, and the pieces make one account."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.bars import random_walk
from workstation.market.candles import Memo
from workstation.research.engine import BacktestError, Costs
from workstation.research.field import field_of
from workstation.research.sweep import best_row, grid, sweep
from workstation.research.walk_forward import Fold, folds, stitched, walk_forward
from workstation.strategies.shipped.sma_cross import SmaCross

WALK = random_walk(1_000, seed=8)
COMBINATIONS = grid(SmaCross, {"fast": [3, 5, 8], "slow": [20, 30]})
COSTS = Costs(fee=0.0005)


def test_windows_follow_each_other() -> None:
    assert folds(1_000, 400, 250) == [Fold(0, 400, 650), Fold(250, 650, 900), Fold(500, 900, 1_000)]
    assert [fold.train for fold in folds(1_000, 400, 250, anchored=True)] == [0, 0, 0]
    with pytest.raises(BacktestError, match="no room"):
        folds(300, 400, 100)


@pytest.mark.parametrize("anchored", [False, True])
def test_the_account_goes_through_all_tests(anchored: bool) -> None:
    steps = list(walk_forward(SmaCross, WALK, COMBINATIONS, COSTS, train=400, test=200, anchored=anchored))
    curve = stitched(steps)
    assert len(curve) == 600
    assert curve[-1] == pytest.approx(10_000 + sum(step.trades.pnl.sum() for step in steps))
    for step in steps:
        assert np.all(step.trades.entry_bar >= step.fold.split)
        assert np.all(step.trades.exit_bar < step.fold.end)
        train = WALK.slice(step.fold.train, step.fold.split)
        best = best_row(list(sweep(SmaCross, train, COMBINATIONS, COSTS)), "sharpe")
        assert best is not None
        assert (step.params, step.inside) == (best.params, best.metrics["sharpe"])


def test_the_future_changes_nothing_that_was_traded_before() -> None:
    changed = WALK.close.copy()
    changed[820:] = WALK.close[820]
    flat = np.where(np.arange(1_000) >= 820, WALK.close[820], 0)
    other = replace(
        WALK,
        memo=Memo(),
        close=changed,
        **{name: np.where(flat > 0, flat, getattr(WALK, name)) for name in ("open", "high", "low")},
    )
    one, two = (list(walk_forward(SmaCross, c, COMBINATIONS, COSTS, train=400, test=200)) for c in (WALK, other))
    np.testing.assert_array_equal(stitched(one)[:420], stitched(two)[:420])
    assert one[2].params == two[2].params


def test_the_field_is_every_combination_kept_unchanged_over_the_same_bars() -> None:
    found = field_of(SmaCross, WALK, COMBINATIONS, COSTS, begin=400, points=61)
    assert found is not None
    assert (found.bars[0], found.bars[-1], len(found.final)) == (0, 599, len(COMBINATIONS))
    assert np.all(np.diff(found.paths, axis=0) >= 0), "the bands lie over one another"
    assert found.beaten_by(np.inf) == 1
    assert found.beaten_by(float(np.sort(found.final)[2])) == pytest.approx(2 / 6)
    # One combination in one window leaves nothing to choose: the walk is its field.
    alone = COMBINATIONS[2:3]
    curve = stitched(list(walk_forward(SmaCross, WALK, alone, COSTS, train=400, test=600)))
    field = field_of(SmaCross, WALK, alone, COSTS, begin=400, points=61)
    assert field is not None
    np.testing.assert_allclose(field.paths[2], curve[field.bars])
    assert field_of(SmaCross, WALK, alone, COSTS, begin=400, points=9, cancelled=lambda: True) is None


def test_it_can_be_cancelled() -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    steps = walk_forward(SmaCross, WALK, COMBINATIONS, COSTS, train=400, test=100, cancelled=cancelled)
    assert len(list(steps)) < 6


def test_what_is_held_out_is_traded_once_with_the_parameters_of_the_rest() -> None:
    from workstation.research.sweep import best_row, sweep
    from workstation.research.walk_forward import hold_out

    walk = random_walk(1_000, seed=6)
    wanted = grid(SmaCross, {"fast": [3, 5, 8], "slow": [15, 25]})
    found = hold_out(SmaCross, walk, wanted, Costs(), share=0.25)
    assert found is not None
    assert (found.step.fold.split, found.step.fold.end) == (750, 1_000)
    best = best_row(list(sweep(SmaCross, walk.slice(0, 750), wanted, Costs(), workers=1)), "sharpe")
    assert best is not None
    assert (found.step.params, found.step.inside) == (best.params, best.metrics["sharpe"])
    assert len(found.step.equity) == 250
    assert found.verdict.split(":")[0] in ("Holds", "Weaker", "Fails", "Worthless before it began")
    with pytest.raises(BacktestError, match="between 0 and 1"):
        hold_out(SmaCross, walk, wanted, Costs(), share=1.5)
