"""A run written into a file: the reports of the research, and backtesting.py's interactive chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workstation.research.bench.messages import ReportRequest
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.result import Result
from workstation.strategies.library import StrategyInfo

FORMS = ("html", "plot", "json", "csv")


def report(info: StrategyInfo, make: Callable[..., Any], costs: Costs, request: ReportRequest, run: Result) -> str:
    """Write it and give the path. `run` is the result that is written, but for the plot, which needs backtesting.py's
    own run of it. Raises `BacktestError`."""
    path = Path(request.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        match request.form:
            case "plot":
                _plot(run if run.native is not None else _replayed(info, make, run, costs, request), path)
            case "html" | "json" | "csv":
                from workstation.research.tearsheet import write_report

                write_report(run, path)
            case other:
                raise BacktestError(f"There is no report of the form {other!r}: {', '.join(FORMS)}.")
    except OSError as error:
        raise BacktestError(f"{path} cannot be written: {error.strerror or error}.") from None
    return str(path)


def _replayed(
    info: StrategyInfo, make: Callable[..., Any], run: Result, costs: Costs, request: ReportRequest
) -> Result:
    from workstation.strategies.contract import SignalStrategy

    if info.cls is None or not issubclass(info.cls, SignalStrategy):
        raise BacktestError(f"{info.name} lives on events: backtesting.py cannot run it, so it has no plot of it.")
    if run.names:
        raise BacktestError("backtesting.py draws one instrument, not several on one account.")
    return engine("backtesting").run(make(**request.setup.params), run.candles, costs)


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
