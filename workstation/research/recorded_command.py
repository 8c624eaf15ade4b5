"""`tws backtest --trades`: the event engine on a recorded market. Nothing heavy is loaded before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.research.arguments import costs_of, guarded, recipe_of, write_reports
from workstation.research.printing import as_json, report, to_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from workstation.strategies.library import StrategyInfo


def add_recorded(parser: argparse.ArgumentParser, market: Any) -> None:
    """The options of a backtest on a recorded market; `market` is the group of which one must be given."""
    market.add_argument(
        "--trades", nargs="+", type=Path, metavar="PATH", help="a recording, or a file of trades, in place of candles"
    )
    parser.add_argument("--instrument", default="", metavar="ID", help="which one of a recording")
    parser.add_argument("--timeframe", default="1m", help="bars that are made of the trades (1m)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="of an order, and of a report (0)")
    parser.add_argument("--jitter", type=float, default=0.0, metavar="MS", help="mean of what comes on top at random")
    parser.add_argument(
        "--queue", choices=("risk_averse", "probabilistic"), default="risk_averse",
        help="what moves a resting order up: trades alone (risk_averse, if it is not said), or cancels before it too",
    )  # fmt: skip
    parser.add_argument("--maker-fee", type=float, metavar="F", help="of resting orders; --fee otherwise")
    parser.add_argument("--seed", type=int, default=0, help="of --jitter")


def recorded(options: argparse.Namespace, info: StrategyInfo, write: Callable[[str], object]) -> int:
    """One backtest on recorded trades, its report through `write`. Raises the project's own errors, each a sentence."""
    from workstation.market.timeframes import Timeframe
    from workstation.research.costs import BacktestError
    from workstation.research.recorded_engine import RecordedEngine, Road
    from workstation.research.tape import open_tape, pick

    if info.native:
        raise BacktestError(f"{info.name} was written for backtesting.py, which knows candles only.")
    if options.engine not in (None, "event") or options.band or options.luck:
        raise BacktestError("On recorded trades only the event engine runs, without --band and --luck.")
    if options.latency < 0 or options.jitter < 0:
        raise BacktestError("A latency is zero or more milliseconds.")
    costs, recipe = costs_of(options), recipe_of(info, options)
    tape = open_tape(options.trades, costs)
    try:
        way, jitter = round(options.latency * 1e6), round(options.jitter * 1e6)
        road = Road(way, way, jitter, options.queue, options.maker_fee, options.seed)
        engine = RecordedEngine(tape, pick(tape, options.instrument), Timeframe.parse(options.timeframe).ns, road)
        result = guarded(info, lambda: engine.run(recipe(), costs))
    finally:
        close = getattr(tape, "close", None)
        if close is not None:
            close()
    write_reports(options, result)
    write(to_json(as_json(result)) if options.json else report(result))
    return 0
