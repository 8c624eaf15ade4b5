"""The one thread that writes a store: a queue in, transactions in the same order out.

Whatever waits when the thread comes round goes into one transaction (group commit), so many appends share one disk
flush. What nobody waits for (`hold`) is handed over with what comes next, or by `release`; what is not critical
(`later`) goes after a moment of quiet, or before what waits for all.

A transaction is flushed to the disk if somebody waits for it, or if it holds an intent, a fill or an event of the
account; everything before it is flushed with it. The others (how an order fares at its venue, which the venue can be
asked, and lines of the log) are written all the same, so that they survive the death of the desk; a power cut may take
what is younger than `FLUSHED_AFTER`, always the newest first. So no order waits for the flush of a line of the log.

A failed write (disk full, input/output error) ends the writing for good: the append and every later one fail. So the
journal is at any time a gapless beginning of what was submitted; to go on after a hole, or to flush again after a
failed flush, would be to guess. Free the space and open the store again. What was durable before stays; an append
that failed in the commit itself may turn out to be stored, so state is always taken from the journal on opening.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from workstation.store.bell import Bell
from workstation.store.codec import Row
from workstation.store.errors import DuplicateFill, StoreError, sentence
from workstation.store.submission import Encoded, Submission, Told, encode
from workstation.store.write_ahead import WriteAheadLog

#: How many submissions at most share a transaction, and how many uncritical rows wait for company.
GROUP = 4096
LATER = 512
QUIET_SECONDS = 0.1
#: After so many commits the next quiet moment moves the write-ahead log into the file, so that no append waits for it.
CHECKPOINT_AFTER = 64
#: Seconds after which also that is on the disk for which nobody waits.
FLUSHED_AFTER = 1.0


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


class Writer:
    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        statements: Statements,
        on_failure: Callable[[StoreError], None],
        on_refused: Callable[[StoreError], None],
    ) -> None:
        """Takes over `connection` (autocommit mode). The callbacks are called on the writer's thread. Raises OSError if
        the store has no write-ahead log."""
        self._path = path
        self._connection = connection
        self._log = WriteAheadLog(path)
        connection.execute("PRAGMA synchronous = NORMAL")  # the writer flushes what is waited for: see write_ahead.py
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
        self._unflushed: float | None = None  # since when something is written that is not on the disk (monotonic)
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
            try:
                item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._commit([])
                self._flush_old()
                self._checkpoint()
                if not self._roomy:
                    self._roomy = True
                    Bell.hang()
                    if self.failure is None:
                        self._log.make_room()
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
            elif item is not None and all(each.uncritical for each in group):
                self._later += group
                if len(self._later) >= LATER:
                    self._commit([])
            else:
                self._commit(group)
            if item is None:
                break
            self._flush_old()
        self._commit([])
        self._flush_old(0.0)
        if self._mover is not None:
            self._mover.exception()
        self._connection.close()
        self._log.close()

    def _patience(self) -> float | None:
        """Seconds for which to wait for a submission before there is something else to do; None: for ever."""
        if self.failure is not None:
            return None
        if self._later or self._mover or self._commits >= CHECKPOINT_AFTER or not self._roomy:
            return QUIET_SECONDS
        if self._unflushed is None:
            return None
        return max(0.0, self._unflushed + FLUSHED_AFTER - time.monotonic())

    def _flush_old(self, after: float = FLUSHED_AFTER) -> None:
        """Put on the disk what nobody waited for, once it is so many seconds old."""
        if self._unflushed is None or self.failure is not None or time.monotonic() - self._unflushed < after:
            return
        try:
            self._flush()
        except OSError as error:
            self._fail([], error)

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
                    self._mover = self._log.move()
                    self._mover.add_done_callback(lambda _: self._queue.put([]))
        except sqlite3.Error as error:
            self._fail([], error)

    def _commit(self, group: list[Submission]) -> None:
        """Write the group, and before it what waited for a quiet moment: unless somebody waits for an event of the
        group, and nobody for all that there is."""
        if any(each.future and each.events for each in group) and not any(each.waits_for_all for each in group):
            self._later += (each for each in group if each.uncritical)
            group = [each for each in group if not each.uncritical]
        else:
            group, self._later = self._later + group, []
        if not group:
            return
        if self.failure is not None:
            _settle(group, self.failure)
            return
        encoded: list[Encoded] = []
        refused: list[tuple[Told | None, StoreError]] = []
        for submission in group:
            try:
                encoded.append(encode(submission))
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

    def _write(self, encoded: list[Encoded]) -> list[tuple[Told | None, StoreError]]:
        """One transaction for all; if the data of one is impossible, once more with each on its own savepoint."""
        try:
            self._begin()
            seq = self._insert(encoded, self._seq)
            self._end(encoded)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError, ValueError):
            self._rollback()
            return self._write_singly(encoded)
        self._seq = seq
        return []

    def _write_singly(self, encoded: list[Encoded]) -> list[tuple[Told | None, StoreError]]:
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
        self._end(encoded)
        self._seq = seq
        return refused

    def _refusal(self, each: Encoded, error: Exception) -> StoreError:
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

    def _end(self, encoded: Sequence[Encoded]) -> None:
        """End the transaction; if it must be, what it wrote is on the disk."""
        self._connection.execute("COMMIT")
        if self._unflushed is None:
            self._unflushed = time.monotonic()
        for each in encoded:
            if each.on_flush is not None:  # the last that this thread does before it leaves the interpreter to others
                each.on_flush()
        if any(each.flushed for each in encoded):
            self._flush()

    def _flush(self) -> None:
        """Put on the disk what was written."""
        self._log.flush()
        self._unflushed = None

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _insert(self, encoded: Sequence[Encoded], seq: int) -> int:
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
