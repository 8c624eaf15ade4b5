"""How much to trade: units, a value, a share of equity, or the loss that a stop allows → an exact quantity in lots.

Pure. Every result is floored to the lot, so it never costs or risks more than was asked for.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import ONE, ZERO, floor_to, multiply, plain
from workstation.domain.order import Side
from workstation.domain.prices import price_words
from workstation.trading.errors import Refused

_DOWN = decimal.Context(prec=60, rounding=decimal.ROUND_FLOOR)
_UP = decimal.Context(prec=60, rounding=decimal.ROUND_CEILING)


class SizeError(Refused):
    """No quantity can be given; the text says why."""


class SizeUnit(StrEnum):
    UNITS = "units"
    VALUE = "value"  # in the instrument's quote currency
    EQUITY = "equity"  # percent of the desk's equity
    RISK = "risk"  # percent of the desk's equity that is lost if the stop is hit


class Size(msgspec.Struct, frozen=True):
    """An amount as a trader gives it: 0.5 units, 100 $, 2 %."""

    amount: Decimal
    unit: SizeUnit = SizeUnit.UNITS


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What a size is worked out from. `price` is the expected entry, `rate` the value of one unit of the settlement
    currency in the account currency, `equity` in the account currency, `stop` the price at which a loss is taken."""

    instrument: Instrument
    side: Side
    price: Decimal | None
    equity: Decimal = ZERO
    rate: Decimal | None = None
    stop: Decimal | None = None


def settlement_rate(
    instrument: Instrument,
    instruments: Iterable[Instrument],
    currency: str,
    mark: Callable[[InstrumentId], Decimal | None],
) -> Decimal | None:
    """Value of one unit of the instrument's settlement currency in the account currency, by a spot market (of the
    same venue first); None where no market tells it."""
    if instrument.settlement == currency:
        return ONE
    markets = [i for i in instruments if i.base == instrument.settlement and i.quote == currency and i.is_spot]
    for market in sorted(markets, key=lambda i: i.venue != instrument.venue):
        if (price := mark(market.id)) is not None:
            return price
    return None


def quantity_for(size: Size, basis: Basis) -> Decimal:
    """The quantity in whole lots for a size. Raises `SizeError`.

    VALUE: |quote value| ≤ amount. EQUITY: value in the account currency ≤ amount % of equity. RISK: the loss between
    entry and stop, with the taker fee of both, ≤ amount % of equity (fixed-fractional sizing: R. Vince, Portfolio
    Management Formulas, 1990).
    """
    instrument, amount = basis.instrument, size.amount
    if amount <= 0:
        raise SizeError("The size must be above zero.")
    if size.unit is SizeUnit.UNITS:
        return _whole(instrument, floor_to(amount, instrument.lot), amount)
    price = basis.price
    if price is None or price <= 0:
        raise SizeError(f"There is no price of {instrument.symbol} to work the size out from.")
    if size.unit is SizeUnit.VALUE:
        unit = instrument.multiplier if instrument.is_inverse else multiply(price, instrument.multiplier)
        return _affordable(instrument, amount, unit)
    if basis.equity <= 0:
        raise SizeError("There is no equity to take a share of.")
    if basis.rate is None or basis.rate <= 0:
        raise SizeError(f"There is no price of {instrument.settlement} to work the size out from.")
    budget = multiply(basis.equity, amount).scaleb(-2)
    if size.unit is SizeUnit.EQUITY:
        unit = _UP.multiply(_unit_value(instrument, price), basis.rate)
    else:
        unit = _UP.multiply(_unit_loss(instrument, basis.side, price, basis.stop), basis.rate)
    return _affordable(instrument, budget, unit)


def _unit_value(instrument: Instrument, price: Decimal) -> Decimal:
    """Value of one unit of quantity in the settlement currency, rounded up in the 60th digit."""
    if instrument.is_inverse:
        return _UP.divide(instrument.multiplier, price)
    return multiply(instrument.multiplier, price)


def _unit_loss(instrument: Instrument, side: Side, price: Decimal, stop: Decimal | None) -> Decimal:
    """Loss of one unit from entry to stop with the taker fees of both, in the settlement currency."""
    if stop is None or stop <= 0:
        raise SizeError("Sizing by risk needs the price of the stop.")
    if (stop >= price) if side is Side.BUY else (stop <= price):
        where = "below" if side is Side.BUY else "above"
        entry, wished = price_words(price, instrument), price_words(stop, instrument)
        raise SizeError(f"The stop of a {side} must be {where} its entry of {entry}, not at {wished}.")
    at_entry, at_stop = _unit_value(instrument, price), _unit_value(instrument, stop)
    fees = _UP.multiply(max(instrument.taker_fee, ZERO), _UP.add(at_entry, at_stop))
    return _UP.add(abs(_UP.subtract(at_entry, at_stop)), fees)


def _affordable(instrument: Instrument, budget: Decimal, unit: Decimal) -> Decimal:
    """The most lots that `budget` pays for at `unit` a unit of quantity."""
    lots = int(_DOWN.divide(budget, _UP.multiply(unit, instrument.lot)))
    return _whole(instrument, instrument.quantity(lots), _DOWN.divide(budget, unit))


def unit_name(instrument: Instrument) -> str:
    """What a quantity of the instrument counts: its base currency, or contracts."""
    return instrument.base if instrument.multiplier == 1 and not instrument.is_inverse else "contracts"


def _whole(instrument: Instrument, quantity: Decimal, wanted: Decimal) -> Decimal:
    least = max(instrument.lot, instrument.min_quantity)
    if quantity < least:
        about = plain(wanted.quantize(Decimal(1).scaleb(min(0, wanted.adjusted() - 2)), context=_DOWN))
        raise SizeError(f"That is {about} {unit_name(instrument)}: the least that can be traded is {plain(least)}.")
    return quantity
