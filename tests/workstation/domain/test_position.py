"""The money fold: whatever is traded, what is there equals what was put in plus profit less fees, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain import account as accounts
from workstation.domain import position as positions
from workstation.domain.account import Account
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import ZERO, add, multiply, subtract
from workstation.domain.order import Side
from workstation.domain.position import Position

D = Decimal
SPOT = Instrument(venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.01"), lot=D("0.00001"))
LINEAR = Instrument(
    venue="V", symbol="BTC-PERP", base="BTC", quote="USDT", tick=D("0.1"), lot=D("0.001"),
    contract=ContractType.LINEAR, multiplier=D("0.01"), leverage=D(10),
)  # fmt: skip
INVERSE = Instrument(
    venue="V", symbol="BTC-USD-PERP", base="BTC", quote="USD", tick=D("0.1"), lot=D(1),
    contract=ContractType.INVERSE, multiplier=D(100), leverage=D(10),
)  # fmt: skip


def fill(
    instrument: Instrument, side: Side, lots: int, ticks: int, fee: str = "0", currency: str | None = None
) -> Fill:
    return Fill(
        trade_id="1",
        client_id="c",
        instrument=instrument.id,
        side=side,
        quantity=instrument.quantity(lots),
        price=instrument.price(ticks),
        fee=D(fee),
        fee_currency=currency or instrument.settlement,
        liquidity=Liquidity.TAKER,
        ts=1,
    )


trades = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 10**9),
        st.integers(1, 10**8),
        st.decimals(-5, 5, places=8, allow_nan=False),
    ),
    max_size=30,
)


@pytest.mark.parametrize("instrument", [SPOT, LINEAR, INVERSE], ids=lambda i: i.contract)
@given(history=trades, mark=st.integers(1, 10**8))
def test_realized_plus_unrealized_is_all_that_was_gained(instrument: Instrument, history: list, mark: int) -> None:
    """Position and account are folded apart, and agree: equity = profit − fees, from an account opened with nothing."""
    position, account = Position(instrument=instrument.id), Account(venue="V")
    value = bought = ZERO
    for side, lots, ticks, fee in history:
        trade = fill(instrument, side, lots, ticks, str(fee))
        before = position
        position = positions.apply_fill(position, trade, instrument)
        account = accounts.apply_fill(account, trade, instrument, subtract(position.realized, before.realized))
        signed = multiply(trade.quantity, D(side.sign))
        value = add(value, instrument.value(signed, trade.price))
        bought = add(bought, signed)
    price = instrument.price(mark)
    assert position.quantity == bought
    profit = add(position.realized, position.unrealized(instrument, price))
    if instrument.is_spot:
        assert profit == subtract(instrument.value(bought, price), value)
        worth = add(account.balance("USDT"), multiply(account.balance("BTC"), price))
        assert worth == subtract(profit, position.fees)
    else:
        if instrument.contract is ContractType.LINEAR:
            assert profit == subtract(instrument.value(bought, price), value)
        assert account.balance(instrument.settlement) == subtract(position.realized, position.fees)


@given(history=trades)
def test_a_flat_position_has_no_cost_left(history: list) -> None:
    position = Position(instrument=LINEAR.id)
    for side, lots, ticks, fee in history:
        position = positions.apply_fill(position, fill(LINEAR, side, lots, ticks, str(fee)), LINEAR)
        if position.is_flat:
            assert position.cost == 0
        else:
            assert (position.cost > 0) == (position.quantity > 0)


def test_average_price_and_profit_of_a_worked_example() -> None:
    """Buy 1 @ 100 and 3 @ 104: average 103. Sell 2 @ 110: realised 14. Sell 3 @ 100: −6 more, then short 1 @ 100."""
    instrument = Instrument(
        venue="V", symbol="X", base="X", quote="USDT", tick=D(1), lot=D(1), contract=ContractType.LINEAR
    )
    position = Position(instrument=instrument.id)
    for side, lots, price in ((Side.BUY, 1, 100), (Side.BUY, 3, 104)):
        position = positions.apply_fill(position, fill(instrument, side, lots, price), instrument)
    assert position.average_price(instrument) == 103
    position = positions.apply_fill(position, fill(instrument, Side.SELL, 2, 110), instrument)
    assert (position.quantity, position.realized) == (2, 14)
    position = positions.apply_fill(position, fill(instrument, Side.SELL, 3, 100), instrument)
    assert (position.quantity, position.realized, position.average_price(instrument)) == (-1, 8, 100)
    assert position.unrealized(instrument, D(90)) == 10


def test_an_inverse_position_gains_in_coin() -> None:
    """Long 10 contracts of 100 USD from 50,000 to 62,500: 1000/50000 − 1000/62500 = 0.004 BTC."""
    position = positions.apply_fill(Position(instrument=INVERSE.id), fill(INVERSE, Side.BUY, 10, 500_000), INVERSE)
    assert position.average_price(INVERSE) == 50_000
    assert position.unrealized(INVERSE, D(62_500)) == D("0.004")


def test_a_fee_in_the_base_currency_shortens_what_was_bought() -> None:
    trade = fill(SPOT, Side.BUY, 100_000, 5_000_000, "0.001", "BTC")
    position = positions.apply_fill(Position(instrument=SPOT.id), trade, SPOT)
    account = accounts.apply_fill(Account(venue="V"), trade, SPOT, ZERO)
    assert position.quantity == account.balance("BTC") == D("0.999")
    assert position.fees == 50
    worth = account.balance("USDT") + account.balance("BTC") * 60_000
    assert worth == position.realized + position.unrealized(SPOT, D(60_000)) - position.fees
