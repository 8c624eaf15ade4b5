"""Margin of leveraged positions: tiers, maintenance, liquidation and bankruptcy price, isolated margin, funding.

Pure and exact. Money is in the instrument's settlement currency. With W the money behind a position, q its signed
quantity, m the contract size, EP its entry price, r and a the rate and amount of its tier, p the mark price:

    equity(p)      = W + profit(p)          profit: linear q·m·(p − EP), inverse q·m·(1/EP − 1/p)
    maintenance(p) = r · value(p) − a       value:  linear |q|·m·p,      inverse |q|·m/p

The venue liquidates where equity falls to maintenance; the position is bankrupt where equity is nothing. Solved for p
these are the formulas of Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" and "… of COIN-M
Futures Contracts" (one-way mode), where W is the wallet balance less the maintenance margin of all other positions plus
their unrealised profit for cross margin, and the isolated wallet alone for isolated margin.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.instrument import Instrument, MarginTier
from workstation.domain.numbers import ONE, ZERO, add, divide, multiply, negate, subtract
from workstation.domain.position import Position


class MarginMode(StrEnum):
    CROSS = "cross"  # all free money of the settlement currency stands behind the position
    ISOLATED = "isolated"  # only the money set aside for it


class MarginSetting(msgspec.Struct, frozen=True):
    """How positions in one instrument are margined."""

    leverage: Decimal
    mode: MarginMode = MarginMode.CROSS


class MarginTold(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue tells of an instrument's margin; None for what it does not. `liquidation` is of a position of
    `quantity` (signed)."""

    leverage: Decimal | None = None
    mode: MarginMode | None = None
    quantity: Decimal = ZERO
    liquidation: Decimal | None = None

    @property
    def known(self) -> bool:
        return self.leverage is not None and self.mode is not None


#: Terms of a derivative whose venue publishes none, up to its highest leverage: those of a middling bracket.
_DEFAULT_LEVERAGE = Decimal(20)


def tiers(rows: Iterable[tuple[Decimal | None, Decimal, Decimal]]) -> tuple[MarginTier, ...]:
    """Tiers from rows of (limit of the value, maintenance rate, highest leverage), smallest first.

    The maintenance amount makes the margin continuous from tier to tier: amount(n) = amount(n−1) + floor of tier n ×
    (rate(n) − rate(n−1)), as in Binance's "Leverage and Margin of USDⓈ-M Futures". Raises ValueError where limits or
    rates do not grow, or a rate leaves no room below the initial margin.
    """
    found: list[MarginTier] = []
    amount, floor, before = ZERO, ZERO, ZERO
    for number, (limit, rate, leverage) in enumerate(rows, 1):
        if rate <= before or (limit is not None and limit <= floor) or (found and found[-1].limit is None):
            raise ValueError(f"margin tier {number}: limits and rates must grow from tier to tier")
        if leverage < ONE or multiply(rate, leverage) >= ONE:
            raise ValueError(f"margin tier {number}: the maintenance rate must be below 1 / leverage")
        if found:
            amount = add(amount, multiply(floor, subtract(rate, before)))
        found.append(MarginTier(limit=limit, rate=rate, leverage=leverage, amount=amount))
        before = rate
        floor = floor if limit is None else limit
    return tuple(found)


def tiers_of(instrument: Instrument) -> tuple[MarginTier, ...]:
    """The instrument's tiers; one of half the initial margin at the highest leverage if its venue publishes none."""
    if instrument.tiers:
        return instrument.tiers
    if instrument.is_spot:
        return (MarginTier(limit=None, rate=ZERO, leverage=ONE),)
    leverage = max(instrument.leverage, _DEFAULT_LEVERAGE)
    return (MarginTier(limit=None, rate=divide(ONE, multiply(leverage, Decimal(2))), leverage=leverage),)


def max_leverage(instrument: Instrument) -> Decimal:
    """The highest leverage that can be set at all; 1 for spot that cannot be bought on borrowed money."""
    return max(tier.leverage for tier in tiers_of(instrument))


def tier_at(instrument: Instrument, value: Decimal) -> MarginTier:
    """The tier of a position worth `value`; the last one beyond all limits."""
    table = tiers_of(instrument)
    return next((tier for tier in table if tier.limit is None or value <= tier.limit), table[-1])


def maintenance(instrument: Instrument, value: Decimal) -> Decimal:
    """The least margin that keeps a position worth `value` (unsigned) open."""
    tier = tier_at(instrument, value)
    return subtract(multiply(tier.rate, value), tier.amount)


def value_limit(instrument: Instrument, leverage: Decimal) -> Decimal | None:
    """The largest value of a position at this leverage; None without a bound."""
    allowed = [tier for tier in tiers_of(instrument) if tier.leverage >= leverage]
    if not allowed or any(tier.limit is None for tier in allowed):
        return None if allowed else ZERO
    return max(tier.limit for tier in allowed if tier.limit is not None)


def initial(value: Decimal, leverage: Decimal) -> Decimal:
    """Margin that a position of this value needs when it is opened."""
    return value if leverage == ONE else divide(value, leverage)


def liquidation_price(instrument: Instrument, quantity: Decimal, cost: Decimal, money: Decimal) -> Decimal | None:
    """Mark price at which equity meets maintenance; None where no price does (a long with money for all its value).

    `cost` is the signed value at entry (`Position.cost`), `money` what stands behind the position: W above. The
    maintenance margin is the greatest over all tiers' lines (they are continuous and grow steeper), so a long is
    liquidated at the highest of the tiers' prices and a short at the lowest. Rounded to 1e-12.
    """
    if quantity == 0:
        return None
    prices = [_meets(instrument, quantity, cost, money, tier) for tier in tiers_of(instrument)]
    found = [price for price in prices if price is not None and price > 0]
    if not found:
        return None
    return max(found) if quantity > 0 else min(found)


def bankruptcy_price(instrument: Instrument, quantity: Decimal, cost: Decimal, money: Decimal) -> Decimal | None:
    """Mark price at which the money behind the position is used up; None where no price does. Fees are not in it."""
    price = None if quantity == 0 else _meets(instrument, quantity, cost, money, _NOTHING)
    return price if price is not None and price > 0 else None


_NOTHING = MarginTier(limit=None, rate=ZERO, leverage=ONE)


def _meets(
    instrument: Instrument, quantity: Decimal, cost: Decimal, money: Decimal, tier: MarginTier
) -> Decimal | None:
    """The price at which equity equals the tier's margin."""
    size = multiply(quantity, instrument.multiplier)
    margin = multiply(tier.rate, size.copy_abs())  # of a price of one (linear) or of one over it (inverse)
    buffer = subtract(add(money, tier.amount), cost)
    if instrument.is_inverse:  # buffer − size / p = margin / p
        return None if buffer == 0 else divide(add(size, margin), buffer)
    return divide(negate(buffer), subtract(size, margin))  # buffer + size · p = margin · p


def isolated_after_fill(
    wallet: Decimal, before: Position, after: Position, instrument: Instrument, leverage: Decimal
) -> Decimal:
    """The money set aside for a position after a fill changed it from `before` to `after`.

    What opens or adds brings its initial margin; what closes releases its share.
    """
    if after.quantity == 0:
        return ZERO
    if before.quantity == 0 or (before.quantity > 0) != (after.quantity > 0):
        return initial(after.cost.copy_abs(), leverage)
    held, left = before.quantity.copy_abs(), after.quantity.copy_abs()
    if left >= held:
        return add(wallet, initial(subtract(after.cost, before.cost).copy_abs(), leverage))
    return divide(multiply(wallet, left), held)


def funding(instrument: Instrument, quantity: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """What a position receives (> 0) or pays (< 0) at a funding time: longs pay shorts where the rate is positive.

    Value at the mark price × rate, as in Binance's "Introduction to Binance Futures Funding Rates".
    """
    paid = multiply(instrument.notional(quantity, mark), rate)
    return negate(paid) if quantity > 0 else paid
