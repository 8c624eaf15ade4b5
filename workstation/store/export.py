"""Tables of a store as CSV, JSON or Parquet, read-only: it works while a desk is running and needs no engine.

Amounts are exact everywhere: text in CSV and Parquet, strings in JSON (a Parquet decimal has one scale for a whole
column, which exact amounts of several instruments have not). Times are ISO 8601 in UTC to the nanosecond; in Parquet
they are timestamps of nanoseconds in UTC. An absent value is an empty cell, null in JSON and Parquet.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import msgspec

from workstation.clock import SECOND
from workstation.store import migrations, reader
from workstation.store.codec import exact_text
from workstation.store.errors import StoreError
from workstation.whole_file import in_place_of


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class _Column(msgspec.Struct, frozen=True):
    name: str
    kind: str = "text"  # text, integer, boolean, time or json


type _Table = tuple[tuple[_Column, ...], Callable[[Path], Iterable[tuple[Any, ...]]]]


def _columns(names: str) -> tuple[_Column, ...]:
    """ "ts:time venue" → the columns `ts` of kind time and `venue` of kind text."""
    return tuple(_Column(*name.split(":")) for name in names.split())


def _selected(table: str, columns: tuple[_Column, ...], order: str) -> _Table:
    sql = f"SELECT {', '.join(column.name for column in columns)} FROM {table} ORDER BY {order}"

    def rows(path: Path) -> Iterable[tuple[Any, ...]]:
        with reader.reading(path) as connection:
            return connection.execute(sql).fetchall()

    return columns, rows


_FILLS = _columns(
    "ts:time venue trade_id client_id instrument side quantity price fee fee_currency fee_value liquidity seq:integer"
)
_VALUE = [column.name for column in _FILLS].index("fee_value")


def _fills(path: Path) -> Iterable[tuple[Any, ...]]:
    """With the fees that were valued after their fill was stored."""
    with reader.reading(path) as connection:
        connection.execute("BEGIN")
        sql = f"SELECT {', '.join(column.name for column in _FILLS)} FROM fills ORDER BY seq"
        rows, valued = connection.execute(sql).fetchall(), reader.fills_in(connection)
    for row, fill in zip(rows, valued, strict=True):
        value = None if fill.fee_value is None else exact_text(fill.fee_value)
        yield (*row[:_VALUE], value, *row[_VALUE + 1 :])


_POSITIONS = _columns(
    "instrument quantity average_price cost realized fees currency opened_at:time updated_at:time is_flat:boolean"
)


def _positions(path: Path) -> Iterable[tuple[Any, ...]]:
    """As `reader.positions` folds them, which says what it raises."""
    for name, (instrument, position) in sorted(reader.positions(path).items()):
        average = position.average_price(instrument)
        yield (
            name,
            exact_text(position.quantity),
            None if average is None else exact_text(average),
            exact_text(position.cost),
            exact_text(position.realized),
            exact_text(position.fees),
            instrument.settlement,
            position.opened_at,
            position.updated_at,
            int(position.is_flat),
        )


TABLES: dict[str, _Table] = {
    "orders": _selected(
        "orders",
        _columns(
            "client_id venue_order_id instrument side type tif state quantity price stop_price filled filled_value "
            "fees post_only:boolean reduce_only:boolean expire_at:time origin note reason created_at:time "
            "updated_at:time display trail trail_bps activation_price"
        ),
        "created_at, client_id",
    ),
    "fills": (_FILLS, _fills),
    "positions": (_POSITIONS, _positions),
    "equity": _selected("equity", _columns("ts:time account currency equity realized unrealized fees"), "ts, id"),
    "backtests": _selected(
        "backtests",
        _columns("ts:time strategy candles setup:json seed:integer fingerprint code digest figures:json"),
        "ts, id",
    ),
    "events": _selected("journal", _columns("seq:integer ts:time kind client_id payload:json"), "seq"),
    "log": _selected("log", _columns("ts:time level source message"), "id"),
}


def export(store: Path, table: str, format: str, out: BinaryIO) -> int:
    """Write a table of `TABLES` of the store to `out`, a binary stream; returns the number of rows.

    Raises StoreError: no such table or format, no store there, not a store of this schema, a disk that is full.
    """
    if table not in TABLES:
        raise StoreError(f"There is no table {table!r} to export: choose one of {', '.join(TABLES)}.")
    if format not in set(Format):
        raise StoreError(f"There is no export format {format!r}: choose one of {', '.join(Format)}.")
    _check_store(store)
    columns, read = TABLES[table]
    rows = list(read(store))
    try:
        match Format(format):
            case Format.CSV:
                text = io.TextIOWrapper(out, encoding="utf-8", newline="")
                _write_csv(columns, rows, text)
                text.flush()
                text.detach()
            case Format.JSON:
                out.write(_as_json(columns, rows))
            case Format.PARQUET:
                _write_parquet(columns, rows, out)
    except OSError as error:
        raise StoreError(f"The export could not be written: {error.strerror or error}.") from error
    return len(rows)


def export_file(store: Path, table: str, format: str, path: Path) -> int:
    """`export` into a file. One that was there stays as it was unless the whole export has been written."""
    straight = path.exists() and not path.is_file()  # a pipe, a terminal
    try:
        with nullcontext(path) if straight else in_place_of(path, durable=False) as part, part.open("wb") as out:
            return export(store, table, format, out)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from error


def _check_store(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"There is no store at {path} yet: nothing was ever recorded in that mode.")
    with reader.reading(path) as connection:
        version = migrations.version_of(connection)
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == migrations.APPLICATION_ID
    if not ours:
        raise StoreError(f"The file {path} is not a store of tws.")
    if version != migrations.SCHEMA_VERSION:
        raise StoreError(
            f"The store {path} has schema {version} and this tws exports schema {migrations.SCHEMA_VERSION}: "
            f"{'update tws' if version > migrations.SCHEMA_VERSION else 'open it once with tws'} first."
        )


def iso(ts: int) -> str:
    """UTC ns as ISO 8601, to the nanosecond: 2026-01-02T03:04:05.000000006Z."""
    seconds, nanoseconds = divmod(ts, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _value(kind: str, value: Any) -> Any:
    match kind:
        case _ if value is None:
            return None
        case "time":
            return iso(value)
        case "boolean":
            return bool(value)
        case _:
            return value


def _write_csv(columns: tuple[_Column, ...], rows: list[tuple[Any, ...]], out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        values = (_value(column.kind, value) for column, value in zip(columns, row, strict=True))
        writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in values])


def _as_json(columns: tuple[_Column, ...], rows: list[tuple[Any, ...]]) -> bytes:
    """A list of objects, one a line; an event's payload is an object, not text."""
    encoder = msgspec.json.Encoder()
    lines = []
    for row in rows:
        values = {
            column.name: msgspec.Raw(value.encode()) if column.kind == "json" else _value(column.kind, value)
            for column, value in zip(columns, row, strict=True)
        }
        lines.append(encoder.encode(values))
    return b"[" + b",\n ".join(lines) + b"]\n"


def _write_parquet(columns: tuple[_Column, ...], rows: list[tuple[Any, ...]], out: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"integer": pa.int64(), "boolean": pa.bool_(), "time": pa.timestamp("ns", tz="UTC")}
    arrays = []
    for index, column in enumerate(columns):
        values = [bool(row[index]) if column.kind == "boolean" else row[index] for row in rows]
        arrays.append(pa.array(values, types.get(column.kind, pa.string())))
    pq.write_table(pa.Table.from_arrays(arrays, names=[column.name for column in columns]), out)
