"""Orders and their events in a few words."""

from __future__ import annotations

from screens.figures import plain_text, price_text, quantity_text, sentence, small_money_text
from workstation.clock import span
from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderState, OrderType, TimeInForce
from workstation.domain.plan import ENTRY_LEG, PlanKind
from workstation.trading.plans.rows import is_head

STATES = {
    OrderState.INITIALIZED: "new",
    OrderState.DENIED: "denied",
    OrderState.SUBMITTED: "sent",
    OrderState.ACCEPTED: "working",
    OrderState.REJECTED: "rejected",
    OrderState.TRIGGERED: "triggered",
    OrderState.PARTIALLY_FILLED: "partial",
    OrderState.FILLED: "filled",
    OrderState.PENDING_CANCEL: "pulling",
    OrderState.PENDING_AMEND: "amending",
    OrderState.CANCELED: "cancelled",
    OrderState.EXPIRED: "expired",
    OrderState.UNKNOWN: "UNKNOWN ?",
}

TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop-lmt",
    OrderType.TAKE_PROFIT: "target",
    OrderType.TAKE_PROFIT_LIMIT: "tgt-lmt",
    OrderType.TRAILING_STOP: "trail",
}


def kind(order: Order) -> str:
    """What the order is: its type; of a plan its kind, and of a plan's leg the leg."""
    if is_head(order):
        return "exits" if order.origin == PlanKind.EXIT else order.origin
    if order.leg and order.leg == order.instrument:  # of a route or a rebalance
        return f"└{TYPES[order.type]}"
    if order.leg:
        return f"└{'in' + order.leg.removeprefix(ENTRY_LEG) if order.leg.startswith(ENTRY_LEG) else order.leg}"
    return TYPES[order.type]


def terms(order: Order) -> str:
    """Time in force and flags: GTC post reduce."""
    words = [order.tif.value]
    if order.tif is TimeInForce.GTD and order.expire_at is not None:
        words.append(span(order.expire_at - order.created_at))
    if order.trail is not None:
        words.append(f"by {plain_text(order.trail)}")
    if order.trail_bps is not None:
        words.append(f"by {plain_text(order.trail_bps.scaleb(-2))}%")
    if order.activation_price is not None:
        words.append(f"from {plain_text(order.activation_price)}")
    if order.display is not None:
        words.append(f"shows {plain_text(order.display)}")
    if order.post_only:
        words.append("post")
    if order.reduce_only:
        words.append("reduce")
    return " ".join(words)


def _amendment(event: e.OrderPendingAmend | e.OrderAmended, instrument: Instrument) -> str:
    parts = []
    if event.quantity is not None:
        parts.append(f"quantity {quantity_text(event.quantity, instrument)}")
    if event.price is not None:
        parts.append(f"price {price_text(event.price, instrument)}")
    if event.stop_price is not None:
        parts.append(f"stop {price_text(event.stop_price, instrument)}")
    return ", ".join(parts)


def event_text(event: e.OrderEvent, instrument: Instrument) -> str:
    """One event of an order's life as a sentence."""
    match event:
        case e.OrderInitialized(order=order):
            at = ""
            if order.price is not None:
                at += f" @ {price_text(order.price, instrument)}"
            if order.stop_price is not None:
                at += f" stop {price_text(order.stop_price, instrument)}"
            size = quantity_text(order.quantity, instrument)
            return f"Entered: {order.side} {size} {TYPES[order.type]}{at}, {terms(order)}, by {order.origin}"
        case e.OrderDenied(reason=reason):
            return f"Denied by the desk: {sentence(reason)}"
        case e.OrderSubmitted():
            return "Sent to the venue"
        case e.OrderAccepted(venue_order_id=number):
            return f"Accepted by the venue as {number}"
        case e.OrderRejected(reason=reason):
            return f"Rejected by the venue: {sentence(reason)}"
        case e.OrderTriggered():
            return "Triggered: its price was reached"
        case e.OrderTrailed(stop_price=stop_price):
            return f"Followed the market: stop {price_text(stop_price, instrument)}"
        case e.OrderFilled(fill=fill):
            size, price = quantity_text(fill.quantity, instrument), price_text(fill.price, instrument)
            return f"Filled {size} @ {price} as {fill.liquidity}, fee {small_money_text(fill.fee)} {fill.fee_currency}"
        case e.OrderPendingCancel():
            return "Cancel asked for"
        case e.OrderCanceled(reason=reason):
            return f"Cancelled: {sentence(reason)}" if reason else "Cancelled"
        case e.OrderCancelRejected(reason=reason):
            return f"Cancel rejected: {sentence(reason)}"
        case e.OrderPendingAmend():
            return f"Change asked for: {_amendment(event, instrument)}"
        case e.OrderAmended():
            return f"Changed: {_amendment(event, instrument)}"
        case e.OrderAmendRejected(reason=reason):
            return f"Change rejected: {sentence(reason)}"
        case e.OrderExpired(reason=reason):
            return f"Expired: {sentence(reason)}" if reason else "Expired"
        case e.OrderUnknown(reason=reason):
            return f"NO ANSWER: {sentence(reason)}"
        case e.OrderReopened(reason=reason):
            return f"OPEN AGAIN: {sentence(reason)}"
