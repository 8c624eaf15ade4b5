"""Clocks: timers run in order of time, at their own time, and time never runs backwards."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.clock import HOUR, MILLISECOND, MINUTE, SECOND, LiveClock, SimClock, next_beat


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


def test_the_live_clock_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's counter of waking time stands still then: a book of before would count as fresh afterwards."""
    clock, read = LiveClock(), time.clock_gettime_ns
    before = clock.now()
    waking = {time.CLOCK_MONOTONIC} if hasattr(time, "CLOCK_BOOTTIME") else set()
    monkeypatch.setattr(time, "clock_gettime_ns", lambda which: read(which) + (0 if which in waking else HOUR))
    assert HOUR <= clock.now() - before < HOUR + MINUTE


async def test_what_fell_due_while_the_machine_slept_is_due_when_it_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers, pauses and time-outs alike, whoever set them: the loop goes by the clock that counts the sleep."""
    counter = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    slept, read = 0, time.clock_gettime_ns
    monkeypatch.setattr(time, "clock_gettime_ns", lambda which: read(which) + (slept if which == counter else 0))
    clock, loop, due = LiveClock(), asyncio.get_running_loop(), asyncio.Event()
    before = loop.time()
    clock.lead(loop)
    assert 0 <= loop.time() - before < 1, "what was set before keeps its time"
    clock.call_at(clock.now() + HOUR, due.set)
    paused = asyncio.create_task(asyncio.sleep(HOUR / SECOND))
    answered = asyncio.create_task(asyncio.wait_for(asyncio.Event().wait(), 2 * HOUR / SECOND))
    await asyncio.sleep(0.01)
    assert not any((due.is_set(), paused.done(), answered.done()))
    slept = 3 * HOUR
    await asyncio.sleep(0.01)
    await asyncio.wait([answered])
    assert isinstance(answered.exception(), TimeoutError)
    assert due.is_set()
    assert paused.done()


async def test_the_live_clock_runs_forwards_and_wakes() -> None:
    clock, woken = LiveClock(), asyncio.Event()
    before = clock.now()
    clock.call_at(before + 5 * MILLISECOND, woken.set)
    await asyncio.wait_for(woken.wait(), 2)
    assert clock.now() >= before + 5 * MILLISECOND


@given(st.floats(0, 1e7), st.sampled_from([0.05, 0.1, 0.2, 0.5, 2.0, 1 / 60, 1 / 7]))
def test_beats_follow_each_other_by_whole_periods_and_slow_ones_fall_on_quick_ones(now: float, every: float) -> None:
    beat = next_beat(now, every)
    assert now < beat <= now + every * 1.001
    assert next_beat(beat, every) == pytest.approx(beat + every, abs=1e-6)
    assert next_beat(beat - every / 2, every) == pytest.approx(beat, abs=1e-6)
    slow = next_beat(now, 4 * every)
    assert next_beat(slow - every / 2, every) == pytest.approx(slow, abs=1e-6)
