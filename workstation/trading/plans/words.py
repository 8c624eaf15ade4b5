"""Plans in words, for the log and the screen."""

from __future__ import annotations

from workstation.domain.events import PlanEnded, PlanEvent, PlanStarted
from workstation.domain.numbers import ZERO, add, plain
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


def plan_text(plan: Plan) -> str:
    """The plan in a line: "bracket buy 0.5 NOVA:BTC-USDT, stop 63000 tp 66000"."""
    quantity = plan.covers
    for draft in plan.entries:
        quantity = add(quantity, draft.quantity)
    size = f" {plain(quantity)}" if quantity != ZERO else ""
    side = f"{plan.side.opposite}" if plan.covers else f"{plan.side}"
    chase = f", chased to {plain(plan.chase_to)}" if plan.chase_to is not None else ""
    exits = exits_text(plan)
    return f"{plan.kind} {side}{size} {plan.instrument}{chase}{f', {exits}' if exits else ''}"


def in_words(event: PlanEvent, plan: Plan) -> str:
    """One event of a plan as a line of the log."""
    if isinstance(event, PlanStarted):
        return f"{plan_text(plan)}: started"
    happened = str(event.state) if isinstance(event, PlanEnded) else "changed"
    return f"{plan_text(plan)}: {happened}{f', {event.reason}' if event.reason else ''}"
