"""What a venue checks before it takes an order: the form of the order and the steps of the instrument."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple, plain
from workstation.domain.order import Order, OrderDraft, OrderType, TimeInForce
from workstation.domain.prices import price_words
from workstation.venues.matching.working import WorkingOrder


def bad_price(instrument: Instrument, price: Decimal | None, name: str) -> str | None:
    """Why the price cannot stand, or None."""
    if price is None:
        return f"The order needs a {name}."
    if not price.is_finite() or price <= 0:
        return f"The {name} must be above zero."
    if not is_multiple(price, instrument.tick):
        return f"The {name} {price_words(price, instrument)} is not a multiple of the tick {plain(instrument.tick)}."
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
    limited = order.type.has_limit
    if problem is None and limited:
        problem = bad_price(instrument, order.price, "limit price")
    if problem is None and order.type is OrderType.TRAILING_STOP:
        problem = bad_trail(instrument, order)
    elif problem is None and order.type.has_trigger:
        problem = bad_price(instrument, order.stop_price, "stop price")
    if problem is None and order.display is not None:
        problem = bad_display(instrument, order)
    if problem is not None:
        return problem
    reference = order.price if limited else order.stop_price
    # Closing what is left of a position is allowed however small it is.
    if reference is not None and not order.reduce_only:
        problem = too_small(instrument, order.quantity, reference)
    if problem is None and order.post_only and not (limited and order.tif.may_rest):
        problem = "Post-only needs a limit order that may rest: not a market order, not IOC, not FOK."
    if problem is None and order.tif is TimeInForce.GTD:
        if order.expire_at is None:
            problem = "A GTD order needs the time at which it expires."
        elif order.expire_at <= now:
            problem = "The GTD order's time has already passed."
    return problem


def bad_trail(instrument: Instrument, order: Order | OrderDraft) -> str | None:
    """Why a trailing stop cannot follow at this distance or from this price, or None."""
    if (order.trail is None) == (order.trail_bps is None):
        return "A trailing stop needs one distance: an amount of price, or basis points."
    problem = None
    if order.trail is not None:
        problem = bad_price(instrument, order.trail, "trailing distance")
    elif order.trail_bps is not None:
        if not order.trail_bps.is_finite() or not 0 < order.trail_bps < 10_000:
            problem = "The trailing distance must be above 0 and below 10,000 basis points (100 %)."
        elif not is_multiple(order.trail_bps, Decimal("0.01")):
            problem = f"The trailing distance of {plain(order.trail_bps)} basis points is finer than 0.01."
    if problem is None and order.activation_price is not None:
        problem = bad_price(instrument, order.activation_price, "activation price")
    return problem


def bad_display(instrument: Instrument, order: Order | OrderDraft) -> str | None:
    """Why an order cannot show this much of itself at a time, or None."""
    display = order.display
    if display is None:
        return None
    if not order.type.has_limit or not order.tif.may_rest:
        return "Only a limit order that may rest can show a part of itself: no market order, not IOC, not FOK."
    if not display.is_finite() or not 0 < display <= order.quantity:
        return "What an iceberg shows must be above zero and no more than the order."
    if not is_multiple(display, instrument.lot):
        return f"The shown quantity {plain(display)} is not a multiple of the lot {plain(instrument.lot)}."
    if display < instrument.min_quantity:
        return f"The shown quantity {plain(display)} is below the minimum of {plain(instrument.min_quantity)}."
    return None


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
        problem = bad_price(instrument, stop_price, "stop price") or _loosened(order, instrument, stop_price)
    if problem is None and not order.reduce_only and (quantity is not None or price is not None):
        total = instrument.quantity(order.quantity) if quantity is None else quantity
        ticks = order.stop if order.price is None else order.price
        reference = price if price is not None or ticks is None else instrument.price(ticks)
        if reference is not None:
            problem = too_small(instrument, total, reference)
    return problem


def _loosened(order: WorkingOrder, instrument: Instrument, stop_price: Decimal) -> str | None:
    """The sentence for a trailing stop that would be moved away from the market."""
    if not order.follows:
        return None
    if order.stop is None:
        return "The trailing stop has not begun to follow yet: it has no stop price to change."
    stop = instrument.to_ticks(stop_price)
    if stop > order.stop if order.rises else stop < order.stop:
        return (
            f"A trailing stop is never loosened: it stands at {price_words(instrument.price(order.stop), instrument)}."
        )
    return None
