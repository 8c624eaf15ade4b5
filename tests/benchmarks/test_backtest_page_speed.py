"""A step of a parameter on the Backtest page, 100,000 bars: from the key to the painted page. No assertion on time.

Run with: uv run pytest -m benchmark tests/benchmarks/test_backtest_page_speed.py -s
"""

from __future__ import annotations

import asyncio
import pickle
import statistics
import time
from pathlib import Path

import pytest

from plugins.backtest import BacktestPane
from screens.testing import FrozenDesk
from tests.support.bars import random_walk
from workstation.research.bench.jobs import Jobs
from workstation.research.bench.messages import RunRequest
from workstation.research.bench.setup import Setup

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

MINUTE = 60_000_000_000
STEPS = 30


@pytest.fixture
def candles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    bars = random_walk(100_000, seed=1, interval=MINUTE, step=0.0008)
    file = tmp_path / "walk.csv"
    columns = (bars.time // 1_000_000, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = [",".join(map(str, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    file.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return str(file)


def told(what: str, milliseconds: list[float]) -> None:
    ordered = sorted(milliseconds)
    print(f"\n{what}: median {statistics.median(ordered):.1f} ms, best {ordered[0]:.1f}, worst {ordered[-1]:.1f}")


def test_what_the_research_process_does_for_a_step(candles: str) -> None:
    """CPU of its thread: signals, kernel, statistics, picture, digest, and the answer packed."""
    jobs = Jobs()

    def step(fast: int) -> float:
        params = {"fast": fast, "slow": 30, "direction": "long"}
        request = RunRequest(Setup("sma_cross", candles, params, cash=100_000, fee=0.0005), 120)
        begun = time.thread_time()
        answer = jobs.do(request, lambda part: None, lambda: False)
        pickle.dumps((1, "answer", answer), protocol=pickle.HIGHEST_PROTOCOL)
        return 1_000 * (time.thread_time() - begun)

    step(5)
    told("research process, CPU a run", [step(6 + number % 20) for number in range(STEPS)])


@pytest.mark.parametrize("size", [(160, 48), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_step_from_the_key_to_the_painted_page(tmp_path: Path, candles: str, size: tuple[int, int]) -> None:
    """Wall clock, and the desk's own CPU, which includes painting: one step at a time."""
    desk = FrozenDesk(tmp_path, [BacktestPane])
    try:
        async with desk.app.run_test(size=size) as pilot:
            await desk.ready(pilot)
            pane = desk.app.workspace.panes["backtest"]
            pane.form.pick("candles", candles)
            pane.focus()
            async with asyncio.timeout(300):
                while pane.session.answer is None or pane.session.running:
                    await asyncio.sleep(0.05)
            await pilot.press("down", "down")
            walls, desks, answers = [], [], []
            for _ in range(STEPS):
                before, wall, cpu = pane.session.answer, time.perf_counter(), time.thread_time()
                pane.action_more()
                while pane.session.answer is before:
                    await asyncio.sleep(0)
                pane.repaint()
                desk.app.screen._on_timer_update()
                walls.append(1_000 * (time.perf_counter() - wall))
                desks.append(1_000 * (time.thread_time() - cpu))
                answers.append(1_000 * pane.session.answer.seconds)
                while pane.session.running or pane.session.busy:
                    await asyncio.sleep(0.01)
            told(f"{size[0]}x{size[1]}, key to painted page", walls)
            told("  the run itself (signals and kernel)", answers)
            told("  the desk's thread, waiting for the answer included", desks)
    finally:
        await desk.engine.close()
