"""An order's way: submit → intent durable → accepted by the demo venue, beside what the disk flush alone costs.

Run with: uv run pytest -m benchmark tests/benchmarks/test_order_speed.py -s
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.desk import PERP, demo_desk
from workstation.domain.order import OrderState, Side

pytestmark = pytest.mark.benchmark


def percentiles(times: Sequence[float]) -> str:
    ranked = sorted(times)
    p50, p99 = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]
    return f"p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, max {ranked[-1] * 1e3:.2f} ms"


def flush_times(path: Path, count: int) -> list[float]:
    """Seconds of a bare 4 KiB write and fsync."""
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            begin = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begin)
    return times


async def test_submit_to_accepted(tmp_path: Path) -> None:
    count = 500
    async with demo_desk(tmp_path, warm_up=5) as desk:
        times, durable = [], []
        store = desk.engine._store
        assert store is not None
        for number in range(count):
            await desk.run(0.05)
            begin = time.perf_counter()
            order = await desk.limit(PERP, Side.BUY, "0.001", away=200 + number % 50)
            times.append(time.perf_counter() - begin)
            assert order.state is OrderState.ACCEPTED, order.reason
            await desk.engine.cancel(order.client_id)
            await asyncio.wrap_future(store.set_setting("wait", number))
            begin = time.perf_counter()
            await asyncio.wrap_future(store.set_setting("bench", number))
            durable.append(time.perf_counter() - begin)
    print(f"\nsubmit → durable → accepted: {percentiles(times)} (aim: p99 under 5 ms)")
    print(f"one durable write of the store: {percentiles(durable)}")
    print(f"bare 4 KiB write + fsync: {percentiles(flush_times(tmp_path / 'flush', count))}")
