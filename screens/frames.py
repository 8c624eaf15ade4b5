"""The one timer of the screen: paints the panes that can be seen, and lets keys in between them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, get_args

from textual.timer import Timer

from screens.pane import Pane
from workstation.bus import Bus, Subscription
from workstation.clock import next_beat
from workstation.domain.events import ORDER_EVENTS
from workstation.domain.market import MarketEvent

if TYPE_CHECKING:
    from screens.app import TwsApp

#: Beneath a dialog the panes go on, at this fraction of the frame rate.
_COVERED = 4
#: After so many frames in which nothing has happened the desk is quiet. What a pane of a larger `PACE` has not shown by
#: then it shows with all others, once a second.
_QUIET_AFTER = 4
#: After so many seconds in which nothing has happened the timer looks so often a second, for each look wakes the
#: process: as often as the watchdog does, and in the same turn of the loop.
_DOZES_AFTER, _LOOKS = 5, 5
#: What ends a time of few looks.
_HEARD: tuple[type, ...] = (*get_args(MarketEvent.__value__), *ORDER_EVENTS)
#: Where time itself stands still the panes are painted at every n-th second.
_STILL = 5
#: The status bar is painted this many times a second.
_STATUS_RATE = 5


class Frames:
    """Called at the frame rate. A desk on which nothing happens is painted once a second, for ages and clocks; every
    fifth second where no clock moves either.

    A whole frame takes some 10 ms of a busy desk at 160×48, a pane 1 to 4: a key that comes in the middle of a frame
    is not made to wait for its end. On a quiet desk the timer only looks, at the same rate, whether anything stirs:
    that is all that an idle desk costs, and what happens then is painted no later for it. After some seconds of quiet
    it looks five times a second; what the market and orders bring then is looked at a frame later at most, and what a
    key does is painted at once.
    """

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._count = 0
        self._painted_activity: object = None
        self._painted_at = 0  # by the clock of what the panes show
        self._quiet = 0  # frames since something last happened
        self._timer: _FrameTimer | None = None

    def start(self) -> None:
        """Begin to paint."""
        self._timer = _FrameTimer(self, self._app)
        self._app._timers.add(self._timer)
        self._timer._start()

    def repace(self) -> None:
        """The frame rate of the settings is another one."""
        if self._timer is not None:
            self._timer._interval = 1 / self._app.desk_settings.market.frame_rate

    def stirs(self) -> bool:
        """One look in place of a frame: whether there is something to paint. Cheap."""
        app, stride = self._app, self.stride()
        rate = app.desk_settings.market.frame_rate
        ahead = rate - self._count % rate  # frames until the next that is painted whatever happens
        if ahead <= stride:
            self._count += ahead - 1
            return True
        if (
            self._quiet <= _QUIET_AFTER
            or app.screen is not app.desk_screen
            or self._activity() != self._painted_activity
        ):
            return True
        app.keyboard.tick()
        self._count += stride
        return False

    def stride(self) -> int:
        """How many frames pass from one look to the next."""
        return max(1, self._app.desk_settings.market.frame_rate // _LOOKS) if self._dozes() else 1

    def _dozes(self) -> bool:
        return self._quiet > _QUIET_AFTER + _DOZES_AFTER  # which on a quiet desk grows by one a second

    def _activity(self) -> object:
        app = self._app
        return app.travel.present.activity, app.travel.version, app.workspace.syncs

    async def paint(self) -> None:
        """One frame, with a turn of the event loop after each pane; a key that is near comes before the next one. On a
        desk where nothing happens nobody waits for a turn."""
        for _ in self.steps():
            if self._quiet <= _QUIET_AFTER:
                await asyncio.sleep(0)
            while self._app.arrivals.near():  # noqa: ASYNC110  # a turn at a time until it has been acted on
                await asyncio.sleep(0)
        if self._app.collector is not None:
            self._app.collector.tick()

    def wake(self) -> None:
        """Paint the next frame whole, though nothing may have happened."""
        self._painted_activity = None

    def steps(self) -> Iterator[None]:
        """One frame in steps that each leave the screen whole."""
        app = self._app
        if not app.screen_stack:
            return  # the desk is closing
        rate = app.desk_settings.market.frame_rate
        app.keyboard.tick()
        self._count += 1
        count, top = self._count, app.screen
        covered = top is not app.desk_screen
        activity = self._activity()
        self._quiet = self._quiet + 1 if activity == self._painted_activity else 0
        self._painted_activity = activity
        if not covered and self._quiet > _QUIET_AFTER and count % rate:
            return  # nothing has happened
        now = app.travel.engine.clock.now()
        still = not covered and self._dozes() and now == self._painted_at and self._from_engine()
        if still and count // rate % _STILL:
            self._keep_up(True)
            return
        if not covered or count % _COVERED == 0:
            self._painted_at = now
            turn = count // _COVERED if covered else count
            for number, pane in enumerate(app.workspace.shown()):
                if self._quiet > _QUIET_AFTER or (turn + number) % pane.PACE == 0 or pane.has_focus_within:
                    for piece in pane.ahead():
                        app.workspace.guard(pane, piece)
                        yield
                    # still there, and to be seen, after what came in between
                    if app.workspace.panes.get(pane.slot) is pane and pane.display:
                        app.workspace.guard(pane, partial(_paint, pane, now))
                    yield
        if not app.screen_stack:
            return  # closed in between
        if covered and app.screen is top and hasattr(top, "tick"):
            try:
                top.tick(app.engine.clock.now())
            except Exception as error:  # a dialog that fails goes; the desk stays
                app.engine.log.error("desk", f"A dialog has failed: {error!r}", traceback.format_exc())
                app.toast(f"The dialog has failed: {error!r}", error=True)
                top.dismiss(None)
            yield
        once_a_second = count % rate == 0  # the only frames of a quiet desk
        if once_a_second or count % max(1, rate // _STATUS_RATE) == 0:
            app.refresh_bars()
            self._keep_up(once_a_second)

    def _from_engine(self) -> bool:
        """Whether what shows can change only by what happens in the engine, by its clock or by a key."""
        travel = self._app.travel
        return (
            travel.what_if is None
            and travel.past is None
            and all(pane.FROM_ENGINE for pane in self._app.workspace.shown())
        )

    def _keep_up(self, poll: bool) -> None:
        app = self._app
        app.desk_screen.notices.tick()
        if poll:
            app.live.poll()
        if (problem := app.state.save()) is not None:
            app.toast(problem, error=True)


class _FrameTimer(Timer):
    """Calls `Frames.paint` at the frame rate, but not while nothing stirs."""

    def __init__(self, frames: Frames, app: TwsApp) -> None:
        super().__init__(app, 1 / app.desk_settings.market.frame_rate, name="frame", callback=frames.paint)
        self._frames = frames
        self._app = app
        self._ears: Subscription[object] | None = None
        self._heard: Bus | None = None  # of which they are
        self._hurries = False

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._active.wait()
            due = max(next_beat(due, self._interval), loop.time())
            await self._until(due, loop)
            await self._active.wait()
            await self._tick(next_timer=due, count=0)

    async def _until(self, due: float, loop: asyncio.AbstractEventLoop) -> None:
        """Until a frame is due and there is something to paint. The looks between are bare callbacks: to wake a task
        twenty times a second costs several times as much."""
        stirred: asyncio.Future[None] = loop.create_future()
        self._next_look: asyncio.TimerHandle = loop.call_at(due, self._look, stirred)
        try:
            await stirred
        finally:
            self._next_look.cancel()
            self._listen(None)

    def _look(self, stirred: asyncio.Future[None]) -> None:
        self._hurries = False
        if stirred.done():
            return  # the desk was closed in the turn of the loop that this look was due in
        if not self._active.is_set() or not self._app.screen_stack or self._frames.stirs():
            stirred.set_result(None)
        else:
            stride = self._frames.stride()
            self._look_again(stirred, stride)
            self._listen(partial(self._hears, stirred) if stride > 1 else None)

    def _look_again(self, stirred: asyncio.Future[None], stride: int) -> None:
        loop = asyncio.get_running_loop()
        self._next_look.cancel()
        self._next_look = loop.call_at(next_beat(loop.time(), self._interval * stride), self._look, stirred)

    def _listen(self, hears: Callable[[object], bool] | None) -> None:
        """Be told of what the market and orders bring while looks are few, or no more."""
        bus = self._app.travel.present.bus
        if self._ears is not None and (hears is None or bus is not self._heard):
            self._ears.close()
            self._ears = None
        if self._ears is None and hears is not None:
            self._ears, self._heard = bus.subscribe(*_HEARD, only=hears), bus

    def _hears(self, stirred: asyncio.Future[None], event: object) -> bool:
        """Look at the next frame. It needs no event for that: none is kept."""
        if not self._hurries and not stirred.done():
            self._hurries = True
            self._look_again(stirred, 1)
        return False


def _paint(pane: Pane, now: int) -> None:
    pane.paint(now)
    pane.flush()
