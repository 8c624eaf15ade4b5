"""What a simulated venue has yet to do: commands and reports on their way, and orders that will expire."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from workstation.clock import Clock, Timer

type Action = Callable[[int], None]


class Agenda:
    """Actions in order of time, then of entry. Each runs once, with its own time as argument.

    Whoever drives the market calls `run_until` before each event; between events a timer of the clock does, once
    `start` has been called (a live clock needs a running loop for its timers).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[int, int, bool, Action]] = []
        self._numbers = itertools.count()
        self._started = False
        self._timer: Timer | None = None
        self._timer_at = 0

    def at(self, when: int, action: Action, *, travels: bool = True) -> None:
        """Run `action` at `when`. What `travels` is on the wire and arrives even if the market jumps in time."""
        heapq.heappush(self._entries, (when, next(self._numbers), travels, action))
        self._arm()

    @property
    def next_time(self) -> int | None:
        return self._entries[0][0] if self._entries else None

    def run_until(self, now: int) -> None:
        """Run everything that is due, including what that itself makes due."""
        entries = self._entries
        while entries and entries[0][0] <= now:
            when, _, _, action = heapq.heappop(entries)
            action(when)
        self._arm()

    def land(self) -> None:
        """Let everything on the wire arrive now, whatever the time."""
        while travelling := [entry for entry in self._entries if entry[2]]:
            first = min(travelling)
            self._entries.remove(first)
            heapq.heapify(self._entries)
            first[3](first[0])
        self._arm()

    def start(self) -> None:
        self._started = True
        self._arm()

    def stop(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._arm()
        self._started = False

    def _arm(self) -> None:
        due = self.next_time
        if not self._started or (self._timer is not None and due == self._timer_at):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer_at = due
            self._timer = self._clock.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.run_until(self._clock.now())
