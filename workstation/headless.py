"""The engine without a screen: until it is interrupted, under a script, or as a recorder."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from workstation.ending import when_told
from workstation.engine import Engine
from workstation.interpreter import tune_interpreter
from workstation.log import LogEntry


class ScriptError(Exception):
    """The script cannot be run; the text says why."""


async def run_engine(engine: Engine) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; every log entry is a line on standard error."""
    await _around(engine, _until_told)
    return 0


async def run_script(engine: Engine, script: Path) -> int:
    """Run `async def main(engine)` of a Python file once the engine takes orders; told to end before, it is cancelled,
    and the answer is 1. What it gives to `sys.exit` is the answer. Raises `ScriptError`."""
    main = _main_of(script)
    exits: list[SystemExit] = []

    async def work(engine: Engine) -> None:
        try:
            await main(engine)
        except SystemExit as exit_:  # out of a task it would stop the loop, and the engine could not be closed
            exits.append(exit_)

    through = await _around(engine, work)
    if exits:
        return _exit_code(exits[0].code)
    if through:
        return 0
    print(f"tws: {script} was ended before it was through.", file=sys.stderr)
    return 1


def _exit_code(code: object) -> int:
    """As Python itself takes what was given to `sys.exit`: a text is an error that it prints."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


async def run_recorder(engine: Engine, out: Path, seconds: float | None) -> int:
    """Record into `out` (a new file in it, if it is a folder) until interrupted or for `seconds`; a replay from its
    first event to its last. 1 if the disk ended it before, or if it was told to end before it had begun."""
    out = _recording_file(out, engine.clock.now())
    begun, ended = asyncio.Event(), asyncio.Event()
    if engine.replay is not None:
        engine.replay.on_end.append(ended.set)
        engine.replay.on_seek.append(lambda _: ended.set())  # it begins again, which ends a recording
        engine.start_recording(out)  # at once: until the desk is ready, seconds of it go by at 100×
        begun.set()

    async def work(engine: Engine) -> None:
        if engine.replay is None:
            engine.start_recording(out)
            begun.set()
        loop = asyncio.get_running_loop()
        last = float("inf") if seconds is None else loop.time() + seconds
        while engine.recording is not None and not ended.is_set() and (left := last - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), min(left, 0.2))

    await _around(engine, work)  # its end writes the last of the recording
    if not begun.is_set():
        print("tws: told to end before the desk was ready: nothing was recorded.", file=sys.stderr)
        return 1
    print(out)
    return 0 if engine.recording_failure is None else 1


def _recording_file(out: Path, now: int) -> Path:
    if out.suffix == ".tws":
        return out
    out.mkdir(parents=True, exist_ok=True)
    return out / f"{datetime.fromtimestamp(now / 1e9, UTC):%Y%m%d-%H%M%S}.tws"


async def _around(engine: Engine, work: Callable[[Engine], Awaitable[None]]) -> bool:
    """Start the engine, do the work once it is ready, and close it. Whether the work came to its end: SIGINT, SIGTERM
    and SIGHUP end it before, at any moment from the start on, and the engine is closed all the same."""
    told = _told()
    entries = engine.bus.subscribe(LogEntry)
    printer = asyncio.create_task(_print(engine, entries.__aiter__()))
    waiting, working = asyncio.create_task(told.wait()), asyncio.create_task(_whole(engine, work))
    try:
        await asyncio.wait((waiting, working), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
        if not working.cancelled():
            await working
        return not told.is_set()
    finally:
        waiting.cancel()
        await engine.close()
        await asyncio.sleep(0)
        printer.cancel()


async def _whole(engine: Engine, work: Callable[[Engine], Awaitable[None]]) -> None:
    await engine.start()
    await engine.wait_ready()
    tune_interpreter()
    await work(engine)


def _told() -> asyncio.Event:
    """Set once the process is told to end. A second ctrl+c does not wait for the close."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        told.set()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    when_told(loop, told.set)
    return told


async def _until_told(engine: Engine) -> None:
    await asyncio.Event().wait()


async def _print(engine: Engine, entries: object) -> None:
    async for entry in entries:  # type: ignore[attr-defined]
        stamp = datetime.fromtimestamp(entry.ts / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
        print(f"{stamp} {entry.level:7} {entry.source:8} {entry.text}", file=sys.stderr)


def _main_of(script: Path) -> Callable[[Engine], Awaitable[None]]:
    spec = importlib.util.spec_from_file_location("tws_script", script)
    if spec is None or spec.loader is None or not script.is_file():
        raise ScriptError(f"{script} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ScriptError(f"{script} cannot be loaded: {error!r}") from error
    main = getattr(module, "main", None)
    if main is None or not asyncio.iscoroutinefunction(main):
        raise ScriptError(f"{script} has no `async def main(engine)`.")
    return main  # type: ignore[no-any-return]
