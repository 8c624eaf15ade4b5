"""Margin worked by hand: what a venue asks for, when it takes a position away, and what funding costs."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain import margin
from workstation.domain.instrument import ContractType, Instrument, MarginTier
from workstation.domain.numbers import add, subtract
from workstation.domain.position import Position

D = Decimal
LINEAR = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=D("0.1"),
    lot=D("0.001"),
    contract=ContractType.LINEAR,
    leverage=D(10),
    tiers=margin.tiers(
        [(D(50_000), D("0.004"), D(125)), (D(250_000), D("0.005"), D(100)), (D(1_000_000), D("0.01"), D(50)),
         (None, D("0.025"), D(20))]
    ),
)  # fmt: skip
INVERSE = Instrument(
    venue="NOVA",
    symbol="BTCUSD-PERP",
    base="BTC",
    quote="USD",
    tick=D("0.1"),
    lot=D(1),
    contract=ContractType.INVERSE,
    multiplier=D(100),
    leverage=D(10),
    tiers=margin.tiers([(D(5), D("0.004"), D(125)), (D(10), D("0.005"), D(100)), (None, D("0.01"), D(50))]),
)


def with_tier(rate: str, amount: str) -> Instrument:
    """A linear contract all of whose positions stand in one bracket, as in a venue's worked example."""
    tier = MarginTier(limit=None, rate=D(rate), amount=D(amount), leverage=D(2))
    return msgspec.structs.replace(LINEAR, tiers=(tier,))


def cents(price: Decimal | None) -> Decimal:
    assert price is not None
    return price.quantize(D("0.01"))


# Tiers


def test_maintenance_amounts_are_binances() -> None:
    """BTCUSDT brackets of Binance: amounts 0, 50, 1,300 and 16,300 USDT for rates 0.4, 0.5, 1 and 2.5 %."""
    assert [tier.amount for tier in LINEAR.tiers] == [0, 50, 1_300, 16_300]


def test_maintenance_is_continuous_where_one_tier_ends() -> None:
    assert margin.maintenance(LINEAR, D(50_000)) == 200
    assert margin.maintenance(LINEAR, D(250_000)) == 1_200 == D(250_000) * D("0.01") - 1_300
    assert margin.maintenance(LINEAR, D(2_000_000)) == 33_700


def test_tiers_that_do_not_grow_are_refused() -> None:
    with pytest.raises(ValueError, match="tier 2"):
        margin.tiers([(D(10), D("0.01"), D(50)), (D(10), D("0.02"), D(20))])
    with pytest.raises(ValueError, match="tier 1"):
        margin.tiers([(None, D("0.02"), D(50))])  # liquidated at the moment of entry


def test_leverage_bounds_the_size_of_a_position() -> None:
    assert margin.value_limit(LINEAR, D(125)) == 50_000
    assert margin.value_limit(LINEAR, D(50)) == 1_000_000
    assert margin.value_limit(LINEAR, D(20)) is None
    assert margin.value_limit(LINEAR, D(126)) == 0
    assert margin.max_leverage(LINEAR) == 125


def test_a_contract_without_published_tiers_keeps_half_of_the_initial_margin() -> None:
    plain = msgspec.structs.replace(LINEAR, tiers=(), leverage=D(50))
    assert margin.maintenance(plain, D(1_000)) == 10
    assert margin.max_leverage(plain) == 50


# Liquidation, as worked in Binance's "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts": a cross wallet
# of 1,535,443.01 USDT behind a long of 109.488 BTC at 32,481.98 and a long of 3,683.979 ETH at 1,456.84.


@pytest.mark.parametrize(
    ("quantity", "entry", "others_margin", "others_profit", "rate", "amount", "price"),
    [
        ("109.488", "32481.98", "356512.508", "-448192.89", "0.025", "16300", "26316.89"),
        ("3683.979", "1456.84", "71200.81144", "-56354.57", "0.10", "135365", "1153.26"),
    ],
)
def test_the_published_example_of_cross_margin(
    quantity: str, entry: str, others_margin: str, others_profit: str, rate: str, amount: str, price: str
) -> None:
    instrument = with_tier(rate, amount)
    money = D("1535443.01") - D(others_margin) + D(others_profit)
    cost = D(quantity) * D(entry)
    assert cents(margin.liquidation_price(instrument, D(quantity), cost, money)) == D(price)


def test_isolated_long_linear() -> None:
    """1 BTC at 40,000, 10× isolated, 4,000 of margin. At p: 4,000 + p − 40,000 = 0.004·p → p = 36,000 / 0.996."""
    assert cents(margin.liquidation_price(LINEAR, D(1), D(40_000), D(4_000))) == D("36144.58")
    assert margin.bankruptcy_price(LINEAR, D(1), D(40_000), D(4_000)) == 36_000


def test_isolated_short_linear() -> None:
    """−1 BTC at 40,000 with 4,000: 4,000 + 40,000 − p = 0.004·p → p = 44,000 / 1.004."""
    assert cents(margin.liquidation_price(LINEAR, D(-1), D(-40_000), D(4_000))) == D("43824.70")
    assert margin.bankruptcy_price(LINEAR, D(-1), D(-40_000), D(4_000)) == 44_000


def test_the_tier_is_that_of_the_value_at_liquidation() -> None:
    """−1.2 BTC at 40,000 (48,000: first tier) with 4,800 is liquidated above 50,000 of value, in the second tier:
    4,800 + 48,000 − 1.2·p = 0.005·1.2·p − 50 → p = 52,850 / 1.206; the first tier's line would say 43,824.70."""
    assert cents(margin.liquidation_price(LINEAR, D("-1.2"), D(-48_000), D(4_800))) == D("43822.55")


def test_isolated_long_inverse() -> None:
    """100 contracts of 100 USD at 40,000 = 0.25 BTC, 10×: 0.025 BTC. At p: 0.025 + 0.25 − 10,000/p = 40/p →
    p = 10,040 / 0.275."""
    cost = INVERSE.value(D(100), D(40_000))
    assert cost == D("-0.25")
    assert cents(margin.liquidation_price(INVERSE, D(100), cost, D("0.025"))) == D("36509.09")
    assert cents(margin.bankruptcy_price(INVERSE, D(100), cost, D("0.025"))) == D("36363.64")


def test_isolated_short_inverse() -> None:
    """The same short: 0.025 − 0.25 + 10,000/p = 40/p → p = 9,960 / 0.225."""
    cost = INVERSE.value(D(-100), D(40_000))
    assert cents(margin.liquidation_price(INVERSE, D(-100), cost, D("0.025"))) == D("44266.67")
    assert cents(margin.bankruptcy_price(INVERSE, D(-100), cost, D("0.025"))) == D("44444.44")


def test_whoever_has_money_for_everything_cannot_be_liquidated() -> None:
    assert margin.liquidation_price(LINEAR, D(1), D(40_000), D(40_000)) is None
    assert margin.bankruptcy_price(LINEAR, D(1), D(40_000), D(41_000)) is None
    assert margin.liquidation_price(INVERSE, D(-100), D("0.25"), D("0.25")) is None  # a hedged coin
    assert margin.liquidation_price(LINEAR, D(0), D(0), D(10)) is None


_prices = st.decimals(100, 100_000, places=1)


@given(
    inverse=st.booleans(),
    long=st.booleans(),
    lots=st.integers(1, 100_000),
    entry=_prices,
    share=st.decimals("0.02", "0.6", places=3),
)
def test_at_the_liquidation_price_equity_is_maintenance_and_bankruptcy_lies_beyond(
    inverse: bool, long: bool, lots: int, entry: Decimal, share: Decimal
) -> None:
    instrument = INVERSE if inverse else LINEAR
    quantity = instrument.quantity(lots) * (1 if long else -1)
    cost = instrument.value(quantity, entry)
    money = instrument.notional(quantity, entry) * share
    liquidation = margin.liquidation_price(instrument, quantity, cost, money)
    bankruptcy = margin.bankruptcy_price(instrument, quantity, cost, money)
    assert liquidation is not None
    assert bankruptcy is not None
    assert (bankruptcy < liquidation) if long else (bankruptcy > liquidation)
    equity = add(money, subtract(instrument.value(quantity, liquidation), cost))
    value = instrument.notional(quantity, liquidation)
    assert abs(equity - margin.maintenance(instrument, value)) <= value * D("1e-9") + D("1e-9")


# Isolated margin and funding


def position(quantity: str, entry: str) -> Position:
    return Position(instrument=LINEAR.id, quantity=D(quantity), cost=D(quantity) * D(entry))


def test_isolated_margin_follows_the_position() -> None:
    flat, one, two = position("0", "0"), position("1", "40000"), position("2", "41000")
    assert margin.isolated_after_fill(D(0), flat, one, LINEAR, D(10)) == 4_000
    assert margin.isolated_after_fill(D(4_000), one, two, LINEAR, D(10)) == 8_200
    assert margin.isolated_after_fill(D(8_200), two, position("0.5", "41000"), LINEAR, D(10)) == 2_050
    assert margin.isolated_after_fill(D(4_000), one, flat, LINEAR, D(10)) == 0
    assert margin.isolated_after_fill(D(4_000), one, position("-1", "42000"), LINEAR, D(10)) == 4_200


def test_longs_pay_shorts_where_the_rate_is_positive() -> None:
    assert margin.funding(LINEAR, D(2), D(30_000), D("0.0001")) == -6
    assert margin.funding(LINEAR, D(-2), D(30_000), D("0.0001")) == 6
    assert margin.funding(LINEAR, D(2), D(30_000), D("-0.0001")) == 6
    assert margin.funding(INVERSE, D(100), D(25_000), D("0.0001")) == D("-0.00004")  # 0.4 BTC of value, paid in BTC
