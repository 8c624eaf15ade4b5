"""The file in which the demo market's traded minutes stay over restarts: SQLite, beside the ledgers of its venues.

A row holds an hour: the rows of its minutes (see `kept`), and a checksum. Each minute rewrites the hour's row, some
kilobytes, in one transaction with the time up to which all is kept; a killed desk leaves the minutes up to the last
one that was written. The write-ahead log is not flushed at each of them (a power cut may take the last): nothing here
is worth a flush beside the one that an order waits for.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import zlib
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.spans import DAY, HOUR, MINUTE
from workstation.market.demo.kept import Kept, Row, Session

_APPLICATION, _VERSION = 0x7477736D, 1  # "twsm"
#: Hours with trades that are kept: a week of a desk that never closes, 6 MB.
HOURS_KEPT = 168
#: Sessions that are remembered at most, the first one apart.
_SESSIONS_KEPT = 2_000
#: What was traded longer ago than this has no bearing on a market of today; a clock that was wrong leaves such things.
_TOO_OLD = 400 * DAY
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (start INTEGER PRIMARY KEY, until INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE hours (ts INTEGER PRIMARY KEY, rows BLOB NOT NULL, checksum INTEGER NOT NULL);
"""


class MinutesError(Exception):
    """The file cannot be written; the text is a sentence for the trader."""


class _Damaged(Exception):
    pass


class MinutesFile:
    """`kept` reads, for the first time on a thread that the constructor starts if there is a file; `begin` and `write`
    are for a thread of the caller's. Nothing is written before `begin`.

    A file that is none of ours, or damaged, is put aside under another name, and nothing is kept of the past; one of a
    newer tws is left alone, and nothing is kept of this run either. `notices` says so, a sentence each.
    """

    def __init__(self, path: Path, names: Sequence[InstrumentId], now: int) -> None:
        """`names`: the instruments, in the order of a row; `now`: UTC ns at which this run starts."""
        self._path = path
        self._names = tuple(names)
        self._now = now
        self._begun = now - now % MINUTE
        self.notices: list[str] = []
        self._reader: sqlite3.Connection | None = None  # its own: reading waits for no write
        self._writer: sqlite3.Connection | None = None
        self._lock, self._reads = threading.Lock(), threading.Lock()  # of the writer, and of the reader
        self._usable = True
        self._stored = self._names  # the instruments of a row in the file
        self._future = self._old = False  # the file holds what the clock has not come to; all of it is of long ago
        self._bad: set[int] = set()  # hours
        self._hour: tuple[int, dict[int, bytes]] = (0, {})  # the newest one: its rows by minute
        self._kept = Kept()
        self._reading: threading.Thread | None = None
        if path.exists():
            self._reading = threading.Thread(target=self._read, name="demo-minutes", daemon=True)
            self._reading.start()

    def kept(self) -> Kept:
        """What earlier runs have left."""
        if self._reading is not None:
            self._reading.join()
            self._reading = None
        return self._kept

    # Reading

    def _read(self) -> None:
        try:
            self._kept = self._load()
        except _Damaged as error:
            self._put_aside(str(error))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._put_aside("is damaged")
            else:
                self._give_up(f"cannot be read ({error})")

    def _load(self) -> Kept:
        self._reader = db = self._connect()
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and version == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return Kept()  # made, and killed before anything was in it
        if application != _APPLICATION:
            raise _Damaged("is no file of tws")
        if version > _VERSION:
            self._give_up("was written by a newer tws")
            return Kept()
        try:
            (names,) = db.execute("SELECT value FROM about WHERE key = 'instruments'").fetchone() or ("",)
            self._stored = msgspec.json.decode(names, type=tuple[InstrumentId, ...])
            sessions = [
                (msgspec.json.decode(body, type=Session), until)
                for until, body in db.execute("SELECT until, body FROM sessions ORDER BY start")
            ]
        except msgspec.DecodeError as error:
            raise _Damaged("is damaged") from error
        hours = [hour for (hour,) in db.execute("SELECT ts FROM hours ORDER BY ts")]
        last = max((until for _, until in sessions), default=0)
        if last and last < self._now - _TOO_OLD:
            self._old = True
            return Kept()
        if last > self._now:
            self._future = True
            self.notices.append(
                "The clock has gone back since the demo market last ran: what it traded after now is no longer shown."
            )
            hours = [hour for hour in hours if hour < self._begun]
            sessions = [(one, min(until, self._begun)) for one, until in sessions if one.start < self._begun]
        return Kept(self._names, sessions, hours, self._rows_of)

    def _rows_of(self, hours: Sequence[int]) -> dict[int, array[float]]:
        """The rows of some hours, as the instruments are listed now and without what is yet to come."""
        with self._reads:
            return self._read_hours(hours)

    def _read_hours(self, hours: Sequence[int]) -> dict[int, array[float]]:
        found: dict[int, array[float]] = {}
        if (db := self._reader) is None:
            return found
        try:
            for hour in hours:
                stored = db.execute("SELECT rows, checksum FROM hours WHERE ts = ?", (hour,)).fetchone()
                if stored is not None:
                    rows = _checked(*stored, width=1 + 5 * len(self._stored))
                    if self._stored != self._names:
                        rows = _arranged(rows, self._stored, self._names)
                    if self._future and hour + HOUR > self._begun:
                        width = 1 + 5 * len(self._names)
                        rows = rows[: width * sum(minute * MINUTE < self._begun for minute in rows[::width])]
                    found[hour] = rows
        except (sqlite3.Error, _Damaged):
            if not self._bad:
                self.notices.append(
                    f"Some of the demo market's traded minutes in {self._path.name} are damaged: the charts leave them "
                    "out, and make up what they showed from the next start on."
                )
            self._bad.add(hour)
            found |= self._read_hours([each for each in hours if each not in found and each != hour])
        return found

    def _put_aside(self, why: str) -> None:
        self._close()
        aside = self._path.with_name(f"{self._path.name}.{time.time_ns() // 1_000_000}.aside")
        try:
            self._path.rename(aside)
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        except OSError as error:
            self._give_up(f"{why} and cannot be put aside ({error.strerror or error})")
            return
        self.notices.append(
            f"The past on the charts is made up anew: {self._path.name} {why}, and was put aside as {aside.name}."
        )

    def _give_up(self, why: str) -> None:
        self._close()
        self._usable = False
        self.notices.append(
            f"The past on the charts is made up anew, and what trades now is not kept: {self._path.name} {why}."
        )

    # Writing

    def begin(self, session: Session) -> None:
        """This run has begun; said again it changes nothing. Raises `MinutesError`."""
        kept = self.kept()
        newest = kept.hours[-1] if kept.hours else 0
        hour = (newest, {int(row[0]) * MINUTE: self._bytes(row) for row in kept.rows(newest)}) if newest else (0, {})

        def do(db: sqlite3.Connection) -> None:
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.strip().split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id={_APPLICATION}")
                db.execute(f"PRAGMA user_version={_VERSION}")
            names = msgspec.json.encode(self._names).decode()
            db.execute("INSERT OR REPLACE INTO about VALUES ('instruments', ?)", (names,))
            if self._old:
                db.execute("DELETE FROM hours")
                db.execute("DELETE FROM sessions")
            if self._future:
                db.execute("DELETE FROM hours WHERE ts >= ?", (self._begun,))
                db.execute("DELETE FROM sessions WHERE start >= ?", (self._begun,))
                db.execute("UPDATE sessions SET until = ? WHERE until > ?", (self._begun, self._begun))
            if self._future or self._stored != self._names:
                for each in kept.hours if self._stored != self._names else kept.hours[-1:]:
                    self._put_hour(db, each, [self._bytes(row) for row in kept.rows(each)])
            body = msgspec.json.encode(session)
            db.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?, ?)", (session.start, session.start, body))
            db.execute(
                "DELETE FROM sessions WHERE start != (SELECT min(start) FROM sessions)"
                " AND (until <= (SELECT coalesce(min(ts), 0) FROM hours)"
                " OR start NOT IN (SELECT start FROM sessions ORDER BY start DESC LIMIT ?))",
                (_SESSIONS_KEPT,),
            )
            self._hour = hour

        self._do(do)
        self._stored = self._names

    def write(self, session: Session, until: int, rows: Sequence[Row]) -> None:
        """Keep rows, oldest first, in place of what stands there of their minutes: with them all that was traded in
        this session before `until` (UTC ns) is kept. Raises `MinutesError`."""

        def do(db: sqlite3.Connection) -> None:
            self._put(db, rows)
            db.execute("UPDATE sessions SET until = ? WHERE start = ?", (until, session.start))

        self._do(do)

    def close(self) -> None:
        """Let the file go."""
        self.kept()
        with self._lock:
            self._close()
            self._usable = False

    def _do(self, change: Callable[[sqlite3.Connection], None]) -> None:
        with self._lock:
            if not self._usable:
                return
            before = self._hour
            try:
                db = self._writer
                if db is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._writer = db = self._connect()
                    db.execute("PRAGMA journal_mode=WAL")
                    db.execute("PRAGMA synchronous=NORMAL")
                db.execute("BEGIN IMMEDIATE")
                try:
                    change(db)
                    db.execute("COMMIT")
                except BaseException:
                    self._hour = before
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                said = f"The demo market's minutes cannot be kept in {self._path.name}: {error}."
                raise MinutesError(said) from error

    def _put(self, db: sqlite3.Connection, rows: Sequence[Row]) -> None:
        db.executemany("DELETE FROM hours WHERE ts = ?", [(each,) for each in self._bad])
        hour, known = self._hour[0], dict(self._hour[1])
        changed: dict[int, dict[int, bytes]] = {}
        for row in rows:
            ts = int(row[0]) * MINUTE
            if ts - ts % HOUR != hour:
                hour, known = ts - ts % HOUR, {}
            known[ts] = self._bytes(row)
            changed[hour] = known
        for each, minutes in changed.items():
            self._put_hour(db, each, [minutes[minute] for minute in sorted(minutes)])
        db.execute("DELETE FROM hours WHERE ts NOT IN (SELECT ts FROM hours ORDER BY ts DESC LIMIT ?)", (HOURS_KEPT,))
        self._hour = (hour, known)

    @staticmethod
    def _put_hour(db: sqlite3.Connection, hour: int, rows: Sequence[bytes]) -> None:
        blob = b"".join(rows)
        db.execute("INSERT OR REPLACE INTO hours VALUES (?, ?, ?)", (hour, blob, zlib.crc32(blob)))

    @staticmethod
    def _bytes(row: Row) -> bytes:
        return array("d", row).tobytes()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=0.5, check_same_thread=False)

    def _close(self) -> None:
        """Both connections; the writer last, which then moves its log into the file."""
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        for db in (reader, writer):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()


def _checked(stored: bytes, checksum: int, *, width: int) -> array[float]:
    if len(stored) % (8 * width) or zlib.crc32(stored) != checksum:
        raise _Damaged
    rows = array("d")
    rows.frombytes(stored)
    return rows


def _arranged(rows: array[float], stored: Sequence[InstrumentId], names: Sequence[InstrumentId]) -> array[float]:
    """The rows of another tws, which listed other instruments, as this one has them."""
    width = 1 + 5 * len(stored)
    places = [1 + 5 * stored.index(name) if name in stored else 0 for name in names]
    found = array("d")
    for start in range(0, len(rows), width):
        row = rows[start : start + width]
        found.append(row[0])
        for at in places:
            found.extend(row[at : at + 5] if at else (0.0,) * 5)
    return found
