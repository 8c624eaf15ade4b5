"""An order's way: submit → intent durable → accepted by the demo venue, beside what the disk flush alone costs.

Python runs as it does under a desk. Every twentieth order comes after a quiet moment, as a trader's do: what the store
does then (its log) is part of the measure. The share of the disk is what the end of the intent's transaction takes, the
flush of the store's log; beside it stands a bare write and flush in the same run.

Run with: uv run pytest -m benchmark tests/benchmarks/test_order_speed.py -s
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import pytest

from tests.support.desk import PERP, demo_desk
from workstation.domain.events import OrderInitialized
from workstation.domain.order import OrderState, Side
from workstation.interpreter import tune_interpreter
from workstation.store.submission import Submission
from workstation.store.writer import Writer

pytestmark = pytest.mark.benchmark


def percentiles(times: Sequence[float]) -> str:
    ranked = sorted(times)
    p50, p99 = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]
    return f"p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {ranked[-1] * 1e3:.2f} ms"


def share(times: Sequence[float], parts: Sequence[float]) -> str:
    """What the parts are of all the times, and of the slowest two in a hundred."""
    both = sorted(zip(times, parts, strict=True))
    of = [
        100 * sum(part for _, part in some) / sum(time for time, _ in some) for some in (both, both[-len(both) // 50 :])
    ]
    return f"{of[0]:.0f} % of all, {of[1]:.0f} % of the slowest fiftieth"


def flushed(file: FileIO) -> float:
    """Seconds of a bare 4 KiB write and fsync."""
    begin = time.perf_counter()
    file.write(b"x" * 4096)
    os.fsync(file.fileno())
    return time.perf_counter() - begin


def flush_times(path: Path, count: int) -> list[float]:
    with path.open("wb", buffering=0) as file:
        return [flushed(file) for _ in range(count)]


async def test_submit_to_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 500
    commits: list[float] = []
    flushes: list[float] = []
    commit, end = Writer._commit, Writer._flush
    of_intent = False  # the transaction under way has one; others (of the log, say) are not the order's

    def timed(self: Writer, group: list[Submission]) -> None:
        nonlocal of_intent
        of_intent = any(isinstance(event, OrderInitialized) for each in group for event in each.events)
        begin = time.perf_counter()
        commit(self, group)
        if of_intent:
            commits.append(time.perf_counter() - begin)

    def ended(self: Writer) -> None:
        begin = time.perf_counter()
        end(self)
        if of_intent:
            flushes.append(time.perf_counter() - begin)

    monkeypatch.setattr(Writer, "_commit", timed)
    monkeypatch.setattr(Writer, "_flush", ended)
    async with demo_desk(tmp_path, warm_up=5) as desk:
        tune_interpreter()
        times, ours, disk, durable, flush = [], [], [], [], []
        store = desk.engine._store
        assert store is not None
        with (tmp_path / "flush").open("wb", buffering=0) as file:
            for number in range(count):
                await desk.run(0.05)
                if number % 20 == 0:
                    await asyncio.sleep(0.3)
                commits.clear(), flushes.clear()
                begin = time.perf_counter()
                order = await desk.limit(PERP, Side.BUY, "0.001", away=200 + number % 50)
                times.append(time.perf_counter() - begin)
                disk.append(flushes[0])
                if commits:  # the thread that wrote may not have had its turn yet to say how long it took
                    ours.append(times[-1] - commits[0])
                assert order.state is OrderState.ACCEPTED, order.reason
                await desk.engine.cancel(order.client_id)
                await asyncio.wrap_future(store.set_setting("wait", number))
                begin = time.perf_counter()
                await asyncio.wrap_future(store.set_setting("bench", number))
                durable.append(time.perf_counter() - begin)
                flush.append(await asyncio.to_thread(flushed, file))
    print(f"\nsubmit → durable → accepted: {percentiles(times)} (aim: p99 under 5 ms)")
    print(f"of it the flush of the intent: {percentiles(disk)}; {share(times, disk)}")
    rest = [whole - part for whole, part in zip(times, disk, strict=True)]
    print(f"all of it but that flush: {percentiles(rest)}")
    print(f"of it without the commit of the intent: {percentiles(ours)}")
    print(f"one durable write of the store: {percentiles(durable)}")
    print(f"bare 4 KiB write + fsync, between the orders: {percentiles(flush)}")
