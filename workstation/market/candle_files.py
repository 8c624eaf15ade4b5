"""Candles from a file: CSV, Parquet, Feather or JSON, with a time column and open, high, low, close, volume."""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.market.candles import BadCandles, Candles, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_TIME = ("timestamp", "datetime", "date", "time", "open_time")
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class RawCandles:
    """The columns of a file as they stand in it, not examined: `time` is the open time in UTC ns, the others float64
    with NaN where the file has nothing. `quality.examine` says what is wrong with them."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    name: str = ""

    def __len__(self) -> int:
        return len(self.time)

    def candles(self) -> Candles:
        """The same columns, examined. Raises `BadCandles` with the first row that is wrong."""
        return Candles(self.time, self.open, self.high, self.low, self.close, self.volume, self.name)


def load_candles(path: Path | str, name: str = "") -> Candles:
    """The candles of a file. Raises `BadCandles` (missing columns, bad values, unsorted rows, an unknown format) and
    `OSError`. See `read_raw` for what a file may look like.
    """
    return read_raw(path, name).candles()


def read_raw(path: Path | str, name: str = "") -> RawCandles:
    """The columns of a file, whatever their values. Raises `BadCandles` (missing columns, values that are no numbers,
    times that cannot be read, an unknown format) and `OSError`.

    The time column is `timestamp` (ms, s, us or ns since 1970, told apart by their size, or ISO), `date` or
    `datetime`, in any letter case; an unnamed first column or a named index of times does as well. Times without a
    zone are UTC. A file without volume has volume 0.
    """
    path = Path(path)
    if not path.exists():
        raise BadCandles(f"There is no file {path}.")
    if path.is_dir():
        raise BadCandles(f"{path} is a folder; candles are read from one file.")
    return raw_from_frame(_read(path), name or path.name)


def from_frame(frame: pd.DataFrame, name: str = "candles") -> Candles:
    """The candles of a pandas frame with the columns (or index) that `read_raw` describes. Raises `BadCandles`."""
    return raw_from_frame(frame, name).candles()


def raw_from_frame(frame: pd.DataFrame, name: str = "candles") -> RawCandles:
    """The columns of a pandas frame, whatever their values. Raises `BadCandles`."""
    import numpy as np
    import pandas as pd

    if len(frame) == 0:
        raise BadCandles(f"{name}: there is no row.")
    names = [str(column).strip().lower() for column in frame.columns]
    for wanted in (*_PRICES, "volume"):
        if names.count(wanted) > 1:
            raise BadCandles(f"{name} has {names.count(wanted)} columns {wanted}.")
    columns = {each: frame.iloc[:, place] for place, each in enumerate(names)}
    missing = [column for column in _PRICES if column not in columns]
    if missing:
        raise BadCandles(f"{name} has no column {', '.join(missing)}; it has {', '.join(columns) or 'none'}.")
    times = next((columns[column] for column in _TIME if column in columns), None)
    if times is None:
        if isinstance(frame.index, pd.DatetimeIndex) or (str(frame.index.name or "").lower() in _TIME):
            times = frame.index.to_series()
        elif next(iter(columns)) == "" or next(iter(columns)).startswith("unnamed"):
            times = next(iter(columns.values()))
        else:
            raise BadCandles(f"{name} has no time column (timestamp, date or datetime); it has {', '.join(columns)}.")

    def floats(column: str) -> Floats:
        try:
            values = pd.to_numeric(columns[column], errors="raise")
        except (ValueError, TypeError) as error:
            raise BadCandles(f"{name}: {column} has a value that is not a number ({error}).") from None
        return np.ascontiguousarray(values.to_numpy(dtype=np.float64, na_value=np.nan))

    return RawCandles(
        time=nanoseconds(times, name),
        open=floats("open"),
        high=floats("high"),
        low=floats("low"),
        close=floats("close"),
        volume=floats("volume") if "volume" in columns else np.zeros(len(frame)),
        name=name,
    )


def read_table(path: Path) -> tuple[Ints, pd.DataFrame]:
    """The times (UTC ns) of a file of any of these formats, and its columns by their names in small letters: of what is
    no candles (funding rates, trades). Raises `BadCandles` and `OSError`."""
    if not path.is_file():
        raise BadCandles(f"There is no file {path}.")
    frame = _read(path)
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    time = next((column for column in _TIME if column in frame.columns), None)
    if time is None or len(frame) == 0:
        raise BadCandles(f"{path.name} has no rows with a time column (timestamp, date or datetime).")
    return nanoseconds(frame[time], path.name), frame


def _read(path: Path) -> pd.DataFrame:
    suffix = path.name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    try:
        match suffix:
            case "csv" | "txt" | "tsv":
                return _csv(path)
            case "parquet" | "pq":
                import pyarrow.parquet as pq

                return _frame(pq.ParquetFile(path).read())
            case "feather" | "ftr":
                from pyarrow import feather

                return _frame(feather.read_table(path))
            case "json":
                return _json(path)
    except (ValueError, KeyError, csv.Error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadCandles(f"{path.name} cannot be read: {reason}.") from None
    raise BadCandles(f"{path.name} is of no known kind: candles come as .csv, .parquet, .feather or .json.")


def _frame(table: pa.Table) -> pd.DataFrame:
    """The table as a frame, a column at a time and without a copy where the types allow it."""
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _csv(path: Path) -> pd.DataFrame:
    """Commas by pyarrow, whose floats are the nearest ones to the text; any other separator is guessed by pandas."""
    import pandas as pd
    import pyarrow.csv as pc

    try:
        table = pc.read_csv(path)
    except ValueError:
        table = None
    if table is not None and table.num_columns > 1:
        return _frame(table)
    if path.suffix.lower() not in (".gz", ".zst"):  # else a letter is guessed to be the separator
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            head = next((line for line in lines if line.strip()), "")
        if not head:
            raise ValueError("it is empty")
        if not any(mark in head for mark in ",;|\t "):
            raise ValueError("its first line names no columns")
    return pd.read_csv(path, sep=None, engine="python")


def _json(path: Path) -> pd.DataFrame:
    """A list of objects or an object of lists with the column names, or rows [time, open, high, low, close, volume]."""
    import json

    import pandas as pd

    rows = json.loads(path.read_bytes())
    if isinstance(rows, list) and rows and isinstance(rows[0], list):
        names = ["timestamp", *_PRICES, "volume"]
        return pd.DataFrame([row[: len(names)] for row in rows], columns=names[: len(rows[0])])
    return pd.DataFrame(rows)


def nanoseconds(times: pd.Series, name: str) -> Ints:
    """A column of times as UTC ns: numbers since 1970 (s, ms, us or ns by their size), or dates in words. Raises
    `BadCandles`."""
    import numpy as np
    import pandas as pd

    values = times
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values):
        numbers = pd.to_numeric(values, errors="coerce")
        values = numbers if numbers.notna().all() else values
    if pd.api.types.is_numeric_dtype(values):
        if bool(pd.isna(values).any()):
            raise BadCandles(f"{name}: a time is missing in row {int(np.argmax(pd.isna(values))) + 1:,}.")
        numbers = values.to_numpy()
        size = float(np.median(np.abs(numbers)))
        if size < 1e8:
            raise BadCandles(f"{name}: the times are no dates (they begin with {numbers[0]:g}).")
        scale = 10**9 if size < 1e11 else 10**6 if size < 1e14 else 10**3 if size < 1e17 else 1
        whole = np.asarray(numbers, dtype=np.int64) if numbers.dtype.kind in "iu" else None
        return whole * scale if whole is not None else np.round(numbers * float(scale)).astype(np.int64)
    try:
        stamps = pd.to_datetime(values, utc=True, format=None if values.dtype.kind == "M" else "ISO8601")
    except (ValueError, TypeError):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a form had to be guessed
                stamps = pd.to_datetime(values, utc=True)
        except (ValueError, TypeError) as error:
            raise BadCandles(f"{name}: a time cannot be read ({str(error).splitlines()[0]}).") from None
    if bool(stamps.isna().any()):
        raise BadCandles(f"{name}: a time is missing in row {int(np.argmax(stamps.isna().to_numpy())) + 1:,}.")
    return np.asarray(stamps.dt.tz_localize(None).to_numpy().astype("datetime64[ns]"), dtype=np.int64)
