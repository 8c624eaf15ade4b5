"""A trailing stop: the plan's stop follows the best price, never back.

The stop's level is part of the plan, so it survives a restart; while the desk was gone the stop stood at the venue
where it last was, and the trail goes on from there.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.numbers import ZERO, add, floor_to, multiply, subtract
from workstation.domain.order import Side
from workstation.trading.plans.intents import Change, Intent, Situation

#: A stop moves only by a worthwhile step: this share of its distance, a tick at least. So the journal stays small.
_STEP = Decimal("0.05")


def decide_trail(s: Situation) -> list[Intent]:
    plan, best, entry = s.plan, s.exit_price, s.tally.entry_price
    if plan.trail is None or best is None or entry is None or not s.tally.open:
        return []
    if not plan.trailing and s.better(_beyond(s, entry, plan.trail.after.of(entry)), best):
        return []  # the market has not gone far enough yet
    distance = plan.trail.distance.of(best)
    wanted = _on_tick(s, _beyond(s, best, distance.copy_negate()))
    if wanted <= 0:
        return []
    first = not plan.trailing
    if plan.stop is not None:
        step = ZERO if first else max(s.instrument.tick, floor_to(multiply(distance, _STEP), s.instrument.tick))
        if not s.better(wanted, plan.stop) or abs(subtract(wanted, plan.stop)) < step:
            wanted = plan.stop
    if wanted == plan.stop and not first:
        return []
    return [
        Change(
            msgspec.structs.replace(plan, stop=wanted, trailing=True, updated_at=s.now),
            "the trail begins" if first else "the stop follows the market",
        )
    ]


def _beyond(s: Situation, price: Decimal, distance: Decimal) -> Decimal:
    """The price that is `distance` better for the position than `price`."""
    return add(price, distance) if s.plan.side is Side.BUY else subtract(price, distance)


def _on_tick(s: Situation, price: Decimal) -> Decimal:
    """Rounded away from the market: a stop is never closer than the distance."""
    floor = floor_to(price, s.instrument.tick)
    return floor if s.plan.side is Side.BUY or floor == price else add(floor, s.instrument.tick)
