"""Blocking work in a thread for which nobody waits: neither a desk that closes, nor the process at its end, as both do
for what asyncio's own threads have in hand."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable


def aside[T](work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """What it returns or raises, on the running loop; who gives up waiting for it leaves it to itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not done.done():
            settle()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            settle = lambda: done.set_exception(failure)  # noqa: E731
        else:
            settle = lambda: done.set_result(result)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, settle)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


class InTurn:
    """One such thread for works that come again and again, say writing a file: one after the other, and behind a disk
    that hangs no threads pile up. From any thread."""

    def __init__(self, name: str, most: int = 100) -> None:
        """`most`: works that wait; the oldest of more is dropped."""
        self._name = name
        self._works: deque[Callable[[], None]] = deque(maxlen=most)
        self._gate = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Have it done soon. It should say itself what goes wrong."""
        with self._gate:
            self._works.append(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> None:
        """Wait for what has come until now, so long at most."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._gate:
                if not self._works:
                    self._thread = None
                    return
                work = self._works.popleft()
            try:
                work()
            except Exception as error:  # the next one may do better; it is told as any thread's error is
                told = (type(error), error, error.__traceback__, threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(told))
