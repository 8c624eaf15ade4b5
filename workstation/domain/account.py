"""Money on a venue: balances by currency, a fold over balance adjustments and fills."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, add, multiply, negate


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Total balances of one venue, by currency. Spot fills move base and quote; derivatives move realised profit."""

    venue: str
    balances: dict[str, Decimal] = msgspec.field(default_factory=dict)

    def balance(self, currency: str) -> Decimal:
        return self.balances.get(currency, ZERO)

    def with_change(self, currency: str, amount: Decimal) -> Account:
        balances = dict(self.balances)
        balances[currency] = add(balances.get(currency, ZERO), amount)
        return Account(venue=self.venue, balances=balances)


def apply_fill(account: Account, fill: Fill, instrument: Instrument, realized: Decimal) -> Account:
    """The account after the fill. `realized` is the profit that the fill realised (see `position.apply_fill`)."""
    if instrument.is_spot:
        quantity = multiply(fill.quantity, Decimal(fill.side.sign))
        account = account.with_change(instrument.base, quantity)
        account = account.with_change(instrument.quote, negate(instrument.value(quantity, fill.price)))
    elif realized:
        account = account.with_change(instrument.settlement, realized)
    return account.with_change(fill.fee_currency, negate(fill.fee)) if fill.fee else account
