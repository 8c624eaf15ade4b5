"""What a venue checks before it takes an order: the form of the order and the steps of the instrument."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple, plain
from workstation.domain.order import Order, OrderType, TimeInForce
from workstation.venues.matching.working import WorkingOrder

LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def bad_price(instrument: Instrument, price: Decimal | None, name: str) -> str | None:
    """Why the price cannot stand, or None."""
    if price is None:
        return f"The order needs a {name}."
    if not price.is_finite() or price <= 0:
        return f"The {name} must be above zero."
    if not is_multiple(price, instrument.tick):
        return f"The {name} {plain(price)} is not a multiple of the tick {plain(instrument.tick)}."
    return None


def bad_quantity(instrument: Instrument, quantity: Decimal) -> str | None:
    if not quantity.is_finite() or quantity <= 0:
        return "The quantity must be above zero."
    if not is_multiple(quantity, instrument.lot):
        return f"The quantity {plain(quantity)} is not a multiple of the lot {plain(instrument.lot)}."
    if quantity < instrument.min_quantity:
        return f"The quantity {plain(quantity)} is below the minimum of {plain(instrument.min_quantity)}."
    return None


def too_small(instrument: Instrument, quantity: Decimal, price: Decimal) -> str | None:
    value = instrument.notional(quantity, price)
    if value < instrument.min_notional:
        minimum = f"{plain(instrument.min_notional)} {instrument.settlement}"
        return f"The order's value {plain(value)} is below the minimum of {minimum}."
    return None


def malformed(order: Order, instrument: Instrument, now: int) -> str | None:
    """Why the venue does not take this order, as a sentence; None if its form is right."""
    problem = bad_quantity(instrument, order.quantity)
    if problem is None and order.type in LIMITS:
        problem = bad_price(instrument, order.price, "limit price")
    if problem is None and order.type in STOPS:
        problem = bad_price(instrument, order.stop_price, "stop price")
    if problem is not None:
        return problem
    reference = order.price if order.type in LIMITS else order.stop_price
    # Closing what is left of a position is allowed however small it is.
    if reference is not None and not order.reduce_only:
        problem = too_small(instrument, order.quantity, reference)
    if problem is None and order.post_only and (order.type not in LIMITS or order.tif in _AT_ONCE):
        problem = "Post-only needs a limit order that may rest: not a market order, not IOC, not FOK."
    if problem is None and order.tif is TimeInForce.GTD:
        if order.expire_at is None:
            problem = "A GTD order needs the time at which it expires."
        elif order.expire_at <= now:
            problem = "The GTD order's time has already passed."
    return problem


def bad_amendment(
    order: WorkingOrder,
    instrument: Instrument,
    quantity: Decimal | None,
    price: Decimal | None,
    stop_price: Decimal | None,
) -> str | None:
    """Why a working order cannot take these terms (None leaves a term as it is), as a sentence; None if it can."""
    problem = None if quantity is None else bad_quantity(instrument, quantity)
    if problem is None and price is not None:
        if order.price is None:
            return "This order has no limit price to change."
        problem = bad_price(instrument, price, "limit price")
    if problem is None and stop_price is not None:
        if not order.waits:
            return "The order has no stop price that is still to be reached."
        problem = bad_price(instrument, stop_price, "stop price")
    if problem is None and not order.reduce_only and (quantity is not None or price is not None):
        total = instrument.quantity(order.quantity) if quantity is None else quantity
        ticks = order.stop if order.price is None else order.price
        reference = price if price is not None or ticks is None else instrument.price(ticks)
        if reference is not None:
            problem = too_small(instrument, total, reference)
    return problem
