"""Blocking work in a thread for which nobody waits: neither a desk that closes, nor the process at its end, as both do
for what asyncio's own threads have in hand."""

from __future__ import annotations

import asyncio
import contextlib
import threading
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
