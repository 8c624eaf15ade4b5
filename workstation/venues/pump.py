"""The market pump: gives each event of a market source, in order of time, to the simulated venue that owns it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from workstation.clock import SECOND, Clock, SimClock
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent
from workstation.market.source import MarketSource

#: The most work, in seconds, that the pump does before it lets the event loop go on.
TURN = 0.005
#: The shortest sleep in seconds: events that are due within it are given together.
REST = 0.002
#: A paced market (a replay) that falls further behind the wall than this many seconds slips instead of bursting.
MAX_LAG = 0.5


class MarketFeed(Protocol):
    """What the pump needs of a venue."""

    def feed(self, event: MarketEvent) -> None: ...


@runtime_checkable
class PacedClock(Clock, Protocol):
    """A clock that flows with the wall but is moved on, and its timers run, by the pump: see `ReplayClock`."""

    on_change: Callable[[], None]

    @property
    def paused(self) -> bool: ...

    def target(self) -> int:
        """How far the market should have come by now (UTC ns)."""
        ...

    def seconds_until(self, when: int) -> float:
        """Seconds on the wall until `target()` reaches `when` at the present speed."""
        ...

    def next_timer(self) -> int | None: ...

    def advance_to(self, when: int) -> None: ...

    def hold(self) -> None:
        """Time stands at the last `advance_to` until `release`."""
        ...

    def release(self, horizon: int | None) -> None:
        """Time flows again, up to `horizon` at most (the next event, which has not been given yet)."""
        ...

    def reanchor(self) -> None:
        """Flow on from `now()`: what has been missed is let go."""
        ...


class MarketPump:
    """Feeds venues from a source: as an asyncio task (`start`), or by hand (`pump_until`) in tests and backtests.

    The task sleeps until the next event is due, works at most `TURN` seconds at a stretch, and reports how far it is
    behind as `lag`. A `SimClock` or `PacedClock` is advanced to each event's time first, so that timers (latencies)
    run in order with the market. A `SimClock` moves only by `pump_until`: beside it the task just waits.

    `on_end` is called when the source has no more events; `on_failure` when a venue or the source raises (the pump
    then stands still). Raises ValueError if an instrument's venue is not among the feeds.
    """

    def __init__(self, source: MarketSource, clock: Clock, feeds: Mapping[str, MarketFeed]) -> None:
        self.source = source
        self.clock = clock
        self._paced = clock if isinstance(clock, PacedClock) else None
        self._driven: PacedClock | SimClock | None = self._paced or (clock if isinstance(clock, SimClock) else None)
        self._feeds: dict[InstrumentId, MarketFeed] = {}
        for instrument in source.instruments:
            if instrument.venue not in feeds:
                raise ValueError(f"no venue takes the market data of {instrument.id}: {instrument.venue} is missing")
            self._feeds[instrument.id] = feeds[instrument.venue]
        self._batch: Iterator[MarketEvent] | None = None
        self._generation = 0
        self._ended = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.events = 0
        self.slipped = 0  # ns of market time that a paced market was let slip because the machine was too slow
        #: Whether something is more urgent now (a key that waits): the task then gives one event a turn.
        self.gives_way: Callable[[], bool] | None = None
        self.on_end: Callable[[], None] | None = None
        self.on_failure: Callable[[Exception], None] | None = None
        if self._paced is not None:
            self._paced.on_change = self._wake.set

    @property
    def lag(self) -> int:
        """How far the market is behind its clock, in ns of market time; 0 if nothing is overdue."""
        due = self.source.next_time() if self._batch is None else self._last
        return 0 if due is None else max(0, self._target() - due)

    _last = 0  # time of the last event given

    def _target(self) -> int:
        return self.clock.now() if self._paced is None else self._paced.target()

    # By hand

    def pump_until(self, ts: int) -> int:
        """Give every event up to and including `ts`, running the clock's timers between them; how many there were."""
        before = self.events
        self._hold()
        while (event := self._next(ts)) is not None:
            self._give(event)
        if self._driven is not None:
            self._driven.advance_to(ts)
        self._release()
        self._check_end()
        return self.events - before

    def step(self, *, to_book_change: bool = False) -> MarketEvent | None:
        """Give the next event (or all up to and including the next change of a book); the last one given."""
        self._hold()
        event = self._next(None)
        while event is not None:
            self._give(event)
            if not to_book_change or isinstance(event, BookSnapshot | BookDelta | BookStale):
                break
            event = self._next(None)
        self._release()
        self._check_end()
        return event

    def feed(self, event: MarketEvent) -> None:
        """Give an event that does not come from the stream: the books after a seek."""
        self._feeds[event.instrument].feed(event)

    def reset(self) -> None:
        """Forget what was taken from the source and not given yet: the source has been moved elsewhere."""
        self._batch = None
        self._generation += 1
        self._ended = False
        self._release()
        self._wake.set()

    def _next(self, ts: int | None) -> MarketEvent | None:
        """The next event up to `ts`; without a `ts` the next whenever it is."""
        while True:
            if self._batch is None:
                due = self.source.next_time()
                if due is None or (ts is not None and due > ts):
                    return None
                self._batch = iter(self.source.until(due if ts is None else ts))
            event = next(self._batch, None)
            if event is not None:
                return event
            self._batch = None

    def _give(self, event: MarketEvent) -> None:
        if self._driven is not None:
            generation = self._generation
            self._driven.advance_to(event.ts)
            if generation != self._generation:  # a timer moved the source elsewhere
                return
        self._last = event.ts
        self.events += 1
        self._feeds[event.instrument].feed(event)

    def _hold(self) -> None:
        if self._paced is not None:
            self._paced.hold()

    def _release(self) -> None:
        if self._paced is not None:
            self._paced.release(self._last if self._batch is not None else self.source.next_time())

    def _check_end(self) -> None:
        if not self._ended and self._batch is None and self.source.next_time() is None:
            self._ended = True
            if self.on_end is not None:
                self.on_end()

    # As a task

    def start(self) -> None:
        """Start the task on the running loop; harmless if it runs already."""
        if self._task is None or self._task.done():
            if self._paced is not None:
                self._paced.reanchor()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="market pump")

    async def stop(self) -> None:
        """Stop the task and wait until it is gone."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                self._wake.clear()
                behind = self._turn()
                if behind or self._wake.is_set():
                    await asyncio.sleep(0)
                else:
                    await self._sleep()
        except Exception as error:
            if self.on_failure is None:
                raise
            self.on_failure(error)

    def _turn(self) -> bool:
        """Give what is due, for `TURN` seconds at most; whether more is due."""
        if self._paced is None and self._driven is not None:
            return False
        if self._paced is not None and self._paced.paused:
            self._check_end()  # after a seek to the end
            return False
        time = asyncio.get_running_loop().time
        deadline = time() + TURN
        target = self._target()
        self._hold()
        while (event := self._next(target)) is not None:
            self._give(event)
            if time() >= deadline or self._wake.is_set() or (self.gives_way is not None and self.gives_way()):
                if self._batch is None and (due := self.source.next_time()) is not None and due > target:
                    break
                self._slip()
                return True
        self._check_end()  # before time goes on, so that a replay stops exactly at its end
        if self._paced is not None and not self._wake.is_set():
            self._paced.advance_to(target)
        self._release()
        return False

    def _slip(self) -> None:
        if self._paced is not None and not self._paced.paused:
            lag = self.lag
            if -self._paced.seconds_until(self._last) > MAX_LAG:
                self.slipped += lag
                self._paced.reanchor()

    async def _sleep(self) -> None:
        """Until the next event or timer is due, or something changes; no polling when nothing can happen."""
        delay = self._delay()
        if delay is None:
            await self._wake.wait()
            return
        handle = asyncio.get_running_loop().call_later(max(REST, delay), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            handle.cancel()

    def _delay(self) -> float | None:
        due = self.source.next_time()
        if self._paced is None:
            return None if due is None or self._driven is not None else (due - self.clock.now()) / SECOND
        timer = self._paced.next_timer()
        if self._paced.paused or (due is None and timer is None):
            return None
        return self._paced.seconds_until(min(time for time in (due, timer) if time is not None))
