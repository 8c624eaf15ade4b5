"""A chase: the plan's limit order follows the best price of its own side towards the market, never beyond its bound."""

from __future__ import annotations

from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import Order, OrderState, OrderType, Side
from workstation.domain.plan import EXIT_LEGS
from workstation.trading.plans.intents import Amend, Intent, Situation, Wake

#: The order moves at most this often: a venue counts requests.
EVERY = SECOND // 4


def decide_chase(s: Situation) -> list[Intent]:
    bound = s.plan.chase_to
    best = s.bid if s.plan.side is Side.BUY else s.ask
    if bound is None or best is None or s.state is not TradingState.ACTIVE or not s.amends:
        return []
    wanted = min(best, bound) if s.plan.side is Side.BUY else max(best, bound)
    intents: list[Intent] = []
    for leg, orders in s.tally.legs.items():
        if leg not in EXIT_LEGS:
            intents += [intent for order in orders for intent in _follow(s, order, wanted)]
    return intents


def _follow(s: Situation, order: Order, wanted: Decimal) -> list[Intent]:
    if order.type is not OrderType.LIMIT or order.price is None:
        return []
    if order.state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        return []
    if not s.better(wanted, order.price):  # for a buyer the higher price is closer to the market
        return []
    if (again := order.updated_at + EVERY) > s.now:
        return [Wake(again)]
    return [Amend(client_id=order.client_id, price=wanted)]
