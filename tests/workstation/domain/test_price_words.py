"""Prices in sentences: the tick's decimals, whatever the number's zeros."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from workstation.domain.instrument import Instrument
from workstation.domain.prices import average_words, price_words


def of_tick(tick: str) -> Instrument:
    return Instrument(venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D(tick), lot=D("0.001"))


@pytest.mark.parametrize(
    ("price", "tick", "words"),
    [
        ("64000.2", "0.01", "64,000.20"),
        ("64000", "0.01", "64,000.00"),
        ("64000.500", "0.5", "64,000.5"),
        ("6.4E+4", "5", "64,000"),
        ("0.00002302", "0.00000001", "0.00002302"),
        ("0.000023", "0.00000001", "0.00002300"),
        ("64000.205", "0.01", "64,000.205"),  # no multiple of the tick: the slip is shown, not rounded away
    ],
)
def test_a_price_is_written_with_its_ticks_decimals(price: str, tick: str, words: str) -> None:
    assert price_words(D(price), of_tick(tick)) == words


def test_of_an_unknown_instrument_a_price_is_written_as_it_is() -> None:
    assert price_words(D("64000.2"), None) == "64,000.2"


def test_an_average_price_has_ten_digits_at_most_and_its_ticks_zeros() -> None:
    assert average_words(D("64003.333333333333"), of_tick("0.01")) == "64,003.33333"
    assert average_words(D("64000"), of_tick("0.01")) == "64,000.00"
    assert average_words(D("123456789.12"), of_tick("0.01")) == "123,456,789.12"
    assert average_words(D("12345678.12345"), of_tick("0.001")) == "12,345,678.123"
