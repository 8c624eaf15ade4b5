"""Spot on margin is set up where it can be traded, and refused with a sentence where it cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.order import Order, OrderDraft, OrderType, Side
from workstation.venues.ccxt.borrowing import LENDING, lending_of, pooled, refusal
from workstation.venues.ccxt.particulars import OFFERED, particulars
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.contract import VenueError

D = Decimal


def said(exchange: str, **terms: Any) -> str:
    return refusal("ONE", particulars(exchange), VenueSettings(exchange=exchange, account="margin", **terms))


def test_it_is_offered_at_the_exchanges_that_it_was_tried_with_and_refused_at_all_others() -> None:
    assert {name for name in OFFERED if not said(name)} == set(LENDING) == {"binance", "bybit"}
    assert said("kraken") == (
        "venues.one.account: spot on margin is not traded at Kraken: it keeps spot on margin as positions of their "
        "own, which this desk does not read there (it is at binance and bybit)."
    )
    assert "has not been tried with this desk" in said("bitstamp")


def test_isolated_margin_and_a_test_network_without_it_are_refused() -> None:
    assert said("bybit", margin_mode="isolated").endswith("spot on margin is traded with cross margin alone.")
    assert said("binance", sandbox=True).endswith("test network has no margin account.")
    assert not said("bybit", sandbox=True)


def test_a_venue_without_it_lends_nothing_and_its_store_is_another_one() -> None:
    spot, margin = VenueSettings(exchange="binance"), VenueSettings(exchange="binance", account="margin")
    assert lending_of(particulars("binance"), spot) is None
    assert lending_of(particulars("binance"), margin) is LENDING["binance"]
    assert not refusal("ONE", particulars("kraken"), VenueSettings(exchange="kraken"))
    assert spot.place("binance") != margin.place("binance")


def instrument(contract: ContractType = ContractType.SPOT) -> Instrument:
    return Instrument(
        venue="ONE", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D(1), lot=D("0.001"), contract=contract
    )


def test_contracts_are_opened_as_another_venue() -> None:
    with pytest.raises(VenueError, match="trades spot alone: open BTC-USDT as another venue"):
        pooled(particulars("bybit"), {"BTC/USDT:USDT": instrument(ContractType.LINEAR)})
    (found,) = pooled(particulars("bybit"), {"BTC/USDT": instrument()}).values()
    assert found.pooled
    assert found.leverage == 3
    assert found.tiers[0].leverage == 10


@pytest.mark.parametrize(
    ("side", "reduce_only", "binance", "bybit"),
    [
        (Side.BUY, False, "AUTO_BORROW_REPAY", 1),
        (Side.SELL, False, "AUTO_BORROW_REPAY", 1),
        (Side.SELL, True, "AUTO_REPAY", 0),  # refused rather than short
        (Side.BUY, True, "AUTO_BORROW_REPAY", 1),  # what buys a short back must go through
    ],
)
def test_what_an_order_says_of_loans(side: Side, reduce_only: bool, binance: str, bybit: int) -> None:
    draft = OrderDraft(
        instrument="ONE:BTC-USDT", side=side, quantity=D(1), type=OrderType.MARKET, reduce_only=reduce_only
    )
    order = Order.from_draft(draft, "a1", 0)
    assert LENDING["binance"].order(order) == {"marginMode": "cross", "sideEffectType": binance}
    assert LENDING["bybit"].order(order) == {"isLeverage": bybit}


def test_debts_that_are_not_told_are_not_taken_for_none() -> None:
    assert LENDING["binance"].debts({"code": 0}) is None
    assert LENDING["bybit"].debts({"result": {"list": [{"coin": [{"coin": "BTC", "walletBalance": "1"}]}]}}) is None
    row = {"asset": "BTC", "borrowed": "0.2", "interest": "0.001", "free": "0", "locked": "0", "netAsset": "-0.201"}
    assert LENDING["binance"].debts({"userAssets": [row]}) == {"BTC": D("0.201")}
