"""Reading a store: short-lived read-only connections, which never wait for the writer nor make it wait."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec

from workstation.domain.events import FeesValued
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import CLOSED_STATES
from workstation.domain.position import Position, apply_fill
from workstation.store.codec import Event, decode_event, decode_fill, decode_instrument
from workstation.store.errors import StoreError, sentence


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A stored kill receipt; `body` is its JSON as it was saved."""

    id: int
    ts: int
    body: Any


class EquitySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    ts: int
    account: str
    currency: str
    equity: Decimal
    realized: Decimal
    unrealized: Decimal
    fees: Decimal


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    ts: int
    level: str
    source: str
    message: str


class StoredBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """A stored backtest; `setup` is all that decides it but candles and code, which `fingerprint` and `code` name."""

    ts: int
    strategy: str
    candles: str
    setup: dict[str, Any]
    seed: int
    fingerprint: str
    code: str
    digest: str
    figures: dict[str, float | None]

    @property
    def id(self) -> str:
        """The same run again has the same name."""
        import hashlib

        parts = (msgspec.json.encode(self.setup, order="sorted"), self.fingerprint, self.code, self.digest)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. SQLite's errors come out as StoreError."""
    connection: sqlite3.Connection | None = None
    try:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
            uri += "&immutable=1"  # a closed store on read-only media: nobody can be writing it
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        yield connection
    except sqlite3.Error as error:
        raise sentence(path, error) from error
    finally:
        if connection is not None:
            connection.close()


def _rows(connection: sqlite3.Connection, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """All rows of a query as mappings."""
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def rows(path: Path, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    with reading(path) as connection:
        return _rows(connection, sql, parameters)


def journal(path: Path, after: int = 0) -> Iterator[Event]:
    return _events(path, "seq > ?", after)


def events_of(path: Path, client_id: str) -> list[Event]:
    return list(_events(path, "client_id = ?", client_id))


def of_kind(path: Path, kind: str) -> list[Event]:
    """The journal's events of one kind, oldest first."""
    return list(_events(path, "kind = ?", kind))


def _events(path: Path, where: str, parameter: object) -> Iterator[Event]:
    with reading(path) as connection:
        sql = f"SELECT seq, kind, payload FROM journal WHERE {where} ORDER BY seq"
        for seq, kind, payload in connection.execute(sql, (parameter,)):
            try:
                yield decode_event(kind, payload)
            except (KeyError, msgspec.MsgspecError) as error:
                raise StoreError(f"Entry {seq} ({kind}) of the journal in {path} cannot be read: {error}") from error


def fills(path: Path) -> list[Fill]:
    with reading(path) as connection:
        return fills_in(connection)


def fills_in(connection: sqlite3.Connection) -> list[Fill]:
    """Fees that were valued after their fill was stored are in them."""
    found = [decode_fill(row) for row in _rows(connection, "SELECT * FROM fills ORDER BY seq")]
    if not any(fill.fee_value is None and _in_third_coin(fill) for fill in found):
        return found
    later: dict[tuple[InstrumentId, str], Decimal] = {}
    for (payload,) in connection.execute("SELECT payload FROM journal WHERE kind = 'fees_valued' ORDER BY seq"):
        event = cast(FeesValued, decode_event("fees_valued", payload))
        for fee in event.fees:
            later.setdefault((event.instrument, fee.trade_id), fee.value)
    return [
        fill if fill.fee_value is not None or value is None else msgspec.structs.replace(fill, fee_value=value)
        for fill in found
        for value in (later.get((fill.instrument, fill.trade_id)),)
    ]


def _in_third_coin(fill: Fill) -> bool:
    """Whether the instrument's name does not name the fee's coin."""
    return bool(fill.fee) and fill.fee_currency not in fill.instrument.partition(":")[2].split("-")


def working(path: Path) -> set[InstrumentId]:
    """Instruments of which an order is working, or its end is not known."""
    marks = ", ".join("?" * len(CLOSED_STATES))
    found = rows(path, f"SELECT DISTINCT instrument FROM orders WHERE state NOT IN ({marks})", tuple(CLOSED_STATES))
    return {row["instrument"] for row in found}


def traded(path: Path) -> set[InstrumentId]:
    """Instruments of which there are fills or orders that work."""
    return {row["instrument"] for row in rows(path, "SELECT DISTINCT instrument FROM fills")} | working(path)


def setting(path: Path, key: str) -> Any:
    """A remembered JSON value; None where there is none."""
    found = rows(path, "SELECT value FROM settings WHERE key = ?", (key,))
    return msgspec.json.decode(found[0]["value"]) if found else None


def positions(path: Path) -> dict[InstrumentId, tuple[Instrument, Position]]:
    """The fold over all fills, with each instrument's terms, of one moment. Raises StoreError for a fill whose
    instrument is not in the store."""
    with reading(path) as connection:
        connection.execute("BEGIN")
        terms, fills = instruments_in(connection), fills_in(connection)
    found: dict[InstrumentId, tuple[Instrument, Position]] = {}
    for fill in fills:
        name = fill.instrument
        if (instrument := terms.get(name)) is None:
            raise StoreError(f"The store {path} does not know the terms of {name}, which was traded.")
        before = found[name][1] if name in found else Position(instrument=name)
        found[name] = instrument, apply_fill(before, fill, instrument)
    return found


def instruments(path: Path) -> dict[InstrumentId, Instrument]:
    with reading(path) as connection:
        return instruments_in(connection)


def instruments_in(connection: sqlite3.Connection) -> dict[InstrumentId, Instrument]:
    found = connection.execute("SELECT id, terms FROM instruments ORDER BY id")
    return {name: decode_instrument(terms) for name, terms in found}


def receipts(path: Path) -> list[Receipt]:
    found = rows(path, "SELECT id, ts, body FROM kill_receipts ORDER BY id")
    return [Receipt(id=row["id"], ts=row["ts"], body=msgspec.json.decode(row["body"])) for row in found]


def equity(path: Path, account: str | None, since: int) -> list[EquitySnapshot]:
    sql = "SELECT * FROM equity WHERE ts >= ? AND (? IS NULL OR account = ?) ORDER BY ts, id"
    names = EquitySnapshot.__struct_fields__
    return [
        msgspec.convert({name: row[name] for name in names}, EquitySnapshot)
        for row in rows(path, sql, (since, account, account))
    ]


def equity_curve(path: Path, account: str, since: int, bucket: int) -> list[tuple[int, Decimal]]:
    sql = """SELECT max(ts) AS ts, equity FROM equity WHERE account = ? AND ts >= ? GROUP BY ts / ? ORDER BY ts"""
    return [(row["ts"], Decimal(row["equity"])) for row in rows(path, sql, (account, since, bucket))]


def backtests(path: Path, last: int) -> list[StoredBacktest]:
    sql = """SELECT ts, strategy, candles, setup, seed, fingerprint, code, digest, figures FROM backtests
             ORDER BY ts DESC LIMIT ?"""
    found = rows(path, sql, (last,))
    return [
        msgspec.convert(
            {**row, "setup": msgspec.json.decode(row["setup"]), "figures": msgspec.json.decode(row["figures"])},
            StoredBacktest,
        )
        for row in found
    ]


def log(path: Path, last: int) -> list[LogEntry]:
    found = rows(path, "SELECT ts, level, source, message FROM log ORDER BY id DESC LIMIT ?", (last,))
    return [LogEntry(**row) for row in reversed(found)]
