"""One desk a store: an exclusive lock held for the desk's life, released by the system however the desk ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from workstation.store.errors import StoreError, sentence

_held: set[int] = set()


def _let_go_in_child() -> None:
    # A forked worker shares the lock's open file; unless it closes its copy, the lock would outlive a killed desk.
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go_in_child)


class DeskLock:
    """`flock` on `<store>.lock`, which holds the pid of the desk that has the store open.

    The file stays when the lock is released: removing it would race with another desk that is just opening it.
    """

    def __init__(self, store: Path) -> None:
        """Take the lock. Raises StoreError, naming the pid, if another desk has it."""
        self._fd = -1
        path = store.with_name(store.name + ".lock")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise sentence(store, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise StoreError(f"The store {store} is open in another running desk (process {pid}).") from error
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(fd)
            raise sentence(store, error) from error
        self._fd = fd
        _held.add(fd)

    def release(self) -> None:
        if self._fd in _held:
            _held.discard(self._fd)
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
        self._fd = -1


def holder(store: Path) -> int | None:
    """The pid of the process that has the store open (0 if it cannot be read), or None if nobody has."""
    path = store.with_name(store.name + ".lock")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise sentence(store, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.read(fd, 32).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(fd)
    return None
