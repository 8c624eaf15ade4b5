"""The engine without a screen ends in good order whenever it is told to, before it is ready too."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from workstation.assembly import demo_desk
from workstation.headless import run_engine, run_recorder, run_script
from workstation.paths import Paths
from workstation.settings import Settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_told_to_end_before_it_is_ready_it_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    engine, closed = demo_desk(Settings(), Paths.of()), asyncio.Event()
    close = engine.close

    async def closing() -> None:
        await close()
        closed.set()

    monkeypatch.setattr(engine, "close", closing)
    running = asyncio.create_task(run_engine(engine))
    await asyncio.sleep(0)
    assert not engine.ready
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(running, 20) == 0
    assert closed.is_set()


async def test_a_script_that_is_told_to_end_is_cancelled_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, os, signal\n"
        "async def main(engine):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    try:\n"
        "        await asyncio.sleep(60)\n"
        "    finally:\n"
        "        print('put away', engine.ready)\n"
    )
    assert await asyncio.wait_for(run_script(demo_desk(Settings(), Paths.of()), script), 30) == 1
    said = capsys.readouterr()
    assert said.out == "put away True\n"
    assert "was ended before it was through" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_recorder_that_is_told_to_end_before_it_has_begun_says_that_there_is_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    engine, out = demo_desk(Settings(), Paths.of()), tmp_path / "market.tws"
    running = asyncio.create_task(run_recorder(engine, out, None))
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(running, 20) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("tws: told to end before the desk was ready: nothing was recorded.\n")
    assert not out.exists()


@pytest.mark.parametrize(("given", "code"), [("", 0), ("7", 7), ("'no more'", 1)])
def test_a_script_that_exits_leaves_the_desk_in_good_order_and_its_code_is_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str, code: int
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nasync def main(engine):\n    sys.exit({given})\n")
    engine, order = demo_desk(Settings(), Paths.of()), []
    close = engine.close

    async def closing() -> None:
        order.append([task for task in engine._tasks if task.cancelled()])
        await close()
        order.append("closed")

    monkeypatch.setattr(engine, "close", closing)
    assert asyncio.run(asyncio.wait_for(run_script(engine, script), 30)) == code
    assert order == [[], "closed"], "nobody but the engine ends its tasks"
    assert ("no more\n" in capsys.readouterr().err) is (code == 1)
