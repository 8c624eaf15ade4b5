"""Where a running strategy's own code is called: a thread for each, so that none can hold up the desk or another."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any


class StrategyThread:
    """Calls one at a time, in order. It dies with the process: one that hangs keeps nothing else from ending."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def call[T](self, work: Callable[[], T], limit: float) -> T:
        """What `work` returns or raises; TimeoutError after `limit` seconds, while it may go on by itself. Seconds in
        which the machine sleeps do not count, though the loop's clock counts them: the thread did not run in them."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((work, future))
        until = time.monotonic() + limit
        try:
            while not future.done():
                if (left := until - time.monotonic()) <= 0:
                    raise TimeoutError
                await asyncio.wait((future,), timeout=left)
            return future.result()
        finally:
            future.cancel()

    def end(self) -> None:
        """No further calls."""
        self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            work, future = item
            result: Any = None
            error: BaseException | None = None
            try:
                result = work()
            except BaseException as raised:  # SystemExit of a strategy too ends the strategy, not the desk
                error = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
                error.__traceback__ = raised.__traceback__
            with contextlib.suppress(RuntimeError):  # the desk has closed meanwhile
                self._loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
