"""Reading a store: short-lived read-only connections, which never wait for the writer nor make it wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
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


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. SQLite's errors come out as StoreError."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None)
        yield connection
    except sqlite3.Error as error:
        raise sentence(path, error) from error
    finally:
        if connection is not None:
            connection.close()


def rows(path: Path, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
    """All rows of a query as mappings."""
    with reading(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]


def journal(path: Path, after: int = 0) -> Iterator[Event]:
    return _events(path, "seq > ?", after)


def events_of(path: Path, client_id: str) -> list[Event]:
    return list(_events(path, "client_id = ?", client_id))


def _events(path: Path, where: str, parameter: object) -> Iterator[Event]:
    with reading(path) as connection:
        sql = f"SELECT seq, kind, payload FROM journal WHERE {where} ORDER BY seq"
        for seq, kind, payload in connection.execute(sql, (parameter,)):
            try:
                yield decode_event(kind, payload)
            except (KeyError, msgspec.MsgspecError) as error:
                raise StoreError(f"Entry {seq} ({kind}) of the journal in {path} cannot be read: {error}") from error


def fills(path: Path) -> list[Fill]:
    return [decode_fill(row) for row in rows(path, "SELECT * FROM fills ORDER BY seq")]


def instruments(path: Path) -> dict[InstrumentId, Instrument]:
    found = rows(path, "SELECT id, terms FROM instruments ORDER BY id")
    return {row["id"]: decode_instrument(row["terms"]) for row in found}


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


def log(path: Path, last: int) -> list[LogEntry]:
    found = rows(path, "SELECT ts, level, source, message FROM log ORDER BY id DESC LIMIT ?", (last,))
    return [LogEntry(**row) for row in reversed(found)]
