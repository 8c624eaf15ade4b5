"""Sizing: what a trader asks for becomes the largest whole number of lots that does not exceed it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import is_multiple
from workstation.domain.order import Side
from workstation.trading.sizing import Basis, Size, SizeError, SizeUnit, quantity_for, settlement_rate

SPOT = Instrument(
    venue="NOVA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.01"), lot=D("0.00001"),
    min_quantity=D("0.0001"), taker_fee=D("0.001"),
)  # fmt: skip
PERP = Instrument(
    venue="NOVA", symbol="BTC-USDT-PERP", base="BTC", quote="USDT", tick=D("0.1"), lot=D("1"),
    contract=ContractType.LINEAR, multiplier=D("0.001"), leverage=D(10),
)  # fmt: skip
COIN = Instrument(
    venue="NOVA", symbol="BTC-USD", base="BTC", quote="USD", tick=D("0.5"), lot=D("1"),
    contract=ContractType.INVERSE, multiplier=D(100), leverage=D(10),
)  # fmt: skip
ALL = (SPOT, PERP, COIN)


def basis(instrument: Instrument, side: Side = Side.BUY, price: str | None = "50000", **changes: object) -> Basis:
    rate = D("50000") if instrument.is_inverse else D(1)
    terms: dict[str, object] = {"equity": D(100_000), "rate": rate, "stop": None} | changes
    return Basis(instrument=instrument, side=side, price=None if price is None else D(price), **terms)  # type: ignore[arg-type]


def test_units_are_floored_to_the_lot() -> None:
    assert quantity_for(Size(D("0.123456789")), basis(SPOT)) == D("0.12345")


@pytest.mark.parametrize(("instrument", "expected"), [(SPOT, "0.02"), (PERP, "20"), (COIN, "10")])
def test_a_quote_value_buys_as_many_units_as_it_pays_for(instrument: Instrument, expected: str) -> None:
    assert quantity_for(Size(D(1000), SizeUnit.VALUE), basis(instrument)) == D(expected)


@pytest.mark.parametrize(("instrument", "expected"), [(SPOT, "0.04"), (PERP, "40"), (COIN, "20")])
def test_a_percent_of_equity_is_a_value_in_the_account_currency(instrument: Instrument, expected: str) -> None:
    assert quantity_for(Size(D(2), SizeUnit.EQUITY), basis(instrument)) == D(expected)


def test_risk_is_what_the_stop_would_cost_with_both_fees() -> None:
    quantity = quantity_for(Size(D(1), SizeUnit.RISK), basis(SPOT, stop=D(49_000)))
    # 1 % of 100,000 = 1,000; a unit loses 1,000 and pays 50 + 49 in fees
    assert quantity == D("0.90991")
    assert quantity * (1000 + 99) <= 1000 < (quantity + SPOT.lot) * (1000 + 99)


def test_a_short_risks_what_lies_above_it() -> None:
    assert quantity_for(Size(D(1), SizeUnit.RISK), basis(PERP, Side.SELL, stop=D(51_000))) == 1000


def test_an_inverse_stop_loses_in_coin() -> None:
    # one contract of 100 USD loses 100/40000 - 100/50000 = 0.0005 BTC, worth 25 at a rate of 50,000
    assert quantity_for(Size(D(1), SizeUnit.RISK), basis(COIN, stop=D(40_000))) == 40


@pytest.mark.parametrize(
    ("size", "given_basis", "sentence"),
    [
        (Size(D(0)), basis(SPOT), "The size must be above zero."),
        (Size(D("0.00005")), basis(SPOT), "That is 0.00005 BTC: the least that can be traded is 0.0001."),
        (Size(D(1), SizeUnit.VALUE), basis(SPOT), "That is 0.00002 BTC: the least that can be traded is 0.0001."),
        (
            Size(D(1), SizeUnit.VALUE),
            basis(SPOT, price=None),
            "There is no price of BTC-USDT to work the size out from.",
        ),
        (Size(D(1), SizeUnit.EQUITY), basis(SPOT, equity=D(0)), "There is no equity to take a share of."),
        (Size(D(1), SizeUnit.EQUITY), basis(COIN, rate=None), "There is no price of BTC to work the size out from."),
        (Size(D(1), SizeUnit.RISK), basis(SPOT), "Sizing by risk needs the price of the stop."),
        (
            Size(D(1), SizeUnit.RISK),
            basis(SPOT, stop=D(50_000)),
            "The stop of a buy must be below its entry of 50,000.00, not at 50,000.00.",
        ),
        (
            Size(D(1), SizeUnit.RISK),
            basis(SPOT, Side.SELL, stop=D(49_000)),
            "The stop of a sell must be above its entry of 50,000.00, not at 49,000.00.",
        ),
    ],
)
def test_what_cannot_be_sized_says_why(size: Size, given_basis: Basis, sentence: str) -> None:
    with pytest.raises(SizeError) as error:
        quantity_for(size, given_basis)
    assert str(error.value) == sentence


def test_the_rate_of_a_settlement_currency_comes_from_a_spot_market_of_the_venue_first() -> None:
    other = Instrument(venue="ORCA", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D(1), lot=D(1))
    marks = {"NOVA:BTC-USDT": D(50_000), "ORCA:BTC-USDT": D(50_010)}
    assert settlement_rate(SPOT, ALL, "USDT", marks.get) == 1
    assert settlement_rate(COIN, (other, SPOT), "USDT", marks.get) == 50_000
    assert settlement_rate(COIN, (other, PERP), "USDT", marks.get) == 50_010
    assert settlement_rate(COIN, (PERP,), "USDT", marks.get) is None


amounts = st.decimals(min_value="0.0001", max_value="1000000", places=4)
prices = st.decimals(min_value="0.01", max_value="1000000", places=2)


@given(st.sampled_from(ALL), amounts, prices, st.sampled_from([SizeUnit.VALUE, SizeUnit.EQUITY]))
def test_a_size_is_whole_lots_never_above_the_budget_and_within_one_lot_of_it(
    instrument: Instrument, amount: D, price: D, unit: SizeUnit
) -> None:
    equity, rate = D(100_000), D("1.25")
    try:
        quantity = quantity_for(Size(amount, unit), basis(instrument, price=str(price), equity=equity, rate=rate))
    except SizeError:
        return
    worth = instrument.multiplier if instrument.is_inverse else instrument.multiplier * price
    budget = amount
    if unit is SizeUnit.EQUITY:
        budget = equity * amount / 100
        worth = (instrument.multiplier / price if instrument.is_inverse else worth) * rate
    assert is_multiple(quantity, instrument.lot)
    slack = D("1e-18") * budget
    assert quantity * worth <= budget + slack
    assert (quantity + instrument.lot) * worth > budget - slack


@given(st.sampled_from(ALL), st.sampled_from(Side), prices, prices, st.decimals("0.01", "100", places=2))
def test_the_stop_never_loses_more_than_the_risk(
    instrument: Instrument, side: Side, price: D, stop: D, risk: D
) -> None:
    try:
        quantity = quantity_for(Size(risk, SizeUnit.RISK), basis(instrument, side, str(price), rate=D(1), stop=stop))
    except SizeError:
        return
    held = quantity * side.sign
    loss = instrument.value(held, price) - instrument.value(held, stop)
    fees = (instrument.notional(quantity, price) + instrument.notional(quantity, stop)) * instrument.taker_fee
    assert loss > 0
    assert loss + fees <= 100_000 * risk / 100 + D("1e-9")
