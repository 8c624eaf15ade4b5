"""Replay: a clock that flows with the wall at any speed, and the controls that a trader has over a recording."""

from __future__ import annotations

from collections.abc import Callable

from workstation.clock import SECOND, Callback, Clock, SimClock, Timer
from workstation.domain.market import BookStale
from workstation.market.source import MarketSource
from workstation.venues.pump import MarketPump

#: The speeds that `slower` and `faster` step through.
SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def _nothing() -> None:
    pass


class ReplayClock(SimClock):
    """Replay time = anchor + (wall − wall at the anchor) × speed, as far as the market has been given.

    The `MarketPump` moves it: time never passes an event or a timer that has not been given or run, so what happens
    between them sees the right time at every speed, however late the machine is. Timers run in replay time; while the
    replay is paused they wait. `wall` is the clock of the real world (a `SimClock` in tests).
    """

    def __init__(self, start: int, wall: Clock, speed: float = 1.0) -> None:
        super().__init__(start)
        self._wall = wall
        self._anchor = start
        self._wall_anchor = wall.now()
        self._speed = _checked(speed)
        self._paused = False
        self._held = True  # until a pump releases it
        self._horizon: int | None = start
        self.on_change: Callable[[], None] = _nothing

    def now(self) -> int:
        if self._held:
            return self._now
        limits = (limit for limit in (self._horizon, self.next_timer()) if limit is not None)
        return max(self._now, min((self.target(), *limits)))

    def target(self) -> int:
        """How far replay time would be by now if the machine were fast enough."""
        if self._paused:
            return max(self._now, self._anchor)
        return self._anchor + round((self._wall.now() - self._wall_anchor) * self._speed)

    def seconds_until(self, when: int) -> float:
        return (when - self.target()) / (SECOND * self._speed)

    def call_at(self, when: int, callback: Callback) -> Timer:
        first = self.next_timer()
        timer = super().call_at(max(when, self.now()), callback)
        if first is None or when < first:
            self.on_change()
        return timer

    def hold(self) -> None:
        self._held = True

    def release(self, horizon: int | None) -> None:
        self._held = False
        self._horizon = horizon

    def reanchor(self) -> None:
        self._anchor = self._now = self.now()
        self._wall_anchor = self._wall.now()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        if not self._paused:
            self.reanchor()
            self._paused = True
            self.on_change()

    def resume(self) -> None:
        if self._paused:
            self.reanchor()
            self._paused = False
            self.on_change()

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        """Raises ValueError outside 0.1 … 100."""
        speed = _checked(speed)
        self.reanchor()
        self._speed = speed
        self.on_change()

    def jump_to(self, when: int) -> None:
        """Go to `when`, backwards too. A timer keeps the time that it has left to run."""
        shift = when - self.now()
        self._timers = [(due + shift, number, timer) for due, number, timer in self._timers]
        self._now = self._anchor = when
        self._wall_anchor = self._wall.now()
        self.on_change()


def _checked(speed: float) -> float:
    if not SPEEDS[0] <= speed <= SPEEDS[-1]:
        raise ValueError(f"a replay runs at {SPEEDS[0]:g}× to {SPEEDS[-1]:g}× speed, not {speed:g}×")
    return float(speed)


class ReplayControl:
    """The controls of a replay: pause, step, speed, seek, loop; and where it stands, for the status bar.

    `on_seek` callbacks hear the new time after the source and the clock have moved and before the venues get the books
    of that time: the place to cancel resting orders. `on_end` callbacks hear that the last event has been given and the
    replay has paused there. `on_change` callbacks hear of every change of what is shown here.
    """

    def __init__(self, source: MarketSource, clock: ReplayClock, pump: MarketPump, *, loop: bool = False) -> None:
        if source.end is None:
            raise ValueError("only a market with an end can be replayed under control")
        self._source = source
        self._clock = clock
        self._pump = pump
        self.start = source.start
        self._loop = loop
        self.on_seek: list[Callable[[int], None]] = []
        self.on_end: list[Callable[[], None]] = []
        self.on_change: list[Callable[[], None]] = []
        self.at_end = False
        pump.on_end = self._ended

    @property
    def end(self) -> int:
        """Time of the last event (UTC ns); it may still grow while a raw session is being read."""
        end = self._source.end
        return self.start if end is None else end

    @property
    def position(self) -> int:
        return min(max(self._clock.now(), self.start), self.end)

    @property
    def fraction(self) -> float:
        """Where the replay stands: 0 at the start, 1 at the end."""
        length = self.end - self.start
        return (self.position - self.start) / length if length else 1.0

    @property
    def paused(self) -> bool:
        return self._clock.paused

    @property
    def speed(self) -> float:
        return self._clock.speed

    @property
    def loop(self) -> bool:
        return self._loop

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._loop = loop
        self._changed()

    def pause(self) -> None:
        self._clock.pause()
        self._changed()

    def resume(self) -> None:
        """Play on; from the start again if the replay stands at its end."""
        if self.at_end:
            self.seek(self.start)
        self._clock.resume()
        self._changed()

    def toggle(self) -> None:
        if self.paused:
            self.resume()
        else:
            self.pause()

    def step(self, n: int = 1, *, to_book_change: bool = False) -> int:
        """Pause, and give the next `n` events (or go on to the n-th next change of a book); how many steps it made."""
        self._clock.pause()
        made = 0
        while made < n and not self.at_end and self._pump.step(to_book_change=to_book_change) is not None:
            made += 1
        self._changed()
        return made

    def set_speed(self, speed: float) -> None:
        """0.1 to 100 times; raises ValueError outside."""
        self._clock.speed = speed
        self._changed()

    def slower(self) -> None:
        self.set_speed(max((speed for speed in SPEEDS if speed < self.speed), default=SPEEDS[0]))

    def faster(self) -> None:
        self.set_speed(min((speed for speed in SPEEDS if speed > self.speed), default=SPEEDS[-1]))

    def seek(self, to: int | float) -> None:
        """Go to a time (int, UTC ns) or a fraction of the recording (float, 0 … 1).

        Raises `SeekError` where the source cannot go there.
        """
        if isinstance(to, float):
            to = self.start + round((self.end - self.start) * min(max(to, 0.0), 1.0))
        ts = min(max(to, self.start), self.end)
        books = self._source.seek(ts)
        self.at_end = False
        self._clock.jump_to(ts)
        self._pump.reset()
        for callback in self.on_seek:
            callback(ts)
        known = {book.instrument for book in books}
        for instrument in self._source.instruments:
            if instrument.id not in known:
                self._pump.feed(BookStale(instrument.id, ts, "the recording holds no book of this time"))
        for book in books:
            self._pump.feed(book)
        self._changed()

    def _ended(self) -> None:
        if self._loop and not self._clock.paused and self.end > self.start:
            self.seek(self.start)
            return
        self.at_end = True
        self._clock.pause()
        for callback in self.on_end:
            callback()
        self._changed()

    def _changed(self) -> None:
        for callback in self.on_change:
            callback()
