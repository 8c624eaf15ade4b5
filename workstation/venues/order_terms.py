"""An order's terms as its venue shows them, beside those that the desk believes in."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.order import Order, OrderState, OrderType
from workstation.domain.trailing import tighter
from workstation.venues.contract import VenueOrder

#: States of an order that works with no change of the desk's under way.
WORKING = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.TRIGGERED})

#: Said of an order whose terms have turned out to be others.
CHANGED_THERE = "changed at the exchange"


def other_terms(order: Order, shown: VenueOrder) -> dict[str, Decimal]:
    """In what the venue's terms of a working order differ from the desk's, by name: quantity, price, stop_price. What
    the venue does not tell of is no difference, nor is a quantity that contradicts what has filled."""
    if order.state not in WORKING or order.type is OrderType.MARKET or shown.state not in WORKING:
        return {}
    found: dict[str, Decimal] = {}
    if shown.quantity != order.quantity and shown.quantity > max(shown.filled, order.filled):
        found["quantity"] = shown.quantity
    if None not in (order.price, shown.price) and shown.price != order.price:
        found["price"] = shown.price  # type: ignore[assignment]
    waits = order.type is not OrderType.TRAILING_STOP and not order.triggered
    if waits and None not in (order.stop_price, shown.stop_price) and shown.stop_price != order.stop_price:
        found["stop_price"] = shown.stop_price  # type: ignore[assignment]
    return found


def change_made(order: Order, shown: VenueOrder) -> bool:
    """Whether the venue shows the terms that the change under way asks for."""
    wanted = (order.pending_quantity, order.pending_price, order.pending_stop_price)
    have = (shown.quantity, shown.price, shown.stop_price)
    if order.type is OrderType.TRAILING_STOP and order.pending_stop_price is not None:  # it may have gone on
        return not tighter(order.side, order.pending_stop_price, shown.stop_price)
    return all(want is None or want == has for want, has in zip(wanted, have, strict=True))
