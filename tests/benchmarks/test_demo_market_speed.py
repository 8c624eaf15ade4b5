"""What the demo market costs: opening it, its candles, and its events (at least 20,000 a second of one core)."""

from __future__ import annotations

import subprocess
import sys
from collections import deque

import pytest

from workstation.clock import SECOND
from workstation.domain.spans import MINUTE
from workstation.market.demo import DemoMarket

pytestmark = pytest.mark.benchmark

START = 1_760_000_000_000_000_000
BTC = "NOVA:BTC-USDT"


def test_opening_it_with_all_books(benchmark):
    benchmark(lambda: list(DemoMarket(1, START).until(START)))


@pytest.mark.parametrize("rate", [1.0, 10.0])
def test_a_minute_of_events(benchmark, rate):
    minute = 0

    def run() -> int:
        nonlocal minute
        market = DemoMarket(minute, START, rate=rate)
        minute += 1
        return sum(1 for _ in market.until(START + 60 * SECOND))

    events = benchmark.pedantic(run, rounds=3)
    benchmark.extra_info["events of the last round"] = events
    benchmark.extra_info["events a second"] = round(events / benchmark.stats.stats.min)


@pytest.mark.parametrize(("minutes", "count"), [(1, 1500), (5, 500), (15, 500), (60, 500), (1440, 365)])
def test_candles_for_a_chart(benchmark, minutes, count):
    benchmark.pedantic(lambda: DemoMarket(1, START).history(BTC, minutes * MINUTE, count), rounds=3)


def test_import_beyond_msgspec(benchmark):
    code = (
        "import time, msgspec, decimal, enum; t = time.perf_counter(); import workstation.market.demo;"
        "print(time.perf_counter() - t)"
    )

    def run() -> float:
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)

    times: deque[float] = deque()
    benchmark.pedantic(lambda: times.append(run()), rounds=5)
    benchmark.extra_info["import ms, best"] = round(min(times) * 1e3, 1)
