"""What a simulated venue remembers: orders, fills, its own entries, balances, positions and a few named values.

The simulated venue is the outside world of a desk, so what it took must survive the desk's death: `SqliteLedger` keeps
it in a small file of its own, apart from the desk's store. `MemoryLedger` is for backtests and tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import msgspec

from workstation.domain.events import VenueEntry
from workstation.domain.fill import Fill
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.position import Position
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class LedgerError(VenueError):
    """The ledger cannot be opened or written; the text is a sentence for the trader."""


class Ledger(Protocol):
    """Writes gather until `commit`, which makes all of them durable together or none."""

    def session(self) -> int:
        """A number that grows with every opening: with it, ids are unique over restarts. 0 if it cannot know."""
        ...

    def order(self, client_id: ClientOrderId) -> Order | None: ...

    def open_orders(self) -> Sequence[Order]:
        """In the order in which the venue took them."""
        ...

    def fill_slices(self, ts: int) -> Iterator[Sequence[Fill]]:
        """The fills at or after `ts`, oldest first, some hundred at a time: who reads many lets others run between."""
        ...

    def entries_since(self, ts: int) -> Sequence[VenueEntry]:
        """What the venue booked by itself at or after `ts`, in the order in which it was booked."""
        ...

    def balances(self) -> dict[str, Decimal]: ...

    def positions(self) -> Sequence[Position]: ...

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...

    def save_order(self, order: Order) -> None: ...

    def add_fill(self, fill: Fill) -> None: ...

    def add_entry(self, entry: VenueEntry) -> None: ...

    def set_balance(self, currency: str, amount: Decimal) -> None: ...

    def set_position(self, position: Position) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


class MemoryLedger:
    """Remembers for as long as it lives."""

    def __init__(self, session: int = 0) -> None:
        self._session = session
        self._orders: dict[ClientOrderId, Order] = {}
        self._fills: list[Fill] = []
        self._entries: list[VenueEntry] = []
        self._balances: dict[str, Decimal] = {}
        self._positions: dict[str, Position] = {}
        self._values: dict[str, str] = {}

    def session(self) -> int:
        return self._session

    def order(self, client_id: ClientOrderId) -> Order | None:
        return self._orders.get(client_id)

    def open_orders(self) -> Sequence[Order]:
        return [order for order in self._orders.values() if order.is_open]

    def fill_slices(self, ts: int) -> Iterator[Sequence[Fill]]:
        found = [fill for fill in self._fills if fill.ts >= ts]
        return (found[first : first + _SLICE] for first in range(0, len(found), _SLICE))

    def entries_since(self, ts: int) -> Sequence[VenueEntry]:
        return [entry for entry in self._entries if entry.ts >= ts]

    def balances(self) -> dict[str, Decimal]:
        return dict(self._balances)

    def positions(self) -> Sequence[Position]:
        return list(self._positions.values())

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def put(self, key: str, value: str) -> None:
        self._values[key] = value

    def save_order(self, order: Order) -> None:
        self._orders[order.client_id] = order

    def add_fill(self, fill: Fill) -> None:
        self._fills.append(fill)

    def add_entry(self, entry: VenueEntry) -> None:
        self._entries.append(entry)

    def set_balance(self, currency: str, amount: Decimal) -> None:
        self._balances[currency] = amount

    def set_position(self, position: Position) -> None:
        self._positions[position.instrument] = position

    def commit(self) -> None:
        pass

    def close(self) -> None:
        pass


_VERSION = 2
#: Fills that are read at once: some milliseconds.
_SLICE = 500
#: Commits after which the write-ahead log is moved into the file, in a moment of so many seconds without a commit: its
#: flushes would stand before the one that an order waits for. After so many more it waits for no such moment.
_CHECKPOINT_AFTER = 128
_QUIET_SECONDS = 0.1
_PATIENCE = 1024
#: Since version 2: what the venue booked by itself.
_ENTRIES = """
CREATE TABLE entries (number INTEGER PRIMARY KEY, ts INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX entries_by_time ON entries (ts);
"""
_SCHEMA = """
CREATE TABLE orders (client_id TEXT PRIMARY KEY, number INTEGER NOT NULL, open INTEGER NOT NULL, body BLOB NOT NULL)
WITHOUT ROWID;
CREATE INDEX open_orders ON orders (number) WHERE open;
CREATE TABLE fills (trade_id TEXT PRIMARY KEY, ts INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX fills_by_time ON fills (ts);
CREATE TABLE balances (currency TEXT PRIMARY KEY, amount TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (instrument TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class SqliteLedger:
    """A SQLite file in WAL mode with `synchronous=NORMAL`: a commit survives the death of the process (a power cut may
    take the last ones). One process holds it at a time. Writing waits for no disk: what is flushed now and then is
    flushed on a thread of its own.

    Raises `LedgerError` if the file cannot be opened: no ledger, of a newer version, or held by another process.
    """

    def __init__(self, path: Path) -> None:
        import sqlite3

        from workstation.store.errors import StoreError
        from workstation.store.lock import DeskLock

        self._path = path
        self._errors: type[Exception] = sqlite3.Error
        self._number = 0
        self._first: tuple[str, tuple[object, ...]] | None = None  # a write that may stay alone
        self._dirty = False  # a transaction is open
        self._commits = 0
        lock: DeskLock | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock = DeskLock(path)  # no second desk on the same simulated account
            self._db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            try:
                self._session = self._prepare()
            except BaseException:
                self._db.close()
                raise
        except (sqlite3.Error, OSError, StoreError, LedgerError) as error:
            if lock is not None:
                lock.release()
            if isinstance(error, LedgerError):
                raise
            said = str(error)
            held = isinstance(error.__cause__, BlockingIOError)
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if busy and lock is not None:  # SQLite says so too where a full disk keeps it from mending the log
                said = "another program has it, or its disk is full"
            elif held or busy:
                said = "another running desk has it; close that one first, or start this one with another TWS_HOME"
            elif isinstance(error, StoreError):  # a sentence already
                raise LedgerError(said.replace("The store", "The simulated venue's ledger", 1)) from error
            raise LedgerError(f"The simulated venue's ledger {path} cannot be opened: {said}.") from error
        self._mover = _Mover(path)

    def _prepare(self) -> int:
        db = self._db
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=10000")  # pages: the ceiling; the mover does it long before
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise LedgerError(
                f"The simulated venue's ledger {self._path} was written by a newer tws (version {version}); "
                f"this one reads version {_VERSION}."
            )
        db.execute("BEGIN IMMEDIATE")
        if version < _VERSION:
            for statement in f"{_SCHEMA if version == 0 else ''}{_ENTRIES}".split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={_VERSION}")
        self._number = db.execute("SELECT coalesce(max(number), 0) FROM orders").fetchone()[0]
        row = db.execute("SELECT value FROM notes WHERE key = 'session'").fetchone()
        session = 1 if row is None else int(row[0]) + 1
        db.execute("INSERT OR REPLACE INTO notes VALUES ('session', ?)", (str(session),))
        db.execute("COMMIT")
        return session

    def session(self) -> int:
        return self._session

    def order(self, client_id: ClientOrderId) -> Order | None:
        row = self._read("SELECT body FROM orders WHERE client_id = ?", (client_id,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Order)

    def open_orders(self) -> Sequence[Order]:
        rows = self._read("SELECT body FROM orders WHERE open ORDER BY number")
        return [msgspec.json.decode(body, type=Order) for (body,) in rows]

    def fill_slices(self, ts: int) -> Iterator[Sequence[Fill]]:
        decode = msgspec.json.Decoder(Fill).decode
        after, row = ts, -1
        while rows := self._read(
            "SELECT ts, rowid, body FROM fills WHERE (ts, rowid) > (?, ?) ORDER BY ts, rowid LIMIT ?",
            (after, row, _SLICE),
        ).fetchall():
            after, row, _ = rows[-1]
            yield [decode(body) for _, _, body in rows]

    def entries_since(self, ts: int) -> Sequence[VenueEntry]:
        rows = self._read("SELECT body FROM entries WHERE ts >= ? ORDER BY number", (ts,))
        return [_decode_entry(body) for (body,) in rows]

    def balances(self) -> dict[str, Decimal]:
        rows = self._read("SELECT currency, amount FROM balances")
        return {currency: Decimal(amount) for currency, amount in rows}

    def positions(self) -> Sequence[Position]:
        rows = self._read("SELECT body FROM positions")
        return [msgspec.json.decode(body, type=Position) for (body,) in rows]

    def get(self, key: str) -> str | None:
        row = self._read("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    def save_order(self, order: Order) -> None:
        self._number += 1
        self._write(
            "INSERT INTO orders VALUES (?, ?, ?, ?)"
            " ON CONFLICT (client_id) DO UPDATE SET open = excluded.open, body = excluded.body",
            (order.client_id, self._number, int(order.is_open), msgspec.json.encode(order)),
        )

    def add_fill(self, fill: Fill) -> None:
        self._write("INSERT INTO fills VALUES (?, ?, ?)", (fill.trade_id, fill.ts, msgspec.json.encode(fill)))

    def add_entry(self, entry: VenueEntry) -> None:
        self._write("INSERT INTO entries (ts, body) VALUES (?, ?)", (entry.ts, msgspec.json.encode(entry)))

    def set_balance(self, currency: str, amount: Decimal) -> None:
        self._write("INSERT OR REPLACE INTO balances VALUES (?, ?)", (currency, str(amount)))

    def set_position(self, position: Position) -> None:
        body = msgspec.json.encode(position)
        self._write("INSERT OR REPLACE INTO positions VALUES (?, ?)", (position.instrument, body))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        if self._first is None and not self._dirty:
            self._first = (statement, values)
            return
        self._gather()
        try:
            self._db.execute(statement, values)
        except self._errors as error:
            raise self._failure(error) from error

    def _gather(self) -> None:
        """Open the transaction of several writes, or of one that is read before it is committed."""
        if self._first is None:
            return
        first, self._first = self._first, None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._dirty = True
            self._db.execute(*first)
        except self._errors as error:
            raise self._failure(error) from error

    def _read(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        self._gather()
        return self._db.execute(statement, values)

    def commit(self) -> None:
        try:
            if self._first is not None:  # what stands alone is a transaction by itself: a third of the calls
                first, self._first = self._first, None
                self._db.execute(*first)
            elif self._dirty:
                self._db.execute("COMMIT")
            else:
                return
        except self._errors as error:
            raise self._failure(error) from error
        self._dirty = False
        self._mover.commits = self._commits = self._commits + 1
        if self._commits % _CHECKPOINT_AFTER == 0:
            self._mover.go()

    def _failure(self, error: Exception) -> LedgerError:
        return LedgerError(f"The simulated venue's ledger {self._path} cannot be written: {error}.")

    def close(self) -> None:
        """Commit what waits and let the file go."""
        try:
            self.commit()
        finally:
            self._mover.close()
            self._db.close()
            self._lock.release()


class _Mover:
    """Moves the write-ahead log of a ledger into its file, on a thread and a connection of its own: the writer of the
    log, the event loop, goes on meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.moves = 0  # that have been made
        self.commits = 0  # of the writer
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def go(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ledger-mover", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        import contextlib
        import sqlite3

        while True:
            self._wake.wait()
            self._wait_for_quiet()
            if self._closed:
                break
            # A full disk keeps the log as it is: whole, and told by the commit that finds no room.
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(self._path, isolation_level=None)) as db,
            ):
                db.execute("PRAGMA synchronous=NORMAL")
                db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                # The first write after it begins the log anew, which is flushed: this one, not the loop's.
                db.execute(f"PRAGMA user_version={_VERSION}")
            self.moves += 1

    def _wait_for_quiet(self) -> None:
        first, seen = self.commits, -1
        while not self._closed and seen != self.commits and self.commits - first < _PATIENCE:
            seen = self.commits
            self._wake.clear()
            self._wake.wait(_QUIET_SECONDS)
        self._wake.clear()


def _decode_entry(body: bytes) -> VenueEntry:
    entry: VenueEntry = msgspec.json.decode(body, type=VenueEntry)
    return entry
