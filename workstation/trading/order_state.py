"""The life of an order: every legal move, on one screen. Pure: (order, event) → order.

    INITIALIZED → DENIED | SUBMITTED → ACCEPTED | REJECTED | UNKNOWN → PARTIALLY_FILLED → FILLED | CANCELED | EXPIRED

A fill is a fact: it is taken in every state in which the venue can hold the order, and after an end that it crossed on
the wire or that the venue did not keep to. It is never taken twice (the order manager drops known trade ids) and never
beyond the quantity: the venue must show the order as larger first, which it may even after an end. An order whose end
the venue does not keep to is open again (`OrderReopened`) until it is gone.
"""

from __future__ import annotations

import msgspec

from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import add, multiply
from workstation.domain.order import Order, OrderType
from workstation.domain.order import OrderState as S
from workstation.domain.position import fee_of
from workstation.domain.trailing import tighter

_RESTING = frozenset({S.ACCEPTED, S.TRIGGERED, S.PARTIALLY_FILLED})
_AT_VENUE = _RESTING | {S.SUBMITTED, S.PENDING_CANCEL, S.PENDING_AMEND, S.UNKNOWN}
#: Ends that a venue told of, and that it may not have kept to.
_SAID_ENDED = frozenset({S.CANCELED, S.EXPIRED, S.REJECTED})

#: Which event is legal in which states.
LEGAL: dict[type[e.OrderEvent], frozenset[S]] = {
    e.OrderDenied: frozenset({S.INITIALIZED}),
    e.OrderSubmitted: frozenset({S.INITIALIZED}),
    e.OrderAccepted: frozenset({S.SUBMITTED, S.UNKNOWN, S.PENDING_CANCEL, S.PARTIALLY_FILLED, S.TRIGGERED}),
    e.OrderRejected: frozenset({S.SUBMITTED, S.UNKNOWN, S.PENDING_CANCEL}),
    e.OrderUnknown: frozenset({S.INITIALIZED, S.SUBMITTED}),
    e.OrderTriggered: _AT_VENUE,
    e.OrderTrailed: _AT_VENUE,
    e.OrderFilled: _AT_VENUE | _SAID_ENDED,
    e.OrderPendingCancel: _RESTING | {S.SUBMITTED, S.UNKNOWN, S.PENDING_AMEND},
    e.OrderCancelRejected: frozenset({S.PENDING_CANCEL}),
    e.OrderCanceled: _AT_VENUE,
    e.OrderPendingAmend: _RESTING,
    e.OrderAmended: _RESTING | {S.PENDING_AMEND, S.PENDING_CANCEL, S.FILLED} | _SAID_ENDED,
    e.OrderAmendRejected: frozenset({S.PENDING_AMEND, S.PENDING_CANCEL}),
    e.OrderExpired: _AT_VENUE,
    e.OrderReopened: _SAID_ENDED,
}


class IllegalTransition(Exception):
    """An event that the order's state does not allow. It is logged as an error and changes nothing."""


def resting_state(order: Order) -> S:
    """The state of an order that works at the venue with nothing pending."""
    if order.filled:
        return S.PARTIALLY_FILLED
    if order.triggered:
        return S.TRIGGERED
    return S.ACCEPTED if order.venue_order_id is not None else S.SUBMITTED


def apply(order: Order, event: e.OrderEvent, instrument: Instrument | None = None) -> Order:
    """The order after the event. Raises `IllegalTransition`; the given order never changes.

    With the terms of its `instrument` the order's fees are in the settlement currency whatever coin they were taken in;
    without them every fee counts as if it were.
    """
    if order.state not in LEGAL.get(type(event), frozenset()):
        raise IllegalTransition(f"{type(event).__name__} is not legal for order {order.client_id} in {order.state}")
    changes: dict[str, object] = {"updated_at": event.ts}
    match event:
        case e.OrderDenied(reason=reason):
            changes |= {"state": S.DENIED, "reason": reason}
        case e.OrderSubmitted():
            changes |= {"state": S.SUBMITTED}
        case e.OrderAccepted(venue_order_id=venue_order_id):
            overtaken = order.state in (S.PARTIALLY_FILLED, S.TRIGGERED)
            further = overtaken or order.state is S.PENDING_CANCEL
            if overtaken and order.venue_order_id is not None:
                raise IllegalTransition(f"order {order.client_id} was accepted before, as {order.venue_order_id}")
            changes |= {"state": order.state if further else S.ACCEPTED, "venue_order_id": venue_order_id}
        case e.OrderRejected(reason=reason):
            changes |= {"state": S.REJECTED, "reason": reason}
        case e.OrderUnknown(reason=reason):
            changes |= {"state": S.UNKNOWN, "reason": reason}
        case e.OrderTriggered():
            pending = order.state in (S.PENDING_CANCEL, S.PENDING_AMEND)
            changes |= {"state": order.state if pending else S.TRIGGERED, "triggered": True}
        case e.OrderTrailed(stop_price=stop_price):
            if tighter(order.side, stop_price, order.stop_price):  # a report that was overtaken loosens nothing
                changes |= {"stop_price": stop_price}
        case e.OrderFilled(fill=fill):
            filled = add(order.filled, fill.quantity)
            if filled > order.quantity:
                raise IllegalTransition(
                    f"fill {fill.trade_id} would fill order {order.client_id} beyond its {order.quantity}"
                )
            keeps = order.state in (S.PENDING_CANCEL, S.PENDING_AMEND, *_SAID_ENDED)
            state = S.FILLED if filled == order.quantity else order.state if keeps else S.PARTIALLY_FILLED
            value = add(order.filled_value, multiply(fill.quantity, fill.price))
            fee = fill.fee if instrument is None else fee_of(fill, instrument)
            changes |= {"state": state, "filled": filled, "filled_value": value, "fees": add(order.fees, fee)}
        case e.OrderPendingCancel():
            changes |= {"state": S.PENDING_CANCEL}
        case e.OrderCanceled(reason=reason):
            changes |= {"state": S.CANCELED, "reason": reason}
        case e.OrderExpired(reason=reason):
            changes |= {"state": S.EXPIRED, "reason": reason}
        case e.OrderPendingAmend(quantity=quantity, price=price, stop_price=stop_price):
            changes |= {
                "state": S.PENDING_AMEND,
                "pending_quantity": quantity,
                "pending_price": price,
                "pending_stop_price": stop_price,
            }
        case e.OrderAmended(quantity=quantity, price=price, stop_price=stop_price):
            if order.is_closed and (quantity is None or quantity <= order.quantity):
                raise IllegalTransition(f"order {order.client_id} has ended, and nobody shows it as larger than it was")
            terms = {"quantity": quantity, "price": price, "stop_price": stop_price}
            changes |= {name: term for name, term in terms.items() if term is not None}
            if order.state not in (S.PENDING_CANCEL, *_SAID_ENDED):
                changes |= {"state": resting_state(order)}
            if quantity is not None and quantity <= order.filled:
                changes |= {"state": S.FILLED, "quantity": order.filled}
        case e.OrderCancelRejected(reason=reason):
            changes |= {"state": resting_state(order), "reason": reason}
        case e.OrderAmendRejected(reason=reason):
            pending = order.state is S.PENDING_CANCEL
            changes |= {"state": S.PENDING_CANCEL if pending else resting_state(order), "reason": reason}
        case e.OrderReopened(venue_order_id=venue_order_id, reason=reason):
            named = msgspec.structs.replace(order, venue_order_id=venue_order_id)
            changes |= {"state": resting_state(named), "venue_order_id": venue_order_id, "reason": reason}
    after = changes.get("state", order.state)
    if after is not S.PENDING_AMEND and not (after is S.PENDING_CANCEL and order.pending_quantity is not None):
        changes |= {"pending_quantity": None, "pending_price": None, "pending_stop_price": None}
    return msgspec.structs.replace(order, **changes)


def more_than_filled(before: Order, now: Order) -> bool:
    """Whether anything has become of an order but fills, and a trailing stop's way."""
    filled = now.state is S.PARTIALLY_FILLED and now.filled > before.filled
    as_before = msgspec.structs.replace(
        before,
        state=now.state if filled else before.state,
        filled=now.filled,
        filled_value=now.filled_value,
        fees=now.fees,
        updated_at=now.updated_at,
        stop_price=now.stop_price if before.type is OrderType.TRAILING_STOP else before.stop_price,
    )
    return as_before != now
