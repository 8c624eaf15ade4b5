"""Plans as they are asked for, and what makes one wrong before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, is_multiple, plain
from workstation.domain.order import OrderDraft, Side
from workstation.domain.plan import ENTRY_LEG, Plan, PlanKind, Trail
from workstation.domain.prices import price_words


def bracket(
    entry: OrderDraft, *, stop: Decimal | None = None, target: Decimal | None = None, trail: Trail | None = None
) -> Plan:
    """An entry with exits: they are sized by what has filled, and end together."""
    return _entered(PlanKind.BRACKET, [entry], stop, target, trail)


def scale(
    entries: Sequence[OrderDraft],
    *,
    stop: Decimal | None = None,
    target: Decimal | None = None,
    trail: Trail | None = None,
) -> Plan:
    """A ladder of entries of one side, with exits for the whole or without. Raises ValueError for no entry."""
    return _entered(PlanKind.SCALE, entries, stop, target, trail)


def chase(
    entry: OrderDraft,
    bound: Decimal,
    *,
    stop: Decimal | None = None,
    target: Decimal | None = None,
    trail: Trail | None = None,
) -> Plan:
    """A limit order that follows the best price of its side up to `bound` (the worst price for its owner)."""
    plan = _entered(PlanKind.CHASE, [entry], stop, target, trail)
    return msgspec.structs.replace(plan, chase_to=bound)


def held_entry(draft: OrderDraft) -> Plan:
    """A stop (or stop-limit) order that the desk holds, for its venue takes none."""
    return _entered(PlanKind.STOP, [draft], None, None, None)


def exits(
    instrument: str,
    position_side: Side,
    *,
    stop: Decimal | None = None,
    target: Decimal | None = None,
    trail: Trail | None = None,
    quantity: Decimal = ZERO,
) -> Plan:
    """Exits of a position that is there: OCO with both prices. `quantity` 0 covers all that no other plan protects."""
    return Plan(
        plan_id="",
        kind=PlanKind.EXIT,
        instrument=instrument,
        side=position_side,
        covers=quantity,
        stop=stop,
        target=target,
        trail=trail,
    )


def _entered(
    kind: PlanKind,
    entries: Sequence[OrderDraft],
    stop: Decimal | None,
    target: Decimal | None,
    trail: Trail | None,
) -> Plan:
    if not entries:
        raise ValueError("a plan of entries needs one")
    first = entries[0]
    legs = [ENTRY_LEG] if len(entries) == 1 else [f"{ENTRY_LEG} {n}" for n in range(1, len(entries) + 1)]
    return Plan(
        plan_id="",
        kind=kind,
        instrument=first.instrument,
        side=first.side,
        entries=tuple(msgspec.structs.replace(draft, leg=leg) for draft, leg in zip(entries, legs, strict=True)),
        stop=stop,
        target=target,
        trail=trail,
        origin=first.origin,
        note=first.note,
    )


def problem(plan: Plan, instrument: Instrument, entry: Decimal | None, market: Decimal | None) -> str:
    """Why the plan's terms cannot stand, as a sentence; empty if they can.

    `entry`: the price from which its exits are seen (the worst entry, or the average of what is held); `market`: the
    middle now, for a plan that has a position already.
    """
    long = plan.side is Side.BUY
    for name, price in (("stop", plan.stop), ("target", plan.target), ("bound", plan.chase_to)):
        if price is None:
            continue
        if price <= 0:
            return f"The {name} must be above zero."
        if not is_multiple(price, instrument.tick):
            return (
                f"The {name} {price_words(price, instrument)} is not a multiple of the tick {plain(instrument.tick)}."
            )
    if any(draft.side is not plan.side or draft.instrument != plan.instrument for draft in plan.entries):
        return "All entries of a plan are of one side and one instrument."
    if plan.trail is not None:
        if plan.trail.distance.amount <= 0 or plan.trail.after.amount < 0:
            return "A trailing stop needs a distance above zero."
        if plan.trail.distance.percent and plan.trail.distance.amount >= 100:
            return "A trailing stop's distance must be below 100%."
    if plan.stop is not None and plan.target is not None and (plan.stop >= plan.target) is long:
        where = "below" if long else "above"
        target = price_words(plan.target, instrument)
        return f"The stop {price_words(plan.stop, instrument)} must be {where} the target {target}."
    for price, words in ((entry, "entry"), (market, "market")):
        if price is None:
            continue
        if plan.stop is not None and (plan.stop >= price if long else plan.stop <= price):
            passes = words == "entry" and market is not None  # a stop beyond the entry locks a profit in
            if not passes:
                where = "below" if long else "above"
                stop = price_words(plan.stop, instrument)
                return f"The stop {stop} must be {where} the {words} ({price_words(price, instrument)})."
        if plan.target is not None and (plan.target <= price if long else plan.target >= price):
            passes = words == "entry" and market is not None
            if not passes:
                where = "above" if long else "below"
                target = price_words(plan.target, instrument)
                return f"The target {target} must be {where} the {words} ({price_words(price, instrument)})."
    return ""
