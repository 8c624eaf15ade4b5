"""A desk's end of a venue for tests: sends orders, keeps every report, and folds them as an order manager would."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from workstation.clock import Clock
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import MarketEvent
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.trading import order_state
from workstation.venues.contract import Venue

_numbers = itertools.count(1)


def number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


class VenueDesk:
    """What a desk knows of one venue. `orders` are folded by the real order state machine: an illegal report raises."""

    def __init__(self, venue: Venue, clock: Clock) -> None:
        self.venue = venue
        self.clock = clock
        self.reports: list[e.OrderEvent] = []
        self.market: list[MarketEvent] = []
        self.orders: dict[str, Order] = {}

    async def connect(self) -> None:
        await self.venue.connect(self.market.append, self.on_order)

    def on_order(self, event: e.OrderEvent) -> None:
        self.reports.append(event)
        self.orders[event.client_id] = order_state.apply(self.orders[event.client_id], event)

    def draft(
        self,
        instrument: Instrument | InstrumentId,
        side: Side,
        quantity: Any,
        price: Any = None,
        *,
        stop: Any = None,
        client_id: str | None = None,
        **terms: Any,
    ) -> Order:
        """An order that the desk has handed over: market without a price, a stop (limit) with `stop`."""
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        if stop is not None:
            kind = OrderType.STOP if price is None else OrderType.STOP_LIMIT
        draft = OrderDraft(
            instrument=instrument.id if isinstance(instrument, Instrument) else instrument,
            side=side,
            quantity=Decimal(str(quantity)),
            type=kind,
            price=number(price),
            stop_price=number(stop),
            **terms,
        )
        now = self.clock.now()
        order = Order.from_draft(draft, client_id or f"c{next(_numbers)}", now)
        order = order_state.apply(order, e.OrderSubmitted(client_id=order.client_id, ts=now))
        self.orders[order.client_id] = order
        return order

    async def send(self, *args: Any, **terms: Any) -> str:
        order = self.draft(*args, **terms)
        await self.venue.submit(order)
        return order.client_id

    async def buy(self, instrument: Instrument | InstrumentId, *args: Any, **terms: Any) -> str:
        return await self.send(instrument, Side.BUY, *args, **terms)

    async def sell(self, instrument: Instrument | InstrumentId, *args: Any, **terms: Any) -> str:
        return await self.send(instrument, Side.SELL, *args, **terms)

    async def cancel(self, client_id: str) -> None:
        event = e.OrderPendingCancel(client_id=client_id, ts=self.clock.now())
        self.orders[client_id] = order_state.apply(self.orders[client_id], event)
        await self.venue.cancel(self.orders[client_id])

    async def amend(self, client_id: str, quantity: Any = None, price: Any = None, stop: Any = None) -> None:
        terms = {"quantity": number(quantity), "price": number(price), "stop_price": number(stop)}
        event = e.OrderPendingAmend(client_id=client_id, ts=self.clock.now(), **terms)
        self.orders[client_id] = order_state.apply(self.orders[client_id], event)
        await self.venue.amend(self.orders[client_id], **terms)

    def said(self, client_id: str) -> list[str]:
        """What the venue reported of an order, by name: accepted, filled, canceled…"""
        return [
            type(event).__name__.removeprefix("Order").lower() for event in self.reports if event.client_id == client_id
        ]

    def fills(self, client_id: str | None = None) -> list[tuple[Decimal, Decimal]]:
        """(quantity, price) of the reported fills."""
        return [
            (event.fill.quantity, event.fill.price)
            for event in self.reports
            if isinstance(event, e.OrderFilled) and client_id in (None, event.client_id)
        ]

    def all_fills(self) -> list[Fill]:
        return [event.fill for event in self.reports if isinstance(event, e.OrderFilled)]

    def reason(self, client_id: str) -> str:
        reasons = [getattr(event, "reason", "") for event in self.reports if event.client_id == client_id]
        return next((reason for reason in reversed(reasons) if reason), "")
