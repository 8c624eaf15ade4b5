"""Clocks: timers run in order of time, at their own time, and time never runs backwards."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from workstation.clock import MILLISECOND, LiveClock, SimClock


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(0, 1000))
def test_timers_run_in_order_at_their_own_time(times: list[int], until: int) -> None:
    clock, ran = SimClock(), []
    for index, when in enumerate(times):
        clock.call_at(when, lambda when=when, index=index: ran.append((clock.now(), when, index)))
    clock.advance_to(until)
    assert [(when, index) for _, when, index in ran] == sorted(
        (when, index) for index, when in enumerate(times) if when <= until
    )
    assert all(now == when for now, when, _ in ran)
    assert clock.now() == until


def test_a_timer_may_set_another_and_be_cancelled() -> None:
    clock, ran = SimClock(), []
    clock.call_at(10, lambda: clock.call_at(15, lambda: ran.append(clock.now())))
    clock.call_at(12, lambda: ran.append("never")).cancel()
    clock.advance_to(20)
    assert ran == [15]
    assert clock.next_timer() is None


async def test_the_live_clock_runs_forwards_and_wakes() -> None:
    clock, woken = LiveClock(), asyncio.Event()
    before = clock.now()
    clock.call_at(before + 5 * MILLISECOND, woken.set)
    await asyncio.wait_for(woken.wait(), 2)
    assert clock.now() >= before + 5 * MILLISECOND
