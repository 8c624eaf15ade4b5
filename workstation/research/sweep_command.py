"""`tws sweep`: its arguments, its run, what it says of the best. Nothing heavy is loaded before."""

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
    recipe_of,
)
from workstation.research.printing import iso, table, to_json, verdict_lines
from workstation.research.verdicts import figure_words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from workstation.market.candles import Candles
    from workstation.research.bench.messages import WalkAnswer, WalkStep
    from workstation.research.costs import Costs
    from workstation.research.crew import Crew
    from workstation.research.recipe import Recipe
    from workstation.research.sweep import Row
    from workstation.research.verdicts import Verdict
    from workstation.strategies.library import StrategyInfo

_GRID_HELP = "or NAME=a,b,c; a parameter, or a rule of --exit, --size and --protect: stop=0:0.05:0.01, size, cooldown …"
_WALK_HELP = (
    "walk forward too: half of the bars are the first window to learn from, the rest is traded in N windows (6)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `sweep`."""
    add_common(parser)
    parser.description = "Test every combination of parameters (or a random part) and rank them."
    parser.add_argument("--grid", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help=_GRID_HELP)
    parser.add_argument("--rank", default="sharpe", metavar="METRIC", help="the figure to rank by (sharpe)")
    parser.add_argument("--random", type=int, metavar="N", help="this many combinations of the grid, at random")
    parser.add_argument("--seed", type=int, default=0, help="of --random")
    parser.add_argument("--walk", type=int, nargs="?", const=6, metavar="N", help=_WALK_HELP)
    parser.add_argument("--anchored", action="store_true", help="every window of --walk learns from the first bar on")
    add_workers(parser)


def sweep(options: argparse.Namespace, strategies: Path, write: Callable[[str], object]) -> int:
    """One sweep, its table through `write`. Raises the project's own errors, each a sentence."""
    from workstation.research.costs import BacktestError
    from workstation.research.crew import crew_of
    from workstation.research.sweep import best_row, grid, parse_grid, sample
    from workstation.research.sweep import sweep as rows_of
    from workstation.research.sweep_verdicts import sampled
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, strategies)
    cls = info.cls
    if cls is None or info.native or not issubclass(cls, SignalStrategy):
        raise BacktestError(f"{info.name} has no signals of ours: only strategies with signals can be swept.")
    if options.walk is not None and options.walk < 1:
        raise BacktestError(f"A walk has one window at least, not {options.walk}.")
    candles, costs = candles_of(options), costs_of(options)
    recipe, values = recipe_of(info, options), parse_grid(cls, options.grid)
    combinations = grid(cls, values)
    if options.random is not None:
        combinations = sample(combinations, options.random, options.seed)
    combinations = [dict(recipe.fixed) | combination for combination in combinations]
    best_row([], options.rank)
    announce("fast", candles)
    judged, walked = sampled(len(combinations)), None
    with crew_of(options.workers, options.processes, options.cluster) as crew:
        start = time.perf_counter()
        coming = rows_of(recipe, candles, combinations, costs, crew=crew, levels=judged)
        rows = guarded(info, lambda: list(_counted(coming, len(combinations), start)))
        seconds = time.perf_counter() - start
        rows.sort(key=lambda row: row.index)
        best = best_row(rows, options.rank)
        if best is None and rows and all(row.error for row in rows):
            raise BacktestError(f"No combination can be run: {rows[0].error}")
        if options.walk is not None:
            walked = _walk(options, info, recipe, candles, costs, combinations, crew)
    chance, said, verdicts = _judged(info, recipe, candles, costs, rows, best, options.rank, values)
    answer = {
        "strategy": info.name,
        "rules": recipe.parts,
        "combos": len(rows),
        "seconds": round(seconds, 6),
        "rank": options.rank,
        "best": None if best is None else {"params": best.params, "metrics": best.metrics},
        "luck": {"probability": chance, "verdict": said},
        "verdicts": [one.as_json() for one in verdicts],
        **({} if walked is None else {"walk": _walk_json(walked)}),
        "rows": [{"params": row.params, "metrics": row.metrics} | _error(row) for row in rows],
    }
    if options.json:
        write(to_json(answer))
    else:
        told = table(rows, options.rank, seconds, said) + verdict_lines(verdicts)
        write(told if walked is None else told + _walk_table(walked, options.rank))
    return 0


def _judged(
    info: StrategyInfo,
    recipe: Recipe,
    candles: Candles,
    costs: Costs,
    rows: Sequence[Row],
    best: Row | None,
    rank: str,
    values: Mapping[str, Sequence[Any]],
) -> tuple[float | None, str, list[Verdict]]:
    """How likely it is that the best beats the best of so many worthless ones, the same in words, and what else is to
    be said of it: overfitting by cross-validation, the ground around it."""
    from workstation.research.engine import engine
    from workstation.research.luck import best_of
    from workstation.research.metrics import period_ends
    from workstation.research.sweep_verdicts import cross_validated, ground
    from workstation.research.verdicts import worst_first

    if best is None:
        return None, "Nothing is known yet.", []
    result = guarded(info, lambda: engine("fast").run(recipe(**best.params), candles, costs))
    chance, verdict = best_of(result, [row.metrics.get("sharpe", math.nan) for row in rows if row.error is None])
    levels = {row.index: row.levels for row in rows if row.levels is not None}
    levels[best.index] = result.equity[period_ends(candles)]
    found = [cross_validated(levels, best.index)]
    places = {row.index: tuple(values[name].index(row.params[name]) for name in values) for row in rows}
    if (flat := ground(rows, rank, places, best.index)) is not None:
        found.append(flat)
    return chance if math.isfinite(chance) else None, f"{verdict.head}: {verdict.text}", worst_first(found)


def _walk(
    options: argparse.Namespace,
    info: StrategyInfo,
    recipe: Recipe,
    candles: Candles,
    costs: Costs,
    combinations: list[dict[str, Any]],
    crew: Crew,
) -> WalkAnswer:
    from workstation.research.bench.walking import walk

    def told(step: WalkStep) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\rwalk-forward, {step.number} of {step.of} windows   ")
            sys.stderr.flush()

    walked = guarded(
        info,
        lambda: walk(
            info, recipe, candles, costs, combinations, rank=options.rank, windows=options.walk,
            anchored=options.anchored, crew=crew, tell=told,
        ),
    )  # fmt: skip
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return walked


def _walk_table(walked: WalkAnswer, rank: str) -> str:
    """A row a window, and what came of it in words."""
    lines = ["", f"{'window traded from':20}{figure_words(rank) + ' in sample':>24}{'out of sample':>16}  parameters"]
    for step in walked.steps:
        shown = [f"{value:.3f}" if math.isfinite(value) else "–" for value in (step.inside, step.outside)]
        words = " ".join(f"{name.removeprefix(KEY)}={value}" for name, value in (step.params or {}).items())
        lines.append(f"{iso(step.split):20}{shown[0]:>24}{shown[1]:>16}  {words or 'nothing to trade'}")
    verdicts = [walked.verdict, *([walked.held_out] if walked.held_out is not None else [])]
    return "\n".join(lines) + "\n" + verdict_lines(verdicts)


def _walk_json(walked: WalkAnswer) -> dict[str, Any]:
    """As `tws sweep --walk --json` prints it."""
    windows = [
        {"from": iso(step.split), "to": iso(step.end), "params": step.params, "inside": step.inside,
         "outside": step.outside}
        for step in walked.steps
    ]  # fmt: skip
    held = walked.held_out
    return {
        "windows": windows,
        "verdict": walked.verdict.as_json(),
        "held_out": None if held is None else held.as_json(),
    }


def _counted(rows: Iterator[Row], wanted: int, begun: float) -> Iterator[Row]:
    """The rows as they come, counted on standard error of a terminal."""
    told = begun
    for done, row in enumerate(rows, 1):
        yield row
        if (now := time.perf_counter()) - told > 0.2 and sys.stderr.isatty():
            told = now
            left = (now - begun) / done * (wanted - done)
            sys.stderr.write(f"\r{done:,} of {wanted:,} combinations, {left:.0f} s left   ")
            sys.stderr.flush()
    if told != begun:
        sys.stderr.write("\r\033[K")


def _error(row: Row) -> dict[str, str]:
    return {} if row.error is None else {"error": row.error}
