"""A run written into a file: the tearsheet, backtesting.py's interactive chart, figures and trades."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workstation.clock import SECOND
from workstation.market.candles import Candles
from workstation.research.bench.messages import ReportRequest
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.result import Result
from workstation.strategies.library import StrategyInfo

FORMS = ("html", "plot", "json", "csv")


def report(
    info: StrategyInfo, make: Callable[..., Any], candles: Candles, costs: Costs, request: ReportRequest, run: Result
) -> str:
    """Write it and give the path. `run` is the result that is written, but for the plot, which needs backtesting.py's
    own run of it. Raises `BacktestError`."""
    path = Path(request.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        match request.form:
            case "plot":
                _plot(run if run.native is not None else _replayed(info, make, candles, costs, request), path)
            case "html":
                raise BacktestError("No tearsheet can be written yet: choose the plot, JSON or CSV.")
            case "json":
                path.write_text(_json(run, request), "utf-8")
            case "csv":
                _csv(run, path)
            case other:
                raise BacktestError(f"There is no report of the form {other!r}: {', '.join(FORMS)}.")
    except OSError as error:
        raise BacktestError(f"{path} cannot be written: {error.strerror or error}.") from None
    return str(path)


def _replayed(
    info: StrategyInfo, make: Callable[..., Any], candles: Candles, costs: Costs, request: ReportRequest
) -> Result:
    from workstation.strategies.contract import SignalStrategy

    if info.cls is None or not issubclass(info.cls, SignalStrategy):
        raise BacktestError(f"{info.name} lives on events: backtesting.py cannot run it, so it has no plot of it.")
    return engine("backtesting").run(make(**request.setup.params), candles, costs)


def _plot(result: Result, path: Path) -> None:
    """backtesting.py's own interactive chart, as a file that needs nothing beside it."""
    import warnings

    test: Any = result.native
    if test is None or not hasattr(test, "plot"):
        raise BacktestError("backtesting.py has no chart of this run.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            test.plot(filename=str(path), open_browser=False)
        except Exception as error:
            raise BacktestError(f"backtesting.py could not draw it: {type(error).__name__}: {error}.") from error


def _when(ts: int) -> str:
    return datetime.fromtimestamp(ts / SECOND, UTC).isoformat()


def _rows(result: Result) -> list[dict[str, Any]]:
    rows = []
    for trade in result.rows():
        row = asdict(trade)
        rows.append(row | {"entry_time": _when(trade.entry_time), "exit_time": _when(trade.exit_time)})
    return rows


def _json(result: Result, request: ReportRequest) -> str:
    """Setup, figures and trades; a figure that is not known is null."""
    figures = {name: None if math.isnan(value) else float(value) for name, value in result.metrics.items()}
    found = {"setup": asdict(request.setup), "engine": result.engine, "figures": figures, "trades": _rows(result)}
    return json.dumps(found, indent=2, default=str) + "\n"


def _csv(result: Result, path: Path) -> None:
    rows = _rows(result)
    names = list(rows[0]) if rows else ["entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "pnl"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
