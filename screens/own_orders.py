"""Where an order of ours stands among the prices, for the panes in which it is moved by ticks."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add, divide
from workstation.domain.order import Order


def is_stop(order: Order) -> bool:
    """Whether the order still waits for its trigger."""
    return order.stop_price is not None and not order.triggered


def order_price(order: Order) -> Decimal | None:
    """Where an order stands: a waiting stop at its trigger, any other at its limit; None for a market order."""
    return order.stop_price if is_stop(order) else order.price


def order_ticks(order: Order, instrument: Instrument) -> int | None:
    """`order_price` in ticks."""
    price = order_price(order)
    return None if price is None else int(divide(price, instrument.tick, Decimal(1)))


def sum_of(quantities: Iterable[Decimal]) -> Decimal:
    """Exactly."""
    total = ZERO
    for quantity in quantities:
        total = add(total, quantity)
    return total


def left_of(orders: Iterable[Order | None]) -> Decimal:
    """The quantity that still works of orders, those that are unknown or done left out."""
    return sum_of(order.leaves for order in orders if order is not None and not order.is_closed)
