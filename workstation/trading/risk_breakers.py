"""What the circuit breakers say before an order is sent: no new position, or a smaller one."""

from __future__ import annotations

from workstation.domain.numbers import ONE, multiply
from workstation.domain.spans import SECOND
from workstation.trading.risk_question import Question, money


def breaker(q: Question) -> str | None:
    """No circuit breaker of the desk, the venue or the instrument stops new positions."""
    if not q.stopping:
        return None
    trip = max(q.stopping, key=lambda one: float("inf") if one.until is None else one.until)
    end = "until it is reset" if trip.until is None else f"for another {time_left(trip.until - q.now)}"
    return f"{trip.reason}: no new position {end} (breaker reset {trip.name})."


def drawdown_size(q: Question) -> str | None:
    """In a drawdown the limits of order and position shrink in line to zero."""
    if q.size_scale == ONE:
        return None
    share = f"{q.size_scale:.0%} of its limit is left in this drawdown"
    order = multiply(q.limits.max_order_value, q.size_scale)
    if q.value is not None and q.value > order:
        return f"The order's value {money(q.value)} is above {money(order)}: {share}."
    position = multiply(q.limits.max_position_value, q.size_scale)
    if q.after.exposure > position:
        what = f"The position in {q.instrument.symbol} could grow to {money(q.after.exposure)}"
        return f"{what}, above {money(position)}: {share}."
    return None


def time_left(nanoseconds: int) -> str:
    """23h 59m, 59m 30s or 12s: what is left of a breaker's time."""
    seconds = max(0, -(-nanoseconds // SECOND))
    hours, minutes, seconds = seconds // 3_600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"
