"""A trading day in fast motion: memory must not grow after the first hour.

Run with: uv run pytest -m benchmark tests/benchmarks/test_day_memory.py -s     (hours: TWS_TEST_HOURS, 24 by default)
"""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, demo_desk
from workstation.domain.order import Side
from workstation.market.bars import INTERVALS

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]


def resident() -> float:
    """Resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_a_day_does_not_grow(tmp_path: Path) -> None:
    hours = int(os.environ.get("TWS_TEST_HOURS", "24"))
    async with demo_desk(tmp_path, warm_up=5) as desk:
        for instrument in desk.engine.instruments():
            for interval in INTERVALS.values():
                desk.engine.bar_series(instrument.id, interval)
        figures = []
        begin = time.perf_counter()
        for hour in range(hours):
            for minute in range(60):
                await desk.run(60)
                if minute % 10 == 0:  # a trader who trades a little
                    await desk.market(BTC, Side.BUY if minute % 20 else Side.SELL, "0.01")
                    order = await desk.limit(PERP, Side.BUY, "0.01", away=5_000)
                    await desk.engine.cancel(order.client_id)
            gc.collect()
            figures.append(resident())
            speed = (hour + 1) * 3600 / (time.perf_counter() - begin)
            print(f"hour {hour + 1:2}: {figures[-1]:.1f} MB, {desk.pump.events:,} events, {speed:,.0f}× real time")
        growth = figures[-1] - figures[0]
        print(f"after the first hour {growth:+.1f} MB in {hours - 1} hours")
        assert growth < 0.15 * figures[0], figures
