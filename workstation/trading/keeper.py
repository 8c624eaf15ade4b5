"""What all keepers of orders share (plans, rebalances, routes): one task that looks when something happened, hand-overs
to the gateway that are followed to their end, and a timer.

All that a keeper knows beside the journal is what is being handed over at this moment: a crash loses nothing, and
nothing is sent twice.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import ClassVar

import msgspec

from workstation.bus import Bus
from workstation.clock import SECOND, Clock, Timer
from workstation.domain.events import ORDER_EVENTS, OrderEvent, PlanEvent, RebalanceEvent, RouteEvent
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, OrderDraft
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.journal import Journal

#: Pause after the desk has refused a change or a cancel before it is tried again.
_QUIET = SECOND


class KeeperParts(msgspec.Struct, frozen=True):
    """The parts of the desk that a keeper of orders works with."""

    core: TradingCore
    gateway: OrderGateway
    journal: Journal
    clock: Clock
    bus: Bus
    log: DeskLog


class OrderKeeper(ABC):
    """One task for all that is kept; each hand-over to the gateway is a task of its own that is followed to its end."""

    TOPIC: ClassVar[str]  # of its lines in the log
    WHAT: ClassVar[str]  # what it keeps, with its article: "a plan"

    def __init__(self, parts: KeeperParts) -> None:
        self._core = parts.core
        self._gateway = parts.gateway
        self._journal = parts.journal
        self._clock = parts.clock
        self._bus = parts.bus
        self._log = parts.log
        self._wake = asyncio.Event()
        self._orders = parts.bus.subscribe(*ORDER_EVENTS, only=self._concerns)
        self._handing: dict[str, dict[str, ClientOrderId]] = {}  # by parent and leg: orders not yet among the desk's
        self._changing: set[ClientOrderId] = set()  # orders whose change or cancel is being handed over
        self._quiet: dict[ClientOrderId, int] = {}  # order → UTC ns until which it is left alone
        self._watched: set[InstrumentId] = set()
        self._seen: dict[InstrumentId, tuple[object, object]] = {}
        self._timer: tuple[int, Timer] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def market_moved(self, instrument: InstrumentId) -> None:
        """A market event came: cheap where nothing in the instrument waits, or its best prices are what they were. Of a
        book that is stale trades and marks tell (`market.proof`)."""
        if instrument not in self._watched:
            return
        market = self._core.market.markets[instrument]
        book = market.book
        seen: tuple[object, object] = (book.best_bid, book.best_ask)
        if book.stale is not None:
            seen = (market.trades, market.mark)
        if self._seen.get(instrument) != seen:
            self._seen[instrument] = seen
            self._wake.set()

    def wake(self) -> None:
        """Look at everything soon."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. What raises is logged and the others go on."""
        follow = asyncio.create_task(self._follow_orders(), name=f"{self.TOPIC}: order events")
        try:
            self._wake.set()
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    self._look()
                except Exception as error:  # what is kept is looked at again: this task ends for nothing
                    self._log.error(self.TOPIC, f"This desk could not look after {self.WHAT}: {error!r}")
                    self._set_timer(self._clock.now() + SECOND)
                await asyncio.sleep(0)
        finally:
            follow.cancel()

    def close(self) -> None:
        self._orders.close()
        self._set_timer(None)

    @abstractmethod
    def _look(self) -> None:
        """Look at all that is kept, once."""

    @abstractmethod
    def _concerns(self, event: OrderEvent) -> bool:
        """Whether an order event is a reason to look. Asked on every order's way: quick."""

    async def _follow_orders(self) -> None:
        async for _ in self._orders:
            self._wake.set()

    # Handing over.

    def _begin(self, draft: OrderDraft, client_id: ClientOrderId | None = None) -> None:
        """Its id is known before it is an order: an older order of the leg that ends now does not free the leg."""
        client_id = client_id or self._gateway.next_id()
        self._handing.setdefault(draft.plan, {})[draft.leg] = client_id
        self._task(self._send(draft, client_id))

    async def _send(self, draft: OrderDraft, client_id: ClientOrderId) -> None:
        try:
            await self._gateway.submit(draft, client_id)
        finally:
            legs = self._handing.get(draft.plan, {})
            if legs.get(draft.leg) == client_id:
                del legs[draft.leg]
            if not legs:
                self._handing.pop(draft.plan, None)

    def _under_way(self, parent: str) -> list[str]:
        """Legs of which an order is being handed over and is not yet among the desk's orders."""
        orders = self._core.orders.orders
        return [leg for leg, client_id in self._handing.get(parent, {}).items() if client_id not in orders]

    def _handing_over(self) -> int:
        """Orders that the gateway has not been given yet."""
        ids = (client_id for legs in self._handing.values() for client_id in legs.values())
        return sum(each not in self._core.orders.orders and each not in self._gateway.sending for each in ids)

    def _room(self) -> int:
        """Orders that may be sent now: the order-rate limit."""
        sent = self._core.orders_within(SECOND, self._clock.now())
        under_way = self._handing_over() + self._gateway.entering
        return self._core.limits.max_orders_per_second - sent - under_way

    def _pull(self, client_id: ClientOrderId, wakes: list[int]) -> None:
        """Cancel an order, unless that is under way or was refused a moment ago."""
        if (quiet := self._quiet.get(client_id, 0)) > self._clock.now():
            wakes.append(quiet)
        elif client_id not in self._changing:
            self._changing.add(client_id)
            self._task(self._cancel(client_id))

    async def _cancel(self, client_id: ClientOrderId) -> None:
        try:
            await self._gateway.cancel(client_id)
            self._quiet.pop(client_id, None)
        except Refused:
            self._quiet[client_id] = self._clock.now() + _QUIET
        finally:
            self._changing.discard(client_id)

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"an order of {self.WHAT}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error(self.TOPIC, f"An order of {self.WHAT} could not be handed over: {error!r}")
        self._wake.set()

    def _recorded(self, event: PlanEvent | RebalanceEvent | RouteEvent) -> Future[None]:
        """Fold, journal and publish an event; the future is done once it is durable."""
        self._core.apply_account(event)
        stored = self._journal.append(event)
        self._bus.publish(event)
        self._wake.set()
        return stored

    def _say(self, sentence: str, loud: bool) -> None:
        (self._log.warning if loud else self._log.info)(self.TOPIC, sentence)

    # The timer.

    def _set_timer(self, at: int | None) -> None:
        if self._timer is not None:
            if at is not None and self._timer[0] == at:
                return
            self._timer[1].cancel()
            self._timer = None
        if at is not None:
            self._timer = (at, self._clock.call_at(at, self._due))

    def _due(self) -> None:
        self._timer = None
        self._wake.set()
