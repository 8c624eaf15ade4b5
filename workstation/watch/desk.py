"""The engine as the watchdog sees it: which thread may do what."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Protocol

from workstation.clock import Clock
from workstation.domain.events import KillRequested, TradingState, TradingStateChanged
from workstation.domain.numbers import counted
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.journal import Journal
from workstation.trading.kill import KillSwitch
from workstation.trading.kill_status import KillStatus
from workstation.trading.risk import KILL
from workstation.venues.contract import PullsFromThread, Venue
from workstation.watch.requests import HaltRequest
from workstation.watch.stalls import Stall

#: Seconds that a venue has to cancel everything from a thread.
_VENUE_ANSWER = 3.0


class Press(Protocol):
    def __call__(self, reason: str, flatten: bool, kill_id: str) -> Future[None]: ...


class EngineDoor:
    """Implements `WatchedDesk` over the parts of an engine; keeps the stalls."""

    def __init__(
        self,
        *,
        core: TradingCore,
        kill: KillSwitch,
        press: Press,
        journal: Journal,
        venues: Mapping[str, Venue],
        clock: Clock,
        log: DeskLog,
        keep_log: Callable[[str, str, str], None],
        stalls: deque[Stall],
        on_request: Callable[[], None],
        ready: Callable[[], bool],
    ) -> None:
        """`press`: the engine's way to the kill switch; `keep_log(level, source, text)`: to the store's log from any
        thread; `stalls`: where ended stalls are kept; `on_request`: called on the loop after a request's press;
        `ready`: whether the desk has started."""
        self._core = core
        self._kill = kill
        self._press = press
        self._journal = journal
        self._venues = venues
        self._clock = clock
        self._log = log
        self._keep_log = keep_log
        self._stalls = stalls
        self._on_request = on_request
        self._ready = ready
        self.loop: asyncio.AbstractEventLoop | None = None

    # On the loop.

    def take_request(self, request: HaltRequest) -> Future[None]:
        durable = self._press(request.reason, request.flatten, request.id)
        self._on_request()
        return durable

    def stood_still(self, stall: Stall) -> None:
        if self._ready():
            self._stalls.append(stall)
            self._log.warning("stall", stall.sentence, stall.stack)
        else:
            self._log.info("desk", f"While it started: {stall.sentence}")

    # On the watchdog's thread.

    def halt_without_loop(self, request: HaltRequest) -> Future[None]:
        ts = self._clock.now()
        running = self._kill.running  # then it is this kill that goes on when the loop wakes
        kill_id = self._kill.kill_id if running else request.id
        flatten = request.flatten or (running and self._kill.status.flatten)
        return self._journal.append(
            TradingStateChanged(ts=ts, state=TradingState.HALTED, reason=request.reason, by=KILL),
            KillRequested(ts=ts, kill_id=kill_id, flatten=flatten, reason=request.reason),
        )

    def pull_without_loop(self) -> list[str]:
        said: list[str] = []
        for name, venue in self._venues.items():
            if not isinstance(venue, PullsFromThread):
                continue
            try:
                said.append(f"{name}: {venue.cancel_all_from_thread(_VENUE_ANSWER)}")
            except Exception as error:  # whatever goes wrong there, the loop tries again when it wakes
                said.append(f"{name} could not be told to cancel: {str(error) or type(error).__name__}")
        orders = len([order for order in list(self._core.orders.orders.values()) if order.is_open])
        positions = len([position for position in list(self._core.portfolio.open_positions()) if position.quantity])
        waits = counted(orders, "working order")
        if positions:
            waits += f" and {counted(positions, 'position')}"
        said.append(f"{waits} wait until the loop comes round" if orders or positions else "nothing was working")
        return said

    def stands_still(self, seconds: float, stack: str) -> None:
        self._keep_log("warning", "stall", f"The loop has stood still for {seconds:.1f} s:\n{stack}")

    # On any thread.

    def trouble(self, sentence: str) -> None:
        self._keep_log("error", "watchdog", sentence)
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._log.error, "watchdog", sentence)

    @property
    def kill_status(self) -> KillStatus:
        return self._kill.status

    def clock_now(self) -> int:
        return self._clock.now()
