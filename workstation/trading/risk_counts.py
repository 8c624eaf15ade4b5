"""Pre-trade checks that count and time: orders that work, orders a second and a day, the age of what was looked at."""

from __future__ import annotations

from workstation.domain.plan import EXIT_LEGS
from workstation.trading.limits import RiskLimits, limits_of
from workstation.trading.risk_question import KILL, Question


def painted_book(q: Question) -> str | None:
    """The book on which the trader acted was painted a moment ago."""
    if q.draft.seen_at is None:
        return None
    return painted_too_old(q.instrument.symbol, q.now - q.draft.seen_at, q.limits)


def painted_too_old(symbol: str, age: int, limits: RiskLimits) -> str | None:
    """Why nothing may be sent on a painted book that is `age` ns old; None if it may."""
    if age > limits.max_painted_age_ms * 1_000_000:
        return f"The book of {symbol} on the screen is {age / 1e9:.1f} s old: look again, then send."
    return None


def working_orders(q: Question) -> str | None:
    """Number of working orders: of the instrument and in all."""
    if q.amends:
        return None
    if q.working_here >= q.limits.max_working_orders_per_instrument:
        return (
            f"{q.working_here} orders work in {q.instrument.symbol}: "
            f"your limit is {q.limits.max_working_orders_per_instrument} an instrument."
        )
    if q.working >= q.limits.max_working_orders:
        return f"{q.working} orders work on this desk: your limit is {q.limits.max_working_orders}."
    return None


def origin_orders(q: Question) -> str | None:
    """A strategy's own number of working orders and of orders a day."""
    limits = limits_of(q.limits, q.owner.origin)
    if limits is None or q.amends:
        return None
    if limits.max_working_orders is not None and q.owner.working >= limits.max_working_orders:
        return f"{q.owner.origin} has {q.owner.working} working orders: its limit is {limits.max_working_orders}."
    if limits.max_orders_per_day is not None and q.owner.sent_today >= limits.max_orders_per_day:
        return f"{q.owner.origin} has sent {q.owner.sent_today} orders today: its limit is {limits.max_orders_per_day}."
    return None


def rate(q: Question) -> str | None:
    """Orders a second (a plan's exits never wait)."""
    if q.draft.origin == KILL or q.draft.leg in EXIT_LEGS:
        return None
    last_second = sum(order.created_at > q.now - 1_000_000_000 for order in q.recent)
    if last_second >= q.limits.max_orders_per_second:
        return f"{last_second} orders within a second: your limit is {q.limits.max_orders_per_second}."
    return None


def orders_per_day(q: Question) -> str | None:
    """Orders of one UTC day."""
    if not q.amends and q.sent_today >= q.limits.max_orders_per_day:
        return f"{q.sent_today} orders were sent today: your limit is {q.limits.max_orders_per_day} a day."
    return None
