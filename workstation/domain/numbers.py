"""Exact numbers: the one place where money arithmetic is set up and where floats and exact numbers meet.

Prices, quantities and money of orders, fills, positions and accounts are `decimal.Decimal`. Inside books and the
matching engine a price is an integer count of ticks and a quantity an integer count of lots (see `Instrument`).
"""

from __future__ import annotations

import decimal
from decimal import Decimal

ZERO = Decimal(0)
ONE = Decimal(1)

#: Context for money: wide enough that sums and products of prices and quantities never round, and it raises
#: `decimal.Inexact` if one ever would. Divisions do not belong here; use `divide`.
EXACT = decimal.Context(
    prec=60,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Inexact],
)
_ROUNDED = decimal.Context(
    prec=60, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation, decimal.DivisionByZero]
)
#: Quantum of every amount that a division produces (average prices, released cost, inverse contract values).
QUANTUM = Decimal("1e-12")


def divide(numerator: Decimal, denominator: Decimal, quantum: Decimal = QUANTUM) -> Decimal:
    """The quotient rounded half-even to `quantum`: the only rounding in the money path.

    Raises `decimal.DivisionByZero` for a zero denominator.
    """
    return _ROUNDED.quantize(_ROUNDED.divide(numerator, denominator), quantum)


def add(a: Decimal, b: Decimal) -> Decimal:
    """a + b, exactly."""
    return EXACT.add(a, b)


def subtract(a: Decimal, b: Decimal) -> Decimal:
    """a - b, exactly."""
    return EXACT.subtract(a, b)


def negate(a: Decimal) -> Decimal:
    """-a, exactly (the unary minus of `Decimal` rounds to the thread's context)."""
    return a.copy_negate()


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """a × b, exactly."""
    return EXACT.multiply(a, b)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` (> 0) that is not above `value`."""
    whole = _ROUNDED.divide(value, step).to_integral_value(rounding=decimal.ROUND_FLOOR)
    return multiply(whole, step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is an exact multiple of `step` (> 0)."""
    return _ROUNDED.remainder(value, step) == 0


def places(step: Decimal) -> int:
    """Number of decimals that show a multiple of `step` in full: 0.01 → 2, 5 → 0, 0.50 → 1."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def from_float(value: float, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to a float: the named border from analytics into exact numbers."""
    return multiply(Decimal(round(value / float(step))), step)


def plain(value: Decimal) -> str:
    """Without exponent and trailing zeros: 1E-7 → '0.0000001', 2.50 → '2.5', 100 → '100'."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def counted(number: int, noun: str) -> str:
    """A count with its noun as a sentence has it: "1 order", "12,000 orders"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
