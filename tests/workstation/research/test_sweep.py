"""Sweeps: the same rows by any executor, streaming, cancelled at once, errors as rows."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from tests.support.bars import candles, random_walk
from workstation.market.candles import Candles
from workstation.research import fast
from workstation.research.crew import Crew
from workstation.research.engine import BacktestError, Costs, engine
from workstation.research.metrics import period_ends
from workstation.research.recipe import Recipe
from workstation.research.summary import FIGURES
from workstation.research.sweep import CHUNK, Job, _size, best_row, grid, parse_grid, run_part, sample, sweep
from workstation.strategies.contract import Signals
from workstation.strategies.parameters import ParameterError
from workstation.strategies.shipped.rsi import Rsi
from workstation.strategies.shipped.sma_cross import SmaCross

WALK = random_walk(600, seed=3)
COMBINATIONS = grid(SmaCross, {"fast": list(range(2, 12)), "slow": [20, 30, 40, 50]})


def test_any_executor_gives_the_same_rows() -> None:
    costs = Costs(fee=0.001, slippage=0.0005)
    alone = sorted(sweep(SmaCross, WALK, COMBINATIONS, costs, workers=1), key=lambda row: row.index)
    assert [row.params for row in alone] == COMBINATIONS
    with ThreadPoolExecutor(3) as threads:
        assert sorted(sweep(SmaCross, WALK, COMBINATIONS, costs, executor=threads), key=lambda r: r.index) == alone
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        rows = list(sweep(SmaCross, WALK, COMBINATIONS, costs, executor=processes))
        assert sorted(rows, key=lambda row: row.index) == alone


def test_rows_stream_and_a_cancel_drops_the_rest() -> None:
    rows = sweep(SmaCross, WALK, COMBINATIONS * 20, Costs(), workers=1)
    first = [next(rows) for _ in range(3)]
    begin = first[0].index  # a chunk's rows come together; which chunk is first is the machine's affair
    assert begin % CHUNK == 0
    assert [row.index - begin for row in first] == [0, 1, 2]
    rows.close()  # type: ignore[attr-defined]
    seen = 0

    def enough() -> bool:
        return seen >= 20

    for _ in sweep(SmaCross, WALK, COMBINATIONS * 20, Costs(), workers=1, cancelled=enough):
        seen += 1
    assert 20 <= seen <= 20 + 3 * CHUNK


def test_a_task_that_is_sent_away_is_worth_its_way_and_ends_with_the_others() -> None:
    with ThreadPoolExecutor(1) as pool:
        away = Crew(pool, 2, worth=0.05)
        assert _size(away, 1000, 0.0) == 128  # nothing is known yet
        assert _size(away, 100, 0.0) == 25
        assert _size(away, 400, 0.001) == 100  # fewer towards the end,
        assert _size(away, 100, 0.001) == 50  # and worth their way
        assert _size(away, 1000, 0.02) == 25  # half a second at most: rows stream
        assert _size(away, 1000, 3.0) == 1
        assert _size(replace(away, threads=True), 1000, 3.0) == CHUNK


def test_a_combination_that_cannot_be_run_is_a_row_with_its_reason() -> None:
    rows = list(sweep(SmaCross, WALK, [{"fast": 5}, {"fast": 0}], Costs(), workers=1))
    assert rows[0].error is None
    assert rows[1].error is not None
    assert "fast must be a whole number" in rows[1].error
    assert best_row(rows, "sharpe") == rows[0]


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_runs_of_one_call_are_as_each_alone(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether their rules are the same or not, whether one among them fails, and however many fit into a call."""
    monkeypatch.setattr(fast, "_CODES", rows * len(WALK))
    monkeypatch.setattr(fast, "_kept", threading.local())
    costs, ends = Costs(fee=0.001), period_ends(WALK)
    wanted: list[dict[str, Any]] = [{"fast": short, "slow": 30, "direction": "both"} for short in range(2, 20)]
    for index in (3, 4, 9):
        wanted[index]["rule:stop"] = 0.02
    wanted[6]["fast"] = 0
    part = run_part(Job(Recipe("sma_cross"), WALK, wanted, costs), 1, 18, range(2, 12))
    figures = part.figures
    assert list(part.errors) == [6]
    assert sorted(part.levels) == [2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert np.isnan(figures[5]).all()
    for index in [*range(1, 6), *range(7, 18)]:
        result = engine("fast").run(Recipe("sma_cross")(**wanted[index]), WALK, costs)
        assert figures[index - 1, FIGURES.index("final_equity")] == result.equity[-1]
        assert figures[index - 1, FIGURES.index("n_trades")] == len(result.trades)
        if index in part.levels:
            np.testing.assert_array_equal(part.levels[index], result.equity[ends])
    assert len({figures[index - 1, 0] for index in (2, 3, 4, 5)}) == 4


def test_an_indicator_is_shared_by_all_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    from workstation.strategies import indicators

    worked = []
    mean = indicators.loops.rolling_mean
    monkeypatch.setattr(indicators.loops, "rolling_mean", lambda values, n: worked.append(n) or mean(values, n))
    list(sweep(SmaCross, random_walk(600, seed=4), COMBINATIONS, Costs(), workers=1))
    assert sorted(worked) == sorted({n for c in COMBINATIONS for n in c.values()})


def test_grids_and_samples() -> None:
    assert parse_grid(Rsi, ["low=20:30:5", "length=7,14"]) == {"low": [20.0, 25.0, 30.0], "length": [7, 14]}
    assert parse_grid(SmaCross, ["fast=3:5"]) == {"fast": [3, 4, 5]}
    assert len(grid(SmaCross, {})) == 1
    some = sample(COMBINATIONS, 10, seed=1)
    assert some == sample(COMBINATIONS, 10, seed=1) != sample(COMBINATIONS, 10, seed=2)
    assert len({tuple(c.values()) for c in some}) == 10
    for wrong in ("fast", "fist=1:2:1", "fast=1:2:0", "fast=0:5:1", "direction=1:2:1", "fast=a:b:c"):
        with pytest.raises(ParameterError):
            parse_grid(SmaCross, [wrong])


def test_ranking_knows_what_less_is_better() -> None:
    rows = list(sweep(SmaCross, WALK, COMBINATIONS, Costs(fee=0.001), workers=1))
    cheapest = best_row(rows, "fees_paid")
    assert cheapest is not None
    assert cheapest.metrics["fees_paid"] == min(row.metrics["fees_paid"] for row in rows)
    shallow = best_row(rows, "max_drawdown_pct")
    assert shallow is not None
    assert shallow.metrics["max_drawdown_pct"] == max(row.metrics["max_drawdown_pct"] for row in rows)
    with pytest.raises(BacktestError, match="two bars"):
        next(sweep(SmaCross, candles([(1, 1, 1, 1)]), COMBINATIONS, Costs()))


class Broken(SmaCross):
    def signals(self, candles: Candles) -> Signals:
        raise ZeroDivisionError


def test_what_a_strategy_raises_ends_the_sweep() -> None:
    with pytest.raises(ZeroDivisionError):
        list(sweep(Broken, WALK, COMBINATIONS, Costs(), workers=2))
