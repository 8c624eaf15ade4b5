"""What became of an order, as a line of the desk's log."""

from __future__ import annotations

from workstation.domain.events import (
    OrderAmendRejected,
    OrderCancelRejected,
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderRejected,
    OrderReopened,
    OrderUnknown,
)
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import plain
from workstation.domain.order import Order, state_word
from workstation.domain.prices import price_words

#: What a trader did not wish for.
BAD_NEWS = (OrderDenied, OrderRejected, OrderCancelRejected, OrderAmendRejected, OrderUnknown, OrderReopened)


def in_words(event: OrderEvent, order: Order, instrument: Instrument | None) -> str:
    """One event of an order as a line of the log: "buy 0.5 NOVA:BTC-USDT @ 64,200.00: accepted"."""
    price = order.price if order.price is not None else order.stop_price
    at = f" @ {price_words(price, instrument)}" if price is not None else f" at {order.type}"
    what = f"{order.side} {plain(order.quantity)} {order.instrument}{at}"
    if isinstance(event, OrderFilled):
        fill = event.fill
        fee = f"fee {plain(fill.fee)} {fill.fee_currency}"
        return f"{what}: filled {plain(fill.quantity)} at {price_words(fill.price, instrument)}, {fee}"
    happened = state_word(str(type(event).__struct_config__.tag))
    reason = getattr(event, "reason", "")
    return f"{what}: {happened}{f', {reason}' if reason else ''}"
