"""What a plan wants next. Pure: the same situation gives the same intents, before and after a crash."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workstation.domain.events import TradingState
from workstation.domain.numbers import ZERO, add, plain, subtract
from workstation.domain.order import Order, state_word
from workstation.domain.plan import EXIT_LEGS, PlanKind, PlanState
from workstation.trading.execution.slicing import decide_execution
from workstation.trading.plans.chase import decide_chase
from workstation.trading.plans.entries import decide_entries, waits_for_entries
from workstation.trading.plans.exits import decide_exits, exit_quantity
from workstation.trading.plans.intents import Change, End, Intent, Situation, pull
from workstation.trading.plans.trailing import decide_trail


def decide(s: Situation) -> list[Intent]:
    """The intents in the order in which they are to be carried out. HALTED: none, whatever the plan wants."""
    if s.state is TradingState.HALTED:
        return []
    if not s.plan.is_active:
        return _after_the_end(s)
    return RULES[s.plan.kind](s)


def _entries_and_exits(s: Situation) -> list[Intent]:
    if change := _given_up(s):
        return change  # the next look starts from the new terms
    if end := _finished(s):
        return end
    if trail := decide_trail(s):
        return trail
    exits = decide_exits(s) if s.plan.has_exits else []
    return [*exits, *decide_chase(s), *decide_entries(s)]  # protection goes first


#: The rule of each kind of plan: situation → intents.
RULES: dict[PlanKind, Callable[[Situation], list[Intent]]] = {
    PlanKind.BRACKET: _entries_and_exits,
    PlanKind.EXIT: _entries_and_exits,
    PlanKind.SCALE: _entries_and_exits,
    PlanKind.CHASE: _entries_and_exits,
    PlanKind.STOP: _entries_and_exits,
    PlanKind.TWAP: decide_execution,
    PlanKind.VWAP: decide_execution,
    PlanKind.POV: decide_execution,
    PlanKind.ICEBERG: decide_execution,
}


def _given_up(s: Situation) -> list[Intent]:
    """What others have closed of the plan's position, and what is too small to be closed, is not the plan's any more.

    Only so does an exit never reach for a position that the trader opens afterwards.
    """
    if not s.plan.has_exits or s.busy & EXIT_LEGS:
        return []
    lost = max(ZERO, subtract(s.tally.open, s.available))
    reason = "the position is smaller than what it has bought or sold: by a fee taken from it, or by other orders"
    dust = subtract(s.tally.open, lost)
    if not lost and dust and not waits_for_entries(s) and not exit_quantity(s):
        lost, reason = dust, f"{plain(dust)} are too small to be closed"
    if not lost:
        return []
    return [Change(msgspec.structs.replace(s.plan, given_up=add(s.plan.given_up, lost), updated_at=s.now), reason)]


def _finished(s: Situation) -> list[Intent]:
    if waits_for_entries(s) or s.busy:
        return []
    if s.plan.has_exits and s.tally.open:
        return []
    if not s.plan.has_exits or (not s.tally.entered and not s.plan.covers):
        reason = _entry_fate(s)
        return [End(s.plan.plan_id, PlanState.DONE, reason, loud=not s.tally.entered)]
    return [End(s.plan.plan_id, PlanState.DONE, _exit_fate(s))]


def _entry_fate(s: Situation) -> str:
    orders: list[Order] = [order for leg, all_ in s.tally.legs.items() if leg not in EXIT_LEGS for order in all_]
    wanted = sum((draft.quantity for draft in s.plan.entries), ZERO)
    if s.tally.entered:
        done = f"{plain(s.tally.entered)} entered"
        return done if s.tally.entered >= wanted else f"{done} of {plain(wanted)}"
    if not orders:
        return "its entry was not sent in time"
    last = orders[-1]
    state = state_word(last.state)
    return f"its entry was {state}: {last.reason}" if last.reason else f"its entry was {state}"


def _exit_fate(s: Situation) -> str:
    by_leg = {leg: sum((order.filled for order in s.tally.of(leg)), ZERO) for leg in sorted(EXIT_LEGS)}
    parts = [f"{plain(filled)} closed by its {leg}" for leg, filled in by_leg.items() if filled]
    if s.plan.given_up:
        parts.append(f"{plain(s.plan.given_up)} closed by other orders")
    return ", ".join(parts) or "nothing is left to protect"


def _after_the_end(s: Situation) -> list[Intent]:
    """An ended plan pulls what still works; a fill that came late takes a done plan up again."""
    if s.plan.state is PlanState.DONE and s.plan.has_exits and s.tally.open and s.available:
        revived = msgspec.structs.replace(s.plan, state=PlanState.ACTIVE, reason="", updated_at=s.now)
        return [Change(revived, "a fill came late: its exits are taken up again", loud=True)]
    return pull(s, s.tally.orders)
