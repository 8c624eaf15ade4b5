"""The order manager: every order of the desk, moved only by events. Pure; the engine does its I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.events import (
    OrderAccepted,
    OrderAmendRejected,
    OrderCanceled,
    OrderCancelRejected,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
)
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import add
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.trading.order_state import IllegalTransition, apply


class Outcome(StrEnum):
    APPLIED = "applied"
    DUPLICATE = "duplicate"  # a fill or a change of state that is already booked: harmless
    ILLEGAL = "illegal"  # nothing changed; an error for the log
    STRANGER = "stranger"  # an order that this desk never made


class Applied(msgspec.Struct, frozen=True):
    """What an event did: `order` is the order after it (None for a stranger), `error` a sentence if it was refused."""

    outcome: Outcome
    order: Order | None
    error: str = ""


class OrderManager:
    """A fold over order events: feeding the journal into an empty manager gives the same orders again."""

    def __init__(
        self,
        histories: bool = True,
        instruments: Mapping[InstrumentId, Instrument] | None = None,
        venues: frozenset[str] | None = None,
    ) -> None:
        """Without `histories` the events of single orders are not kept, which makes a copy of the manager cheap.
        `instruments`: terms by which fees are reckoned in their settlement currency. `venues`: those of this desk
        (None: all); of another's orders, which the store has of another day, none counts as open."""
        self._instruments = instruments or {}
        self._venues = venues
        self.orders: dict[ClientOrderId, Order] = {}
        self.version = 0
        self._open: dict[ClientOrderId, Order] = {}
        self._trades: set[tuple[str, str]] = set()
        self._histories = histories
        self._history: dict[ClientOrderId, list[OrderEvent]] = {}

    def apply(self, event: OrderEvent) -> Applied:
        """Fold one event in. Never raises for what a venue may send; says what became of it."""
        known = self.orders.get(event.client_id)
        if isinstance(event, OrderInitialized):
            if known is not None:
                return Applied(Outcome.ILLEGAL, known, f"client order id {event.client_id} was used before")
            return self._accept(event.order, event)
        if known is None:
            return Applied(Outcome.STRANGER, None, f"the venue reports on order {event.client_id}, which is not ours")
        if isinstance(event, OrderFilled):
            if event.fill.instrument != known.instrument or event.fill.side is not known.side:
                return Applied(
                    Outcome.ILLEGAL, known, f"fill {event.fill.trade_id} does not match order {known.client_id}"
                )
            trade = (venue_of(known.instrument), event.fill.trade_id)
            if trade in self._trades:
                return Applied(Outcome.DUPLICATE, known)
        if _said_before(known, event):
            return Applied(Outcome.DUPLICATE, known)
        try:
            order = apply(known, event, self._instruments.get(known.instrument))
        except IllegalTransition as error:
            return Applied(Outcome.ILLEGAL, known, str(error))
        if isinstance(event, OrderFilled):
            self._trades.add(trade)
        return self._accept(order, event)

    def _accept(self, order: Order, event: OrderEvent) -> Applied:
        self.orders[order.client_id] = order
        if order.is_open and self.is_here(order.instrument):
            self._open[order.client_id] = order
        else:
            self._open.pop(order.client_id, None)
        if self._histories:
            self._history.setdefault(order.client_id, []).append(event)
        self.version += 1
        return Applied(Outcome.APPLIED, order)

    def is_here(self, instrument: InstrumentId) -> bool:
        """Whether the instrument's venue is a part of this desk."""
        return self._venues is None or venue_of(instrument) in self._venues

    def add_fee(self, client_id: ClientOrderId, value: Decimal) -> None:
        """A fee of an order has turned out to be worth so much, in its settlement currency."""
        known = self.orders[client_id]
        order = self.orders[client_id] = msgspec.structs.replace(known, fees=add(known.fees, value))
        if client_id in self._open:
            self._open[client_id] = order
        self.version += 1

    def open_orders(self, instrument: InstrumentId | None = None) -> list[Order]:
        """Orders that can still trade or whose fate is unknown, oldest first."""
        if instrument is None:
            return list(self._open.values())
        return [order for order in self._open.values() if order.instrument == instrument]

    def open_at(self, venue: str) -> list[Order]:
        return [order for order in self._open.values() if venue_of(order.instrument) == venue]

    def history(self, client_id: ClientOrderId) -> list[OrderEvent]:
        """The order's events, oldest first."""
        return list(self._history.get(client_id, ()))

    def knows_trade(self, venue: str, trade_id: str) -> bool:
        return (venue, trade_id) in self._trades

    @classmethod
    def fold(cls, events: Iterable[OrderEvent]) -> OrderManager:
        manager = cls()
        for event in events:
            manager.apply(event)
        return manager


def _said_before(order: Order, event: OrderEvent) -> bool:
    """Whether a report only repeats what has been booked, by another mouth of the venue."""
    match event:
        case OrderAccepted(venue_order_id=venue_order_id):
            late = order.state is OrderState.FILLED and order.venue_order_id is None  # its fill was told first
            return late or order.venue_order_id == venue_order_id
        case OrderCanceled():
            return order.state is OrderState.CANCELED
        case OrderExpired():
            return order.state is OrderState.EXPIRED
        case OrderRejected():
            return order.state is OrderState.REJECTED
        case OrderCancelRejected() | OrderAmendRejected():
            return order.is_closed  # that an order which has ended can be neither pulled nor changed is no news
        case _:
            return False


def venue_of(instrument: InstrumentId) -> str:
    return instrument.partition(":")[0]
