"""A store's write-ahead log as a file: what is written to it put on the disk, room in it, its contents moved away.

SQLite itself flushes the log only before it moves it (`synchronous = NORMAL`): so the writer decides which transaction
waits for the disk. What is in the log survives the death of the process without any flush; a flush of the log puts
everything on the disk that was written before it, so that what is durable is always a beginning of what was written.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path

from workstation.store.errors import StoreGone

#: Bytes of the log that are on the disk before they are needed: flushing a write into room that is there takes half
#: the time of flushing one that makes the file longer, and does not wait for others' flushes.
ROOM = 4 << 20

#: Flushes a file's contents and its length, not its times. Not everywhere.
_flush = getattr(os, "fdatasync", os.fsync)


class WriteAheadLog:
    """The log of the database at `path`, which must be open in WAL mode and have been read or written. One thread
    calls. Raises OSError if there is no log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path.with_name(path.name + "-wal"), os.O_RDWR)
        self._store = _identity(os.stat(path))

    def flush(self) -> None:
        """Put on the disk what was written before. Raises OSError: then nothing is known of what was written since the
        last flush; StoreGone where whoever opens the store next would not find it, since the open files are no longer
        those of its name."""
        _flush(self._file)
        try:
            there = _identity(os.stat(self._path)) == self._store
        except FileNotFoundError:
            there = False
        if not there or not os.fstat(self._file).st_nlink:
            raise StoreGone(f"{self._path} is another file, or none")

    def make_room(self) -> None:
        """Lengthen the file with zeros, which SQLite takes for what they are: no frame of this log. Where that is
        impossible (a full disk) the log grows with what is written, as it would have."""
        with contextlib.suppress(OSError):
            size = os.fstat(self._file).st_size
            if size < ROOM:
                self._lengthen(size)

    def _lengthen(self, size: int) -> None:
        try:
            if os.pwrite(self._file, bytes(ROOM - size), size) < ROOM - size:
                os.ftruncate(self._file, size)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)

    def move(self) -> Future[None]:
        """Have it moved into the database, flushed on both ends, on a thread and a connection of its own: who writes
        goes on meanwhile. Raises RuntimeError if the system has no thread to give."""
        moved: Future[None] = Future()
        moved.set_running_or_notify_cancel()

        def move() -> None:
            try:
                with contextlib.closing(sqlite3.connect(self._path)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except BaseException as error:
                moved.set_exception(error)
            else:
                moved.set_result(None)

        threading.Thread(target=move, name="store-mover", daemon=True).start()
        return moved

    def close(self) -> None:
        os.close(self._file)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
