"""The catalogue of the candle history: one SQLite file, one row a history.

It is a file of its own, because a desk's store is open in one desk and of one mode, while candles are the same for all
modes and are imported beside a running desk. Every change is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from workstation.history.names import HistoryError, HistoryName
from workstation.store.migrations import migrate, version_of

#: Marks a SQLite file as a catalogue of candles ("twsc").
APPLICATION_ID = 0x74777363

_M0001 = (
    """CREATE TABLE candles (
        venue TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, source TEXT NOT NULL,
        rows INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        quality TEXT NOT NULL, file TEXT NOT NULL, updated_at INTEGER NOT NULL,
        PRIMARY KEY (venue, symbol, timeframe)
    ) STRICT""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)
#: MIGRATIONS[n - 1] brings a catalogue from version n - 1 to version n.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_M0001,)
#: How long a writer waits for another, in seconds: a merge of ten million rows takes this order of time.
_PATIENCE = 120.0


class Entry(msgspec.Struct, frozen=True):
    """One history. `first` and `last` are the open times (UTC ns) of its first and last bar; `source` says where it
    was taken from; `quality` counts what was found in it by kind (`market/candle_quality.py`); `file` is relative to
    the folder of the catalogue."""

    venue: str
    symbol: str
    timeframe: str
    source: str
    rows: int
    first: int
    last: int
    fingerprint: str
    quality: dict[str, int]
    file: str
    updated_at: int

    @property
    def name(self) -> HistoryName:
        return HistoryName.of(self.venue, self.symbol, self.timeframe)


_COLUMNS = "venue, symbol, timeframe, source, rows, first, last, fingerprint, quality, file, updated_at"


class Catalogue:
    """The rows, in `folder`/catalogue.sqlite. Nothing is made before something is written. Raises `HistoryError`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "catalogue.sqlite"

    def entries(self) -> list[Entry]:
        """All histories, by venue, symbol and length."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM candles").fetchall()
        return sorted(map(_entry, rows), key=lambda each: (each.venue, each.symbol, each.name.timeframe.ns))

    def find(self, name: HistoryName) -> Entry | None:
        """The row of one history."""
        if not self.path.exists():
            return None
        with self._open() as connection:
            return find(connection, name)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction in which nobody else writes, committed at the end of the block and undone by an error."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=_PATIENCE)
        except sqlite3.Error as error:
            raise HistoryError(f"The catalogue of candles {self.path} cannot be opened: {error}.") from error
        try:
            self._prepare(connection)
            yield connection
        except sqlite3.Error as error:
            raise HistoryError(f"The catalogue of candles {self.path} failed: {error}.") from error
        finally:
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version, kind = version_of(connection), connection.execute("PRAGMA application_id").fetchone()[0]
        if version > len(MIGRATIONS) and kind == APPLICATION_ID:
            raise HistoryError(f"The catalogue of candles {self.path} was made by a newer version of tws.")
        if version and kind != APPLICATION_ID:
            raise HistoryError(f"{self.path} is no catalogue of candles; it was left untouched.")
        if version < len(MIGRATIONS):
            connection.execute("PRAGMA journal_mode = WAL")
            _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    try:
        migrate(connection, MIGRATIONS)
    except sqlite3.OperationalError:
        if version_of(connection) != len(MIGRATIONS):  # another process may just have done the same
            raise


def find(connection: sqlite3.Connection, name: HistoryName) -> Entry | None:
    """The row of one history, inside a transaction."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM candles WHERE venue = ? AND symbol = ? AND timeframe = ?",
        (name.venue, name.symbol, str(name.timeframe)),
    ).fetchone()
    return None if row is None else _entry(row)


def put(connection: sqlite3.Connection, entry: Entry) -> None:
    """Write the row of one history in place of the one that was there."""
    connection.execute(
        f"INSERT OR REPLACE INTO candles ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(entry.venue, entry.symbol, entry.timeframe, entry.source, entry.rows, entry.first, entry.last),
            *(entry.fingerprint, json.dumps(entry.quality, sort_keys=True), entry.file, entry.updated_at),
        ),
    )


def drop(connection: sqlite3.Connection, name: HistoryName) -> None:
    """Take the row of one history out."""
    connection.execute(
        "DELETE FROM candles WHERE venue = ? AND symbol = ? AND timeframe = ?",
        (name.venue, name.symbol, str(name.timeframe)),
    )


def _entry(row: tuple[object, ...]) -> Entry:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return msgspec.convert(values | {"quality": json.loads(str(values["quality"]))}, Entry)


def now() -> int:
    """UTC ns, for `updated_at`."""
    return time.time_ns()
