"""What all tests stand on: byte code that is kept, a pilot that waits for events, not for time, and few looks for
garbage."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time

import textual.app
import textual.pilot
from textual._context import active_app

# Many tests start desks in processes of their own: where byte code is not kept, each compiles every library anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    """What was loaded for four thousand tests lives as long as they: the collector, which took a fifth of the time of
    the tests of the screens, need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


#: A desk that waits for a thread (the store's writer, a computation) is waited for; one that waits for ever is not.
_THREADS_SECONDS = 0.1


async def settled(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Until the event loop has nothing left to do but to wait for time or for what comes from outside.

    It stands in for Textual's `wait_for_idle`, which sleeps 20 ms and more for each key and each pause, and takes a
    process for idle that the machine lets wait.
    """
    loop = asyncio.get_running_loop()
    start = time.monotonic()
    quiet = 0
    while quiet < 3 and time.monotonic() - start < max_sleep:
        await asyncio.sleep(0)
        if loop._ready:
            quiet = 0
        elif time.monotonic() - start < _THREADS_SECONDS and _waits_for_a_thread():
            quiet = 0
            await asyncio.sleep(0.001)
        else:
            quiet += 1
            app = active_app.get(None)
            if quiet == 2 and app is not None and app.screen_stack and (screen := app.screen).is_running:
                app._check_resize()  # Textual waits a moment for the next change of the terminal's size
                screen._on_timer_update()


def _waits_for_a_thread() -> bool:
    for task in asyncio.all_tasks():
        future = getattr(task, "_fut_waiter", None)
        for callback, _ in getattr(future, "_callbacks", None) or ():
            if getattr(callback, "__qualname__", "").startswith("_chain_future."):
                return True
    return False


textual.pilot.wait_for_idle = settled
textual.app.wait_for_idle = settled
