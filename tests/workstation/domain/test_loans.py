"""A cross margin account of spot: its own, its debts, what it may still borrow, and where it is liquidated."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.loans import Pool, liquidation, pool_of

D = Decimal
PRICES = {"USDT": D(1), "BTC": D(50_000), "ETH": D(2_500)}


def rate(coin: str) -> Decimal | None:
    return PRICES.get(coin)


def test_ten_thousand_of_ones_own_at_three_times_carry_twenty_thousand_of_debt() -> None:
    account = pool_of({"USDT": D(-10_000), "BTC": D("0.4")}, rate)
    assert account == Pool(own=D(10_000), owed=D(10_000))
    assert account.level == D(2)
    assert account.room(D(3)) == 10_000
    assert account.room(D(2)) == 0
    assert account.room(D(1)) == -10_000
    assert account.bound(D(3)) == 5_000


def test_a_loan_moves_nothing_and_coins_stand_behind_it() -> None:
    before = pool_of({"BTC": D("0.2")}, rate)
    assert before == Pool(own=D(10_000), owed=D(0))
    assert before.level is None
    sold = pool_of({"BTC": D("0.2"), "ETH": D(-4), "USDT": D(10_000)}, rate)
    assert sold.own == 10_000
    assert sold.owed == 10_000


def test_what_working_orders_may_take_counts_as_owed_where_it_is_not_there() -> None:
    account = pool_of({"USDT": D(10_000)}, rate, {"USDT": D(15_000), "ETH": D(2)})
    assert account.own == 10_000
    assert account.owed == 5_000 + 5_000


def test_a_debt_without_a_price_lends_nothing_more_and_a_holding_without_one_counts_nothing() -> None:
    assert pool_of({"USDT": D(100), "DOGE": D(-1)}, rate).room(D(3)) == 0
    assert pool_of({"USDT": D(100), "DOGE": D(1)}, rate) == Pool(own=D(100), owed=D(0))


amounts = st.decimals(min_value=-5, max_value=5, places=3)


@given(btc=amounts, eth=amounts, usdt=st.decimals(min_value=-100_000, max_value=400_000, places=2))
def test_at_the_price_of_liquidation_ones_own_is_the_share_of_the_debt(btc: D, eth: D, usdt: D) -> None:
    balances, share = {"BTC": btc, "ETH": eth, "USDT": usdt}, D("0.1")
    at = liquidation(pool_of(balances, rate), btc, PRICES["BTC"], share)
    if at is None:
        return
    then = pool_of(balances, lambda coin: at if coin == "BTC" else rate(coin))
    assert abs(then.own - share * then.owed) < D("0.000001") * max(D(1), at)
