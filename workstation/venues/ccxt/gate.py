"""The queue in front of an exchange: its rate limit with headroom, and what matters most goes first.

ccxt asks `pass_through(cost)` before each request. Whoever has a more urgent errand overtakes all that waits: the kill
switch before cancels, cancels before orders, orders before questions. The last fifth of the limit is kept for the kill
switch and for cancels. A link's sign of life, which is seldom, goes before all of them: hundreds of cancels would have
the desk taken for dead, by itself or by the exchange's dead man's switch.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from contextvars import ContextVar

from workstation.venues.contract import VenueUnreachable, Withheld
from workstation.venues.patience import patience_now
from workstation.venues.urgency import Urgency, kept_back, urgency_now

#: Called when a question of the running task leaves the queue: what measures its way begins there.
on_leaving: ContextVar[Callable[[], None] | None] = ContextVar("on leaving the queue", default=None)


class RequestGate:
    """A token bucket with a queue by urgency. `rate` is cost a second that the exchange allows."""

    def __init__(self, rate: float, burst: float | None = None, headroom: float = 0.2) -> None:
        """`burst`: cost that may be spent at once (a second's worth); `headroom`: share kept for urgent errands."""
        self.rate = rate
        self.burst = max(1.0, rate if burst is None else burst)
        self._headroom = headroom
        self._spent = 0.0  # what is in use of the bucket; it drains at `rate`
        self._at: float | None = None
        self._waiting: list[tuple[int, int, float, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self.passed = 0
        self.longest_wait = 0.0

    @property
    def waiting(self) -> int:
        return sum(not future.done() for _, _, _, future in self._waiting)

    @property
    def backlog(self) -> float:
        """Seconds that what waits now will take at the exchange's rate."""
        return sum(cost for _, _, cost, future in self._waiting if not future.done()) / self.rate

    @property
    def paused_for(self) -> float:
        """Seconds for which the exchange has asked for silence."""
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    def pause(self, seconds: float) -> None:
        """The exchange said that it was asked too often: nothing passes for so long."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    def close(self, why: str) -> None:
        """Its connection is gone: what still waits is never sent."""
        waiting, self._waiting = self._waiting, []
        for *_, future in waiting:
            if not future.done():
                future.set_exception(VenueUnreachable(why))

    def lend(self, cost: float) -> None:
        """Let so much more be spent at once: for the last errands of a connection, of which nothing else has need."""
        self.burst += cost

    async def pass_through(self, cost: float | None = None) -> None:
        """Wait for one's turn. What is cancelled while it waits was never sent. Raises `Withheld` if it may not be sent
        any more when its turn has come."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        future: asyncio.Future[None] = loop.create_future()
        entry = (int(urgency_now()), next(self._count), 1.0 if cost is None else float(cost), future)
        heapq.heappush(self._waiting, entry)
        self._serve()
        asking, left = patience_now(), False
        for each in asking:
            each.waits()
        try:
            await future
            self.passed += 1
            self.longest_wait = max(self.longest_wait, loop.time() - began)
            if (why := kept_back()) is not None:
                raise Withheld(why)
            left = True
        finally:
            for each in asking:
                each.goes(left)
        if (leaving := on_leaving.get()) is not None:
            leaving()

    def _serve(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._at is not None:
            self._spent = max(0.0, self._spent - (now - self._at) * self.rate)
        self._at = now
        while self._waiting:
            urgency, _, cost, future = self._waiting[0]
            if future.done():
                heapq.heappop(self._waiting)
                continue
            share = 1.0 if urgency <= Urgency.CANCEL else 1.0 - self._headroom
            room = self.burst * share - self._spent
            silence = self._paused_until - now
            # what costs more than the bucket holds passes once the bucket is empty
            lacking = min(cost, self.burst * share) - room
            if silence > 0 or lacking > 1e-9:
                delay = max(silence, lacking / self.rate, 0.001)
                self._timer = loop.call_later(delay, self._serve)
                return
            heapq.heappop(self._waiting)
            self._spent += cost
            future.set_result(None)


def backoff(attempt: int, jitter: Callable[[], float], first: float = 0.5, most: float = 30.0) -> float:
    """Seconds before try number `attempt` (0 is the first that failed): doubling, and a random share of it on top.

    `jitter` gives a number from 0 to 1. The random half keeps many desks from coming back in the same instant.
    """
    whole = min(most, first * 2.0 ** min(attempt, 12))
    return whole / 2 + whole / 2 * jitter()
