"""What a venue shows of an order, turned into the reports of it that the desk missed."""

from __future__ import annotations

from workstation.domain.events import (
    OrderAccepted,
    OrderAmended,
    OrderAmendRejected,
    OrderCanceled,
    OrderEvent,
    OrderExpired,
    OrderRejected,
    OrderTrailed,
    OrderTriggered,
    OrderUnknown,
)
from workstation.domain.numbers import ZERO
from workstation.domain.order import Order, OrderState, OrderType
from workstation.domain.trailing import tighter
from workstation.venues.contract import VenueOrder
from workstation.venues.order_terms import CHANGED_THERE, change_made, other_terms


def missed_reports(order: Order, shown: VenueOrder, ts: int, refused: bool) -> list[OrderEvent]:
    """The events, of `ts`, that lead from what the desk knows to what the venue shows (fills come by themselves).
    `refused`: a change under way that is not shown is none any more."""
    client_id = order.client_id
    events: list[OrderEvent] = []
    rejected = shown.state is OrderState.REJECTED
    if order.state is OrderState.INITIALIZED:
        events.append(OrderUnknown(client_id=client_id, ts=ts, reason="found in the store without an answer"))
    if order.venue_order_id is None and not rejected and order.state is not OrderState.PARTIALLY_FILLED:
        events.append(OrderAccepted(client_id=client_id, ts=ts, venue_order_id=shown.venue_order_id))
    if shown.state is OrderState.TRIGGERED and not order.triggered:
        events.append(OrderTriggered(client_id=client_id, ts=ts))
    if order.type is OrderType.TRAILING_STOP and tighter(order.side, shown.stop_price, order.stop_price):
        assert shown.stop_price is not None
        events.append(OrderTrailed(client_id=client_id, ts=ts, stop_price=shown.stop_price))
    if terms := other_terms(order, shown):
        events.append(OrderAmended(client_id=client_id, ts=ts, **terms, reason=CHANGED_THERE))
    if order.state is OrderState.PENDING_AMEND:
        if change_made(order, shown):
            events.append(
                OrderAmended(
                    client_id=client_id,
                    ts=ts,
                    quantity=shown.quantity,
                    price=shown.price,
                    stop_price=shown.stop_price,
                )
            )
        elif refused:
            reason = "the venue shows the old terms"
            events.append(OrderAmendRejected(client_id=client_id, ts=ts, reason=reason))
    if shown.state is OrderState.FILLED and ZERO < shown.quantity <= shown.filled == order.filled < order.quantity:
        # the exchange made a reduce-only order as small as the position was: nothing of it works any more
        events.append(OrderAmended(client_id=client_id, ts=ts, quantity=shown.quantity, reason=CHANGED_THERE))
    if shown.filled > order.filled:
        return events  # its fills are still missing: nothing final may be said before them
    if rejected:
        events.append(OrderRejected(client_id=client_id, ts=ts, reason=shown.reason or "rejected by the venue"))
    elif shown.state is OrderState.CANCELED:
        events.append(OrderCanceled(client_id=client_id, ts=ts, reason=shown.reason))
    elif shown.state is OrderState.EXPIRED:
        events.append(OrderExpired(client_id=client_id, ts=ts, reason=shown.reason))
    return events


def kind_of(event: OrderEvent) -> str:
    """What the desk had not heard of an order, in words."""
    match event:
        case OrderAccepted():
            return "missed acceptance"
        case OrderRejected():
            return "missed rejection"
        case OrderCanceled() | OrderExpired():
            return "missed end"
        case OrderAmended() | OrderAmendRejected():
            return "missed change"
        case _:
            return "missed report"
