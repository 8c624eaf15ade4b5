"""Many orders without an answer, of which a venue is asked together: whoever wants to know of one shares the next list.

One list answers for all that it shows. What it does not show it has hinted at, no more (see `LostOrders`): about that
one the venue is asked by itself, a few at a time, when its word can settle something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from workstation.clock import HOUR, SECOND, Clock
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.trading.core import TradingCore
from workstation.venues.contract import ListsOrders, NoAnswer, Venue, VenueError, VenueOrder, VenueUnreachable
from workstation.venues.patience import answer_within
from workstation.venues.urgency import Urgency, afresh, urgency_now

#: Orders of a venue from which on a list is worth its while.
_MANY = 4
#: Older ones are asked about by themselves: a list that reaches back so far is long.
_RECENT = HOUR
#: Seconds between the begin of one list and of the next.
_SPACING = 0.5
#: Orders of one venue that are asked about by themselves at the same time.
_AT_ONCE = 4
#: Seconds for which orders are asked about one by one where a list was refused, or twice not answered.
_REFUSED, _UNANSWERED = 30.0, 5.0
#: States of orders that a venue is asked about.
UNCLEAR = frozenset({OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.PENDING_CANCEL, OrderState.PENDING_AMEND})

type Key = tuple[
    str, bool
]  # a venue, and whether the kill switch asks: it does not wait for a list that others ask for


class Picture(msgspec.Struct, frozen=True):
    """A list: when it was asked for (by the loop's clock), what it shows, and whether of ended orders too."""

    asked: float
    shown: Mapping[ClientOrderId, VenueOrder]
    whole: bool


class RollCall:
    """Asks for the lists."""

    def __init__(
        self,
        core: TradingCore,
        clock: Clock,
        timeout: float,
        book: Callable[[Venue, int], Awaitable[object]],
    ) -> None:
        """`timeout`: wall-clock seconds for each of a list's requests; `book`: books the fills that were missed since a
        time (UTC ns)."""
        self._core, self._clock, self._timeout, self._book = core, clock, timeout, book
        self._wanted: dict[Key, set[ClientOrderId]] = {}
        self._next: dict[Key, asyncio.Task[Picture]] = {}
        self._under_way: dict[Key, asyncio.Task[Picture]] = {}
        self._began: dict[Key, float] = {}
        self._turns: dict[Key, asyncio.Semaphore] = {}
        self._failures: dict[str, int] = {}  # of the venue's lists, one after the other
        self._without: dict[str, float] = {}  # until when (by the loop's clock) a venue is asked for none

    def helps(self, venue: Venue, order: Order) -> bool:
        """Whether the order is one of many that wait for the venue's word."""
        if not isinstance(venue, ListsOrders) or not self._recent(order):
            return False
        if asyncio.get_running_loop().time() < self._without.get(venue.name, 0.0):
            return False
        many = 0
        for one in self._core.orders.open_at(venue.name):
            many += one.state in UNCLEAR and self._recent(one)
            if many >= _MANY:
                return True
        return False

    def _recent(self, order: Order) -> bool:
        return self._clock.now() - order.created_at < _RECENT

    def by_itself(self, venue: Venue) -> asyncio.Semaphore:
        """The turn of who asks about one order alone: all of them at once would stand before everything else that is as
        urgent."""
        return self._turns.setdefault(_key(venue), asyncio.Semaphore(_AT_ONCE))

    async def picture(self, venue: Venue, client_id: ClientOrderId) -> Picture:
        """The next list: asked for after this was. Raises what look-ups raise."""
        key = _key(venue)
        self._wanted.setdefault(key, set()).add(client_id)
        task = self._next.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, venue), context=afresh())
            task.add_done_callback(_heard)
            self._next[key] = task
        return await asyncio.shield(task)

    async def _ask(self, key: Key, venue: Venue) -> Picture:
        loop = asyncio.get_running_loop()
        if (before := self._under_way.get(key)) is not None:
            await asyncio.wait({before})
        await asyncio.sleep(max(0.0, self._began.get(key, 0.0) + _SPACING - loop.time()))
        self._under_way[key] = self._next.pop(key)
        self._began[key] = asked = loop.time()
        orders = [self._core.orders.orders[each] for each in self._wanted.pop(key)]
        oldest = min(order.created_at for order in orders)
        assert isinstance(venue, ListsOrders)
        question = venue.orders_since(oldest, {order.instrument for order in orders})
        try:
            found, whole = await answer_within(self._timeout, question)
        except (VenueError, TimeoutError, OSError) as error:
            self._failed(venue.name, error)
            raise
        self._failures.pop(venue.name, None)
        shown = {each.client_id: each for each in found}
        if any(order.client_id in shown and shown[order.client_id].filled > order.filled for order in orders):
            await self._book(venue, oldest - SECOND)  # of all of them at once
        return Picture(asked, shown, whole)

    def _failed(self, venue: str, error: Exception) -> None:
        """A list that the venue refuses, or does not answer twice, is no help for a while. That the venue could not be
        reached says nothing of its lists: when it is back, they are what is needed."""
        if isinstance(error, VenueUnreachable):
            return
        self._failures[venue] = failures = self._failures.get(venue, 0) + 1
        refused = isinstance(error, VenueError) and not isinstance(error, NoAnswer)
        if refused or failures >= 2:
            self._without[venue] = asyncio.get_running_loop().time() + (_REFUSED if refused else _UNANSWERED)

    def close(self) -> None:
        for task in (*self._next.values(), *self._under_way.values()):
            task.cancel()


def _key(venue: Venue) -> Key:
    return venue.name, urgency_now() is Urgency.KILL


def _heard(task: asyncio.Task[Picture]) -> None:
    """Whoever waited has the failure; where nobody does any more it is none."""
    if not task.cancelled():
        task.exception()
