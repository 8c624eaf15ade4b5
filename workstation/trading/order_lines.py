"""What became of an order, as a line of the desk's log."""

from __future__ import annotations

from workstation.domain.events import (
    OrderAmended,
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
from workstation.domain.order import Order, OrderType, state_word
from workstation.domain.prices import price_words

_BAD_NEWS = (OrderDenied, OrderRejected, OrderCancelRejected, OrderAmendRejected, OrderUnknown, OrderReopened)


def bad_news(event: OrderEvent) -> bool:
    """Whether it is something that the trader did not wish for."""
    return isinstance(event, _BAD_NEWS) or (isinstance(event, OrderAmended) and bool(event.reason))


def price_terms(order: Order, instrument: Instrument | None) -> str:
    """At which price it trades, and what wakes it: "@ 64,200.00", "at market", "stop @ 63,500.00 limit 63,400.00"."""
    limit = None if order.price is None else price_words(order.price, instrument)
    if not order.type.has_trigger:
        return "at market" if limit is None else f"@ {limit}"
    stop = "trailing stop" if order.type is OrderType.TRAILING_STOP else "stop"
    words = ["take profit" if order.type.takes_profit else stop]
    if order.stop_price is not None:
        words.append(f"@ {price_words(order.stop_price, instrument)}")
    if limit is not None:
        words.append(f"limit {limit}")
    return " ".join(words)


def in_words(event: OrderEvent, order: Order, instrument: Instrument | None) -> str:
    """One event of an order as a line of the log: "buy 0.5 NOVA:BTC-USDT @ 64,200.00: accepted"."""
    what = f"{order.side} {plain(order.quantity)} {order.instrument} {price_terms(order, instrument)}"
    if isinstance(event, OrderFilled):
        fill = event.fill
        fee = f"fee {plain(fill.fee)} {fill.fee_currency}"
        return f"{what}: filled {plain(fill.quantity)} at {price_words(fill.price, instrument)}, {fee}"
    happened = state_word(str(type(event).__struct_config__.tag))
    reason = getattr(event, "reason", "")
    return f"{what}: {happened}{f', {reason}' if reason else ''}"
