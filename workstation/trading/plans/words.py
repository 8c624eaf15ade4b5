"""Plans in words, for the log and the screen."""

from __future__ import annotations

from decimal import Decimal

from workstation.clock import span
from workstation.domain.events import PlanEnded, PlanEvent, PlanStarted
from workstation.domain.execution import Execution
from workstation.domain.numbers import ZERO, add, plain
from workstation.domain.order import state_word
from workstation.domain.plan import Distance, Plan, Trail


def distance_text(distance: Distance) -> str:
    return f"{plain(distance.amount)}{'%' if distance.percent else ''}"


def trail_text(trail: Trail) -> str:
    """As it is typed: "trail 200 after 300"."""
    after = f" after {distance_text(trail.after)}" if trail.after.amount else ""
    return f"trail {distance_text(trail.distance)}{after}"


def exits_text(plan: Plan) -> str:
    """The exits as they are typed: "stop 63000 tp 66000"; empty if there are none."""
    parts = []
    if plan.stop is not None:
        parts.append(f"stop {plain(plan.stop)}")
    if plan.target is not None:
        parts.append(f"tp {plain(plan.target)}")
    if plan.trail is not None:
        parts.append(trail_text(plan.trail))
    return " ".join(parts)


def execution_text(execution: Execution) -> str:
    """The terms of an execution algorithm as they are typed: "2 over 30m @ 64000"."""
    words = [plain(execution.quantity)]
    if execution.length is not None:
        words += ["over", span(execution.length)]
    if execution.share is not None:
        words.append(f"{plain(execution.share.scaleb(2))}%")
    elif execution.slice:
        words += ["show", plain(execution.slice)]
    if execution.limit is not None:
        words += ["@", plain(execution.limit)]
    if execution.reduce_only:
        words.append("ro")
    return " ".join(words)


def progress_text(plan: Plan, filled: Decimal, now: int) -> str:
    """How far an execution algorithm is: "1.2 of 2 filled (60%), 12m left"; empty for other plans."""
    execution = plan.execution
    if execution is None:
        return ""
    parts = [f"{plain(filled)} of {plain(execution.quantity)} filled ({int(filled * 100 / execution.quantity)}%)"]
    if execution.paused_at is not None:
        parts.append("PAUSED")
    elif execution.length is not None and plan.is_active:
        parts.append(f"{span(max(0, plan.created_at + execution.shift + execution.length - now))} left")
    return ", ".join(parts)


def plan_text(plan: Plan) -> str:
    """The plan in a line: "bracket buy 0.5 NOVA:BTC-USDT, stop 63000 tp 66000"."""
    if plan.execution is not None:
        return f"{plan.kind} {plan.side} {execution_text(plan.execution)} {plan.instrument}"
    quantity = plan.covers
    for draft in plan.entries:
        quantity = add(quantity, draft.quantity)
    size = f" {plain(quantity)}" if quantity != ZERO else ""
    side = f"{plan.side.opposite}" if plan.covers else f"{plan.side}"
    chase = f", chased to {plain(plan.chase_to)}" if plan.chase_to is not None else ""
    at = "".join(f" at {plain(draft.stop_price)}" for draft in plan.entries if draft.stop_price is not None)
    exits = exits_text(plan)
    return f"{plan.kind} {side}{size} {plan.instrument}{at}{chase}{f', {exits}' if exits else ''}"


def in_words(event: PlanEvent, plan: Plan) -> str:
    """One event of a plan as a line of the log."""
    if isinstance(event, PlanStarted):
        return f"{plan_text(plan)}: started"
    happened = state_word(event.state) if isinstance(event, PlanEnded) else "changed"
    return f"{plan_text(plan)}: {happened}{f', {event.reason}' if event.reason else ''}"
