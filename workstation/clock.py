"""Time, always injected. Everything below the composition root asks a `Clock`; nothing reads the system's clock itself.

All times are UTC nanoseconds.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

from workstation.domain.spans import DAY, HOUR, MILLISECOND, MINUTE, SECOND

__all__ = [
    "DAY",
    "HOUR",
    "MILLISECOND",
    "MINUTE",
    "SECOND",
    "Callback",
    "Clock",
    "LiveClock",
    "SimClock",
    "Timer",
    "coarse_span",
    "next_beat",
    "span",
]

type Callback = Callable[[], None]


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    def now(self) -> int:
        """UTC ns."""
        ...

    def call_at(self, when: int, callback: Callback) -> Timer:
        """Run `callback` once, soon after the clock reaches `when`; in order of time, then of asking."""
        ...


#: A counter that goes on while the machine sleeps, so that what was heard before counts as old when it wakes.
_COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS's goes on by its usual name


class LiveClock:
    """UTC time that never runs backwards, whatever is done to the system's clock, and goes on while the machine sleeps.
    Timers need a running loop."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.clock_gettime_ns(_COUNTER)

    def now(self) -> int:
        return time.clock_gettime_ns(_COUNTER) + self._offset

    def call_at(self, when: int, callback: Callback) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, (when - self.now()) / SECOND), callback)

    def lead(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop go by this clock from here on. Its own stands still while the machine sleeps: what fell due
        meanwhile (a timer, a pause, a time-out) would come as late as that was long. As it is, all is due when the loop
        next looks, and on a desk it is never at rest for more than half a second."""
        begun, at = self.now(), loop.time()
        loop.time = lambda: at + (self.now() - begun) / SECOND  # type: ignore[method-assign]


class _Timer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class SimClock:
    """A clock that is driven: by tests, replays and event backtests. `advance_to` runs the timers that fall due."""

    def __init__(self, start: int = 0) -> None:
        self._now = start
        self._timers: list[tuple[int, int, _Timer]] = []
        self._ids = itertools.count()

    def now(self) -> int:
        return self._now

    def call_at(self, when: int, callback: Callback) -> Timer:
        timer = _Timer(callback)
        heapq.heappush(self._timers, (max(when, self._now), next(self._ids), timer))
        return timer

    def next_timer(self) -> int | None:
        """When the next timer is due, or None."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance_to(self, when: int) -> None:
        """Move to `when` (never backwards), running each timer at its own time on the way."""
        while self._timers and self._timers[0][0] <= when:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
        self._now = max(self._now, when)

    def advance(self, nanoseconds: int) -> None:
        self.advance_to(self._now + nanoseconds)

    def jump_to(self, when: int) -> None:
        """Set the time without running timers, backwards too (seek in a replay). Timers keep their times."""
        self._now = when


def coarse_span(nanoseconds: int) -> str:
    """As `span`, to the whole hour from two days on, else to the whole minute, one at least: 6d23h, 1h30m."""
    step = (3_600 if nanoseconds >= 172_800 * SECOND else 60) * SECOND
    return span(max(step, nanoseconds // step * step))


def span(nanoseconds: int) -> str:
    """A duration as it is typed, to the nearest second: 30m, 1h30m, 45s."""
    seconds = max(0, round(nanoseconds / SECOND))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def next_beat(now: float, every: float) -> float:
    """The next whole multiple of `every` seconds after `now`, on the event loop's clock.

    Each wake-up costs an idle process a tenth of a millisecond, whatever it is for: what is done again and again is
    done in one turn of the loop where its moments fall together. A moment that is such a multiple but for its rounding
    is one.
    """
    return (int(now / every + 1e-6) + 1) * every
