"""A cross margin account of spot: all that it has stands behind all that it owes, whichever coin it is.

What is owed of a coin is a balance below zero: money and coins less what was borrowed of them, interest included. A
loan by itself changes no balance, for the coin comes with the debt.

The rule is the one by which exchanges lend (Binance: "Cross Margin, Margin Level and Margin Call"): at a leverage of L
the account may owe up to L − 1 times what is its own, and it is liquidated when what it owns has fallen to a share of
what it owes (its margin level, assets / debts, to one and that share).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from workstation.domain.numbers import ONE, ZERO, add, divide, multiply, negate, subtract

#: Worth of one unit of a coin; None where it is not known.
type Rate = Callable[[str], Decimal | None]


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """An account in one currency: `own` is all that it has less all that it owes, `owed` the debts alone.

    A coin without a price counts nothing where it is held; where it is owed, it is named in `unpriced`, and nothing
    more is lent.
    """

    own: Decimal
    owed: Decimal
    unpriced: tuple[str, ...] = ()

    @property
    def level(self) -> Decimal | None:
        """Margin level: assets / debts; None without a debt."""
        return divide(add(self.own, self.owed), self.owed, Decimal("0.0001")) if self.owed > 0 else None

    def room(self, leverage: Decimal) -> Decimal:
        """What may still be borrowed; below zero where it is too much already."""
        if self.unpriced:
            return ZERO
        return subtract(multiply(self.own, subtract(leverage, ONE)), self.owed)

    def bound(self, leverage: Decimal) -> Decimal:
        """The part of the account's own that the debts bind."""
        return ZERO if not self.owed else divide(self.owed, subtract(leverage, ONE)) if leverage > ONE else self.own


def pool_of(balances: Mapping[str, Decimal], rate: Rate, bound: Mapping[str, Decimal] | None = None) -> Pool:
    """`bound`: what working orders may still take of a coin: it counts as owed where it is not there."""
    own = owed = ZERO
    unpriced = []
    for coin in sorted({*balances, *(bound or ())}):
        held = balances.get(coin, ZERO)
        left = subtract(held, (bound or {}).get(coin, ZERO))
        price = rate(coin) if held or left else ZERO
        if price is None:
            if left < 0:
                unpriced.append(coin)
            continue
        own = add(own, multiply(held, price))
        owed = add(owed, multiply(max(ZERO, negate(left)), price))
    return Pool(own=own, owed=owed, unpriced=tuple(unpriced))


def liquidation(pool: Pool, held: Decimal, price: Decimal, share: Decimal) -> Decimal | None:
    """The price of one coin, of which `held` (below zero: owed) are there, at which own = `share` × owed if no other
    price moves; None where no price does it, or nothing is owed."""
    if not held or not pool.owed or pool.unpriced:
        return None
    owed_here = max(ZERO, negate(held))
    others_own = subtract(pool.own, multiply(held, price))
    others_owed = subtract(pool.owed, multiply(owed_here, price))
    # others_own + held · p = share · (others_owed + owed_here · p)
    found = divide(subtract(multiply(share, others_owed), others_own), subtract(held, multiply(share, owed_here)))
    return found if found > 0 else None
