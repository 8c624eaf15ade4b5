"""The desk's journal: every event of it, in memory and on its way to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from workstation.domain.events import AccountEvent, OrderEvent
from workstation.domain.order import Order
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from workstation.store.beside import Place
    from workstation.store.store import Store

#: Seconds for which a disk is waited for that keeps what the store could not.
_PATIENCE = 1.0


class DeskJournal:
    """Takes events once the store is there. `events`: all of the store's, oldest first; they grow by what is taken."""

    def __init__(self) -> None:
        self.events: list[OrderEvent | AccountEvent] = []
        self.store: Store | None = None
        #: Hears every event that is taken; any thread may call it.
        self.on_event: Callable[[OrderEvent | AccountEvent], None] = lambda event: None
        self._hanging: set[Place] = set()  # beside the store
        self._turns: dict[Place, asyncio.Lock] = {}
        self._noted = False  # the store has what is to be released after this turn of the loop

    def append(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> Future[None]:
        """Make events durable, in order: the journal of the gateway and the kill switch."""
        if self.store is None:
            failed: Future[None] = Future()
            failed.set_exception(Refused("the store is not open yet"))
            return failed
        self._keep(events)
        return self.store.append(*events, orders=orders)

    def commit(
        self,
        *events: OrderEvent | AccountEvent,
        orders: Sequence[Order] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """`append` for a coroutine that awaits it at once; `meanwhile` is called on the event loop while the disk
        writes. Raises `Refused` before the store is open."""
        if self.store is None:
            raise Refused("the store is not open yet")
        self._keep(events)
        return self.store.commit(*events, orders=orders, meanwhile=meanwhile)

    def note(self, *events: OrderEvent | AccountEvent, orders: Sequence[Order] = ()) -> None:
        """`append` for who does not wait. What one turn of the loop brings (an order sent, and the demo venue's answer)
        goes to the disk together, and the thread that writes does not take turns with what is on its way."""
        if (store := self.store) is None:
            return
        self._keep(events)
        store.note(*events, orders=orders)
        if not self._noted:
            self._noted = True
            asyncio.get_running_loop().call_soon(self._release, store)

    async def keep_beside(self, *events: OrderEvent) -> bool:
        """Keep what the store cannot take until the next start; whether any place beside it has taken it. One that
        hangs is waited for once, for a second."""
        if self.store is None:
            return False
        return any(await asyncio.gather(*(self._kept_in(place, events) for place in self.store.beside.places)))

    async def _kept_in(self, place: Place, events: Sequence[OrderEvent]) -> bool:
        async with self._turns.setdefault(place, asyncio.Lock()):  # or a disk that hangs would have every thread
            if place in self._hanging:
                return False
            try:
                await asyncio.wait_for(asyncio.to_thread(place.keep, events), _PATIENCE)
            except TimeoutError:
                self._hanging.add(place)
                return False
            except OSError:
                return False
            return True

    async def kept_beside(self) -> list[OrderEvent | AccountEvent]:
        """What an earlier run kept beside the store."""
        return [] if self.store is None else await asyncio.to_thread(self.store.beside.kept)

    async def drop_beside(self) -> None:
        """The store has what was kept beside it. Raises OSError."""
        if self.store is not None:
            await asyncio.to_thread(self.store.beside.drop)

    def _release(self, store: Store) -> None:
        self._noted = False
        store.release()

    def _keep(self, events: Sequence[OrderEvent | AccountEvent]) -> None:
        self.events.extend(events)
        for event in events:
            self.on_event(event)
