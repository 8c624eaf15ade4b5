"""Interest on a debt in the coin of a spot instrument, which is owed in that coin: it makes the position shorter, as a
fee that is taken in coins makes a purchase smaller, so that what the desk is short of is what it owes."""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.events import InterestCharged
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import multiply, negate
from workstation.domain.position import Position, moved


def is_in_coins(interest: InterestCharged, instrument: Instrument) -> bool:
    """Whether interest was taken in the coin of a spot instrument itself, as it is on a debt in that coin."""
    return instrument.is_spot and interest.currency == instrument.base


def interest_of(interest: InterestCharged, instrument: Instrument | None) -> tuple[str, Decimal]:
    """What interest has cost, and in which currency that stands. In coins that are in the position it is what they were
    worth then: what they have gained or lost since is the position's. In any other currency it is what was taken."""
    if instrument is not None and is_in_coins(interest, instrument):
        worth = interest.worth if interest.worth is not None else multiply(interest.amount, interest.mark)
        return instrument.settlement, negate(worth)
    return interest.currency, negate(interest.amount)


def apply_interest(position: Position, interest: InterestCharged, instrument: Instrument) -> Position:
    """The position after interest: what was taken in coins is gone from it, or owed beside it, at the price of then."""
    if not is_in_coins(interest, instrument):
        return position
    return moved(position, interest.amount, interest.mark, instrument, position.fees, interest.ts)
