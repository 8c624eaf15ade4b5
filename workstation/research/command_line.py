"""`tws backtest` and `tws sweep`: their arguments and their runs. Nothing heavy is loaded before."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.domain.backtest_terms import SHARE
from workstation.research.arguments import (
    add_common,
    add_term,
    add_workers,
    all_candles_of,
    announce,
    candles_of,
    costs_of,
    guarded,
    native_params,
    recipe_of,
    write_reports,
)
from workstation.research.printing import as_json, band_table, luck_table, report, table, to_json
from workstation.research.recorded_command import add_recorded, recorded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from workstation.market.candles import Candles
    from workstation.research.costs import Costs
    from workstation.research.honesty import Band
    from workstation.research.luck import Luck
    from workstation.research.recipe import Recipe
    from workstation.research.sweep import Row
    from workstation.strategies.library import StrategyInfo


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of `backtest` or `sweep`."""
    market = add_common(parser)
    if command == "backtest":
        parser.description = "Test one strategy on candles."
        parser.add_argument(
            "--engine",
            choices=("fast", "event", "backtesting"),
            help="fast (event for strategies on events), if it is not said",
        )
        add_recorded(parser, market)
        parser.add_argument("--luck", action="store_true", help="detectors and Monte Carlo: how much of it is luck")
        parser.add_argument("--report", action="append", default=[], type=Path, metavar="FILE", help=_FILE_HELP)
        add_term(parser, SHARE)
        parser.add_argument("--band", action="store_true", help="the run under every path, and the trades that differ")
        return
    parser.description = "Test every combination of parameters (or a random part) and rank them."
    parser.add_argument("--grid", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help=_GRID_HELP)
    parser.add_argument("--rank", default="sharpe", metavar="METRIC", help="the figure to rank by (sharpe)")
    parser.add_argument("--random", type=int, metavar="N", help="this many combinations of the grid, at random")
    parser.add_argument("--seed", type=int, default=0, help="of --random")
    add_workers(parser)


_GRID_HELP = "or NAME=a,b,c; a parameter, or a rule of --exit, --size and --protect: stop=0:0.05:0.01, size, cooldown …"
_FILE_HELP = "FILE.html (a tearsheet by QuantStats), .json (everything) or .csv (the trades)"


def backtest(options: argparse.Namespace, strategies: Path, write: Callable[[str], object]) -> int:
    """One backtest, its report through `write`. Raises the project's own errors, each a sentence."""
    from workstation.market.candle_quality import oddities
    from workstation.research.costs import BacktestError
    from workstation.research.engine import engine
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, strategies)
    if options.trades:
        return recorded(options, info, write)
    costs = costs_of(options)
    if len(options.candles) > 1:
        return _shared(options, info, costs, write)
    candles = candles_of(options)
    event = info.cls is not None and not info.native and not issubclass(info.cls, SignalStrategy)
    found: Band | None = None
    luck: Luck | None = None
    rules: dict[str, Any] = {}
    name = options.engine or ("backtesting" if info.native else "event" if event else "fast")
    if info.native:
        if name != "backtesting":
            raise BacktestError(f"{info.name} was written for backtesting.py: only --engine backtesting runs it.")
        if options.exit or options.size or options.protect:
            raise BacktestError(f"{info.name} was written for backtesting.py: it has exits and sizes of its own.")
        if options.band:
            raise BacktestError(f"{info.name} was written for backtesting.py, which knows one path inside a bar only.")
        if options.luck:
            raise BacktestError(f"{info.name} was written for backtesting.py: it has no signals to try again.")
        from workstation.research.backtesting_engine import run_native

        result = guarded(info, lambda: run_native(info.cls, candles, costs, native_params(info, options.param)))  # type: ignore[arg-type]
    else:
        chosen = engine(name)
        announce(name)
        recipe = recipe_of(info, options)
        rules = recipe.parts
        if options.band:
            from workstation.research.honesty import band

            found = guarded(info, lambda: band(recipe, candles, costs, chosen))
            result = found.results[options.path]
        else:
            result = guarded(info, lambda: chosen.run(recipe(), candles, costs))
        if options.luck:
            luck = guarded(info, lambda: _luck(info, recipe, candles, costs))
    write_reports(options, result)
    odd = oddities(candles)
    if options.json:
        more = (
            ({"odd": list(odd)} if odd else {})
            | ({"band": found.as_json()} if found else {})
            | ({"luck": luck.as_json()} if luck else {})
        )
        write(to_json(as_json(result) | {"rules": rules} | more))
    else:
        tables = (band_table(found) if found else "") + (luck_table(luck) if luck else "")
        write(report(result) + tables + "".join(f"candles: {words}\n" for words in odd))
    return 0


def _luck(info: StrategyInfo, recipe: Recipe, candles: Candles, costs: Costs) -> Luck:
    from workstation.research.costs import BacktestError
    from workstation.research.luck import luck_of
    from workstation.strategies.contract import SignalStrategy

    if info.cls is None or not issubclass(info.cls, SignalStrategy):
        raise BacktestError(f"{info.name} lives on events: only signals can be asked how much of them is luck.")
    return luck_of(recipe, candles, costs)


def _shared(options: argparse.Namespace, info: StrategyInfo, costs: Costs, write: Callable[[str], object]) -> int:
    """One strategy on several instruments that share the account."""
    from workstation.research.costs import BacktestError
    from workstation.research.shared_account import run_shared

    if info.native or options.engine not in (None, "event") or options.band or options.luck:
        raise BacktestError("Several instruments share one account in the event engine, under one path at a time.")
    recipe, candles = recipe_of(info, options), all_candles_of(options)
    shares = dict.fromkeys(candles, options.share) if options.share else None
    result = guarded(info, lambda: run_shared(recipe, candles, costs, shares=shares))
    write_reports(options, result)
    write(to_json(as_json(result)) if options.json else report(result))
    return 0


def sweep(options: argparse.Namespace, strategies: Path, write: Callable[[str], object]) -> int:
    """One sweep, its table through `write`. Raises the project's own errors, each a sentence."""
    from workstation.research.costs import BacktestError
    from workstation.research.crew import crew_of
    from workstation.research.sweep import best_row, grid, parse_grid, sample
    from workstation.research.sweep import sweep as rows_of
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, strategies)
    cls = info.cls
    if cls is None or info.native or not issubclass(cls, SignalStrategy):
        raise BacktestError(f"{info.name} has no signals of ours: only strategies with signals can be swept.")
    candles, costs = candles_of(options), costs_of(options)
    recipe = recipe_of(info, options)
    combinations = grid(cls, parse_grid(cls, options.grid))
    if options.random is not None:
        combinations = sample(combinations, options.random, options.seed)
    combinations = [dict(recipe.fixed) | combination for combination in combinations]
    best_row([], options.rank)
    announce("fast")
    with crew_of(options.workers, options.processes, options.cluster) as crew:
        start = time.perf_counter()
        coming = rows_of(recipe, candles, combinations, costs, crew=crew)
        rows = guarded(info, lambda: list(_counted(coming, len(combinations), start)))
        seconds = time.perf_counter() - start
    rows.sort(key=lambda row: row.index)
    best = best_row(rows, options.rank)
    if best is None and rows and all(row.error for row in rows):
        raise BacktestError(f"No combination can be run: {rows[0].error}")
    chance, said = _luck_of_best(info, recipe, candles, costs, rows, best)
    answer = {
        "strategy": info.name,
        "rules": recipe.parts,
        "combos": len(rows),
        "seconds": round(seconds, 6),
        "rank": options.rank,
        "best": None if best is None else {"params": best.params, "metrics": best.metrics},
        "luck": {"probability": chance, "verdict": said},
        "rows": [{"params": row.params, "metrics": row.metrics} | _error(row) for row in rows],
    }
    write(to_json(answer) if options.json else table(rows, options.rank, seconds, said))
    return 0


def _luck_of_best(
    info: StrategyInfo, recipe: Recipe, candles: Candles, costs: Costs, rows: list[Row], best: Row | None
) -> tuple[float | None, str]:
    """How likely it is that the best of a sweep beats the best of so many worthless ones, and the same in words."""
    from workstation.research.engine import engine
    from workstation.research.luck import best_of

    if best is None:
        return None, "Nothing is known yet."
    result = guarded(info, lambda: engine("fast").run(recipe(**best.params), candles, costs))
    chance, verdict = best_of(result, [row.metrics.get("sharpe", math.nan) for row in rows if row.error is None])
    return chance if math.isfinite(chance) else None, f"{verdict.head}: {verdict.text}"


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
