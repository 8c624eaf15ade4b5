"""`tws backtest` and `tws sweep`: their arguments, their runs, and what they print. Nothing heavy is loaded before."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.market.candles import Candles
    from workstation.research.costs import Costs
    from workstation.research.honesty import Band
    from workstation.research.result import Result
    from workstation.research.sweep import Row
    from workstation.strategies.library import StrategyInfo

_REPORT = (
    ("final_equity", "final equity", "{:,.2f}"),
    ("return_pct", "return", "{:,.2f} %"),
    ("buy_hold_return_pct", "buy and hold", "{:,.2f} %"),
    ("cagr_pct", "return a year", "{:,.2f} %"),
    ("max_drawdown_pct", "largest drawdown", "{:,.2f} %"),
    ("sharpe", "Sharpe", "{:.3f}"),
    ("sortino", "Sortino", "{:.3f}"),
    ("calmar", "Calmar", "{:.3f}"),
    ("n_trades", "trades", "{:,}"),
    ("win_rate_pct", "winners", "{:.1f} %"),
    ("profit_factor", "profit factor", "{:.3f}"),
    ("expectancy", "profit a trade", "{:,.2f}"),
    ("sqn", "SQN", "{:.2f}"),
    ("exposure_pct", "time in the market", "{:.1f} %"),
    ("fees_paid", "fees", "{:,.2f}"),
    ("slippage_paid", "slippage", "{:,.2f}"),
)


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of `backtest` or `sweep`."""
    parser.add_argument("strategy", metavar="STRATEGY", help="a name (sma_cross), or a .py file")
    parser.add_argument("--candles", required=True, metavar="PATH|NAME", help=_CANDLES_HELP)
    parser.add_argument("--peer", metavar="PATH", help="candles of a second instrument, for pairs")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter (repeatable)")
    parser.add_argument("--exit", action="append", default=[], metavar="NAME=VALUE", help=_EXIT_HELP)
    parser.add_argument("--size", metavar="RULE=AMOUNT", help="equity=0.5, value=1000, units=2, risk=0.01 or atr=0.01")
    parser.add_argument("--cash", type=float, default=10_000.0, help="money at the start (10000)")
    parser.add_argument("--fee", type=float, default=0.0, help="of the traded value, both sides: 0.001 is 0.1 %%")
    parser.add_argument("--slippage", type=float, default=0.0, help="of the price, against the trader")
    parser.add_argument("--leverage", type=float, default=1.0, help="most exposure for each unit of equity")
    parser.add_argument("--maintenance", type=float, default=0.0, help="margin, of the value, that keeps a position")
    parser.add_argument("--funding", metavar="RATE|FILE", help="a rate a long pays each interval, or recorded rates")
    parser.add_argument("--funding-hours", type=float, default=8.0, metavar="H", help="interval of a funding RATE (8)")
    parser.add_argument("--path", choices=tuple(_PATHS), default="pessimistic", help=_PATH_HELP)
    parser.add_argument("--json", action="store_true", help="one JSON object, alone on standard output")
    if command == "backtest":
        parser.description = "Test one strategy on candles."
        parser.add_argument(
            "--engine",
            choices=("fast", "event", "backtesting"),
            help="fast (event for strategies on events), if it is not said",
        )
        parser.add_argument("--band", action="store_true", help="the run under every path, and the trades that differ")
        return
    parser.description = "Test every combination of parameters (or a random part) and rank them."
    parser.add_argument("--grid", action="append", default=[], metavar="NAME=LOW:HIGH:STEP", help="or NAME=a,b,c")
    parser.add_argument("--rank", default="sharpe", metavar="METRIC", help="the figure to rank by (sharpe)")
    parser.add_argument("--random", type=int, metavar="N", help="this many combinations of the grid, at random")
    parser.add_argument("--seed", type=int, default=0, help="of --random")
    parser.add_argument("--workers", type=int, help="threads; one a core otherwise")


_PATHS = ("pessimistic", "optimistic", "adaptive")  # `honesty.PATHS`, which is not loaded for a help text
_PATH_HELP = "inside a bar that reaches stop and target: the stop, the target, or the nearer first (pessimistic)"
_CANDLES_HELP = "a file, VENUE:SYMBOL:TIMEFRAME or GOOG, EURUSD …: `tws data list` shows what there is"
_EXIT_HELP = (
    "stop=0.02, atr_stop=2, trailing=0.03, trailing_offset=0.01, take_profit=0.05, break_even=0.02 or max_bars=48"
)


def backtest(options: argparse.Namespace, strategies: Path, write: Callable[[str], object]) -> int:
    """One backtest, its report through `write`. Raises the project's own errors, each a sentence."""
    from workstation.research.costs import BacktestError
    from workstation.research.engine import engine
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, strategies)
    candles, costs = _candles(options), _costs(options)
    event = info.cls is not None and not info.native and not issubclass(info.cls, SignalStrategy)
    found: Band | None = None
    name = options.engine or ("backtesting" if info.native else "event" if event else "fast")
    if info.native:
        if name != "backtesting":
            raise BacktestError(f"{info.name} was written for backtesting.py: only --engine backtesting runs it.")
        if options.exit or options.size:
            raise BacktestError(f"{info.name} was written for backtesting.py: it has exits and sizes of its own.")
        if options.band:
            raise BacktestError(f"{info.name} was written for backtesting.py, which knows one path inside a bar only.")
        from workstation.research.backtesting_engine import run_native

        result = _guarded(info, lambda: run_native(info.cls, candles, costs, _native_params(info, options.param)))  # type: ignore[arg-type]
    else:
        chosen = engine(name)
        _announce(name)
        strategy = _prepare(info, options, _pairs(options.param))
        if options.band:
            from workstation.research.honesty import band

            found = _guarded(
                info, lambda: band(lambda: _prepare(info, options, _pairs(options.param)), candles, costs, chosen)
            )
            result = found.results[options.path]
        else:
            result = _guarded(info, lambda: chosen.run(strategy, candles, costs))
    if options.json:
        write(_json(as_json(result) | ({"band": found.as_json()} if found else {})))
    else:
        write(_report(result) + (_band_table(found) if found else ""))
    return 0


def sweep(options: argparse.Namespace, strategies: Path, write: Callable[[str], object]) -> int:
    """One sweep, its table through `write`. Raises the project's own errors, each a sentence."""
    from workstation.research.costs import BacktestError
    from workstation.research.sweep import best_row, grid, parse_grid, sample
    from workstation.research.sweep import sweep as rows_of
    from workstation.strategies.contract import SignalStrategy
    from workstation.strategies.library import find_strategy

    info = find_strategy(options.strategy, strategies)
    cls = info.cls
    if cls is None or info.native or not issubclass(cls, SignalStrategy):
        raise BacktestError(f"{info.name} has no signals of ours: only strategies with signals can be swept.")
    candles, costs = _candles(options), _costs(options)
    fixed = _prepare(info, options, _pairs(options.param))
    combinations = grid(cls, parse_grid(cls, options.grid))
    if options.random is not None:
        combinations = sample(combinations, options.random, options.seed)
    given = _pairs(options.param)
    combinations = [given | combination for combination in combinations]
    best_row([], options.rank)
    _announce("fast")
    swept = _with_parts(cls, fixed)
    start = time.perf_counter()
    rows = _guarded(info, lambda: list(rows_of(swept, candles, combinations, costs, workers=options.workers)))
    seconds = time.perf_counter() - start
    rows.sort(key=lambda row: row.index)
    best = best_row(rows, options.rank)
    if best is None and rows and all(row.error for row in rows):
        raise BacktestError(f"No combination can be run: {rows[0].error}")
    answer = {
        "strategy": info.name,
        "combos": len(rows),
        "seconds": round(seconds, 6),
        "rank": options.rank,
        "best": None if best is None else {"params": best.params, "metrics": best.metrics},
        "rows": [{"params": row.params, "metrics": row.metrics} | _error(row) for row in rows],
    }
    write(_json(answer) if options.json else _table(rows, options.rank, seconds))
    return 0


def as_json(result: Result) -> dict[str, Any]:
    """A result as `tws backtest --json` prints it: the figures by name, then the trades."""
    times = result.candles.time
    metrics = result.metrics
    trades = [
        {
            "entry_time": _iso(trade.entry_time),
            "exit_time": _iso(trade.exit_time),
            "side": trade.side,
            "size": trade.size,
            "entry_price": trade.entry_price,
            "exit_price": trade.exit_price,
            "pnl": trade.pnl,
            "fees": trade.fees,
            "tag": trade.tag,
        }
        for trade in result.rows()
    ]
    head = {
        "strategy": result.strategy,
        "params": result.params,
        "engine": result.engine,
        "bars": len(times),
        "start": _iso(int(times[0])),
        "end": _iso(int(times[-1])),
    }
    return {**head, **metrics, "trades": trades}


def _error(row: Row) -> dict[str, str]:
    return {} if row.error is None else {"error": row.error}


def _candles(options: argparse.Namespace) -> Candles:
    from workstation.history.sources import load
    from workstation.paths import Paths

    folder = Paths.of().candles
    candles = load(options.candles, folder)
    return candles.with_peer(load(options.peer, folder)) if options.peer else candles


def _costs(options: argparse.Namespace) -> Costs:
    from workstation.research.costs import BacktestError, Costs
    from workstation.research.funding import load_funding

    funding, recorded = 0.0, None
    if options.funding is not None:
        try:
            funding = float(options.funding)
        except ValueError:
            if not Path(options.funding).is_file():
                raise BacktestError(
                    f"Funding is a rate (0.0001) or a file of rates; there is no file {options.funding}."
                ) from None
            recorded = load_funding(Path(options.funding))
    return Costs(
        cash=options.cash,
        fee=options.fee,
        slippage=options.slippage,
        leverage=options.leverage,
        maintenance=options.maintenance,
        funding=funding,
        funding_hours=options.funding_hours,
        path=_PATHS.index(options.path),
        recorded=recorded,
    )


def _pairs(words: list[str]) -> dict[str, Any]:
    from workstation.strategies.parameters import ParameterError

    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ParameterError(f"A parameter is NAME=VALUE, not {word!r}.")
        found[name.strip()] = value.strip()
    return found


def _native_params(info: StrategyInfo, words: list[str]) -> dict[str, Any]:
    """Words as the types of the class's own attributes."""
    from workstation.strategies.parameters import ParameterError

    found: dict[str, Any] = {}
    for name, word in _pairs(words).items():
        if not hasattr(info.cls, name):
            raise ParameterError(f"{info.name} has no parameter {name!r}.")
        kind = type(getattr(info.cls, name))
        try:
            found[name] = kind(float(word)) if kind is int else word == "True" if kind is bool else kind(word)
        except (TypeError, ValueError):
            raise ParameterError(f"{name} must be of the kind {kind.__name__}, not {word!r}.") from None
    return found


def _prepare(info: StrategyInfo, options: argparse.Namespace, params: dict[str, Any]) -> Any:
    """The strategy with its parameters, and the exits and the size of the command line."""
    from dataclasses import replace

    from workstation.research.costs import BacktestError
    from workstation.strategies.sizing import Sizing

    if info.cls is None:
        raise BacktestError(f"{info.name} cannot be used.")
    strategy = _guarded(info, lambda: info.cls(**params))  # type: ignore[misc]
    if options.exit:
        exits: dict[str, Any] = {}
        for name, word in _pairs(options.exit).items():
            if name not in _EXITS:
                raise BacktestError(f"There is no exit {name!r}: {', '.join(_EXITS)}.")
            exits[name] = int(_number(name, word)) if name in ("max_bars", "atr_length") else _number(name, word)
        try:
            strategy.exits = replace(strategy.exits, **exits)
        except ValueError as error:
            raise BacktestError(str(error)) from None
    if options.size:
        rule, _, word = options.size.partition("=")
        rules = {
            "equity": Sizing.equity,
            "value": Sizing.value,
            "units": Sizing.units,
            "risk": Sizing.risk_to_stop,
            "atr": Sizing.atr,
        }
        if rule not in rules:
            raise BacktestError(f"There is no size rule {rule!r}: {', '.join(rules)}.")
        try:
            strategy.sizing = rules[rule](_number(rule, word))
        except ValueError as error:
            raise BacktestError(str(error)) from None
    return strategy


_EXITS = ("stop", "atr_stop", "atr_length", "trailing", "trailing_offset", "break_even", "take_profit", "max_bars")


def _with_parts(cls: type[Any], fixed: Any) -> type[Any]:
    """The class, with the exits and the size of the command line if there were any."""
    parts = {name: fixed.__dict__[name] for name in ("exits", "sizing") if name in fixed.__dict__}
    return type(cls.__name__, (cls,), parts | {"__module__": cls.__module__}) if parts else cls


def _number(name: str, word: str) -> float:
    from workstation.research.costs import BacktestError

    try:
        return float(word)
    except ValueError:
        raise BacktestError(f"{name} must be a number, not {word!r}.") from None


def _guarded[T](info: StrategyInfo, work: Callable[[], T]) -> T:
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


def _announce(engine: str) -> None:
    if engine == "fast":
        from workstation.research.fast import announce_compiling

        announce_compiling(lambda text: sys.stderr.write(f"tws: {text}\n"))


def _iso(ts: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts / 1e9, UTC).isoformat().replace("+00:00", "Z")


def _json(value: object) -> str:
    import json

    return json.dumps(_plain(value), indent=2) + "\n"


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is not known is null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _report(result: Result) -> str:
    times, metrics = result.candles.time, result.metrics
    words = ", ".join(f"{name}={value}" for name, value in result.params.items())
    lines = [
        f"{result.strategy} ({words}) on {result.candles.name}, engine {result.engine}",
        f"{len(times):,} bars, {_iso(int(times[0]))} to {_iso(int(times[-1]))}",
        "",
    ]
    for key, label, form in _REPORT:
        value = metrics.get(key)
        known = value is not None and math.isfinite(value)
        lines.append(f"{label:20} {form.format(value) if known else '–':>16}")
    return "\n".join(lines) + "\n"


def _band_table(found: Band) -> str:
    """The paths side by side, and the first trades that differ."""
    lines = ["", f"{'path inside the bars':20}{'return':>14}{'drawdown':>14}{'Sharpe':>10}{'trades':>10}"]
    for name, result in found.results.items():
        m = result.metrics
        shown = f"{m['return_pct']:>12,.2f} %{m['max_drawdown_pct']:>12,.2f} %{m['sharpe']:>10.3f}{m['n_trades']:>10,}"
        lines.append(f"{name:20}{shown}")
    lines.append(found.verdict)
    for each in found.differences[:10]:
        cells = []
        for name, row in each.rows.items():
            trades = found.results[name].trades
            cells.append(
                f"{name} no trade" if row is None else f"{name} {trades.exit_price[row]:g} ({trades.tag(row)})"
            )
        time = found.results["pessimistic"].candles.time[each.entry_bar]
        lines.append(f"  {each.side} of {_iso(int(time))}: {'; '.join(cells)}")
    if len(found.differences) > 10:
        lines.append(f"  and {len(found.differences) - 10:,} more; --json has them all")
    return "\n".join(lines) + "\n"


def _table(rows: list[Row], rank: str, seconds: float) -> str:
    """The ten best, for the eye."""
    from workstation.research.sweep import best_row

    left, shown = [row for row in rows if row.error is None], list[str]()
    names = list(left[0].params) if left else []
    columns = dict.fromkeys([rank, "return_pct", "max_drawdown_pct", "n_trades"])
    shown.append("  ".join([*(f"{name:>10}" for name in names), *(f"{name:>16}" for name in columns)]))
    while left and len(shown) <= 10 and (best := best_row(left, rank)) is not None:
        left.remove(best)
        cells = [f"{best.params[name]!s:>10}" for name in names]
        shown.append("  ".join([*cells, *(f"{best.metrics[name]:>16,.3f}" for name in columns)]))
    failed = sum(1 for row in rows if row.error)
    note = f", {failed:,} cannot be run" if failed else ""
    shown.append(
        f"{len(rows):,} combinations in {seconds:.2f} s{note}; the best by {rank} of many tried flatters itself."
    )
    return "\n".join(shown) + "\n"
