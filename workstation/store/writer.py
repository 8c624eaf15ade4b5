"""The one thread that writes a store: a queue in, transactions in the same order out.

Whatever waits when the thread comes round goes into one transaction (group commit), so many appends share one disk
flush. What is not critical (`later`) rides along with the next transaction, or goes after a moment of quiet. What
nobody waits for (`hold`) is handed over with what comes next, or by `release`: one flush for both.

A failed write (disk full, input/output error) ends the writing for good: the append and every later one fail. So the
journal is at any time a gapless beginning of what was submitted; to go on after a hole, or to flush again after a
failed flush, would be to guess. Free the space and open the store again. What was durable before stays; an append
that failed in the commit itself may turn out to be stored, so state is always taken from the journal on opening.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workstation.domain.events import OrderFilled
from workstation.domain.order import Order
from workstation.store.codec import Event, Row, event_row, fill_row, order_row
from workstation.store.errors import DuplicateFill, StoreError, sentence

#: How many submissions at most share a transaction, and how many uncritical rows wait for company.
GROUP = 4096
LATER = 512
QUIET_SECONDS = 0.1
#: After so many commits the next quiet moment moves the write-ahead log into the file, so that no append waits for it.
CHECKPOINT_AFTER = 64
#: Bytes of the write-ahead log that are on the disk before they are needed: flushing a write into room that is there
#: takes half the time of flushing one that makes the file longer, and does not wait for others' flushes.
ROOM = 4 << 20


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL text by what it writes; parameters are the table's columns in order."""

    journal: str
    fill: str
    order: str
    equity: str
    receipt: str
    log: str
    setting: str
    instrument: str
    backtest: str


class Told(Protocol):
    """Who waits for a submission; the writer's thread calls one of the two. A `concurrent.futures.Future` is one."""

    def set_result(self, result: None, /) -> None: ...

    def set_exception(self, exception: BaseException, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Submission:
    """What is stored together or not at all. `rows` are further rows with their statement. Without a future nobody
    waits for it; without events too it is not critical."""

    future: Told | None
    events: Sequence[Event] = ()
    orders: Sequence[Order] = ()
    rows: Sequence[tuple[str, Row]] = ()


@dataclass(frozen=True, slots=True)
class _Encoded:
    future: Told | None
    journal: list[Row]
    fills: list[tuple[int, Row]]  # (index of the event in `journal`, row without seq)
    orders: dict[str, Row]
    rows: Sequence[tuple[str, Row]]


class Writer:
    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        statements: Statements,
        on_failure: Callable[[StoreError], None],
        on_refused: Callable[[StoreError], None],
    ) -> None:
        """Takes over `connection` (autocommit mode). The callbacks are called on the writer's thread."""
        self._path = path
        self._connection = connection
        self._statements = statements
        self._on_failure = on_failure
        self._on_refused = on_refused
        self._queue: queue.SimpleQueue[list[Submission] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._later: list[Submission] = []
        self._held: list[Submission] = []
        self._roomy = False
        self._mover: Future[None] | None = None
        self._commits = 0  # since the last checkpoint
        self._seq: int = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
        self.failure: StoreError | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission, *, hold: bool = False) -> None:
        """Have it written after all that was submitted before; with `hold` not before the next one or `release`."""
        with self._gate:
            failure = StoreError(f"The store {self._path} is closed.") if self._closed else self._since_failure()
            if failure is None:
                self._held.append(submission)
                if not hold:
                    self._hand_over()
                return
        if submission.future is not None:
            submission.future.set_exception(failure)

    def _since_failure(self) -> StoreError | None:
        """What is said to whoever comes after the failure: what failed may be well again, and it is not tried again."""
        if self.failure is None:
            return None
        return StoreError(f"{self.failure} Nothing is stored any more: make it right, then start the desk again.")

    def release(self) -> None:
        """Have what is held written now."""
        with self._gate:
            self._hand_over()

    def _hand_over(self) -> None:
        held, self._held = self._held, []
        if held:
            self._queue.put(held)

    def close(self) -> None:
        """Write what waits, then end the thread and close the connection. Idempotent."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._hand_over()
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            waits = self._later or self._mover or self._commits >= CHECKPOINT_AFTER or not self._roomy
            try:
                item = self._queue.get(timeout=QUIET_SECONDS if waits else None)
            except queue.Empty:
                self._commit([])
                self._checkpoint()
                self._make_room()
                continue
            group: list[Submission] = []
            while item is not None:
                group += item
                if len(group) >= GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            if item is not None and not group:  # the mover's word that it has ended
                if self._mover is not None:
                    self._checkpoint()
            elif item is not None and all(each.future is None and not each.events for each in group):
                self._later += group
                if len(self._later) >= LATER:
                    self._commit([])
            else:
                self._commit(group)
            if item is None:
                break
        if self._mover is not None:
            self._mover.exception()
        self._connection.close()

    def _checkpoint(self) -> None:
        """Have the log moved into the file, by another thread and connection: an order that comes meanwhile does not
        wait for it. What is written first after it begins the log anew, with a flush of its own: this does so as soon
        as the mover has ended, so that no order pays for that either.
        """
        try:
            if self._mover is not None:
                if self._mover.running():
                    return
                mover, self._mover = self._mover, None
                if mover.exception() is not None or self.failure is not None:
                    return  # the log stays as it is, whole: nothing that was written is lost, and it is tried again
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                self._connection.execute(f"PRAGMA user_version = {version}")
            elif self._commits >= CHECKPOINT_AFTER and self.failure is None:
                self._commits = 0
                with contextlib.suppress(RuntimeError):  # the system has no thread to give: a later moment may have
                    self._mover = _moving(self._path)
                    self._mover.add_done_callback(lambda _: self._queue.put([]))
        except sqlite3.Error as error:
            self._fail([], error)

    def _make_room(self) -> None:
        """Lengthen the log's file with zeros, which SQLite takes for what they are: no frame of this log. Once a run;
        where it is impossible (a full disk) the log grows with what is written, as it would have."""
        if self._roomy:
            return
        self._roomy = True
        if self.failure is not None:
            return
        with contextlib.suppress(OSError):
            file = os.open(self._path.with_name(self._path.name + "-wal"), os.O_WRONLY)
            try:
                size = os.fstat(file).st_size
                if size < ROOM:
                    _lengthen(file, size)
            finally:
                os.close(file)

    def _commit(self, group: list[Submission]) -> None:
        group, self._later = self._later + group, []
        if not group:
            return
        if self.failure is not None:
            _settle(group, self.failure)
            return
        encoded: list[_Encoded] = []
        refused: list[tuple[Told | None, StoreError]] = []
        for submission in group:
            try:
                encoded.append(_encode(submission))
            except Exception as error:
                refused.append((submission.future, StoreError(f"The store {self._path} cannot keep this: {error}")))
        try:
            refused += self._write(encoded)
        except Exception as error:
            self._fail(group, error)
            return
        self._commits += 1
        lost = {id(future) for future, _ in refused}
        for each in encoded:
            if each.future is not None and id(each.future) not in lost:
                each.future.set_result(None)
        for future, failure in refused:
            if future is not None:
                future.set_exception(failure)
            _report(self._on_refused, failure)

    def _write(self, encoded: list[_Encoded]) -> list[tuple[Told | None, StoreError]]:
        """One transaction for all; if the data of one is impossible, once more with each on its own savepoint."""
        try:
            self._begin()
            seq = self._insert(encoded, self._seq)
            self._flush()
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError, ValueError):
            self._rollback()
            return self._write_singly(encoded)
        self._seq = seq
        return []

    def _write_singly(self, encoded: list[_Encoded]) -> list[tuple[Told | None, StoreError]]:
        refused: list[tuple[Told | None, StoreError]] = []
        seq = self._seq
        self._begin()
        for each in encoded:
            self._connection.execute("SAVEPOINT one")
            try:
                seq = self._insert([each], seq)
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError, ValueError) as error:
                self._connection.execute("ROLLBACK TO one")
                refused.append((each.future, self._refusal(each, error)))
            self._connection.execute("RELEASE one")
        self._flush()
        self._seq = seq
        return refused

    def _refusal(self, each: _Encoded, error: Exception) -> StoreError:
        if "fills.venue, fills.trade_id" not in str(error):
            return StoreError(f"The store {self._path} cannot keep this: {error}")
        known = "SELECT 1 FROM fills WHERE venue = ? AND trade_id = ?"
        seen: set[tuple[str, str]] = set()
        for _, (venue, trade_id, *_rest) in each.fills:
            if (venue, trade_id) in seen or self._connection.execute(known, (venue, trade_id)).fetchone():
                return DuplicateFill(f"The fill with trade id {trade_id} of {venue} is already in the store.")
            seen.add((venue, trade_id))
        return StoreError(f"The store {self._path} cannot keep this: {error}")

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def _flush(self) -> None:
        """End the transaction: what it wrote is on the disk."""
        self._connection.execute("COMMIT")

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _insert(self, encoded: Sequence[_Encoded], seq: int) -> int:
        """Insert all rows; returns the journal's last seq. This thread alone writes, so it counts seq itself."""
        journal: list[Row] = []
        fills: list[Row] = []
        orders: dict[str, Row] = {}
        for each in encoded:
            fills += ((seq + 1 + index, *row) for index, row in each.fills)
            for row in each.journal:
                seq += 1
                journal.append((seq, *row))
            orders |= each.orders
        connection, statements = self._connection, self._statements
        for statement, rows in (
            (statements.journal, journal),
            (statements.fill, fills),
            (statements.order, list(orders.values())),
        ):
            if rows:
                connection.executemany(statement, rows)
        for each in encoded:
            for statement, row in each.rows:
                connection.execute(statement, row)
        return seq

    def _fail(self, group: list[Submission], error: Exception) -> None:
        known = isinstance(error, (sqlite3.Error, OSError))
        failure = sentence(self._path, error) if known else StoreError(f"The store {self._path} failed: {error!r}.")  # type: ignore[arg-type]
        failure.__cause__ = error
        with self._gate:
            self.failure = failure
        try:
            self._rollback()
        except sqlite3.Error as again:  # the connection is lost as well; closing it gives the transaction up
            failure.add_note(str(again))
        _settle(group, failure)
        _report(self._on_failure, failure)


def _lengthen(file: int, size: int) -> None:
    try:
        if os.pwrite(file, bytes(ROOM - size), size) < ROOM - size:
            os.ftruncate(file, size)
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)


def _moving(path: Path) -> Future[None]:
    """Move the write-ahead log into the file, on a thread of its own."""
    moved: Future[None] = Future()
    moved.set_running_or_notify_cancel()

    def move() -> None:
        try:
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except BaseException as error:
            moved.set_exception(error)
        else:
            moved.set_result(None)

    threading.Thread(target=move, name="store-mover", daemon=True).start()
    return moved


def _settle(group: Sequence[Submission], failure: StoreError) -> None:
    for submission in group:
        if submission.future is not None:
            submission.future.set_exception(failure)


def _report(callback: Callable[[StoreError], None], failure: StoreError) -> None:
    try:
        callback(failure)
    except Exception as error:  # a broken listener must not stop the writing; it is told as any thread's error is
        told = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(told))


def _encode(submission: Submission) -> _Encoded:
    events = submission.events
    return _Encoded(
        future=submission.future,
        journal=[event_row(event) for event in events],
        fills=[(index, fill_row(event)) for index, event in enumerate(events) if isinstance(event, OrderFilled)],
        orders={order.client_id: order_row(order) for order in submission.orders},
        rows=submission.rows,
    )
