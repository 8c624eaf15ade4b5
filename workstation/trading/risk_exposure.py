"""Pre-trade checks of what may be traded and of how large the bet becomes: lists, self-trade, leverage, groups."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import ZERO, add, multiply, plain
from workstation.domain.order import Order, OrderType, Side
from workstation.domain.prices import price_words
from workstation.trading.limits import limits_of, matches
from workstation.trading.risk_question import Question, money


def allowed(q: Question) -> str | None:
    """The instrument is on the list of those that may be traded, and not on the list of those that may not."""
    name = q.instrument.id
    if any(matches(pattern, name) for pattern in q.limits.deny_instruments):
        return f"{name} is on your list of instruments that may not be traded."
    allow = q.limits.allow_instruments
    if allow and not any(matches(pattern, name) for pattern in allow):
        return f"{name} is not on your list of instruments that may be traded."
    return None


def self_trade(q: Question) -> str | None:
    """The order would not trade with a resting order of our own."""
    draft = q.draft
    if draft.type not in (OrderType.MARKET, OrderType.LIMIT) or draft.post_only:
        return None
    reach = draft.price if draft.type is OrderType.LIMIT else q.sweep
    hit = next((order for order in q.opposite if _rests(order) and _crosses(draft.side, reach, order)), None)
    if hit is None or hit.price is None:
        return None
    price = price_words(hit.price, q.instrument)
    return f"Your own {hit.side} of {plain(hit.leaves)} at {price} would be hit: cancel it first."


def _rests(order: Order) -> bool:
    return order.price is not None and (order.type is OrderType.LIMIT or order.triggered)


def _crosses(side: Side, reach: Decimal | None, other: Order) -> bool:
    if reach is None or other.price is None:
        return True  # a market order into a book without levels: ours is all that is there
    return reach >= other.price if side is Side.BUY else reach <= other.price


def leverage(q: Question) -> str | None:
    """Value of all positions, if everything working fills, against the desk's equity."""
    exposure = add(q.after.exposure, q.exposure_elsewhere)
    return _too_much(q, exposure, q.limits.max_leverage, "All positions together")


def instrument_leverage(q: Question) -> str | None:
    """Value of the instrument's position, if everything working fills, against the desk's equity."""
    return _too_much(q, q.after.exposure, q.limits.max_instrument_leverage, f"The position in {q.instrument.symbol}")


def _too_much(q: Question, exposure: Decimal, limit: Decimal, what: str) -> str | None:
    if exposure <= multiply(max(q.equity, ZERO), limit):
        return None
    if q.equity <= 0:
        return "The desk has no equity: only orders that shrink a position may be sent."
    return f"{what} could grow to {exposure / q.equity:.1f} times your equity: your limit is {plain(limit)} times."


def correlated(q: Question) -> str | None:
    """Value of a group of instruments that count as one bet, longs against shorts."""
    value = multiply(q.draft.quantity, q.others.unit_value)
    for group in q.groups:
        rises = q.draft.side.sign * group.sign > 0
        after = group.worst(up=value) if rises else group.worst(down=value)
        if after > group.limit and after > group.worst():
            return (
                f"The bet on {group.name} (instruments that count as one) could grow to {money(after)}: "
                f"above your limit of {money(group.limit)}."
            )
    return None


def origin_value(q: Question) -> str | None:
    """A strategy's own value of one order and of its position in the instrument."""
    limits = limits_of(q.limits, q.owner.origin)
    if limits is None:
        return None
    if limits.max_order_value is not None and q.value is not None and q.value > limits.max_order_value:
        return (
            f"The order's value {money(q.value)} is above the limit of {money(limits.max_order_value)} "
            f"an order of {q.owner.origin}."
        )
    after = q.owner.position.with_order(q.draft).exposure
    if limits.max_position_value is not None and limits.max_position_value < after > q.owner.position.exposure:
        return (
            f"The position of {q.owner.origin} in {q.instrument.symbol} could grow to {money(after)}: "
            f"above its limit of {money(limits.max_position_value)}."
        )
    return None
