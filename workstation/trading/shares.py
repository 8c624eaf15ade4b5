"""Whose a position of spot is: how much of it orders of others have bought that this desk adopted.

An account's coins bear no name: a second desk's purchases, and the trader's own by telephone, are in the books of each
desk that adopts them. Whoever sells "its position" there sells what is another's. So the kill switch sells what orders
that this desk sent have bought. What others buy is theirs; what they sell is taken from theirs first, then from this
desk's; what this desk sells from its own first, then from theirs. What others sell beyond both are coins that the
trader had before: they take nothing from what this desk buys afterwards, though the position is their sum. On margin
it is one balance for all, that is lent to them as one: there neither's share is more than the position, nor against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, multiply, subtract
from workstation.domain.order import EXTERNAL


class Shares:
    """A fold over the fills of spot, each given with the position after it."""

    def __init__(self) -> None:
        self._theirs: dict[InstrumentId, Decimal] = {}
        self._pooled: set[InstrumentId] = set()

    def fill(self, origin: str, fill: Fill, instrument: Instrument, position: Decimal) -> None:
        """`origin` of its order; `position`: signed, after it."""
        name = instrument.id
        if not instrument.is_spot or (origin != EXTERNAL and name not in self._theirs):
            return
        theirs = self._theirs.get(name, ZERO)
        change = multiply(fill.quantity, Decimal(fill.side.sign))
        if fill.fee_currency == instrument.base:
            change = subtract(change, fill.fee)
        own = subtract(subtract(position, change), theirs)  # before it
        if instrument.pooled:
            self._pooled.add(name)
            theirs = part_of(add(theirs, change) if origin == EXTERNAL else theirs, position)
        elif origin == EXTERNAL:
            theirs = add(theirs, subtract(change, taken(change, theirs, own)))
        elif change < 0:
            theirs = add(theirs, taken(change, own, theirs))
        self._theirs[name] = theirs

    def instruments(self) -> frozenset[InstrumentId]:
        """In which others have traded."""
        return frozenset(self._theirs)

    def theirs(self, instrument: InstrumentId, position: Decimal) -> Decimal:
        """Others' part of a position, with its sign."""
        theirs = self._theirs.get(instrument, ZERO)
        return part_of(theirs, position) if instrument in self._pooled else theirs

    def own(self, instrument: InstrumentId, position: Decimal, unbooked: Decimal = ZERO) -> Decimal:
        """What of it is left to orders that this desk sent; `unbooked`: what others have traded since, signed."""
        theirs = self.theirs(instrument, position)
        own = subtract(position, theirs)
        if instrument in self._pooled:
            return part_of(own, add(position, unbooked))
        return add(own, taken(unbooked, theirs, own))


def taken(change: Decimal, first: Decimal, then: Decimal) -> Decimal:
    """How much of a change falls to `then`: what `first` does not have against it, and `then` has."""
    if change < 0:
        return -min(max(ZERO, subtract(-change, max(ZERO, first))), max(ZERO, then))
    return min(max(ZERO, subtract(change, max(ZERO, -first))), max(ZERO, -then))


def part_of(share: Decimal, position: Decimal) -> Decimal:
    """So much of a share as the position has."""
    return max(ZERO, min(share, position)) if position > 0 else min(ZERO, max(share, position))


def netted(
    own: Mapping[InstrumentId, Decimal], instruments: Mapping[InstrumentId, Instrument]
) -> tuple[dict[InstrumentId, Decimal], dict[str, Decimal]]:
    """What this desk has bought of a coin for one currency and sold for another is sold already: of each coin no more
    than is left of it in all its markets, and what of each is gone so. (On margin a balance below zero bounds it.)"""
    left: dict[str, Decimal] = {}
    for name, quantity in own.items():
        coin = instruments[name].base
        left[coin] = add(left.get(coin, ZERO), quantity)
    found, sold = dict(own), dict[str, Decimal]()
    for name, quantity in sorted(own.items()):
        coin = instruments[name].base
        if quantity > 0 and not instruments[name].pooled:
            found[name] = min(quantity, max(ZERO, left[coin]))
            left[coin] = subtract(left[coin], found[name])
            if gone := subtract(quantity, found[name]):
                sold[coin] = add(sold.get(coin, ZERO), gone)
    return found, sold
