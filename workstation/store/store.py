"""The store of one desk: one SQLite file (WAL, flushed for whoever waits), one writer thread, many readers.

Errors never change a file: what is newer, damaged, foreign, locked or read-only is refused with one sentence.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO
from workstation.domain.order import ClientOrderId, Order
from workstation.store import migrations, reader
from workstation.store.bell import Bell
from workstation.store.beside import Beside
from workstation.store.codec import Event, Row, exact_text, to_json
from workstation.store.errors import StoreError, sentence
from workstation.store.kept_statements import statements
from workstation.store.lock import DeskLock
from workstation.store.reader import EquitySnapshot, LogEntry, Receipt, StoredBacktest
from workstation.store.submission import Submission
from workstation.store.writer import Statements, Writer
from workstation.whole_file import flush

type Report = Callable[[StoreError], None]


def _ignore(error: StoreError) -> None:
    """Who wants no report still gets the error through the futures."""


#: Seconds after which work that could be done while the disk writes is done, whatever the writer is doing.
_MEANWHILE_WITHIN = 0.005


class Waiting:
    """Told by the writer's thread, answers on the event loop on which it was made."""

    __slots__ = ("_bell", "_loop", "_meanwhile", "answer")

    def __init__(self, meanwhile: Callable[[], None] | None = None) -> None:
        """`meanwhile`: see `Store.commit`."""
        self._loop = asyncio.get_running_loop()
        self._meanwhile = meanwhile
        self.answer: asyncio.Future[None] = self._loop.create_future()
        if meanwhile is not None:
            self._bell = Bell.of_running_loop()
            self._loop.call_later(_MEANWHILE_WITHIN, self._work)

    def set_result(self, _: None) -> None:
        self._tell(self._answer, None)

    def set_exception(self, error: BaseException) -> None:
        self._tell(self._answer, error)

    def on_flush(self) -> None:
        self._bell.ring(self._work)

    def _tell(self, how: Callable[..., None], *what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self._loop.call_soon_threadsafe(how, *what)

    def _work(self) -> None:
        work, self._meanwhile = self._meanwhile, None
        if work is not None:
            work()

    def _answer(self, error: BaseException | None) -> None:
        try:
            self._work()
        finally:
            if not self.answer.done():  # else who waited was cancelled
                if error is None:
                    self.answer.set_result(None)
                else:
                    self.answer.set_exception(error)


#: Lines of the log that a store keeps; the journal keeps everything for ever.
LOG_KEPT = 100_000
_PRUNE_EVERY = 1_000  # lines, the first of each start included
_PRUNE_LOG = "DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?"


class Store:
    """Open with `Store.open`; `close` flushes. All methods may be called from any thread and none waits for the disk,
    except `open`, `flush`, `close` and the readers (which see what is durable).

    `on_failure` is called once, when writing has failed for good (then the desk must halt; see writer.py);
    `on_refused` for each append that was impossible (a doubled fill, say) and was left out whole. Both are called on
    the writer's thread.
    """

    def __init__(
        self,
        path: Path,
        mode: str,
        *,
        connection: sqlite3.Connection,
        lock: DeskLock,
        statements: Statements,
        clock_now: Callable[[], int],
    ) -> None:
        """Over a connection that `Store.open` has prepared."""
        self.path = path
        self.mode = mode
        #: Unique for ever; client order ids start with it, so that no two desks share one.
        self.desk_id: str = connection.execute("SELECT desk_id FROM meta").fetchone()[0]
        self.on_failure: Report = _ignore
        self.on_refused: Report = _ignore
        self._lock = lock
        self._now = clock_now
        self._settings: dict[str, str] = dict(connection.execute("SELECT key, value FROM settings").fetchall())
        self._statements = statements
        self._logged = 0  # lines since the start
        self._writer = Writer(path, connection, statements, self._report_failure, self._report_refused)
        #: Where events are kept that this store did not take, until it is opened again.
        self.beside = Beside(path, self.desk_id)
        self.beside.make_ready()

    @classmethod
    def open(
        cls,
        path: Path,
        mode: str,
        *,
        clock_now: Callable[[], int],
        on_failure: Report | None = None,
        on_refused: Report | None = None,
    ) -> Store:
        """Open the store of a mode ("demo", "paper", "live"), or make it where there is none.

        Waits for the disk (the first time of all it takes half a second more, see kept_statements.py): open it off the
        event loop. Raises StoreError if the file is of a newer schema, of another mode, damaged, open in another desk,
        read-only, or if its disk is full.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sentence(path, error) from error
        lock = DeskLock(path)
        connection: sqlite3.Connection | None = None
        try:
            _make_private(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            _prepare(connection, path, mode, clock_now)
            store = cls(path, mode, connection=connection, lock=lock, statements=statements(), clock_now=clock_now)
        except BaseException as error:
            if connection is not None:
                connection.close()
            lock.release()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise sentence(path, error) from error
            raise
        store.on_failure = on_failure or _ignore
        store.on_refused = on_refused or _ignore
        atexit.register(store.close)
        return store

    # What is written.

    def append(self, *events: Event, orders: Sequence[Order] = ()) -> Future[None]:
        """Store the events and, beside them, the orders as they now stand: in one transaction, in order of calling.

        The future is done when both are on the disk. It fails with DuplicateFill (a fill's venue and trade id are
        already stored) or StoreError, and then nothing of this append is stored. It cannot be cancelled: what was
        submitted is written.
        """
        return self._submit(events=events, orders=tuple(orders))

    def note(self, *events: Event, orders: Sequence[Order] = ()) -> None:
        """`append` for who does not wait: stored together with what is submitted next, or once `release` is called."""
        self._writer.submit(Submission(None, events, tuple(orders)), hold=True)

    def release(self) -> None:
        """Have what was noted written now."""
        self._writer.release()

    def commit(
        self, *events: Event, orders: Sequence[Order] = (), meanwhile: Callable[[], None] | None = None
    ) -> asyncio.Future[None]:
        """`append` for a coroutine that awaits it, and goes on as soon as the writer's thread has said so: nothing
        stands between the two. If the awaiting task is cancelled, the events are stored all the same.

        `meanwhile` is called once, on the event loop, before the future is done, whatever becomes of the events: mostly
        while the disk writes and this process would have nothing to do, and within some milliseconds though the disk
        stands still. It must not raise.
        """
        waiting = Waiting(meanwhile)
        on_flush = None if meanwhile is None else waiting.on_flush
        self._writer.submit(Submission(waiting, events, tuple(orders), on_flush=on_flush))
        return waiting.answer

    def save_receipt(self, ts: int, receipt: object) -> Future[None]:
        """Keep what a kill found and did; `receipt` is anything that msgspec makes JSON of."""
        return self._submit(rows=((self._statements.receipt, (ts, to_json(receipt))),))

    def set_setting(self, key: str, value: object) -> Future[None]:
        """Remember a JSON value; `get_setting` sees it at once."""
        text = to_json(value)
        self._settings[key] = text
        return self._submit(rows=((self._statements.setting, (key, text, self._now())),))

    def save_instruments(self, instruments: Iterable[Instrument]) -> Future[None]:
        """Remember the instruments' terms, replacing older ones, so that positions can be folded without a venue."""
        now, statement = self._now(), self._statements.instrument
        return self._submit(rows=tuple((statement, (each.id, to_json(each), now)) for each in instruments))

    def save_equity(
        self,
        ts: int,
        account: str,
        equity: Decimal,
        *,
        currency: str,
        realized: Decimal = ZERO,
        unrealized: Decimal = ZERO,
        fees: Decimal = ZERO,
    ) -> None:
        """An equity snapshot of an account. Not critical: it is written with the next commit or a moment later."""
        amounts = (exact_text(equity), exact_text(realized), exact_text(unrealized), exact_text(fees))
        self._later(self._statements.equity, (ts, account, currency, *amounts))

    def save_log(self, ts: int, level: str, source: str, message: str) -> None:
        """A log entry, not critical: it goes with the next commit or a moment later. The newest `LOG_KEPT` stay."""
        self._later(self._statements.log, (ts, level, source, message))
        if self._logged % _PRUNE_EVERY == 0:
            self._later(_PRUNE_LOG, (LOG_KEPT,))
        self._logged += 1

    def save_backtest(self, run: StoredBacktest) -> None:
        """A backtest; the same one again only gets its time. Not critical: written with the next commit or a moment
        later."""
        told = (run.strategy, run.candles, to_json(run.setup), run.seed, run.fingerprint, run.code, run.digest)
        self._later(self._statements.backtest, (run.id, run.ts, *told, to_json(run.figures)))

    def flush(self) -> None:
        """Wait until everything submitted so far is on the disk. Raises StoreError if writing failed."""
        self._submit().result()

    def close(self) -> None:
        """Write what waits, close the file and let another desk open it. Idempotent."""
        atexit.unregister(self.close)
        self._writer.close()
        self.beside.close()
        self._lock.release()

    @property
    def failure(self) -> StoreError | None:
        """Why nothing is written any more, or None."""
        return self._writer.failure

    def _report_failure(self, error: StoreError) -> None:
        self.on_failure(error)

    def _report_refused(self, error: StoreError) -> None:
        self.on_refused(error)

    def _submit(
        self, *, events: Sequence[Event] = (), orders: Sequence[Order] = (), rows: Sequence[tuple[str, Row]] = ()
    ) -> Future[None]:
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        self._writer.submit(Submission(future, events, orders, rows))
        return future

    def _later(self, statement: str, row: Row) -> None:
        self._writer.submit(Submission(None, rows=((statement, row),)))

    # What is read: only what is durable.

    def journal(self, after: int = 0) -> Iterator[Event]:
        """Every event after the given seq in the order in which it was appended. Raises StoreError on damage."""
        return reader.journal(self.path, after)

    def events_of(self, client_id: ClientOrderId) -> list[Event]:
        """The events of one order, oldest first."""
        return reader.events_of(self.path, client_id)

    def fills(self) -> list[Fill]:
        """Every fill, oldest first."""
        return reader.fills(self.path)

    def instruments(self) -> dict[InstrumentId, Instrument]:
        return reader.instruments(self.path)

    def receipts(self) -> list[Receipt]:
        """Kill receipts, oldest first."""
        return reader.receipts(self.path)

    def equity(self, account: str | None = None, since: int = 0) -> list[EquitySnapshot]:
        """Equity snapshots at or after `since` (UTC ns), oldest first; of every account if none is named."""
        return reader.equity(self.path, account, since)

    def equity_curve(self, account: str, since: int, bucket: int) -> list[tuple[int, Decimal]]:
        """(UTC ns, equity) at or after `since`, oldest first: the last snapshot of every `bucket` ns."""
        return reader.equity_curve(self.path, account, since, bucket)

    def backtests(self, last: int = 200) -> list[StoredBacktest]:
        """The newest backtests, newest first."""
        return reader.backtests(self.path, last)

    def log(self, last: int = 1000) -> list[LogEntry]:
        """The newest log entries, oldest first."""
        return reader.log(self.path, last)

    def get_setting(self, key: str, default: Any = None) -> Any:
        """A remembered JSON value, or `default`."""
        text = self._settings.get(key)
        return default if text is None else msgspec.json.decode(text)


def _make_private(path: Path) -> None:
    """A new file is the user's alone; its name is flushed too, so that a power cut cannot take the file away."""
    if path.exists():
        return
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    flush(path.parent)


def _prepare(connection: sqlite3.Connection, path: Path, mode: str, clock_now: Callable[[], int]) -> None:
    """Check or make the file and set the connection up."""
    version = migrations.version_of(connection)  # the first read: a file that is no database raises here
    check_kind(connection, path, version)
    if version:
        check_mode(connection, path, mode)
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise StoreError(
            f"The store {path} is damaged and was left untouched ({found.splitlines()[-1]}). "
            "Restore a copy or move it away."
        )
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreError(
            f"The store {path} cannot be opened: its file system has no shared memory (a network folder?)."
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 10000")  # pages: the ceiling; the writer does it when it is quiet
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # REPLACE counts as a delete for the append-only triggers
    migrations.migrate(connection)
    connection.execute(
        "INSERT OR IGNORE INTO meta (id, mode, desk_id, created_at) VALUES (1, ?, ?, ?)",
        (mode, uuid.uuid4().hex, clock_now()),
    )


def check_kind(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Raises StoreError if the file is another program's or a newer tws's."""
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == migrations.APPLICATION_ID
    if not ours and (version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]):
        raise StoreError(f"The file {path} is a database of another program, not a store of tws.")
    if version > migrations.SCHEMA_VERSION:
        raise StoreError(
            f"The store {path} was written by a newer tws (schema {version}; this one knows "
            f"{migrations.SCHEMA_VERSION}): update tws to open it."
        )


def check_mode(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    row = connection.execute("SELECT mode FROM meta").fetchone()
    if row is not None and row[0] != mode:
        raise StoreError(f"The store {path} belongs to the {row[0]} desk and cannot be opened by the {mode} desk.")
