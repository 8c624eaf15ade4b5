"""Where a trailing stop stands: the arithmetic that venue and desk share."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import add, multiply, subtract
from workstation.domain.order import Order, OrderDraft, Side


def tighter(side: Side, stop: Decimal | None, than: Decimal | None) -> bool:
    """Whether a trailing stop at `stop` is nearer to the market than one at `than`; None is no stop yet."""
    if stop is None or than is None:
        return stop is not None
    return stop > than if side is Side.SELL else stop < than


def stop_behind(order: Order | OrderDraft, price: Decimal) -> Decimal:
    """The stop, not rounded to a tick, of a trailing stop that follows `price`.

    Raises ValueError if the order has no distance.
    """
    if order.trail is not None:
        distance = order.trail
    elif order.trail_bps is not None:
        distance = multiply(price, order.trail_bps.scaleb(-4))
    else:
        raise ValueError("a trailing stop needs a distance")
    return subtract(price, distance) if order.side is Side.SELL else add(price, distance)


def expected_stop(order: Order | OrderDraft, market: Decimal | None) -> Decimal | None:
    """Where the stop stands, or would begin: behind its activation price, else behind the market's price.

    None if neither is known or the terms are not complete.
    """
    if order.stop_price is not None:
        return order.stop_price
    start = order.activation_price or market
    if start is None or (order.trail is None and order.trail_bps is None):
        return None
    stop = stop_behind(order, start)
    return stop if stop > 0 else None
