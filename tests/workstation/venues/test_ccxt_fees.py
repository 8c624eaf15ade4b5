"""What this account pays takes the place of the list's fees; where the exchange does not tell, that is said."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from venue_desk import VenueDesk

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.live_desk import Truth, live_desk_on
from tests.support.real_desk import real_desk
from tests.support.real_venue import instruments_of, until, venue_on
from workstation.clock import LiveClock
from workstation.domain.instrument import Instrument
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.venues.ccxt import fees
from workstation.venues.ccxt.venue import CcxtVenue

MAKER, TAKER = Decimal("0.00012"), Decimal("0.00034")
QUESTIONS = {
    "binance": "rest GET /sapi/v1/asset/tradeFee",
    "binanceusdm": "rest GET /fapi/v1/commissionRate",
    "bybit": "rest GET /v5/account/fee-rate",
}


def opened(name: str) -> LoopbackExchange:
    return LoopbackExchange(name, logins=[Login(balances=RICH, fees=(MAKER, TAKER))], seed=3)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_the_account_s_own_fees_are_asked_for(name: str) -> None:
    with opened(name) as exchange:
        told: list[Instrument] = []
        symbol = "BTC-USDT-PERP" if name == "binanceusdm" else "BTC-USDT"
        venue = venue_on(exchange, await instruments_of(exchange, [symbol]), LiveClock())
        venue.on_terms = told.append
        await VenueDesk(venue, LiveClock()).connect()  # type: ignore[arg-type]
        await until(lambda: venue.own_fees)
        (instrument,) = venue.instruments()
        assert (instrument.maker_fee, instrument.taker_fee) == (MAKER, TAKER)
        assert told == [instrument]
        await venue.close()


async def test_an_exchange_that_does_not_tell_leaves_the_list_s_and_says_so() -> None:
    with opened("binanceusdm") as exchange:
        exchange.faults.script(QUESTIONS["binanceusdm"], Fault(Kind.STATUS, status=503), times=9)
        notices: list[str] = []
        listed = await instruments_of(exchange, ["BTC-USDT-PERP"])
        venue = venue_on(exchange, listed, LiveClock())
        venue.on_notice = lambda _level, sentence: notices.append(sentence)
        await VenueDesk(venue, LiveClock()).connect()  # type: ignore[arg-type]
        await until(lambda: any("does not tell what this account pays on BTC-USDT-PERP" in said for said in notices))
        assert venue.instruments() == list(listed.values())
        assert not venue.own_fees
        await venue.close()


async def test_the_preview_reckons_with_them(tmp_path: Path) -> None:
    with opened("binance") as exchange:
        async with real_desk(exchange, tmp_path) as engine:
            await until(lambda: engine.instrument("LOOP:BTC-USDT").taker_fee == TAKER)
            draft = OrderDraft(
                instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET
            )
            await asyncio.sleep(0)
            shown = engine.preview(draft)
            assert shown.value is not None
            assert shown.fee == shown.value * TAKER
            assert engine.market("LOOP:BTC-USDT").instrument.taker_fee == TAKER


async def test_they_are_kept_for_the_next_start_and_for_paper_and_a_fee_of_the_list_is_marked(tmp_path: Path) -> None:
    draft = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
    with opened("binance") as exchange:
        async with real_desk(exchange, tmp_path, "paper") as engine:  # nobody has asked for the account's own yet
            assert engine.preview(draft).listed_fee
            assert engine.instrument("LOOP:BTC-USDT").taker_fee == Decimal("0.001")
        exchange.faults.script(QUESTIONS["binance"], Fault(Kind.STATUS, status=503), times=99)
        async with real_desk(exchange, tmp_path) as engine:
            assert engine.preview(draft).listed_fee
            exchange.faults.clear()
            venue = engine.venues["LOOP"]
            assert isinstance(venue, CcxtVenue)
            await fees.learn(venue)
            assert not engine.preview(draft).listed_fee
        exchange.faults.script(QUESTIONS["binance"], Fault(Kind.STATUS, status=503), times=99)
        async with real_desk(exchange, tmp_path) as engine:
            assert engine.instrument("LOOP:BTC-USDT").taker_fee == TAKER
            await until(lambda: any("reckon with what it told last" in entry.text for entry in engine.log.entries))
            assert not engine.preview(draft).listed_fee
        async with real_desk(exchange, tmp_path, "paper") as engine:
            preview = engine.preview(draft)
            assert (preview.listed_fee, preview.fee) == (False, preview.value and preview.value * TAKER)


async def test_fees_in_a_third_coin_leave_its_balance_and_count_at_its_worth(tmp_path: Path) -> None:
    """As Binance takes BNB: the books stay those of the exchange, and are the same again after a restart."""
    name = "LOOP:BTC-USDT"
    with opened("binance") as exchange:
        async with live_desk_on(exchange, tmp_path) as engine:
            price = engine.core.market.mark("LOOP:ETH-USDT")
            assert price is not None
            exchange.do(lambda: setattr(exchange.floor.account("main").books, "fee_coin", ("ETH", price)))
            for side, quantity in ((Side.BUY, "0.02"), (Side.SELL, "0.01")):
                draft = OrderDraft(instrument=name, side=side, quantity=Decimal(quantity), type=OrderType.MARKET)
                order = await engine.submit(draft)
                await until(lambda order=order: engine.order(order.client_id).is_closed)  # type: ignore[misc, union-attr]
            fills = engine.fills()
            assert {fill.fee_currency for fill in fills} == {"ETH"}
            traded = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
            paid = engine.position(name).fees
            assert paid == sum((fill.fee_value or 0 for fill in fills), Decimal(0))
            charged = traded * Decimal("0.001")  # by the exchange's list
            assert abs(paid / charged - 1) < Decimal("0.05"), "the coin has hardly moved since"
            assert Truth(exchange).differences(engine) == []
        async with live_desk_on(exchange, tmp_path) as engine:
            assert engine.position(name).fees == paid
            assert sum((order.fees for order in engine.orders()), Decimal(0)) == paid
