"""A strategy's entry with all its money against a market that has moved a tick since it decided.

A strategy reckons its size at the price that it knows, and the order reaches a market that asks a little more: the
account does not pay for it, and the whole order would be denied. As in a backtest (see `research.bar_broker`) a market
order that the account paid for at the price of the decision is cut to what it pays for now. What was too much at that
price already stays as it is, and is denied in words; so is a hedge, whose quantity is that of another leg.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.margin import initial
from workstation.domain.numbers import ONE, ZERO, add, divide, floor_to, multiply
from workstation.domain.order import OrderType, Side
from workstation.strategies.contract import HEDGE
from workstation.trading.risk_question import Question


def payable(question: Question, decided: Decimal | None) -> Decimal:
    """The quantity to send of a draft that was decided at the price `decided`."""
    draft, instrument, now = question.draft, question.instrument, question.price
    opens = draft.type is OrderType.MARKET and not draft.reduce_only and draft.note != HEDGE
    lends = instrument.is_spot and draft.side is Side.SELL
    if not opens or lends or now is None or now <= 0 or decided is None or decided <= 0:
        return draft.quantity
    free = question.free_quote
    if _needed(question, now) <= free or _needed(question, decided) > free:
        return draft.quantity
    most = floor_to(divide(multiply(draft.quantity, free), _needed(question, now)), instrument.lot)
    return most if most > 0 else draft.quantity


def _needed(question: Question, price: Decimal) -> Decimal:
    """Money that the order binds at a price, with its fee: as the check of buying power has it."""
    instrument = question.instrument
    times = ONE if instrument.is_spot else question.leverage
    notional = instrument.notional(question.draft.quantity, price)
    return add(initial(notional, times), multiply(notional, max(instrument.taker_fee, instrument.maker_fee, ZERO)))
