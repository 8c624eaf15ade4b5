"""Whose a position of spot is: how much of it orders of others have bought that this desk adopted.

An account's coins bear no name: a second desk's purchases, and the trader's own by telephone, are in the books of each
desk that adopts them. Whoever sells "its position" there sells what is another's. So the kill switch sells what orders
that this desk sent have bought. What others buy is theirs; what they sell is taken from theirs first, and what this
desk sells from its own; neither's share is more than the position, nor against it.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, multiply, subtract
from workstation.domain.order import EXTERNAL


class Shares:
    """A fold over the fills of spot, each given with the position after it."""

    def __init__(self) -> None:
        self._theirs: dict[InstrumentId, Decimal] = {}

    def fill(self, origin: str, fill: Fill, instrument: Instrument, position: Decimal) -> None:
        """`origin` of its order; `position`: signed, after it."""
        if not instrument.is_spot or (origin != EXTERNAL and instrument.id not in self._theirs):
            return
        theirs = self._theirs.get(instrument.id, ZERO)
        if origin == EXTERNAL:
            theirs = add(theirs, multiply(fill.quantity, Decimal(fill.side.sign)))
            if fill.fee_currency == instrument.base:
                theirs = subtract(theirs, fill.fee)
        self._theirs[instrument.id] = part_of(theirs, position)

    def theirs(self, instrument: InstrumentId, position: Decimal) -> Decimal:
        """Others' part of a position, with its sign."""
        return part_of(self._theirs.get(instrument, ZERO), position)

    def own(self, instrument: InstrumentId, position: Decimal) -> Decimal:
        """What is left of it to orders that this desk sent."""
        return subtract(position, self.theirs(instrument, position))


def part_of(share: Decimal, position: Decimal) -> Decimal:
    """So much of a share as the position has."""
    return max(ZERO, min(share, position)) if position > 0 else min(ZERO, max(share, position))
