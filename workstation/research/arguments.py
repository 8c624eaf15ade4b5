"""What the research commands share: their common arguments, and what the words mean. Nothing heavy is loaded before."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workstation.domain.backtest_terms import SHARE, TERMS, Term
from workstation.domain.rule_words import read_rule
from workstation.domain.trade_rules import UNCHANGED, TradeRules
from workstation.paths import Paths

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.market.candles import Candles
    from workstation.research.costs import Costs
    from workstation.research.recipe import Recipe
    from workstation.research.result import Result
    from workstation.research.shared_candles import SharedCandles
    from workstation.strategies.library import StrategyInfo

_CANDLES_HELP = (
    "a file, VENUE:SYMBOL:TIMEFRAME or GOOG, EURUSD …: `tws data list` shows what there is; several share one account"
)
_EXIT_HELP = (
    "stop=0.02, atr_stop=2, trailing=0.03, trailing_offset=0.01, take_profit=0.05, break_even=0.02, max_bars=48 or "
    "roi=0:0.04,30:0.01 (a target by bars in the trade)"
)
_SIZE_HELP = (
    "equity=0.5, value=1000, units=2, risk=0.01, atr=0.01, volatility=0.2 or kelly=0.5; with cap=0.8 (volatility, "
    "kelly) and length=20 (atr, volatility, kelly)"
)
_PROTECT_HELP = (
    "bars without entries: cooldown=5 after a loss, max_drawdown=0.1 with max_drawdown_lock=50, stop_count=3 in "
    "stop_lookback=100 with stop_lock=50, profit_least=0 of profit_trades=4 in profit_lookback=200 with profit_lock=50"
)


def add_common(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """What every research command takes: strategy, candles, account, costs."""
    market = parser.add_mutually_exclusive_group(required=True)
    parser.add_argument("strategy", metavar="STRATEGY", help="a name (sma_cross), or a .py file")
    market.add_argument("--candles", action="append", default=[], metavar="PATH|NAME", help=_CANDLES_HELP)
    parser.add_argument("--peer", metavar="PATH", help="candles of a second instrument, for pairs")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter (repeatable)")
    parser.add_argument("--exit", action="append", default=[], metavar="NAME=VALUE", help=_EXIT_HELP)
    parser.add_argument("--size", action="append", default=[], metavar="RULE=AMOUNT", help=_SIZE_HELP)
    parser.add_argument("--protect", action="append", default=[], metavar="NAME=VALUE", help=_PROTECT_HELP)
    for term in (*TERMS, SHARE):
        add_term(parser, term)
    parser.add_argument("--json", action="store_true", help="one JSON object, alone on standard output")
    return market


def add_term(parser: argparse.ArgumentParser, term: Term) -> None:
    """The option of a term."""
    words, usual = f"{term.help[0].lower()}{term.help[1:]}", term.unsaid or f"{term.usual}".removesuffix(".0")
    match term.kind:
        case "choice":
            words += f"; {term.usual} if it is not said"
            more: dict[str, Any] = {"choices": term.choices}
        case "rates":
            words += f" ({usual})"
            more = {"metavar": "RATE|FILE"}
        case "fraction":
            words += f": {term.example:g} is {100 * term.example:g} % ({usual})"
            more = {"type": float, "metavar": "F"}
        case _:
            words += f" ({usual})"
            more = {"type": float, "metavar": "N"}
    parser.add_argument(term.option, default=term.usual, help=words.replace("%", "%%"), **more)  # % is argparse's own


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Who does the work of many runs."""
    parser.add_argument("--workers", type=int, metavar="N", help="threads or processes; one a core otherwise")
    parser.add_argument("--processes", action="store_true", help="processes: for strategies whose own code is slow")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask cluster's scheduler (tcp://HOST:8786)")


def candles_of(options: argparse.Namespace) -> Candles:
    """The candles of a command; of several instruments, by the names under which they were given, on one account."""
    return _load(options.candles[0], options) if len(options.candles) == 1 else together(options)


def together(options: argparse.Namespace) -> SharedCandles:
    """The candles of several instruments, on one account."""
    from workstation.research.shared_candles import on_one_account

    return on_one_account({word: _load(word, options) for word in options.candles}, options.share)


def _load(word: str, options: argparse.Namespace) -> Candles:
    from workstation.history.sources import load

    folder = Paths.of().candles
    candles = load(word, folder)
    return candles.with_peer(load(options.peer, folder)) if options.peer else candles


def costs_of(options: argparse.Namespace) -> Costs:
    from workstation.research.costs import costs_of as costs_by_name

    said = {term.name: getattr(options, term.name) for term in TERMS}
    with contextlib.suppress(ValueError):  # what is no rate is a file of rates
        said["funding"] = float(said["funding"])
    return costs_by_name(said)


def pairs(words: list[str]) -> dict[str, Any]:
    from workstation.strategies.parameters import ParameterError

    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ParameterError(f"A parameter is NAME=VALUE, not {word!r}.")
        found[name.strip()] = value.strip()
    return found


def native_params(info: StrategyInfo, words: list[str]) -> dict[str, Any]:
    """Words as the types of the class's own attributes."""
    from workstation.strategies.parameters import ParameterError

    found: dict[str, Any] = {}
    for name, word in pairs(words).items():
        if not hasattr(info.cls, name):
            raise ParameterError(f"{info.name} has no parameter {name!r}.")
        kind = type(getattr(info.cls, name))
        try:
            found[name] = kind(float(word)) if kind is int else word == "True" if kind is bool else kind(word)
        except (TypeError, ValueError):
            raise ParameterError(f"{name} must be of the kind {kind.__name__}, not {word!r}.") from None
    return found


def recipe_of(info: StrategyInfo, options: argparse.Namespace) -> Recipe:
    """How the strategy of the command is made, with its parameters and its rules; tried once."""
    from workstation.research.costs import BacktestError
    from workstation.research.recipe import Recipe, version_of
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.parameters import ParameterError

    if info.cls is None:
        raise BacktestError(f"{info.name} cannot be used.")
    rules = rules_of(options)
    if rules.given and not issubclass(info.cls, SignalStrategy):
        raise BacktestError(f"{info.name} lives on events: it has exits, sizes and protections of its own.")
    recipe = Recipe(options.strategy, Paths.of().strategies, pairs(options.param), rules, version_of(info.cls))
    guarded(info, replace(recipe, rules=UNCHANGED))
    try:
        recipe()
    except ParameterError as error:
        raise BacktestError(str(error)) from None
    return recipe


def rules_of(options: argparse.Namespace) -> TradeRules:
    """What `--size`, `--exit` and `--protect` say. Raises `BacktestError`."""
    from workstation.research.costs import BacktestError

    said: dict[str, Any] = {}
    try:
        for group, words in (("exit", options.exit), ("protect", options.protect), ("size", options.size)):
            for name, word in pairs(words).items():
                said |= read_rule(group, name, word)
    except ValueError as error:
        raise BacktestError(str(error)) from None
    return TradeRules(**said)


def guarded[T](info: StrategyInfo, work: Callable[[], T]) -> T:
    """What a strategy itself raises becomes a sentence that names it and the line."""
    from workstation.strategies.contract import StrategyError

    try:
        return work()
    except Exception as error:
        if type(error).__module__.startswith("workstation."):
            raise
        trace, line = error.__traceback__, ""
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == info.source:
                line = f" ({info.source}, line {trace.tb_lineno})"
            trace = trace.tb_next
        raise StrategyError(f"{info.name} raised {type(error).__name__}: {error}{line}") from error


def write_reports(options: argparse.Namespace, result: Result) -> None:
    """The files of `--report`."""
    for path in options.report:
        from workstation.research.tearsheet import write_report

        write_report(result, path)


def announce(engine: str, candles: Candles | None = None) -> None:
    if engine == "fast":
        from workstation.research.fast import announce_compiling

        announce_compiling(lambda text: sys.stderr.write(f"tws: {text}\n"), candles)
