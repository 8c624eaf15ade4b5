"""A netting position and its exact profit and loss: a fold over fills.

The books always balance. A position carries the exact signed cost of what is open; closing a part releases a part of
that cost, and what is released never goes missing: realised + unrealised = proceeds − outlays to the last digit,
however the released part was rounded. Average price is only a view (cost / quantity).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ZERO, add, divide, multiply, negate, subtract


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Signed quantity (short < 0), its signed cost, realised profit (before fees) and fees, in settlement currency.

    `fees` holds what each was worth when it was paid, whatever coin it was taken in: see `fee_of`.
    """

    instrument: InstrumentId
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    opened_at: int = 0
    updated_at: int = 0

    @property
    def is_flat(self) -> bool:
        return self.quantity == 0

    def average_price(self, instrument: Instrument) -> Decimal | None:
        """Entry price of what is open, rounded to 1e-12; None when flat."""
        if self.quantity == 0 or self.cost == 0:
            return None
        size = multiply(self.quantity, instrument.multiplier)
        if instrument.is_inverse:  # cost = −size / price
            return divide(negate(size), self.cost)
        return divide(self.cost, size)

    def unrealized(self, instrument: Instrument, mark: Decimal) -> Decimal:
        """Profit of the open quantity at `mark`, in the settlement currency."""
        if self.quantity == 0:
            return ZERO
        return subtract(instrument.value(self.quantity, mark), self.cost)


def is_third_coin(fill: Fill, instrument: Instrument) -> bool:
    """Whether the fee was taken in a coin that the trade itself did not move."""
    if not fill.fee or fill.fee_currency == instrument.settlement:
        return False
    return not (instrument.is_spot and fill.fee_currency == instrument.base)


def fee_of(fill: Fill, instrument: Instrument) -> Decimal:
    """The fee in the settlement currency: one in the base of a spot instrument at the fill's price, one in a third coin
    as it was valued when it was heard of. 0 where nothing priced that coin: it stands in the balances, and an amount of
    another currency would be a wrong one."""
    if is_third_coin(fill, instrument):
        return fill.fee_value if fill.fee_value is not None else ZERO
    return multiply(fill.fee, fill.price) if fill.fee_currency != instrument.settlement else fill.fee


def apply_fill(position: Position, fill: Fill, instrument: Instrument) -> Position:
    """The position after the fill. A fill through zero closes what is open and opens the rest at the fill's price.

    A fee taken in the base currency of a spot instrument shortens what was received.
    """
    quantity = multiply(fill.quantity, Decimal(fill.side.sign))
    if fill.fee and instrument.is_spot and fill.fee_currency == instrument.base:
        quantity = subtract(quantity, fill.fee)
    fees = add(position.fees, fee_of(fill, instrument))
    return moved(position, quantity, fill.price, instrument, fees, fill.ts)


def moved(
    position: Position, quantity: Decimal, price: Decimal, instrument: Instrument, fees: Decimal, ts: int
) -> Position:
    """After a signed quantity came or went at a price."""
    held, cost, realized = position.quantity, position.cost, position.realized
    after = add(held, quantity)
    if held == 0 or (held > 0) == (quantity > 0):  # opens or adds
        cost = add(cost, instrument.value(quantity, price))
        opened = ts if held == 0 else position.opened_at
    elif after == 0 or (after > 0) == (held > 0):  # closes a part or all
        released = cost if after == 0 else divide(multiply(cost, negate(quantity)), held)
        realized = add(realized, subtract(instrument.value(negate(quantity), price), released))
        cost = subtract(cost, released)
        opened = position.opened_at
    else:  # reverses through zero
        realized = add(realized, subtract(instrument.value(held, price), cost))
        cost = instrument.value(after, price)
        opened = ts
    return Position(
        instrument=position.instrument,
        quantity=after,
        cost=cost,
        realized=realized,
        fees=fees,
        opened_at=opened,
        updated_at=ts,
    )
