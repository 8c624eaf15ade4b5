"""Threads, processes and a Dask cluster do the same work by the same code and give the same rows."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Executor
from pathlib import Path

import pytest

from tests.support.bars import random_walk
from workstation.cli import main
from workstation.domain.trade_rules import TradeRules
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import Crew, Shipped, cluster, portions, processes, received, threads
from workstation.research.recipe import Recipe
from workstation.research.sweep import Row, grid, sweep
from workstation.strategies.shipped.sma_cross import SmaCross

WALK = random_walk(600, seed=3)
COMBINATIONS = grid(SmaCross, {"fast": list(range(2, 12)), "slow": [20, 30, 40, 50]})
RECIPE = Recipe("sma_cross", fixed={"direction": "both"}, rules=TradeRules(stop=0.02))
COSTS = Costs(fee=0.001)


def rows_of(crew: Crew) -> list[Row]:
    assert isinstance(crew.executor, Executor)
    return sorted(sweep(RECIPE, WALK, COMBINATIONS, COSTS, crew=crew), key=lambda row: row.index)


@pytest.fixture(scope="module")
def alone() -> list[Row]:
    with threads(1) as crew:
        return rows_of(crew)


@pytest.mark.slow
def test_processes_give_the_rows_of_threads_and_get_the_candles_once(alone: list[Row]) -> None:
    with processes(2) as crew:
        assert rows_of(crew) == alone
        shipped = crew.ship({"a": 1})
        assert isinstance(shipped, Shipped)
        assert received(shipped) is received(shipped)
    assert not Path(shipped.path).exists()
    assert len({row.metrics["n_trades"] for row in alone}) > 3


@pytest.mark.slow
def test_a_local_dask_cluster_gives_the_rows_of_threads(
    alone: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers on loopback; the command line by `--cluster` too."""
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, protocol="tcp"
    ) as local:
        with cluster(local.scheduler_address) as crew:
            assert crew.workers == 2
            assert rows_of(crew) == alone
        words = ["sweep", "sma_cross", "--candles", "GOOG", "--grid", "fast=5:20:5", "--grid", "slow=30,60", "--json"]
        assert main([*words, "--cluster", local.scheduler_address]) == 0
        there = json.loads(capsys.readouterr().out)
        assert main(words) == 0
        here = json.loads(capsys.readouterr().out)
        assert there["rows"] == here["rows"]
        assert there["best"] == here["best"]


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_a_sentence() -> None:
    with pytest.raises(BacktestError, match="No Dask cluster answers at"), cluster("nonsense://here"):
        pass


def test_work_is_portioned_for_all_workers() -> None:
    assert [len(each) for each in portions(range(10), 4, 16)] == [3, 3, 3, 1]
    assert [len(each) for each in portions(range(100), 2, 16)] == [16] * 6 + [4]
    assert portions([], 4, 16) == []


def test_a_recipe_makes_the_same_strategy_anywhere(tmp_path: Path) -> None:
    import pickle

    recipe = pickle.loads(pickle.dumps(RECIPE))
    made = recipe(fast=7)
    assert (made.fast, made.direction, made.exits.stop) == (7, "both", 0.02)
    assert recipe().fast == 10


def test_without_distributed_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BacktestError, match="extra 'distributed'"), cluster("tcp://127.0.0.1:1"):
        pass
