"""Routes in words, and a route as one row among the orders."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add, divide, multiply, plain, subtract
from workstation.domain.order import Order, OrderState, OrderType, TimeInForce, state_word
from workstation.domain.prices import price_words
from workstation.domain.route import Route, RouteLeg
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.orders import venue_of
from workstation.trading.plans.rows import Head
from workstation.trading.routing.looking import RouteLook

BEST_OF = "best of"
NEVER_SENT = "was not sent: the desk stopped before"
_BAD = (OrderState.DENIED, OrderState.REJECTED, OrderState.UNKNOWN)


def filled_of(core: TradingCore, route: Route) -> tuple[Decimal, Decimal, Decimal]:
    """What of a route has traded: base units, their value, the fees (in quote)."""
    filled = value = fees = ZERO
    for order in core.routes.orders(route.route_id):
        multiplier = core.instruments[order.instrument].multiplier
        filled = add(filled, multiply(order.filled, multiplier))
        value = add(value, multiply(order.filled_value, multiplier))
        fees = add(fees, order.fees)
    return filled, value, fees


def legs_of(core: TradingCore, route: Route) -> list[tuple[RouteLeg, Order | None]]:
    """Its legs with their orders; None for one that never became an order."""
    return [(leg, core.orders.orders.get(leg.client_id)) for leg in route.legs]


def summary(core: TradingCore, route: Route) -> tuple[str, bool]:
    """What became of a route, as sentences, and whether something of it was left undone."""
    filled, value, fees = filled_of(core, route)
    done = "Bought" if route.side.sign > 0 else "Sold"
    at = ""
    if filled:
        some = core.instruments[route.instrument]
        average = divide(value, filled).quantize(some.tick)
        at = f" at {price_words(average, some)}, fees {fees:,.2f} {some.quote}"
    venues = sum(bool(order is not None and order.filled) for _, order in legs_of(core, route))
    over = f" over {venues} venues" if venues > 1 else ""
    parts = [f"{done} {plain(filled)} of {plain(route.quantity)} {route.base}{at}{over}."]
    parts += [f"{sentence}." for sentence in _undone(core, route)]
    left = subtract(route.quantity, filled)
    if left > 0:
        parts.append(f"{plain(left)} stay {'unbought' if route.side.sign > 0 else 'unsold'}; nothing is sent again.")
    return " ".join(parts), left > 0


def _undone(core: TradingCore, route: Route) -> list[str]:
    """Why legs are not whole, one sentence each."""
    found = []
    for leg, order in legs_of(core, route):
        venue = venue_of(leg.instrument)
        if order is None:
            found.append(f"{venue}'s {plain(leg.quantity)} {NEVER_SENT}")
        elif order.state in _BAD or order.filled < order.quantity:
            why = f", {order.reason.rstrip('.')}" if order.reason else ""
            state = state_word(order.state)
            some = f"{plain(order.filled)} of " if order.filled else ""
            found.append(f"{venue}: {some}{plain(order.quantity)} {state}{why}")
    return found


def route_head(core: TradingCore, route: Route) -> Head:
    """The route as one row among the orders, under the route's own id. Quantities in
    units of the instrument at which the trader stood, `origin` its kind, `note` its state, `reason` its legs."""
    filled, value, fees = filled_of(core, route)
    at: Instrument = core.instruments[route.instrument]
    parts = [f"{venue_of(leg.instrument)} {plain(leg.quantity)}" for leg in route.legs]
    open_legs = any(order is not None and order.is_open for _, order in legs_of(core, route))
    return Head(
        client_id=route.route_id,
        instrument=route.instrument,
        side=route.side,
        type=OrderType.MARKET if route.limit is None else OrderType.LIMIT,
        quantity=divide(route.quantity, at.multiplier),
        price=route.limit,
        stop_price=None,
        tif=TimeInForce.IOC,
        expire_at=None,
        post_only=False,
        reduce_only=False,
        origin=BEST_OF,
        note="working" if route.is_active else "ending" if open_legs else state_word(route.state),
        created_at=route.created_at,
        updated_at=route.updated_at,
        state=OrderState.ACCEPTED if route.is_active or open_legs else OrderState.CANCELED,
        filled=divide(filled, at.multiplier),
        filled_value=divide(value, at.multiplier),
        fees=fees,
        reason=route.reason or ", ".join(parts),
        plan=route.route_id,
    )


def started_words(route: Route) -> str:
    """What was just sent, as a sentence."""
    parts = [f"{plain(leg.quantity)} at {venue_of(leg.instrument)}" for leg in route.legs]
    return f"Sent to {len(parts)} venues: {', '.join(parts)}."


def look_words(look: RouteLook) -> str:
    """How an order would be split now, as sentences. Raises `Refused` where it cannot be sent."""
    if look.problem:
        raise Refused(look.problem)
    out = "".join(f" {words}" for words in (*look.cut.values(), *look.out.values()))
    if look.rests is not None:
        return f"It waits at {look.rests.instrument.venue}: {look.rests.why}.{out}"
    parts = [f"{plain(one.quantity)} at {venue_of(one.instrument)}" for one in look.drafts]
    left = f" {plain(look.split.left)} stay out: the books hold no more." if look.split.left > 0 else ""
    saved = ""
    if look.saves is not None and look.saves > 0 and look.alone is not None:
        where = look.alone.legs[0].instrument.venue
        saved = f", {look.saves:,.2f} {look.instrument.quote} better than {where} alone"
    return f"Best of: {', '.join(parts)}{saved}.{left}{out}"
