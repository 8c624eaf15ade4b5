"""The venue's own record of an order: how its own reports change it, and how it shows it when asked."""

from __future__ import annotations

import msgspec

from workstation.domain import events as e
from workstation.domain.numbers import ZERO, add, multiply
from workstation.domain.order import Order, OrderType
from workstation.domain.order import OrderState as S
from workstation.venues.contract import VenueOrder


def taken(order: Order) -> Order:
    """The order as it arrives: the venue keeps its own view of an order's life, whatever the sender's says."""
    return msgspec.structs.replace(
        order,
        state=S.SUBMITTED,
        venue_order_id=None,
        filled=ZERO,
        filled_value=ZERO,
        fees=ZERO,
        triggered=False,
        stop_price=None if order.type is OrderType.TRAILING_STOP else order.stop_price,
        pending_quantity=None,
        pending_price=None,
        pending_stop_price=None,
        reason="",
    )


def after(order: Order, event: e.OrderEvent) -> Order:
    """The record after one of the venue's own reports."""
    changes: dict[str, object] = {"updated_at": event.ts}
    match event:
        case e.OrderAccepted(venue_order_id=venue_order_id):
            changes |= {"state": S.ACCEPTED, "venue_order_id": venue_order_id}
        case e.OrderRejected(reason=reason):
            changes |= {"state": S.REJECTED, "reason": reason}
        case e.OrderTriggered():
            changes |= {"state": S.TRIGGERED, "triggered": True}
        case e.OrderTrailed(stop_price=stop_price):
            changes |= {"stop_price": stop_price}
        case e.OrderFilled(fill=fill):
            filled = add(order.filled, fill.quantity)
            changes |= {
                "state": S.FILLED if filled == order.quantity else S.PARTIALLY_FILLED,
                "filled": filled,
                "filled_value": add(order.filled_value, multiply(fill.quantity, fill.price)),
                "fees": add(order.fees, fill.fee),
            }
        case e.OrderAmended(quantity=quantity, price=price, stop_price=stop_price):
            terms = {"quantity": quantity, "price": price, "stop_price": stop_price}
            changes |= {name: term for name, term in terms.items() if term is not None}
            if quantity is not None and quantity == order.filled:
                changes |= {"state": S.FILLED}
        case e.OrderCanceled(reason=reason):
            changes |= {"state": S.CANCELED, "reason": reason}
        case e.OrderExpired(reason=reason):
            changes |= {"state": S.EXPIRED, "reason": reason}
        case _:
            return order
    return msgspec.structs.replace(order, **changes)


def shown(order: Order) -> VenueOrder:
    return VenueOrder(
        client_id=order.client_id,
        venue_order_id=order.venue_order_id or "",
        instrument=order.instrument,
        state=order.state,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        stop_price=order.stop_price,
        reason=order.reason,
    )
