"""Search by Optuna: the same trials on any crew and over a break, several objectives, pruning, a user's function."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.bars import random_walk
from workstation.cli import main
from workstation.research.bench.exploring import search as bench_search
from workstation.research.bench.messages import SearchRequest
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import threads
from workstation.research.engine import engine
from workstation.research.objectives import OBJECTIVES, multi_metric, objective, profit_drawdown
from workstation.research.recipe import Recipe, version_of
from workstation.research.search import SAMPLERS, Plan, Search, space_of
from workstation.research.search_store import SearchStore, Trial
from workstation.strategies.contract import StrategyError
from workstation.strategies.library import find_strategy
from workstation.strategies.parameters import ParameterError
from workstation.strategies.shipped.grid import Grid
from workstation.strategies.shipped.sma_cross import SmaCross

WALK = random_walk(800, seed=5)
SPACE = {"fast": list(range(2, 40)), "slow": list(range(10, 120, 2))}


def plan(sampler: str = "tpe", objectives: tuple[str, ...] = ("sharpe",), **kwargs: Any) -> Plan:
    told: dict[str, Any] = {"space": SPACE, "costs": Costs(fee=0.0005), "seed": 3, **kwargs}
    return Plan(
        make=Recipe("sma_cross"), candles=WALK, objectives=[objective(word) for word in objectives], sampler=sampler,
        **told,
    )  # fmt: skip


def run(plan: Plan, count: int, workers: int = 1, store: SearchStore | None = None) -> Search:
    with threads(workers) as crew:
        search = Search(plan, crew, store)
        list(search.run(count))
    return search


def objectives_of(sampler: str) -> tuple[str, ...]:
    return ("return_pct", "max_drawdown") if sampler == "nsga2" else ("sharpe",)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_was_broken_off_goes_on_to_the_same_trials_on_any_number_of_cores(
    sampler: str, tmp_path: Path
) -> None:
    asked = plan(sampler, objectives_of(sampler))
    whole = run(asked, 40, workers=1)
    store = SearchStore(tmp_path / "searches.sqlite")
    run(asked, 24, workers=3, store=store)
    again = run(asked, 40, workers=2, store=store)
    assert again.reused == 24
    assert again.trials == whole.trials
    assert again.best == whole.best
    assert len({tuple(each.params.values()) for each in whole.trials}) > 10


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_search_learns_where_to_look(sampler: str) -> None:
    """The later trials are better than those at random by far."""
    found = run(plan(sampler), 80)
    chance = run(plan("random"), 80)
    late = sorted(each.values[0] for each in found.trials[40:] if each.state == "done")
    drawn = sorted(each.values[0] for each in chance.trials if each.state == "done")
    assert late[len(late) // 2] > drawn[3 * len(drawn) // 4]


def test_a_trials_figures_are_those_of_the_run() -> None:
    found = run(plan(), 8)
    trial = next(each for each in found.trials if each.state == "done")
    result = engine("fast").run(SmaCross(**trial.params), WALK, Costs(fee=0.0005))
    assert trial.values == (pytest.approx(result.metrics["sharpe"]),)
    assert trial.figures["return_pct"] == pytest.approx(result.metrics["return_pct"])


def test_several_objectives_give_a_front_that_nothing_beats() -> None:
    found = run(plan("nsga2", ("return_pct", "max_drawdown")), 96)
    front = found.front
    assert len(front) >= 2
    for each in front:
        assert not any(
            all(a >= b for a, b in zip(other.values, each.values, strict=True)) and other.values != each.values
            for other in found.trials
            if other.state == "done"
        )
    gains = [each.values[0] for each in front]
    assert gains == sorted(gains, reverse=True)
    assert [each.values[1] for each in front] == sorted(each.values[1] for each in front)


def test_hopeless_trials_are_pruned_and_still_the_same_over_a_break(tmp_path: Path) -> None:
    asked = plan(pruned=True)
    whole = run(asked, 64)
    pruned = [each for each in whole.trials if each.state == "pruned"]
    assert len(pruned) > 5
    assert all(set(each.steps) <= {25, 50} and each.steps and not each.values for each in pruned)
    store = SearchStore(tmp_path / "searches.sqlite")
    run(asked, 32, store=store)
    assert run(asked, 64, store=store).trials == whole.trials


def test_what_is_done_is_stored_before_it_is_seen_and_a_cancel_ends_it(tmp_path: Path) -> None:
    asked, store = plan(), SearchStore(tmp_path / "searches.sqlite")
    with threads(2) as crew:
        search = Search(asked, crew, store)
        for seen in search.run(1_000, cancelled=lambda: len(search.trials) >= 16):
            assert any(trial == seen for trial, _ in store.load(asked.key()))
    assert len(search.trials) == 16
    [(key, about, count)] = store.searches()
    assert (key, about["strategy"], count) == (asked.key(), "", 16)
    store.forget(key)
    assert store.searches() == []


def test_another_question_is_another_search() -> None:
    keys = {
        plan().key(), plan(seed=4).key(), plan("random").key(), plan(costs=Costs(fee=0.001)).key(),
        plan(objectives=("calmar",)).key(), plan(space={"fast": [2, 3]}).key(), plan(source="x").key(),
        plan(pruned=True).key(),
    }  # fmt: skip
    assert len(keys) == 8


def test_trials_that_cannot_be_run_are_rows_with_their_reason() -> None:
    found = run(plan(space={"fast": [5, 0], "slow": [20, 30]}), 16)
    failed = [each for each in found.trials if each.state == "failed"]
    assert failed
    assert all("fast must be a whole number" in each.error and each.params["fast"] == 0 for each in failed)
    assert found.best is not None


def test_strategies_on_events_are_searched_in_the_event_engine() -> None:
    asked = Plan(
        make=Recipe("grid"), candles=WALK.slice(0, 200), costs=Costs(), engine="event", objectives=[objective("sqn")],
        space=space_of(Grid, {"kind": "geometric"}, {"levels": [2, 3, 4], "step": [0.5, 1.0]}),
    )  # fmt: skip
    assert set(asked.space) == {"levels", "step", "share", "keep"}
    found = run(asked, 8)
    assert found.best is not None
    assert found.best.figures["n_trades"] > 0


def test_objectives_worked_by_hand() -> None:
    figures = {
        "return_pct": 50.0, "max_drawdown_pct": -20.0, "profit_factor": 3.0, "n_trades": 15, "sharpe": math.nan,
    }  # fmt: skip
    assert profit_drawdown(figures) == 30
    assert multi_metric(figures) == pytest.approx((0.5 / 1.5) * (6 / 4) * 0.8 * 0.5)
    assert multi_metric({**figures, "return_pct": -10.0}) == pytest.approx(-0.1)
    assert objective("max_drawdown")(figures) == -20
    assert objective("max_drawdown")({**figures, "n_trades": 0, "max_drawdown_pct": 0.0}) == -math.inf
    assert objective("sharpe")(figures) == -math.inf
    assert {"sharpe", "sortino", "calmar", "profit_factor", "sqn", "max_drawdown", "profit_drawdown"} <= set(OBJECTIVES)


def test_a_users_function_is_an_objective(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def calm(figures):\n    return figures['return_pct'] / (1 + figures['n_trades'])\n"
        "def bad(figures):\n    return figures['x']\n"
    )
    mine = objective(f"{file}:calm")
    assert mine({"return_pct": 10.0, "n_trades": 4}) == 2
    with pytest.raises(BacktestError, match=r"raised KeyError: 'x'"):
        objective(f"{file}:bad")({})
    with pytest.raises(BacktestError, match="has no function other"):
        objective(f"{file}:other")
    with pytest.raises(BacktestError, match="There is no objective 'luck'"):
        objective("luck")
    file.write_text("def oops(:\n")
    with pytest.raises(BacktestError, match="line 1"):
        objective(f"{file}:calm")


def test_plans_that_make_no_sense_are_refused() -> None:
    for wrong, sentence in (
        ({"sampler": "luck"}, "no sampler"),
        ({"space": {}}, "nothing to search"),
        ({"sampler": "cmaes", "objectives": ("sharpe", "sqn")}, "one objective"),
        ({"pruned": True, "objectives": ("sharpe", "sqn")}, "one objective"),
    ):
        with pytest.raises(BacktestError, match=sentence):
            plan(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no parameter 'fist'"):
        space_of(SmaCross, {}, {"fist": [1]})


def test_a_damaged_or_foreign_file_is_left_untouched(tmp_path: Path) -> None:
    import sqlite3

    file = tmp_path / "searches.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(BacktestError, match="no file of searches"):
        SearchStore(file).add("k", {}, [(Trial(0, "done", {}), {})])
    file.write_bytes(b"nonsense" * 1_000)
    with pytest.raises(BacktestError, match="failed"):
        SearchStore(file).load("k")


def test_the_command_goes_on_where_it_was_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    words = ["search", "sma_cross", "--candles", "GOOG", "--space", "fast=2:30:1", "--space", "slow=10:100:5",
             "--objective", "profit_drawdown", "--fee", "0.001", "--json"]  # fmt: skip

    def tws(*more: str) -> dict[str, Any]:
        assert main([*words, *more]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    first = tws("--trials", "16")
    assert (first["trials"], first["reused"], first["objectives"]) == (16, 0, ["profit_drawdown"])
    best = max(first["rows"], key=lambda row: row["values"].get("profit_drawdown", -1e9))
    assert first["best"] == best
    assert "luck" in first["luck"]["verdict"].lower()
    second = tws("--trials", "24")
    assert (second["trials"], second["reused"]) == (24, 16)
    assert second["rows"][:16] == first["rows"]
    assert tws("--trials", "16", "--fresh")["reused"] == 0
    assert main([*words[:-1], "--trials", "24"]) == 0
    table = capsys.readouterr().out
    assert "24 trials (16 of them stored before)" in table
    assert main([*words, "--objective", "luck"]) == 1
    assert "There is no objective 'luck'" in capsys.readouterr().err


def test_without_optuna_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with threads(1) as crew, pytest.raises(BacktestError, match="extra 'research'"):
        Search(plan(), crew)


def test_a_worker_makes_the_version_that_was_commanded_or_nothing(tmp_path: Path) -> None:
    """A worker of a cluster outlives the command: a file that was edited in between is another strategy."""
    file, text = tmp_path / "mine.py", Path(sys.modules[SmaCross.__module__].__file__ or "").read_text()

    def wrote(fast: int) -> Recipe:
        file.write_text(text.replace("class SmaCross", f"EDITION = {fast}\n\n\nclass SmaCross"))
        found = find_strategy(str(file)).cls
        assert found is not None
        return Recipe(str(file), version=version_of(found))

    first = wrote(1)
    assert sys.modules[type(first()).__module__].EDITION == 1
    second = wrote(22)
    assert sys.modules[type(second()).__module__].EDITION == 22
    assert second.version != first.version
    with pytest.raises(StrategyError, match="is another version where this worker runs"):
        replace(first, version="of somewhere else")()


def test_a_search_on_the_page_has_events_searched_by_the_engine_of_events(tmp_path: Path) -> None:
    info = find_strategy("grid")
    request = SearchRequest(setup=Setup(strategy="grid", candles="walk"), objectives=("sharpe",), trials=2)
    told: list[Any] = []
    answer = bench_search(
        info, Recipe("grid"), WALK, Costs(), request, tmp_path / "searches.sqlite", told.append, lambda: False
    )
    assert answer.best is not None
    assert [one.state for many in told for one in many.trials] == ["done", "done"]
