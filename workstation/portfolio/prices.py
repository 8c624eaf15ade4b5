"""A table of prices: one row a time, one column an asset. Read from files, made of candles, or carried by a package."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workstation.domain.spans import DAY
from workstation.market.candles import Floats, Ints
from workstation.portfolio.problem import PortfolioError

if TYPE_CHECKING:
    import pyarrow as pa

_TIME = ("timestamp", "datetime", "date", "time", "open_time")
_ASSET = ("symbol", "asset", "ticker", "instrument")
_PRICE = ("close", "adj close", "adj_close", "price", "value")
_YEAR = 365.25 * DAY

#: Tables that an installed package carries: the file inside it, and what it is.
BUILT_IN = {
    "stocks": (
        "matplotlib",
        "mpl-data/sample_data/Stocks.csv",
        "eight US technology shares, the S&P 500 and the NASDAQ, monthly 1990 to 2022",
    )
}


@dataclass(frozen=True, eq=False)
class PriceTable:
    """`times` (T, UTC ns, int64, strictly increasing), `values` (T × N, float64, NaN where an asset has no price) and
    `assets` (N names). Nothing is examined here: see `cleaning.clean`."""

    assets: tuple[str, ...]
    times: Ints
    values: Floats
    name: str = "prices"

    def __len__(self) -> int:
        return len(self.times)

    @property
    def returns(self) -> Floats:
        """Simple returns, (T − 1) × N."""
        return np.asarray(self.values[1:] / self.values[:-1] - 1.0)

    @cached_property
    def periods_per_year(self) -> float:
        """Rows a year: counted, so daily shares have some 252 and daily coins 365."""
        if len(self.times) < 2:
            return 1.0
        return float((len(self.times) - 1) / max((self.times[-1] - self.times[0]) / _YEAR, 1e-9))

    @cached_property
    def fingerprint(self) -> str:
        """A digest of names, times and prices (hex, 16 characters)."""
        import hashlib

        digest = hashlib.sha256("\0".join(self.assets).encode())
        digest.update(np.ascontiguousarray(self.times).tobytes())
        digest.update(np.ascontiguousarray(self.values).tobytes())
        return digest.hexdigest()[:16]

    def take(self, assets: Sequence[str]) -> PriceTable:
        """These assets in this order. Raises `PortfolioError` for a name that is not there."""
        places = []
        for asset in assets:
            if asset not in self.assets:
                raise PortfolioError(f"{self.name} has no asset {asset!r}; it has {_some(self.assets)}.")
            places.append(self.assets.index(asset))
        return PriceTable(tuple(assets), self.times, np.ascontiguousarray(self.values[:, places]), self.name)

    def rows(self, start: int, stop: int) -> PriceTable:
        """Rows start (inclusive) to stop (exclusive)."""
        return PriceTable(self.assets, self.times[start:stop], self.values[start:stop], self.name)


def read_prices(path: Path | str, name: str = "") -> PriceTable:
    """The table of a CSV or Parquet file: a date column and one column an asset; or a long one with a date, a symbol
    and a close. Rows are put in order of time; rows without any price go. A name of `BUILT_IN` is a path too.

    Raises `PortfolioError` with what is wrong, and OSError.
    """
    if str(path) in BUILT_IN and not Path(path).exists():
        return built_in(str(path))
    path = Path(path)
    if not path.exists():
        raise PortfolioError(f"There is no file {path}.")
    if path.is_dir():
        raise PortfolioError(f"{path} is a folder; prices are read from one file.")
    return _table(_read(path), name or path.name)


def built_in(name: str) -> PriceTable:
    """A table of `BUILT_IN`. Raises `PortfolioError`."""
    if name not in BUILT_IN:
        raise PortfolioError(f"There is no built-in table {name!r}: {', '.join(BUILT_IN)}.")
    package, file, _ = BUILT_IN[name]
    spec = importlib.util.find_spec(package)
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / file
    if path is None or not path.exists():
        raise PortfolioError(f"The table {name} comes with the package {package}, which is not installed.")
    return _table(_read(path), name)


def from_candles(specs: Sequence[str], folder: Path, *, seed: int = 1, name: str = "candles") -> PriceTable:
    """The closes of several histories (`history.sources.load`: stored, built-in, demo, files), on the union of their
    times: NaN where one has no bar. Raises `PortfolioError`, `HistoryError` and `BadCandles`."""
    from workstation.history.sources import load

    if not specs:
        raise PortfolioError("No candles were picked.")
    loaded = [load(spec, folder, seed=seed) for spec in specs]
    times = np.unique(np.concatenate([candles.time for candles in loaded]))
    values = np.full((len(times), len(loaded)), np.nan)
    for column, candles in enumerate(loaded):
        values[np.searchsorted(times, candles.time), column] = candles.close
    return PriceTable(tuple(_short(specs)), times, values, name)


def _short(specs: Sequence[str]) -> list[str]:
    """Names of columns: the symbol alone where that tells them apart."""
    short = [spec.split(":")[1] if spec.count(":") >= 2 else Path(spec).stem for spec in specs]
    return short if len(set(short)) == len(short) else list(specs)


def _read(path: Path) -> pa.Table:
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    try:
        match suffix:
            case "csv" | "txt" | "tsv":
                return _csv(path, "\t" if suffix == "tsv" else None)
            case "parquet" | "pq":
                import pyarrow.parquet as pq

                return pq.ParquetFile(path).read()
            case "feather" | "ftr":
                from pyarrow import feather

                return feather.read_table(path)
    except (ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise PortfolioError(f"{path.name} cannot be read: {reason}.") from None
    raise PortfolioError(f"{path.name} is of no known kind: prices come as .csv, .parquet or .feather.")


def _csv(path: Path, separator: str | None) -> pa.Table:
    """Lines that begin with # before the header are a remark; the separator is what the header has most of."""
    import gzip

    import pyarrow as pa
    import pyarrow.csv as pc

    data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    while data.startswith(b"#"):
        data = data.partition(b"\n")[2]
    header = data.partition(b"\n")[0].decode("utf-8", "replace")
    if not header.strip():
        raise PortfolioError(f"{path.name} is empty.")
    found = separator or max((",", ";", "\t"), key=header.count)
    convert = pc.ConvertOptions(null_values=["", "NA", "NaN", "nan", "null", "None", "-"], strings_can_be_null=True)
    return pc.read_csv(pa.BufferReader(data), parse_options=pc.ParseOptions(delimiter=found), convert_options=convert)


def _table(table: pa.Table, name: str) -> PriceTable:
    if table.num_rows == 0:
        raise PortfolioError(f"{name}: there is no row.")
    names = [str(column).strip() for column in table.column_names]
    lower = [column.lower() for column in names]
    place = next((lower.index(word) for word in _TIME if word in lower), None)
    if place is None:
        place = next((i for i, word in enumerate(lower) if word in ("", "index") or word.startswith("unnamed")), None)
    if place is None and _is_time(table.schema.field(0).type):
        place = 0
    if place is None:
        raise PortfolioError(f"{name} has no date column; it has {_some(names)}.")
    times = _times(table.column(place), name)
    asset = next((lower.index(word) for word in _ASSET if word in lower), None)
    price = next((lower.index(word) for word in _PRICE if word in lower), None)
    if asset is not None and price is not None:
        return _long(table, times, asset, price, name)
    if {"open", "high", "low", "close"} <= set(lower):
        raise PortfolioError(f"{name} holds candles of one asset; a price table has a date and one column an asset.")
    others = [i for i in range(len(names)) if i != place and not lower[i].startswith("__index_level")]
    if not others:
        raise PortfolioError(f"{name} has a date column and no asset.")
    twice = sorted({names[i] for i in others if sum(names[i] == names[j] for j in others) > 1})
    if twice:
        raise PortfolioError(f"{name} has the asset {twice[0]} more than once; take one of its columns out.")
    values = np.column_stack([_floats(table.column(i), names[i], name) for i in others])
    return _ordered(tuple(names[i] for i in others), times, values, name)


def _long(table: pa.Table, times: Ints, asset: int, price: int, name: str) -> PriceTable:
    symbols = np.array([str(value) for value in table.column(asset).to_pylist()])
    closes = _floats(table.column(price), table.column_names[price], name)
    assets, columns = np.unique(symbols, return_inverse=True)
    unique, rows = np.unique(times, return_inverse=True)
    values = np.full((len(unique), len(assets)), np.nan)
    values[rows, columns] = closes
    if len(set(zip(rows.tolist(), columns.tolist(), strict=True))) < len(rows):
        raise PortfolioError(f"{name} has more than one price of an asset at the same time.")
    return _ordered(tuple(str(each) for each in assets), unique.astype(np.int64), values, name)


def _ordered(assets: tuple[str, ...], times: Ints, values: Floats, name: str) -> PriceTable:
    kept = ~np.all(np.isnan(values), axis=1)
    times, values = times[kept], values[kept]
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    same = np.flatnonzero(np.diff(times) == 0)
    if len(same):
        when = np.datetime64(int(times[same[0]]), "ns").astype("datetime64[s]")
        raise PortfolioError(f"{name} has two rows for {when}Z; keep one of them.")
    return PriceTable(assets, times, np.ascontiguousarray(values), name)


def _is_time(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _floats(column: Any, asset: str, name: str) -> Floats:
    """The column with NaN for what is missing; pyarrow's own `to_numpy` would import pandas first."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    try:
        filled = column.cast(pa.float64()).fill_null(float("nan"))
    except ValueError:
        wrong = next((value for value in column.to_pylist() if not _is_number(value)), "")
        raise PortfolioError(f"{name}: {asset} has {wrong!r}, which is no price.") from None
    return np.asarray(_flat(filled, np.dtype(np.float64)))


def _flat(column: Any, kind: np.dtype[Any]) -> Any:
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=kind)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return value is None
    return True


def _times(column: Any, name: str) -> Ints:
    import pyarrow as pa

    if column.null_count:
        raise PortfolioError(f"{name}: a row has no date.")
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return np.asarray(_flat(column.cast(pa.timestamp("ns")).cast(pa.int64()), np.dtype(np.int64)))
    if pa.types.is_integer(kind):
        numbers = _flat(column.cast(pa.int64()), np.dtype(np.int64))
        size = float(np.median(np.abs(numbers)))
        if size < 1e8:
            raise PortfolioError(f"{name}: the times are no dates (they begin with {numbers[0]}).")
        return np.asarray(numbers * (10**9 if size < 1e11 else 10**6 if size < 1e14 else 10**3 if size < 1e17 else 1))
    import pandas as pd

    from workstation.market.candle_files import nanoseconds
    from workstation.market.candles import BadCandles

    try:
        found: Ints = nanoseconds(pd.Series(column.to_pylist()), name)
        return found
    except BadCandles as error:
        raise PortfolioError(str(error)) from None


def _some(names: Sequence[str], most: int = 8) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
