"""The entries of a plan: each is sent once, what became of it is final, and what was not sent in time is not sent."""

from __future__ import annotations

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderDraft
from workstation.domain.plan import PlanState
from workstation.trading.plans import held_entries
from workstation.trading.plans.intents import End, Intent, Send, Situation, Wake

#: An entry that could not be sent within this time of the plan's start (the desk was killed and started again, say) is
#: not sent any more: the trader decided on another market.
ENTRY_WINDOW = 30 * SECOND


def unsent(s: Situation) -> list[OrderDraft]:
    """Entries that are still to be sent, the held ones aside."""
    if s.now >= s.plan.created_at + ENTRY_WINDOW or not s.plan.is_active:
        return []
    held = held_entries.waiting(s.plan, s.tally, s.rests_stops)
    return [draft for draft in s.plan.entries if not s.tally.of(draft.leg) and draft not in held]


def waits_for_entries(s: Situation) -> bool:
    """Whether the plan's position may still grow by its own entries."""
    return s.tally.entries_live() or bool(unsent(s)) or bool(held_entries.waiting(s.plan, s.tally, s.rests_stops))


def decide_entries(s: Situation) -> list[Intent]:
    return [*_decide_held(s), *_decide_unsent(s)]


def _decide_held(s: Situation) -> list[Intent]:
    """Those that wait for the market to pass their price."""
    intents: list[Intent] = []
    for draft in held_entries.waiting(s.plan, s.tally, s.rests_stops):
        if draft.leg in s.busy:
            continue
        intents.append(Wake(s.now + SECOND))  # that the market was seen before its price is known of this second
        if why := held_entries.missed(s, draft):
            return [End(s.plan.plan_id, PlanState.DONE, why, loud=True)]
        if held_entries.passed(s, draft) and not held_entries.hindered(s, draft) and s.room > 0:
            intents.append(Send(msgspec.structs.replace(held_entries.fired(draft), plan=s.plan.plan_id)))
    return intents


def _decide_unsent(s: Situation) -> list[Intent]:
    drafts = [draft for draft in unsent(s) if draft.leg not in s.busy]
    if s.state is not TradingState.ACTIVE:
        return [Wake(s.plan.created_at + ENTRY_WINDOW)] if drafts else []
    sends: list[Intent] = [
        Send(msgspec.structs.replace(draft, plan=s.plan.plan_id)) for draft in drafts[: max(0, s.room)]
    ]
    if len(sends) < len(drafts):
        sends.append(Wake(s.now + SECOND // 4))
    if drafts or s.busy:
        sends.append(Wake(s.plan.created_at + ENTRY_WINDOW))
    return sends
