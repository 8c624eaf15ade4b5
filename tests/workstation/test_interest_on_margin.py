"""Interest of a margin account: what was taken, in the coin in which it was taken, whatever has a price."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.exchange.binance.listing import SPOT
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, told, until
from tests.support.margin_desk import BTC, D, balance, compare, debts, desk_on, lending, send
from workstation.domain.market import BookSnapshot
from workstation.domain.order import OrderState, Side

ETH = "LOOP:ETH-USDT"
DIALECTS = ["binance", pytest.param("bybit", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("priced", [True, False], ids=["it has traded", "nothing prices it"])
async def test_interest_in_a_coin_whose_book_is_empty_keeps_nobody_from_trading(
    name: str, tmp_path: Path, *, priced: bool
) -> None:
    with lending(name) as exchange:
        hand = Hand(exchange)
        if priced:
            hand.sold("0.1", "2999", "ETH-USDT")
        hand.exchange.feed(BookSnapshot(hand.instrument("ETH-USDT").id, exchange.clock.now(), 99, (), ()))
        async with desk_on(exchange, tmp_path, wait=False) as engine:
            await until(lambda: "LOOP" not in engine.core.unproven and engine.book(BTC).stale is None)
            exchange.do(lambda: exchange.floor.account().charge_interest("ETH", D("0.001")))
            await compare(engine)
            assert balance(engine, "ETH") == D("-0.001")
            (carry,) = [own.carry for (_, held), own in engine.core.bookings.results.owners.items() if held == ETH]
            assert carry == (D("-2.999") if priced else 0)
            said = [entry.text for entry in engine.log.entries if "nothing prices" in entry.text.lower()]
            assert len(said) == (0 if priced else 1), told(engine)
            await until(lambda: engine.book(BTC).stale is None)
            bought = await send(engine, Side.BUY, "0.1")
            assert bought.state is OrderState.FILLED, bought.reason
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []


async def test_interest_that_is_converted_is_booked_in_the_coin_in_which_it_was_taken(tmp_path: Path) -> None:
    bnb = msgspec.structs.replace(SPOT[0], symbol="BNB-USDT", base="BNB")
    with lending("binance", {"USDT": D(10_000), "BNB": D(2)}, instruments=[*SPOT, bnb]) as exchange:
        hand = Hand(exchange)
        hand.sold("0.1", "600", "BNB-USDT")
        async with desk_on(exchange, tmp_path) as engine:
            await send(engine, Side.SELL, "0.1")
            exchange.do(lambda: exchange.floor.account().charge_interest("BTC", D("0.005"), "BNB"))
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []
            assert (balance(engine, "BNB"), balance(engine, "BTC")) == (D("1.995"), D("-0.1"))
            assert debts(exchange) == {"BTC": D("0.1")}
            assert engine.core.portfolio.interest == {("LOOP", "BNB"): D("0.005")}
            (carry,) = [own.carry for (_, held), own in engine.core.bookings.results.owners.items() if held == BTC]
            assert carry == D("-3.000"), "what it was worth is the cost of the loan that it was paid for"
            await until(lambda: engine.position(BTC).quantity == D("-0.1"))


async def test_what_closes_a_short_buys_the_interest_back_that_is_owed_in_the_coin(tmp_path: Path) -> None:
    with lending("binance") as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            await send(engine, Side.SELL, "0.1")
            exchange.do(lambda: exchange.floor.account().charge_interest("BTC", D("0.0005")))
            await compare(engine)
            assert engine.position(BTC).quantity == balance(engine, "BTC") == D("-0.1005")
            await engine.close_position(BTC)
            await until(lambda: abs(engine.position(BTC).quantity) < D("0.00002"), 10, lambda: told(engine))
            assert debts(exchange).get("BTC", D(0)) < D("0.00002"), "nothing is left that owes more every hour"
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []
