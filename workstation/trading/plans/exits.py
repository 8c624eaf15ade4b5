"""The exits of a plan: a stop and a target, sized by what has filled and by the position that is there.

Where the exits stand is a question of what happens when the desk is gone, and of never closing more than there is:

- The stop rests at the venue as a STOP order from the first fill on, so it protects without the desk. (At a venue
  without stop orders the desk holds it: when the market passes it the position is closed by a market order. The middle
  of the book tells when that is; while the book is not to be believed, trades or marks of a second that all are beyond
  the stop do (`market.proof`), and while nothing does the desk says that the position is NOT PROTECTED.)
- Where the venue enforces reduce-only (derivatives) the target rests there too, as a reduce-only limit order with its
  place in the queue: both legs may rest, for the venue shrinks them with the position.
- On spot, and wherever reduce-only is not enforced, a resting stop and a resting target could both fill. There the
  stop rests and the desk holds the target: once the best price reaches it, the stop is cancelled, the cancel is
  CONFIRMED, and a limit IOC at the target is sent for what is open; what it leaves goes back under the stop. While the
  stop's fate is unknown the target is not sent. A plan without a stop lets its target rest.

An exit without an answer counts as working for as long as its request may be taken. Where both legs may rest it is
followed by another once the venue has said often enough that it does not know it; should it come after all, what is too
much is pulled. Everywhere else nothing may be sold twice: the plan waits.

A stop that the market has passed before it could be placed closes at market. A refused exit is tried again, with
growing pauses, for as long as the position is there. Every decision is drawn from the plan's terms and its orders as
they are, so that it is the same after a crash: what was sent is counted, what was not is sent.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import ZERO, add, floor_to, subtract
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, TimeInForce
from workstation.domain.plan import STOP_LEG, TARGET_LEG
from workstation.trading.plans.intents import Amend, Intent, Send, Situation, Wake, pull

#: An order in one of these takes an amendment.
_SETTLED = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.TRIGGERED})


def exit_quantity(s: Situation) -> Decimal:
    """What the exits should close: whole lots of what the plan holds and the position has; 0 below the least order."""
    quantity = floor_to(min(s.tally.open, s.available), s.instrument.lot)
    return quantity if quantity >= s.instrument.min_quantity else ZERO


def with_fee(s: Situation, quantity: Decimal) -> Decimal:
    """What an exit trades, so that the plan's position is closed with the fee that is taken from it in coins."""
    return add(quantity, min(s.fee, s.spare))


def passed(s: Situation) -> bool:
    """The market has passed the stop: no stop can be placed there any more."""
    return s.plan.stop is not None and s.is_at(s.plan.stop)


def reached(s: Situation) -> bool:
    """The target can be had now, or better."""
    price = s.exit_price
    return s.plan.target is not None and price is not None and not s.better(s.plan.target, price)


def decide_exits(s: Situation) -> list[Intent]:
    quantity = exit_quantity(s)
    if s.rests_both:
        return [*_stop(s, quantity), *_resting_target(s, quantity)]
    if s.plan.stop is None:
        return [*pull(s, s.tally.live(STOP_LEG)), *_resting_target(s, quantity)]
    return _one_at_a_time(s, quantity)


def _one_at_a_time(s: Situation, quantity: Decimal) -> list[Intent]:
    """Stop and target share one quantity: together their orders never hold more than is open."""
    others = s.tally.live(TARGET_LEG)
    resting = [order for order in others if order.tif is not TimeInForce.IOC]
    if resting:  # from before the plan had a stop
        return pull(s, resting)
    if STOP_LEG in s.busy or TARGET_LEG in s.busy:
        return []
    if others:
        return []  # an IOC on its way: it says soon what is left
    if reached(s) and not passed(s):
        stops = s.tally.live(STOP_LEG)
        if any(order.triggered for order in stops):
            return []  # the stop is closing the position already
        if stops:
            return pull(s, stops)
        if quantity and (pause := _pause(s, TARGET_LEG)):
            return pause
        return [Send(_draft(s, TARGET_LEG, quantity, tif=TimeInForce.IOC))] if quantity else []
    return _stop(s, quantity)


def _stop(s: Situation, quantity: Decimal) -> list[Intent]:
    live = s.live(STOP_LEG)
    if s.plan.stop is None:
        return pull(s, s.tally.live(STOP_LEG))
    if not live:
        if not quantity or STOP_LEG in s.busy:
            return []
        if passed(s):
            return _pause(s, STOP_LEG) or [Send(_draft(s, STOP_LEG, quantity, market=True))]
        if not s.rests_stops:
            return []  # held by the desk until the market passes it
        return _pause(s, STOP_LEG) or [Send(_draft(s, STOP_LEG, quantity))]
    waiting = [order for order in live if order.type is OrderType.STOP and not order.triggered]
    if passed(s) and any(order.stop_price != s.plan.stop for order in waiting):
        return pull(s, waiting)  # the market has passed the new stop while the old one still stands
    return _fit(s, STOP_LEG, live, quantity, s.plan.stop)


def _resting_target(s: Situation, quantity: Decimal) -> list[Intent]:
    live = s.live(TARGET_LEG)
    if s.plan.target is None:
        return pull(s, s.tally.live(TARGET_LEG))
    if not live:
        if not quantity or TARGET_LEG in s.busy or (passed(s) and s.plan.stop is not None):
            return []
        return _pause(s, TARGET_LEG) or [Send(_draft(s, TARGET_LEG, quantity))]
    return _fit(s, TARGET_LEG, live, quantity, s.plan.target)


def _fit(s: Situation, leg: str, live: list[Order], quantity: Decimal, price: Decimal) -> list[Intent]:
    """Bring a leg's working orders to the wanted quantity and price."""
    if leg in s.busy:
        return []
    if not quantity:
        return pull(s, live)
    for order in live:
        if order.triggered or order.type is OrderType.MARKET:
            continue
        if (order.stop_price if order.type is OrderType.STOP else order.price) != price:
            return _move(s, order, price)
    excess = subtract(sum((order.worst_quantity for order in live), ZERO), quantity)
    if ZERO < excess <= s.fee:
        return []
    if excess > 0:
        return _shrink(s, live, excess)
    if excess < 0 and not any(order.triggered or order.type is OrderType.MARKET for order in live):
        return _grow(s, leg, live, excess.copy_negate())
    return []


def _may_amend(s: Situation, order: Order) -> bool:
    """`reason` of a working order is a change that the venue refused: it is replaced instead."""
    return s.amends and not order.reason


def _move(s: Situation, order: Order, price: Decimal) -> list[Intent]:
    if order.state not in _SETTLED:
        return []
    if not _may_amend(s, order):
        return pull(s, [order])
    stops = order.type is OrderType.STOP
    return [Amend(client_id=order.client_id, stop_price=price if stops else None, price=None if stops else price)]


def _shrink(s: Situation, live: list[Order], excess: Decimal) -> list[Intent]:
    order = live[-1]  # the newest has the worst place in the queue
    if order.state not in _SETTLED or order.type is OrderType.MARKET:
        return []
    if order.leaves <= excess or not _may_amend(s, order):
        return pull(s, [order])
    return [Amend(client_id=order.client_id, quantity=subtract(order.quantity, excess))]


def _grow(s: Situation, leg: str, live: list[Order], missing: Decimal) -> list[Intent]:
    """More filled: a larger order where the venue can change it, else a further order for the rest, without a gap."""
    if any(order.state not in _SETTLED for order in live):
        return []
    order = live[-1]
    if _may_amend(s, order):
        return [Amend(client_id=order.client_id, quantity=add(order.quantity, with_fee(s, missing)))]
    if missing < s.instrument.min_quantity:
        return []
    return _pause(s, leg) or [Send(_draft(s, leg, missing))]


def _pause(s: Situation, leg: str) -> list[Intent]:
    """A wake-up if the leg's last order was closed so lately that another must wait."""
    at = s.tally.next_try(leg)
    return [Wake(at)] if at > s.now else []


def _draft(
    s: Situation, leg: str, quantity: Decimal, market: bool = False, tif: TimeInForce = TimeInForce.GTC
) -> OrderDraft:
    stops = leg == STOP_LEG and not market
    return OrderDraft(
        instrument=s.plan.instrument,
        side=s.exit_side,
        quantity=with_fee(s, quantity),
        type=OrderType.MARKET if market else OrderType.STOP if stops else OrderType.LIMIT,
        price=s.plan.target if leg == TARGET_LEG else None,
        stop_price=s.plan.stop if stops else None,
        tif=tif,
        reduce_only=True,
        origin=s.plan.origin,
        note=leg,
        plan=s.plan.plan_id,
        leg=leg,
    )
