"""`tws search`: its arguments, its run, what it prints. Nothing heavy is loaded before."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from workstation.domain.trade_rules import KEY
from workstation.research.arguments import (
    add_common,
    add_workers,
    announce,
    candles_of,
    costs_of,
    guarded,
    pairs,
    recipe_of,
)
from workstation.research.printing import figure, to_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.paths import Paths
    from workstation.research.search import Search
    from workstation.research.search_store import Trial

_OBJECTIVE_HELP = (
    "sharpe, sortino, calmar, profit_factor, sqn, max_drawdown, profit_drawdown, multi_metric, return_pct, expectancy, "
    "win_rate_pct or FILE.py:FUNCTION (of the figures; more is better); several with --sampler nsga2 or tpe (sharpe)"
)
_SPACE_HELP = "or NAME=a,b,c: where a parameter or a rule is looked for; a parameter's own range otherwise"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `search`."""
    parser.description = "Search the parameters by Optuna. The same command goes on where it was left."
    add_common(parser)
    parser.add_argument("--space", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help=_SPACE_HELP)
    parser.add_argument("--sampler", choices=("tpe", "cmaes", "nsga2", "random"), default="tpe", help="Optuna's; tpe")
    parser.add_argument("--objective", action="append", default=[], metavar="NAME", help=_OBJECTIVE_HELP)
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="in all, stored ones included (100)")
    parser.add_argument("--prune", action="store_true", help="leave what is hopeless after 25 or 50 %% of the bars")
    parser.add_argument("--seed", type=int, default=0, help="of the sampler (0)")
    parser.add_argument("--fresh", action="store_true", help="forget the stored trials of this search")
    parser.add_argument("--engine", choices=("fast", "event"), help="fast (event for strategies on events)")
    add_workers(parser)


def search(options: argparse.Namespace, paths: Paths, write: Callable[[str], object]) -> int:
    """One search, its outcome through `write`, its progress on standard error of a terminal. Raises the project's own
    errors, each a sentence."""
    from workstation.research.costs import BacktestError
    from workstation.research.crew import crew_of
    from workstation.research.objectives import objective
    from workstation.research.recipe import source_of
    from workstation.research.search import Plan, Search, space_of
    from workstation.research.search_store import SearchStore
    from workstation.research.sweep import parse_grid
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, paths.strategies)
    if info.cls is None or info.native:
        raise BacktestError(f"{info.name} was written for backtesting.py: it has no parameters of ours to search.")
    if options.trials < 1:
        raise BacktestError(f"The trials must be one at least, not {options.trials}.")
    if len(options.candles) > 1 and (options.engine == "event" or not issubclass(info.cls, SignalStrategy)):
        raise BacktestError("Several instruments on one account are searched in the engine fast, by their signals.")
    recipe, candles = recipe_of(info, options), candles_of(options)
    fixed = pairs(options.param)
    plan = Plan(
        make=recipe,
        candles=candles,
        costs=costs_of(options),
        space=space_of(info.cls, fixed, parse_grid(info.cls, options.space)),
        objectives=[objective(word) for word in options.objective or ["sharpe"]],
        sampler=options.sampler,
        seed=options.seed,
        engine=options.engine or ("fast" if issubclass(info.cls, SignalStrategy) else "event"),
        pruned=options.prune,
        name=info.name,
        source=source_of(info.cls),
        fixed=fixed,
    )
    store = SearchStore(paths.data / "searches.sqlite")
    if options.fresh:
        store.forget(plan.key())
    announce(plan.engine, candles)
    begun = time.perf_counter()
    with crew_of(options.workers, options.processes, options.cluster) as crew:
        found = Search(plan, crew, store)
        try:
            guarded(info, lambda: _run(found, options.trials, begun))
        except KeyboardInterrupt:
            sys.stderr.write(
                f"\ntws: stopped after {len(found.trials):,} trials; the same command goes on from there.\n"
            )
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    seconds = time.perf_counter() - begun
    if found.best is None and found.trials and all(each.state == "failed" for each in found.trials):
        raise BacktestError(f"No trial can be run: {found.trials[0].error}")
    write(to_json(_answer(found, seconds)) if options.json else _table(found, seconds))
    return 0


def _run(found: Search, wanted: int, begun: float) -> None:
    for _ in found.run(wanted):
        _progress(found, wanted, begun)


def _progress(found: Search, wanted: int, begun: float) -> None:
    if not sys.stderr.isatty():
        return
    done, best = len(found.trials), found.best
    left = (time.perf_counter() - begun) / max(1, done - found.reused) * (wanted - done)
    shown = f"best {found.plan.objectives[0].name} {best.values[0]:.4g}" if best is not None else "nothing yet"
    sys.stderr.write(f"\r{done:,} of {wanted:,} trials, {shown}, {left:.0f} s left   ")
    sys.stderr.flush()


def _answer(found: Search, seconds: float) -> dict[str, Any]:
    best, names = found.best, [each.name for each in found.plan.objectives]
    return {
        "strategy": found.plan.name,
        "sampler": found.plan.sampler,
        "objectives": names,
        "trials": len(found.trials),
        "reused": found.reused,
        "pruned": sum(each.state == "pruned" for each in found.trials),
        "failed": sum(each.state == "failed" for each in found.trials),
        "seconds": round(seconds, 6),
        "best": None if best is None else _row(best, names),
        "front": [_row(each, names) for each in found.front],
        "luck": luck(found),
        "rows": [_row(each, names) for each in found.trials],
    }


def _row(trial: Trial, names: list[str]) -> dict[str, Any]:
    row = {"number": trial.number, "state": trial.state, "params": dict(trial.params)}
    row |= {"values": dict(zip(names, trial.values, strict=False)), "metrics": dict(trial.figures)}
    if trial.steps:
        row["steps"] = dict(trial.steps)
    return row | ({"error": trial.error} if trial.error else {})


def luck(found: Search) -> dict[str, Any]:
    """How likely it is that the best beats the best of so many worthless trials (deflated Sharpe ratio), in words."""
    from workstation.research.engine import engine
    from workstation.research.luck import best_of

    best, plan = found.best, found.plan
    if best is None:
        return {"probability": None, "verdict": "Nothing is known yet."}
    result = engine(plan.engine).run(plan.make(**best.params), plan.candles, plan.costs)
    chance, verdict = best_of(result, [each.figures.get("sharpe", math.nan) for each in found.trials])
    words = verdict.text if verdict.level == "unknown" else f"{verdict.head}: {verdict.text}"
    return {"probability": chance if math.isfinite(chance) else None, "verdict": words}


def _table(found: Search, seconds: float) -> str:
    names = [each.name for each in found.plan.objectives]
    shown = found.front
    if len(names) == 1:
        done = (each for each in found.trials if each.state == "done")
        ranked = sorted(done, key=lambda each: -each.values[0])
        shown = list({tuple(each.params.items()): each for each in ranked}.values())  # each set of parameters once
    params = list(found.plan.space)
    columns = [*names, *(name for name in ("return_pct", "max_drawdown_pct", "n_trades") if name not in names)]
    width = {name: max(10, len(name)) for name in params}
    titles = [f"{name.removeprefix(KEY):>{width[name]}}" for name in params]
    lines = ["  ".join([*titles, *(f"{name:>16}" for name in columns)])]
    for each in shown[:10]:
        figures = dict(each.figures) | dict(zip(names, each.values, strict=True))
        cells = [f"{each.params[name]!s:>{width[name]}}" for name in params]
        lines.append("  ".join([*cells, *(figure(name, figures.get(name, math.nan)) for name in columns)]))
    ended = {state: sum(each.state == state for each in found.trials) for state in ("pruned", "failed")}
    notes = "".join(f", {count:,} {state}" for state, count in ended.items() if count)
    reused = f" ({found.reused:,} of them stored before)" if found.reused else ""
    lines.append(f"{len(found.trials):,} trials{reused} in {seconds:.2f} s{notes}. {luck(found)['verdict']}")
    return "\n".join(lines) + "\n"
