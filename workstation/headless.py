"""The engine without a screen: until it is interrupted, under a script, or as a recorder."""

from __future__ import annotations

import asyncio
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
    return await _around(engine, _until_interrupted)


async def run_script(engine: Engine, script: Path) -> int:
    """Run `async def main(engine)` of a Python file once the engine takes orders. Raises `ScriptError`."""
    main = _main_of(script)

    async def work(engine: Engine) -> None:
        await main(engine)

    return await _around(engine, work)


async def run_recorder(engine: Engine, out: Path, seconds: float | None) -> int:
    """Record into `out` (a new file in it, if it is a folder) until interrupted or for `seconds`; a replay from its
    first event to its last. 1 if the disk ended it before."""
    out = _recording_file(out, engine.clock.now())
    ended = asyncio.Event()
    if engine.replay is not None:
        engine.replay.on_end.append(ended.set)
        engine.replay.on_seek.append(lambda _: ended.set())  # it begins again, which ends a recording
        engine.start_recording(out)  # at once: until the desk is ready, seconds of it go by at 100×

    async def work(engine: Engine) -> None:
        if engine.replay is None:
            engine.start_recording(out)
        loop = asyncio.get_running_loop()
        last = float("inf") if seconds is None else loop.time() + seconds
        ends = [asyncio.create_task(_until_interrupted(engine)), asyncio.create_task(ended.wait())]
        while engine.recording is not None and (left := last - loop.time()) > 0:
            if (await asyncio.wait(ends, timeout=min(left, 0.2), return_when=asyncio.FIRST_COMPLETED))[0]:
                break
        for end in ends:
            end.cancel()

    await _around(engine, work)  # its end writes the last of the recording
    print(out)
    return 0 if engine.recording_failure is None else 1


def _recording_file(out: Path, now: int) -> Path:
    if out.suffix == ".tws":
        return out
    out.mkdir(parents=True, exist_ok=True)
    return out / f"{datetime.fromtimestamp(now / 1e9, UTC):%Y%m%d-%H%M%S}.tws"


async def _around(engine: Engine, work: Callable[[Engine], Awaitable[None]]) -> int:
    entries = engine.bus.subscribe(LogEntry)
    printer = asyncio.create_task(_print(engine, entries.__aiter__()))
    try:
        await engine.start()
        await engine.wait_ready()
        tune_interpreter()
        await work(engine)
    finally:
        await engine.close()
        await asyncio.sleep(0)
        printer.cancel()
    return 0


async def _print(engine: Engine, entries: object) -> None:
    async for entry in entries:  # type: ignore[attr-defined]
        stamp = datetime.fromtimestamp(entry.ts / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
        print(f"{stamp} {entry.level:7} {entry.source:8} {entry.text}", file=sys.stderr)


async def _until_interrupted(engine: Engine) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    when_told(loop, stop.set)
    await stop.wait()


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
