"""Where the events of orders are applied, noted for the store and told: on the bus, and as lines of the log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from workstation.bus import Bus
from workstation.clock import Clock
from workstation.domain.events import (
    OrderAccepted,
    OrderDenied,
    OrderEvent,
    OrderInitialized,
    OrderRejected,
    OrderSubmitted,
    OrderTrailed,
)
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO
from workstation.domain.order import Order, OrderState
from workstation.log import DeskLog
from workstation.trading.core import TradingCore
from workstation.trading.journal import Journal
from workstation.trading.order_lines import bad_news, in_words
from workstation.trading.orders import Outcome
from workstation.trading.risk import KILL


class OrderRecords:
    """Of one desk, on the event loop."""

    def __init__(
        self,
        core: TradingCore,
        journal: Journal,
        clock: Clock,
        bus: Bus,
        log: DeskLog,
        on_end: Callable[[Order], object],
    ) -> None:
        """`on_end` is told of every order that has ended."""
        self._core, self._journal, self._clock, self._bus, self._log = core, journal, clock, bus, log
        self._on_end = on_end
        self._refused_kill: dict[InstrumentId, str] = {}  # closing orders: the reason that was told last

    def fold(self, event: OrderEvent) -> Order:
        """Apply an event of our own making, which is legal by construction; who calls has the store told."""
        applied = self._core.apply_order(event)
        if applied.outcome is not Outcome.APPLIED or applied.order is None:
            raise RuntimeError(applied.error)
        self._tell(event, applied.order)
        return applied.order

    def record(self, event: OrderEvent) -> Order:
        """`fold`, and note it for the store."""
        order = self.fold(event)
        self._journal.note(event, orders=(order,))
        return order

    def keep(self, event: OrderEvent, order: Order) -> None:
        """Note and tell an event that has been applied."""
        self._journal.note(event, orders=(order,))
        self._tell(event, order)

    def adopt(self, order: Order) -> Order:
        """Make an order that works at a venue, and that this desk never sent, one of its own."""
        now, client_id = self._clock.now(), order.client_id
        fresh = msgspec.structs.replace(order, state=OrderState.INITIALIZED, venue_order_id=None, filled=ZERO)
        accepted = OrderAccepted(client_id=client_id, ts=now, venue_order_id=order.venue_order_id or "")
        self.record(OrderInitialized(client_id=client_id, ts=now, order=fresh))
        self.record(OrderSubmitted(client_id=client_id, ts=now))
        return self.record(accepted)

    def _tell(self, event: OrderEvent, order: Order) -> None:
        self._bus.publish(event)
        if order.is_closed:
            self._on_end(order)
        if isinstance(event, OrderTrailed):
            return  # many, and the order's own stop price says it
        if order.origin == KILL and isinstance(event, OrderDenied | OrderRejected):
            if self._refused_kill.get(order.instrument) == event.reason:
                return  # it is tried again and again; the kill's own status counts it
            self._refused_kill[order.instrument] = event.reason
        terms = self._core.instruments.get(order.instrument)
        if bad_news(event):
            self._log.warning("order", in_words(event, order, terms))
        else:
            self._log.in_passing("order", partial(in_words, event, order, terms))
