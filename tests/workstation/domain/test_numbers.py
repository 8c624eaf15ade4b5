"""Exact arithmetic never rounds, and the border to floats is where it says."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import add, divide, floor_to, from_float, is_multiple, multiply, negate, places, plain

D = Decimal
amounts = st.decimals(-(10**15), 10**15, places=12, allow_nan=False)
steps = st.sampled_from([D("0.00000001"), D("0.01"), D("0.5"), D("5"), D("100"), D("0.025")])


@given(amounts, amounts)
def test_sums_and_products_are_exact(a: Decimal, b: Decimal) -> None:
    with decimal.localcontext(prec=200):
        assert add(a, b) == a + b
        assert multiply(a, b) == a * b
    assert add(a, negate(a)) == 0


def test_what_would_round_raises_instead() -> None:
    with pytest.raises(decimal.Inexact):
        add(D(10) ** 70, D("0.1"))


@given(amounts, steps)
def test_floor_is_the_largest_multiple_not_above(value: Decimal, step: Decimal) -> None:
    floored = floor_to(value, step)
    assert is_multiple(floored, step)
    assert floored <= value < floored + step


def test_division_rounds_half_even_to_twelve_places() -> None:
    assert divide(D(1), D(3)) == D("0.333333333333")
    assert divide(D("0.000000000005"), D(10)) == 0
    with pytest.raises(decimal.DivisionByZero):
        divide(D(1), D(0))


@pytest.mark.parametrize(("step", "count"), [("0.01", 2), ("5", 0), ("0.50", 1), ("1E-8", 8), ("100", 0)])
def test_places(step: str, count: int) -> None:
    assert places(D(step)) == count


@pytest.mark.parametrize(("value", "text"), [("1E-7", "0.0000001"), ("2.50", "2.5"), ("1E+2", "100"), ("-0.0", "0")])
def test_plain_text(value: str, text: str) -> None:
    assert plain(D(value)) == text


def test_floats_become_the_nearest_step() -> None:
    assert from_float(64000.130000000005, D("0.01")) == D("64000.13")


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_ticks_and_lots_round_trip(ticks: int, lots: int) -> None:
    instrument = Instrument(venue="V", symbol="X", base="X", quote="Y", tick=D("0.025"), lot=D("0.00000001"))
    assert instrument.to_ticks(instrument.price(ticks)) == ticks
    assert instrument.to_lots(instrument.quantity(lots)) == lots
    with pytest.raises(ValueError, match="multiple of the tick"):
        instrument.to_ticks(D("0.03"))
