"""A file descriptor that is kept back for the kill switch: who has used up all that the system gives can still be asked
to stop."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable

_USED_UP = (errno.EMFILE, errno.ENFILE)


class Spare:
    """One descriptor, from the moment that this is made until `close`."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._fd: int | None = None
        self._closed = False
        self._take()

    def lend[T](self, work: Callable[[], T]) -> T:
        """What `work` returns; where it finds no descriptor it is tried once more with this one. What it keeps open
        has it then, until there is another to be had. Raises what `work` raises."""
        with self._gate:
            self._take()
            try:
                return work()
            except OSError as error:
                if error.errno not in _USED_UP or self._fd is None:
                    raise
            self._give()
            try:
                return work()
            finally:
                self._take()

    def close(self) -> None:
        with self._gate:
            self._closed = True
            self._give()

    def _take(self) -> None:
        if self._fd is None and not self._closed:
            with contextlib.suppress(OSError):
                self._fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _give(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
