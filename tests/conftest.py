"""What all tests stand on: byte code that is kept, a pilot that waits for events, not for time, few looks for garbage,
and what every desk needs anew parsed once."""

from __future__ import annotations

import asyncio
import asyncio.futures
import decimal
import fcntl
import gc
import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest
import textual._callback
import textual.app
import textual.message_pump
import textual.pilot
from textual._context import active_app
from textual.css.stylesheet import Stylesheet

from tests.support.handlers import forget_handlers, known_handlers
from tests.support.in_shares import constants_in_shares, rewrite_in_shares
from workstation.store.store import Waiting

# Many tests start desks in processes of their own: where byte code is not kept, each compiles every library anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Nothing of what is loaded and collected is garbage; what is looked at for it is half a gigabyte, again and again.
gc.disable()
# The workers have the cores among them: a library that takes them all for each product of two small matrices is slower.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


# A thousand tests make stores of their own, each of which waits for the disk a dozen times. What a test proves with a
# kill holds in memory too; what a power cut may take away no test can see.
_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


# How long an example takes says how busy the machine is, and the workers keep it busy.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("busy")


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: half the time of the tests is waiting, for an exchange, a process, a thread."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    rewrite_in_shares(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pictures at the smaller sizes of terminal are slow tests: what breaks a picture mostly shows at the largest."""
    constants_in_shares(config)
    for item in items:
        size = getattr(item, "callspec", None) and item.callspec.params.get("size")
        if size not in (None, (160, 48)) and "snap_compare" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


#: Loops that have ended hold their pipes until they are collected, and `select` knows no file above the 1024th.
_COLLECT_EVERY = 50
_runs = itertools.count(1)


def pytest_runtest_setup() -> None:
    """ccxt makes its own rounding that of the thread, for good; the next test is not to round by it. An order keeps the
    collector away until its loop calls it back, which may have ended before."""
    decimal.setcontext(decimal.DefaultContext.copy())
    forget_handlers()
    gc.enable()
    if next(_runs) % _COLLECT_EVERY == 0:
        gc.collect()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What the benchmarks import is loaded for them alone."""
    return True if collection_path.name == "benchmarks" and "not benchmark" in config.option.markexpr else None


def pytest_collection_finish() -> None:
    """What was loaded for four thousand tests lives as long as they: the collector, which took a fifth of the time of
    the tests of the screens, need not look at it again."""
    if numba := sys.modules.get("numba"):
        _compile_in_turn(numba)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _compile_in_turn(numba: ModuleType) -> None:
    """On a fresh machine the kernel of the backtests takes eight seconds to compile: one worker does it, the others
    find it done, and compile something else meanwhile."""
    compile_, gate = numba.core.dispatcher.Dispatcher.compile, threading.RLock()
    inside = 0

    def in_turn(dispatcher: Any, signature: object) -> object:
        nonlocal inside
        name = f"tws-tests-{os.getuid()}-{dispatcher.py_func.__module__}.{dispatcher.py_func.__name__}.lock"
        with gate, (Path(tempfile.gettempdir()) / name).open("w") as file:
            if not inside:
                fcntl.flock(file, fcntl.LOCK_EX)
            inside += 1
            try:
                return compile_(dispatcher, signature)
            finally:
                inside -= 1

    numba.core.dispatcher.Dispatcher.compile = in_turn


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
        elif (left := start + _THREADS_SECONDS - time.monotonic()) > 0 and (awaited := _awaited_threads()):
            quiet = 0
            await asyncio.wait(awaited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        else:
            quiet += 1
            app = active_app.get(None)
            if quiet == 2 and app is not None and app.screen_stack and (screen := app.screen).is_running:
                app._check_resize()  # Textual waits a moment for the next change of the terminal's size
                screen._on_timer_update()


#: Futures of the event loop whose result a thread will give.
_of_threads: set[asyncio.Future] = set()
_chain_future = asyncio.futures._chain_future


def _chained(source: object, destination: object) -> None:
    _chain_future(source, destination)
    if isinstance(source, Future) and isinstance(destination, asyncio.Future) and not destination.done():
        _of_threads.add(destination)
        destination.add_done_callback(_of_threads.discard)


_wait = Waiting.__init__


def _waited_for(waiting: Waiting, meanwhile: Callable[[], None] | None = None) -> None:
    _wait(waiting, meanwhile)
    _of_threads.add(waiting.answer)
    waiting.answer.add_done_callback(_of_threads.discard)


def _awaited_threads() -> list[asyncio.Future]:
    """Those that a task waits for; nearly always there are none, and no task has to be looked at."""
    loop = asyncio.get_running_loop()
    for future in list(_of_threads):
        if future.done() or future.get_loop().is_closed():
            _of_threads.discard(future)
    if not (open_ := [future for future in _of_threads if future.get_loop() is loop]):
        return []
    waited_for = {id(getattr(task, "_fut_waiter", None)) for task in asyncio.all_tasks(loop)}
    return [future for future in open_ if id(future) in waited_for]


#: What the style sheets of all desks of a process were parsed to, by theme: half a thousand desks have the same.
_parsed: dict[frozenset, dict[tuple, list]] = {}
_parse_rules = Stylesheet._parse_rules


def _parsed_once(sheet: Stylesheet, *arguments, **named) -> list:
    if getattr(sheet, "_known_of", None) is not sheet._variables:
        sheet._known_of = sheet._variables
        sheet._known = _parsed.setdefault(frozenset(sheet._variables.items()), {})
    key = (*arguments, *sorted(named.items()))
    if (rules := sheet._known.get(key)) is None:
        rules = sheet._known[key] = _parse_rules(sheet, *arguments, **named)
    return rules


#: How many arguments a function takes, which Textual asks `inspect` for at each call of a partial and of what was made
#: anew for a desk; by its code, which all that were made at one place have together.
_taken: dict[CodeType, int] = {}
_count_parameters = textual._callback._count_parameters


def _counted_once(function: object) -> int:
    plain = getattr(function, "__func__", function)
    if type(plain) is not FunctionType or hasattr(plain, "__wrapped__") or hasattr(plain, "__signature__"):
        return _count_parameters(function)
    key = plain.__code__
    if (taken := _taken.get(key)) is None:
        taken = _taken[key] = _count_parameters(plain)
    return taken - (plain is not function)


class _NobodyLooks:
    """Textual's log for its console, which asks for each message of each widget whether somebody looks."""

    def __getattr__(self, name: str) -> _NobodyLooks:
        return self

    def __call__(self, *what: object, **how: object) -> _NobodyLooks:
        return self


asyncio.futures._chain_future = _chained
Waiting.__init__ = _waited_for
Stylesheet._parse_rules = _parsed_once
textual.message_pump.MessagePump._get_dispatch_methods = known_handlers
textual._callback._count_parameters = _counted_once
textual.message_pump.log = _NobodyLooks()
textual.pilot.wait_for_idle = settled
textual.app.wait_for_idle = settled
