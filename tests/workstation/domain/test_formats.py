"""Numbers in the user's notation: what is typed is the number that was meant, or is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.formats import (
    COMMA,
    POINT,
    AmbiguousNumber,
    NotANumber,
    number_style,
    style_of_environment,
    zone_named,
)

STYLES = [number_style(name) for name in ("en_GB", "de_DE", "fr_FR", "de_CH", "pl_PL")]
NUMBERS = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=None).map(
    lambda value: value.quantize(Decimal("1e-8"))
) | st.integers(0, 10**12).map(Decimal)


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("64,200.50", POINT, "64200.50"),
        ("64200", POINT, "64200"),
        ("64.200,50", COMMA, "64200.50"),
        ("0,5", COMMA, "0.5"),
        (",5", COMMA, "0.5"),
        ("0.5", COMMA, "0.5"),  # cannot be anything else
        ("0.500", COMMA, "0.500"),  # nobody groups a zero
        ("1.234.567", COMMA, "1234567"),
        ("1\u00a0234,5", COMMA, "1234.5"),
        ("1'234.5", POINT, "1234.5"),
        ("1,234", COMMA, "1.234"),
        ("1,234", POINT, "1234"),
    ],
)
def test_numbers_are_read_by_the_locale(text, style, value):
    assert style.read(text) == Decimal(value)


@pytest.mark.parametrize("text", ["64.200", "1.000", "999.999"])
def test_what_could_be_two_numbers_is_refused(text):
    with pytest.raises(AmbiguousNumber, match="write it without a point"):
        COMMA.read(text)


@pytest.mark.parametrize("style", [POINT, COMMA], ids=["point", "comma"])
@pytest.mark.parametrize("text", ["", ".", ",", "1,2,3", "1.2.3", "12,34.5", "-1", "+1", "1e5", "0x1", "½", "٣", "1 2"])
def test_what_is_no_number_is_refused(text, style):
    with pytest.raises(NotANumber):
        style.read(text)


def test_a_comma_is_no_decimal_sign_where_the_point_is():
    with pytest.raises(NotANumber, match="decimal sign of this desk is the point"):
        POINT.read("0,5")


@given(value=NUMBERS, style=st.sampled_from(STYLES), grouped=st.booleans())
def test_what_the_desk_shows_can_be_typed_and_is_the_same_number_or_refused(value, style, grouped):
    text = style.localised(f"{value:,f}" if grouped else f"{value:f}")
    try:
        assert style.read(text) == value
    except AmbiguousNumber:
        assert style.decimal == ","
        assert text.count(style.group) == 1


@given(value=NUMBERS, style=st.sampled_from(STYLES))
def test_a_number_without_separators_is_never_refused(value, style):
    assert style.read(style.localised(f"{value:f}")) == value


@given(text=st.text("0123456789.,' ", max_size=12))
def test_two_notations_never_read_one_text_as_different_numbers_unless_only_the_locale_can_tell(text):
    """A text with a point alone is the number with a point, or the locale's grouping, and then it is refused."""
    try:
        comma = COMMA.read(text)
    except NotANumber:
        return
    if "." in text and "," not in text and text.count(".") == 1:
        assert comma == POINT.read(text)


@given(value=NUMBERS, unit=st.sampled_from(["", "$", "%", "btc", "k$"]), style=st.sampled_from(STYLES))
def test_words_of_the_command_line_come_to_the_plain_notation(value, unit, style):
    if style.decimal == ",":
        assert style.plain_word(style.localised(f"{value:f}{unit}")) == f"{value:f}{unit}"


@pytest.mark.parametrize("word", ["btc-usdt", "orders.cancel", "2026-01-05", "10:30:00", "bid+2", "nova:btc-perp"])
def test_words_without_a_number_with_signs_stay(word):
    assert COMMA.plain_word(word) == word


def test_the_locale_comes_from_the_environment_by_the_rules_of_posix():
    assert style_of_environment({}) == POINT
    assert style_of_environment({"LANG": "de_DE.UTF-8"}) == COMMA
    assert style_of_environment({"LANG": "de_DE.UTF-8", "LC_NUMERIC": "en_US.UTF-8"}) == POINT
    assert style_of_environment({"LC_ALL": "C", "LANG": "de_DE"}) == POINT
    assert style_of_environment({"LANG": "xx_XX"}) == POINT
    assert number_style("de_CH").decimal == "."
    assert number_style("fr-FR").group == "\u00a0"
    assert number_style("klingon") is None


def test_zones_by_name():
    assert zone_named("UTC") is not None
    assert zone_named("Mars/Dome") is None
    assert zone_named("../etc/passwd") is None


@pytest.mark.parametrize(
    ("text", "german"),
    [
        ("Buy 0.25 BTC-USDT at 64,200.5 limit, ≈ 16,050.13.", "Buy 0,25 BTC-USDT at 64.200,5 limit, ≈ 16.050,13."),
        ("max_order_value is 50,000 now, it was 100000.", "max_order_value is 50.000 now, it was 100000."),
        ("a stop that trails by 0.5%, from -1,234.", "a stop that trails by 0,5%, from -1.234."),
        ("At 2024-05-01 14:05:00 on 127.0.0.1:8080, 3 times.", "At 2024-05-01 14:05:00 on 127.0.0.1:8080, 3 times."),
        ("buy 0.5 @ 64215.1: accepted, 1.5 of it; 12:30:01.5", "buy 0,5 @ 64215,1: accepted, 1,5 of it; 12:30:01.5"),
        ("fast=0.5 'x 0.5' {0.5} [1.5] run-2.5.json /a/1.5/b", "fast=0.5 'x 0.5' {0.5} [1.5] run-2.5.json /a/1.5/b"),
        ("limit breakers.daily_loss: 5 %, v1.2.3, X-1.5", "limit breakers.daily_loss: 5 %, v1.2.3, X-1.5"),
    ],
)  # fmt: skip
def test_a_sentences_numbers_are_written_in_the_style_and_nothing_else_of_it(text: str, german: str) -> None:
    assert COMMA.sentence(text) == german
    assert POINT.sentence(text) == text


def test_a_sentence_quotes_what_was_typed_as_it_was_typed() -> None:
    said = "1,500 is not a multiple of the lot 0.01; at 64,200.5 it is 2.25."
    assert (
        COMMA.sentence(said, "buy 1,500 @ 2.25") == "1,500 is not a multiple of the lot 0,01; at 64.200,5 it is 2.25."
    )
    assert COMMA.sentence("0,500 is no size.") == "0,500 is no size."  # nobody groups a number that begins with zero
