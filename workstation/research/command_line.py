"""`tws backtest`: its arguments and its run. Nothing heavy is loaded before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.research.arguments import (
    add_common,
    announce,
    candles_of,
    costs_of,
    guarded,
    native_params,
    recipe_of,
    together,
    write_reports,
)
from workstation.research.printing import as_json, band_table, luck_table, report, to_json
from workstation.research.recorded_command import add_recorded, recorded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.market.candles import Candles
    from workstation.research.costs import Costs
    from workstation.research.honesty import Band
    from workstation.research.luck import Luck
    from workstation.research.recipe import Recipe
    from workstation.strategies.library import StrategyInfo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `backtest`."""
    market = add_common(parser)
    parser.description = "Test one strategy on candles."
    parser.add_argument(
        "--engine",
        choices=("fast", "event", "backtesting"),
        help="fast (event for strategies on events and for several instruments), if it is not said",
    )
    add_recorded(parser, market)
    parser.add_argument("--luck", action="store_true", help="detectors and Monte Carlo: how much of it is luck")
    parser.add_argument("--report", action="append", default=[], type=Path, metavar="FILE", help=_FILE_HELP)
    parser.add_argument("--band", action="store_true", help="the run under every path, and the trades that differ")


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
        recipe = recipe_of(info, options)
        if options.engine is None and getattr(recipe(), "hedged", False):
            name = "event"  # which alone trades two instruments
        chosen = engine(name)
        announce(name)
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
    from workstation.market.candle_quality import oddities
    from workstation.research.costs import BacktestError
    from workstation.research.shared_account import run_shared

    if info.native or options.engine not in (None, "event") or options.band or options.luck:
        raise BacktestError("Several instruments share one account in the event engine, under one path at a time.")
    recipe, candles = recipe_of(info, options), together(options)
    result = guarded(info, lambda: run_shared(recipe, candles, costs))
    write_reports(options, result)
    odd = [f"{name}: {words}" for name, one in candles.sets.items() for words in oddities(one)]
    if options.json:
        write(to_json(as_json(result) | ({"odd": odd} if odd else {})))
    else:
        write(report(result) + "".join(f"candles: {words}\n" for words in odd))
    return 0
