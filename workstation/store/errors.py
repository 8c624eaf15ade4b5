"""What can go wrong with a store, each in one sentence for the trader."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The store cannot do what was asked; the text is a sentence for the trader. Nothing stored was changed by it."""


class DuplicateFill(StoreError):
    """A fill whose (venue, trade id) is already stored: the whole append that carried it was refused."""


class StoreGone(OSError):
    """The file of an open store has been removed, moved away or replaced by another one."""


def sentence(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The error of SQLite or the system as a `StoreError` about the store at `path`."""
    return StoreError(f"The store {path} {_what(error)}")


def _what(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, StoreGone):
        return "was removed, moved or replaced while it was open: nothing that is written to it now would be kept."
    if isinstance(error, OSError):
        match error.errno:
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return "cannot be written: its folder or file is read-only for this user."
            case errno.ENOSPC | errno.EDQUOT:
                return "cannot be written: the disk is full."
            case _:
                return f"cannot be opened: {error.strerror or error}."
    text = str(error)
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return "is damaged or not a store of tws; it was left untouched. Restore a copy or move it away."
        case sqlite3.SQLITE_FULL:
            return "cannot be written: the disk is full."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "cannot be written: its folder or file is read-only for this user."
        case sqlite3.SQLITE_CANTOPEN:
            return "cannot be opened: its folder or file is missing or not accessible for this user."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "is in use by another program."
        case sqlite3.SQLITE_IOERR:
            return f"cannot be read or written: the disk reports an error ({text})."
        case _:
            return f"failed: {text}."
