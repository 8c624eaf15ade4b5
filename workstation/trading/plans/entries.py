"""The entries of a plan: each is sent once, what became of it is final, and what was not sent in time is not sent."""

from __future__ import annotations

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.plan import Plan
from workstation.trading.plans.intents import Intent, Send, Situation, Wake
from workstation.trading.plans.tally import Tally

#: An entry that could not be sent within this time of the plan's start (the desk was killed and started again, say) is
#: not sent any more: the trader decided on another market.
ENTRY_WINDOW = 30 * SECOND


def unsent(plan: Plan, tally: Tally, now: int) -> list[str]:
    """Legs of entries that are still to be sent."""
    if now >= plan.created_at + ENTRY_WINDOW or not plan.is_active:
        return []
    return [draft.leg for draft in plan.entries if not tally.of(draft.leg)]


def waits_for_entries(s: Situation) -> bool:
    """Whether the plan's position may still grow by its own entries."""
    return s.tally.entries_live() or bool(unsent(s.plan, s.tally, s.now))


def decide_entries(s: Situation) -> list[Intent]:
    wanted = set(unsent(s.plan, s.tally, s.now)) - s.busy
    if s.state is not TradingState.ACTIVE:
        return [Wake(s.plan.created_at + ENTRY_WINDOW)] if wanted else []
    drafts = [draft for draft in s.plan.entries if draft.leg in wanted]
    sends: list[Intent] = [
        Send(msgspec.structs.replace(draft, plan=s.plan.plan_id)) for draft in drafts[: max(0, s.room)]
    ]
    if len(sends) < len(drafts):
        sends.append(Wake(s.now + SECOND // 4))
    if wanted | s.busy:
        sends.append(Wake(s.plan.created_at + ENTRY_WINDOW))
    return sends
