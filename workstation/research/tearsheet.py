"""A result as a file: an HTML tearsheet by QuantStats, everything as JSON, or the trades as CSV."""

from __future__ import annotations

import csv
import io
import logging
import re
import warnings
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.research.costs import BacktestError
from workstation.research.metrics import level_returns, period_ends, periods_per_year
from workstation.research.printing import as_json, iso, to_json
from workstation.research.result import Result
from workstation.research.splits import kinds_of, monthly_returns, split
from workstation.research.trades import BacktestTrade
from workstation.whole_file import in_place_of

if TYPE_CHECKING:
    import pandas as pd


def write_report(result: Result, path: Path) -> None:
    """By the file's ending. Raises `BacktestError` for another one, a tearsheet without QuantStats or without returns,
    and `OSError`. The file is there whole or not at all."""
    match path.suffix.lower():
        case ".html" | ".htm":
            text = tearsheet(result)
        case ".json":
            text = to_json(whole(result))
        case ".csv":
            text = trades_csv(result)
        case other:
            raise BacktestError(f"A report is a .html, .json or .csv file, not {other or path.name!r}.")
    with in_place_of(path, durable=False) as part:
        part.write_text(text, "utf-8")


def whole(result: Result) -> dict[str, Any]:
    """Figures, trades, the monthly table, the splits and the equity at the ends of the periods."""
    ends = period_ends(result.candles)
    equity = [
        {"time": iso(int(time)), "equity": float(level)}
        for time, level in zip(result.candles.time[ends], result.equity[ends], strict=True)
    ]
    splits = {by: split(result, by) for by in kinds_of(result)}
    return as_json(result) | {"monthly": monthly_returns(result), "splits": splits, "equity": equity}


def trades_csv(result: Result) -> str:
    """One line a trade, times in ISO form."""
    out = io.StringIO()
    names = [field.name for field in fields(BacktestTrade)]
    if result.names:
        names.insert(0, "instrument")
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for number, trade in enumerate(result.rows()):
        row = asdict(trade) | ({"instrument": result.instruments[number]} if result.names else {})
        writer.writerow(row | {"entry_time": iso(trade.entry_time), "exit_time": iso(trade.exit_time)})
    return out.getvalue()


def tearsheet(result: Result) -> str:
    """QuantStats' page on the account's returns, beside buy and hold. Nothing is fetched from anywhere. Raises
    `BacktestError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import matplotlib as mpl

            mpl.use("Agg")
            # It asks for Arial and takes another where there is none; that is no news, and it is told by the dozen.
            logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
            import quantstats
    except ImportError:
        raise BacktestError(
            "An HTML tearsheet needs QuantStats, the extra 'research': pip install 'tws[research]'."
        ) from None
    ends = period_ends(result.candles)
    if len(ends) < 3 or not result.equity[ends].std() > 0:
        raise BacktestError("A tearsheet needs an account that moved over three periods at least.")
    import tempfile

    ours, market = (_series(result, level_returns(levels[ends])) for levels in (result.equity, result.candles.close))
    make: Any = quantstats.reports.html
    words = ", ".join(f"{name}={value}" for name, value in result.params.items())
    with tempfile.TemporaryDirectory(prefix="tws-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = Path(folder) / "page.html"
        try:
            make(
                ours,
                benchmark=market.rename("buy and hold"),
                title=f"{result.strategy} ({words}) on {result.candles.name}",
                output=str(page),
                periods_per_year=round(periods_per_year(result.candles)),
                match_dates=False,
            )
        except (ValueError, ZeroDivisionError, KeyError, IndexError) as error:
            raise BacktestError(f"QuantStats made no tearsheet of these returns: {error}.") from error
        return re.sub(r"<link[^>]*icon[^>]*>", "", page.read_text("utf-8"))  # the page asks nobody for anything


def _series(result: Result, returns: Any) -> pd.Series:
    import pandas as pd

    ends = period_ends(result.candles)[1:]
    index = pd.DatetimeIndex(result.candles.time[ends].view("datetime64[ns]")).normalize()
    return pd.Series(returns, index=index, name=result.strategy)
