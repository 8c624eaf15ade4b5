"""The one exception to the rule that no venue hears of an order before its intent is in the store.

A kill that flattens must not wait for a disk: what it closes may lose money meanwhile, and on a full disk it would wait
for ever. So a closing order of the kill switch that the store cannot take (or does not within some seconds) leaves all
the same, for these reasons:

- Its intent is kept beside the store first (see store/beside.py), where the death of the desk does not take it. The
  next start has it in the journal before it asks the venues anything: the order is asked about like every order whose
  answer is missing, its fills are booked as its own, and nothing is sent a second time in its place.
- Should nothing at all keep it, contracts are closed even so: their closing orders are reduce-only, and two of them
  cannot close more than there is. The books find the difference with the venue after a restart. Spot has no such
  order; sold twice it would be the trader's own coins, or a short: there nothing leaves that is kept nowhere.

Every other order is denied when the store fails, as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from workstation.clock import Clock
from workstation.domain.events import ORDER_EVENTS, AccountEvent, OrderEvent, OrderUnknown
from workstation.domain.numbers import counted
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.orders import Outcome
from workstation.trading.risk import KILL

#: Wall-clock seconds for which a store is waited for that has hung before.
HUNG = 0.2


class BesideStore(Protocol):
    """Where events are kept that the store cannot take."""

    async def keep_beside(self, *events: OrderEvent) -> bool: ...

    async def kept_beside(self) -> Sequence[OrderEvent | AccountEvent]: ...

    async def drop_beside(self) -> None: ...

    def commit(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> Awaitable[None]:
        """Into the store itself."""
        ...


class WithoutStore:
    """Decides which orders leave though the store has not taken them, and has them in the books at the next start."""

    def __init__(self, core: TradingCore, clock: Clock, log: DeskLog, patience: float) -> None:
        """`patience`: wall-clock seconds that a closing order waits for a store that does not answer."""
        self._core, self._clock, self._log = core, clock, log
        self._patience = patience
        #: None: nothing can be kept.
        self.beside: BesideStore | None = None
        self._sent: dict[ClientOrderId, bool] = {}  # whether it is kept
        self._ends: set[asyncio.Task[None]] = set()

    def patience(self, order: Order) -> float | None:
        """Seconds that an order waits for the store; None: as long as it takes."""
        return self._patience if _closes(order) else None

    def hangs(self) -> None:
        """The store has not answered in time: nothing waits so long for it again."""
        self._patience = min(self._patience, HUNG)

    async def refusal(self, intent: OrderEvent, order: Order, error: Exception) -> str | None:
        """Why an order that the store did not take, for this error, may not leave; None: it may, and is kept beside."""
        if isinstance(error, TimeoutError):
            self.hangs()
        said = (str(error) or "The store does not answer").rstrip(".")
        if not _closes(order):
            return str(error)
        kept = self.beside is not None and await self.beside.keep_beside(intent)
        terms = self._core.instruments.get(order.instrument)
        if not kept and (terms is None or terms.is_spot):
            return f"{said}; nothing else can keep the order either, and spot is not sold without a trace of it"
        if not self._sent:
            self._log.error(KILL, f"The closing orders of the kill switch leave without the store ({said}).")
        self._sent[order.client_id] = kept
        return None

    def ended(self, order: Order) -> None:
        """An order has ended: one that left without the store and never filled need not be asked about after a
        restart."""
        if not self._sent.get(order.client_id) or order.filled or self.beside is None:
            return
        task = asyncio.get_running_loop().create_task(
            self._keep_end(self.beside, self._core.orders.history(order.client_id)[1:])
        )
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    @staticmethod
    async def _keep_end(beside: BesideStore, events: Sequence[OrderEvent]) -> None:
        await beside.keep_beside(*events)

    def words(self, kill_id: str) -> list[str]:
        """What a kill's receipt says of its closing orders that the store does not have."""
        kept = [has for client_id, has in self._sent.items() if self._core.orders.orders[client_id].note == kill_id]
        found = []
        if n := sum(kept):
            found.append(
                f"{counted(n, 'closing order')} could not be stored and went out all the same: the store has nothing "
                f"of {'it' if n == 1 else 'them'} until the desk starts again with room on its disk, which books what "
                f"was filled"
            )
        if n := len(kept) - sum(kept):
            found.append(
                f"{counted(n, 'closing order')} could be kept nowhere and went out all the same: after a restart what "
                f"was filled shows as a difference with the venue"
            )
        return found

    # At the next start.

    async def take_back(self) -> Callable[[], None]:
        """Have what an earlier run kept beside the store in the books and in the store. An order without an end is
        asked about from here on. Returns what tells the log of it."""
        if self.beside is None or not (waiting := await self.beside.kept_beside()):
            return lambda: None
        events: list[OrderEvent] = []
        for event in waiting:
            if isinstance(event, ORDER_EVENTS):
                self._fold(event, events)
        orders = {event.client_id: self._core.orders.orders[event.client_id] for event in events}
        for order in orders.values():
            if order.state in (OrderState.INITIALIZED, OrderState.SUBMITTED):
                reason = "sent while the store could not be written"
                self._fold(OrderUnknown(client_id=order.client_id, ts=self._clock.now(), reason=reason), events)
        try:
            if events:
                stored = tuple(self._core.orders.orders[client_id] for client_id in orders)
                await self.beside.commit(*events, orders=stored)
            await self.beside.drop_beside()
        except Exception as error:  # they stay where they are, for the next start
            return partial(self._log.error, KILL, f"What was kept beside the store could not be put into it: {error}")
        if not orders:
            return lambda: None
        return partial(
            self._log.warning,
            KILL,
            f"{counted(len(orders), 'closing order')} of an earlier run, which the store could not take then, "
            f"{'is' if len(orders) == 1 else 'are'} in it now; the venues are asked what they have filled.",
        )

    def _fold(self, event: OrderEvent, events: list[OrderEvent]) -> None:
        applied = self._core.apply_order(event)
        if applied.outcome is Outcome.APPLIED:  # else the store had it after all
            events.append(event)


def _closes(order: Order) -> bool:
    return order.origin == KILL and order.reduce_only
