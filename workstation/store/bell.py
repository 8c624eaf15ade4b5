"""Calls something on an event loop from another thread that does not stop for it.

`loop.call_soon_threadsafe` gives the interpreter away while it wakes the loop: in a fourth of all cases the loop had
its turn first, and the flush that it was to work beside began only when it had finished. A bell rings without: the
thread goes on, and the loop has the interpreter when the thread next waits, for the disk say.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from functools import cache
from weakref import WeakKeyDictionary

type _Write = Callable[[int, bytes, int], int]


@cache
def _write() -> _Write | None:
    """The system's `write`, called with the interpreter held; None where there is none to be found."""
    try:
        import ctypes  # some milliseconds

        write = ctypes.PyDLL(None).write
        write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
        write.restype = ctypes.c_ssize_t
    except Exception:  # a system that is put together otherwise: the bell rings in the ordinary way
        return None
    found: _Write = write
    return found


class Bell:
    """Of one event loop, made on it. What is called must not raise."""

    _of: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called: deque[Callable[[], None]] = deque()
        self._read, self._written = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._written, False)  # full: then the loop has been woken already
        loop.add_reader(self._read, self._answer)

    @classmethod
    def of_running_loop(cls) -> Bell:
        loop = asyncio.get_running_loop()
        bell = cls._of.get(loop)
        if bell is None:
            bell = cls._of[loop] = cls(loop)
        return bell

    @staticmethod
    def hang() -> None:
        """Prepare what the first ring would have to wait for. From any thread."""
        _write()

    def ring(self, call: Callable[[], None]) -> None:
        """Have it called on the loop, soon. From any thread. A loop that has ended calls nothing any more."""
        self._called.append(call)
        write = _write()
        if write is not None:
            write(self._written, b"\0", 1)
        else:
            try:
                os.write(self._written, b"\0")
            except BlockingIOError:
                return

    def _answer(self) -> None:
        try:
            while len(os.read(self._read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        while self._called:
            self._called.popleft()()

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._written)
