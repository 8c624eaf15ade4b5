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
    """`kept` reads, on a thread that the constructor starts if there is a file; `begin` and `write` are for a thread of
    the caller's. Nothing is written before `begin`.

    A file that is none of ours, or damaged, is put aside under another name, and nothing is kept of the past; one of a
    newer tws is left alone, and nothing is kept of this run either. `notices` says so, a sentence each.
    """

    def __init__(self, path: Path, names: Sequence[InstrumentId], now: int) -> None:
        """`names`: the instruments, in the order of a row; `now`: UTC ns at which this run starts."""
        self._path = path
        self._names = tuple(names)
        self._now = now
        self._width = 1 + 5 * len(self._names)
        self.notices: list[str] = []
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._usable = True
        self._anew = False  # what was read is not what is to stand there
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
            self._kept = self._checked(*self._load())
        except _Damaged as error:
            self._put_aside(str(error))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._put_aside("it is damaged")
            else:
                self._give_up(f"cannot be read ({error})")

    def _load(self) -> tuple[list[tuple[Session, int]], list[InstrumentId], list[tuple[int, bytes, int]]]:
        db = self._open()
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and version == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
            return [], [], []  # made, and killed before anything was in it
        if application != _APPLICATION:
            raise _Damaged("it is none of tws's")
        if version > _VERSION:
            self._give_up("was written by a newer tws")
            return [], [], []
        try:
            names = msgspec.json.decode(self._about(db, "instruments"), type=list[InstrumentId])
            sessions = [
                (msgspec.json.decode(body, type=Session), until)
                for until, body in db.execute("SELECT until, body FROM sessions ORDER BY start")
            ]
        except msgspec.DecodeError as error:
            raise _Damaged("it is damaged") from error
        return sessions, names, db.execute("SELECT ts, rows, checksum FROM hours ORDER BY ts").fetchall()

    def _about(self, db: sqlite3.Connection, key: str) -> str:
        row = db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise _Damaged("it is damaged")
        return str(row[0])

    def _checked(
        self, sessions: list[tuple[Session, int]], names: list[InstrumentId], hours: list[tuple[int, bytes, int]]
    ) -> Kept:
        width = 1 + 5 * len(names)
        if any(len(rows) % (8 * width) or zlib.crc32(rows) != checksum for _, rows, checksum in hours):
            raise _Damaged("it is damaged")
        rows = array("d")
        for _, some, _ in hours:
            rows.frombytes(some)
        if sessions and sessions[-1][1] < self._now - _TOO_OLD:
            sessions, rows, self._anew = [], array("d"), True
        kept = self._before_now(Kept(names, sessions, rows))
        if kept.names != self._names:
            kept, self._anew = _arranged(kept, self._names), True
        if kept.minutes:
            hour = kept.minutes[-1] - kept.minutes[-1] % HOUR
            self._hour = (hour, {ts: self._bytes(kept.row(ts) or ()) for ts in kept.minutes if ts >= hour})
        return kept

    def _before_now(self, kept: Kept) -> Kept:
        """Without what, by the clock, has yet to come."""
        if not kept.sessions or max(until for _, until in kept.sessions) <= self._now:
            return kept
        begun = self._now - self._now % MINUTE
        rows = array("d")
        for ts in kept.minutes:
            if ts < begun:
                rows.extend(kept.row(ts) or ())
        self._anew = True
        lost = sum(ts >= begun for ts in kept.minutes)
        self.notices.append(
            f"The clock has gone back since the demo market last ran: {lost:,} traded minutes lie after now "
            "and are no longer shown."
        )
        sessions = [(session, min(until, begun)) for session, until in kept.sessions if session.start < begun]
        return Kept(kept.names, sessions, rows)

    def _put_aside(self, why: str) -> None:
        self._close()
        self._kept, self._anew = Kept(), False
        aside = self._path.with_name(f"{self._path.name}.{time.time_ns() // 1_000_000}.aside")
        try:
            self._path.rename(aside)
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        except OSError as error:
            self._give_up(f"cannot be used ({why}) nor put aside ({error.strerror or error})")
            return
        self.notices.append(
            f"The demo market's traded minutes {self._path} cannot be used: {why}. The file is now {aside.name}, "
            "and the past on the charts is made up anew."
        )

    def _give_up(self, why: str) -> None:
        self._close()
        self._usable = False
        self.notices.append(
            f"The demo market's traded minutes {self._path.name} {why}: the past on the charts is made up anew, and "
            "what trades now is not kept."
        )

    # Writing

    def begin(self, session: Session) -> None:
        """This run has begun. Raises `MinutesError`."""
        kept = self.kept()

        def do(db: sqlite3.Connection) -> None:
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.strip().split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id={_APPLICATION}")
                db.execute(f"PRAGMA user_version={_VERSION}")
            names = msgspec.json.encode(self._names).decode()
            db.execute("INSERT OR REPLACE INTO about VALUES ('instruments', ?)", (names,))
            if self._anew:
                db.execute("DELETE FROM hours")
                db.execute("DELETE FROM sessions")
                known = [(one.start, until, msgspec.json.encode(one)) for one, until in kept.sessions]
                db.executemany("INSERT INTO sessions VALUES (?, ?, ?)", known)
                self._put(db, [kept.row(ts) or () for ts in kept.minutes])
            body = msgspec.json.encode(session)
            db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", (session.start, session.start, body))
            db.execute(
                "DELETE FROM sessions WHERE start != (SELECT min(start) FROM sessions)"
                " AND (until <= (SELECT coalesce(min(ts), 0) FROM hours)"
                " OR start NOT IN (SELECT start FROM sessions ORDER BY start DESC LIMIT ?))",
                (_SESSIONS_KEPT,),
            )

        self._do(do)
        self._anew = False

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
                db = self._open()
                db.execute("PRAGMA journal_mode=WAL")  # harmless again and again
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
                raise MinutesError(
                    f"The demo market's minutes cannot be kept in {self._path.name}: {error}."
                ) from error

    def _put(self, db: sqlite3.Connection, rows: Sequence[Row]) -> None:
        hour, known = self._hour[0], dict(self._hour[1])
        changed: dict[int, dict[int, bytes]] = {}
        for row in rows:
            ts = int(row[0]) * MINUTE
            if ts - ts % HOUR != hour:
                hour, known = ts - ts % HOUR, {}
            known[ts] = self._bytes(row)
            changed[hour] = known
        for ts, minutes in changed.items():
            blob = b"".join(minutes[minute] for minute in sorted(minutes))
            db.execute("INSERT OR REPLACE INTO hours VALUES (?, ?, ?)", (ts, blob, zlib.crc32(blob)))
        db.execute("DELETE FROM hours WHERE ts NOT IN (SELECT ts FROM hours ORDER BY ts DESC LIMIT ?)", (HOURS_KEPT,))
        self._hour = (hour, known)

    @staticmethod
    def _bytes(row: Row) -> bytes:
        return array("d", row).tobytes()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=0.5, check_same_thread=False)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            with suppress(sqlite3.Error):
                db.close()


def _arranged(kept: Kept, names: Sequence[InstrumentId]) -> Kept:
    """The rows of another tws, which listed other instruments, as this one has them."""
    places = [1 + 5 * kept.names.index(name) if name in kept.names else 0 for name in names]
    rows = array("d")
    for ts in kept.minutes:
        row = kept.row(ts) or []
        rows.append(row[0])
        for at in places:
            rows.extend(row[at : at + 5] if at else (0.0,) * 5)
    return Kept(names, kept.sessions, rows)
