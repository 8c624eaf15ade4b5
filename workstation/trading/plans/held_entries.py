"""Entries that wait for the market to pass their stop price, at a venue that takes no stop orders: held by the plan,
and sent as a market (or limit) order then.

A stop that protects fires whenever the market is beyond it; an entry only where the desk saw the market get there. What
was passed while it was off, saw no price or could not send is not sent late: the trader decided on another market.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderDraft, OrderType, Side, TimeInForce
from workstation.domain.plan import Plan
from workstation.domain.prices import price_words
from workstation.trading.plans.intents import Situation
from workstation.trading.plans.tally import Tally

#: What an order becomes when the market has reached its trigger.
FIRED = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
    OrderType.TAKE_PROFIT: OrderType.MARKET,
    OrderType.TAKE_PROFIT_LIMIT: OrderType.LIMIT,
}
#: How lately the desk must have seen the market on the near side of a stop price for what waits there to be sent (ns).
WINDOW = 30 * SECOND


def holds(draft: OrderDraft, order_types: Collection[OrderType]) -> bool:
    """Whether the desk has to hold the order: its venue, which takes orders of `order_types`, takes no stops."""
    return draft.type in FIRED and bool(order_types) and OrderType.STOP not in order_types


def fired(draft: OrderDraft) -> OrderDraft:
    """What is sent in its place. A market order has no time."""
    type_ = FIRED[draft.type]
    if type_ is OrderType.LIMIT:
        return msgspec.structs.replace(draft, type=type_, stop_price=None)
    return msgspec.structs.replace(draft, type=type_, stop_price=None, tif=TimeInForce.GTC, expire_at=None)


def waiting(plan: Plan, tally: Tally, rests_stops: bool) -> list[OrderDraft]:
    """The entries that are held now."""
    if rests_stops or not plan.is_active:
        return []
    return [draft for draft in plan.entries if draft.type in FIRED and not tally.of(draft.leg)]


def passed(s: Situation, draft: OrderDraft) -> bool:
    """Whether the market is at the stop price or beyond it."""
    assert draft.stop_price is not None
    sells = draft.side is Side.SELL
    return s.is_beyond(draft.stop_price, falls=sells is not draft.type.takes_profit)


def missed(s: Situation, draft: OrderDraft) -> str:
    """Why it is not sent any more, as the end of a sentence; "" while it may be."""
    if draft.expire_at is not None and draft.expire_at <= s.now:
        return "its time was over before the market had passed its price"
    if draft.reduce_only or not passed(s, draft) or (s.sighted is not None and s.now - s.sighted < WINDOW):
        return ""
    at = price_words(draft.stop_price, s.instrument) if draft.stop_price is not None else ""
    why = "this desk did not see it" if s.sighted is None else hindered(s, draft) or "this desk could not send"
    return f"the market passed {at} while {why}: it was not sent"


def hindered(s: Situation, draft: OrderDraft) -> str:
    """Why it is not sent now though the market is there, as the end of a sentence; "" where it may be."""
    if s.mid is None and not draft.reduce_only:
        return "there was no whole book to open a position by"
    if s.state is TradingState.ACTIVE or (draft.reduce_only and s.state is TradingState.REDUCING):
        return ""
    return f"the desk was {s.state.upper()}"
