"""Scrubbing a session of 100,000 events: a step in any direction, and what opening it costs.

Run with: uv run pytest -m benchmark tests/benchmarks/test_scrubbing_speed.py -s
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from random import Random

import pytest

from tests.support.journals import PERP, SPOT, journal
from workstation.market.data import MarketData
from workstation.past.timeline import Timeline
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]


def timed(what: str, go: Callable[[int], object], steps: Iterable[int]) -> None:
    times = []
    for step in steps:
        begin = time.thread_time()  # not the wall's: it depends on what else the machine does
        go(step)
        times.append((time.thread_time() - begin) * 1e3)
    times.sort()
    print(f"{what}: p50 {times[len(times) // 2]:.2f} ms, p99 {times[int(len(times) * 0.99)]:.2f} ms, "
          f"max {times[-1]:.2f} ms")  # fmt: skip


def test_steps_in_a_session_of_100_000_events() -> None:
    events = list(journal(100_000))
    market = MarketData([PERP, SPOT])
    begin = time.perf_counter()
    timeline = Timeline(events, lambda: TradingCore([PERP, SPOT], market, RiskLimits(), histories=False))
    print(f"\nopening {timeline.count:,} events: {time.perf_counter() - begin:.1f} s")
    end, random = timeline.count, Random(1)
    timed("one event back", timeline.core_at, range(end, end - 300, -1))
    timed("one event on", timeline.core_at, range(end - 300, end))
    timed("anywhere", timeline.core_at, [random.randrange(end) for _ in range(200)])
