"""A session's events in order, and the trading state after any number of them, quickly in both directions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from workstation.domain.events import AccountEvent, OrderEvent
from workstation.domain.order import ClientOrderId
from workstation.past.copying import copied
from workstation.trading.core import TradingCore

type Event = OrderEvent | AccountEvent

#: At most so many checkpoints, and so many events between two at least: what bounds memory, and what a step costs.
_CHECKPOINTS = 64
_SPACING = 500
#: A step back leaves a checkpoint so many events before it, for the steps that follow.
_NEAR = 150


class Timeline:
    """Position n is the moment after the first n events of the session; its state is a fold of the journal up to there.

    Going on folds the events in between; going back begins at the checkpoint before. Building it folds everything
    once: 100,000 events take seconds, so do it off the event loop.
    """

    def __init__(
        self, events: Sequence[Event], new_core: Callable[[], TradingCore], *, first: int = 0, start: int = 0
    ) -> None:
        """`events`: the journal up to the session's end; the session begins with number `first`, at `start` UTC ns.
        `new_core` makes an empty core, which keeps no histories of single orders (they are looked up here)."""
        self.first = first
        self.count = len(events) - first
        self._events = events
        self._core = new_core()
        self._core.fold(events[:first])
        self._at = 0
        self._spacing = max(_SPACING, self.count // _CHECKPOINTS)
        self._checkpoints: list[TradingCore] = [self._like(self._core)]
        self._near = (0, self._checkpoints[0])
        #: times[n]: UTC ns of position n. Venues' clocks differ, so time stands still where an event says less.
        self.times = [start or (events[first].ts if self.count else 0)]
        self._of: dict[ClientOrderId, list[int]] = {}
        for number, event in enumerate(events):
            if (client_id := getattr(event, "client_id", None)) is not None:
                self._of.setdefault(client_id, []).append(number)
            if number >= first:
                self.times.append(max(self.times[-1], event.ts))
        while self._at < self.count:
            self._forward(min(self.count, self._at + self._spacing))
            if self._at % self._spacing == 0:
                self._checkpoints.append(self._like(self._core))

    @staticmethod
    def _like(core: TradingCore) -> TradingCore:
        return copied(core, (core.market, core.instruments))

    def _forward(self, position: int) -> None:
        self._core.fold(self._events[self.first + self._at : self.first + position])
        self._at = position

    def core_at(self, position: int) -> TradingCore:
        """The state after `position` events. It is good until the next call. Raises IndexError outside the session."""
        if not 0 <= position <= self.count:
            raise IndexError(f"the session has {self.count} events, not {position}")
        if not self._at <= position <= self._at + self._spacing:
            self._go_back(position)
        self._forward(position)
        return self._core

    def _go_back(self, position: int) -> None:
        """To the checkpoint before: the near one of the last step back, or one of those of the whole session."""
        number = position // self._spacing
        at, core = number * self._spacing, self._checkpoints[number]
        if at <= self._near[0] <= position:
            at, core = self._near
        self._core, self._at = self._like(core), at
        if position - at > 2 * _NEAR:  # more steps back will follow
            self._forward(position - _NEAR)
            self._near = (self._at, self._like(self._core))

    def position_at(self, ts: int) -> int:
        """How many events of the session had happened at `ts` (UTC ns)."""
        return max(0, bisect_right(self.times, ts) - 1)

    def event(self, position: int) -> Event:
        """The event that made position (from 1 on) what it is."""
        return self._events[self.first + position - 1]

    def events_of(self, client_id: ClientOrderId, position: int) -> list[OrderEvent]:
        """An order's events up to a position, those before the session too."""
        numbers = self._of.get(client_id, [])
        return [self._events[n] for n in numbers[: bisect_left(numbers, self.first + position)]]  # type: ignore[misc]
