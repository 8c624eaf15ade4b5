"""The loopback exchange speaks Binance's USD-M futures: the unmodified ccxt class trades perpetuals on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.floor import VENUE
from tests.workstation.venues.loopback.conftest import Connect
from workstation.domain.market import BookSnapshot, MarkPrice
from workstation.venues.ccxt.money import cash_in

PERP = "BTC/USDT:USDT"
NAME = f"{VENUE}:BTC-USDT-PERP"
HOUR = 3_600_000_000_000


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    fees = (Decimal("0.00015"), Decimal("0.0004"))
    logins = [Login(balances=RICH), Login("other", "loopback-key-other", "loopback-secret-other", RICH, fees=fees)]
    with LoopbackExchange("binanceusdm", logins=logins, seed=None) as exchange:
        now = exchange.clock.now()
        asks = ((600_010, 5_000), (600_020, 5_000))
        exchange.feed(BookSnapshot(NAME, now, 1, ((600_000, 5_000), (599_990, 5_000)), asks))
        exchange.feed(MarkPrice(NAME, now, Decimal(60_000), Decimal("0.0001"), now + HOUR))
        yield exchange


@pytest.fixture
async def client(exchange: LoopbackExchange, connect: Connect) -> AsyncIterator[Any]:
    client = connect(exchange, enableRateLimit=False)
    await client.load_markets()
    yield client
    account = exchange.floor.account()
    exchange.do(lambda: [account.cancel(record) for record in account.working()])


async def test_the_market_its_mark_and_its_funding(client: Any) -> None:
    market = client.market(PERP)
    assert (market["linear"], market["contractSize"], market["precision"]["price"]) == (True, 1.0, 0.1)
    funding = await client.fetch_funding_rate(PERP)
    assert (funding["markPrice"], funding["fundingRate"]) == (60_000.0, 0.0001)


async def test_a_wrong_signature_is_refused(exchange: LoopbackExchange, connect: Connect) -> None:
    client = connect(exchange, secret="wrong")
    await client.load_markets()
    with pytest.raises(ccxt.AuthenticationError):
        await client.fetch_balance()


async def test_a_position_moves_the_margin_and_not_the_cash(client: Any) -> None:
    before = cash_in("binanceusdm", await client.fetch_balance())["USDT"]
    order = await client.create_order(PERP, "market", "buy", "0.1")
    assert order["status"] == "closed"
    (position,) = await client.fetch_positions([PERP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 0.1, 60_001.0)
    (trade,) = await client.fetch_my_trades(PERP)
    assert (trade["fee"]["cost"], trade["fee"]["currency"], trade["takerOrMaker"]) == (3.00005, "USDT", "taker")
    balance = await client.fetch_balance()
    assert balance["total"]["USDT"] != float(before) - 3.00005  # ccxt's total has the loss of the spread in it
    assert cash_in("binanceusdm", balance)["USDT"] == before - Decimal("3.00005")
    with pytest.raises(ccxt.InvalidOrder):
        await client.create_order(PERP, "limit", "buy", "0.1", "60001", {"postOnly": True})
    reducing = await client.create_order(PERP, "market", "sell", "0.3", None, {"reduceOnly": True})
    assert reducing["filled"] == 0.1
    assert not await client.fetch_positions([PERP])
    with pytest.raises(ccxt.ExchangeError, match="ReduceOnly"):
        await client.create_order(PERP, "market", "sell", "0.3", None, {"reduceOnly": True})


async def test_leverage_and_margin_mode(exchange: LoopbackExchange, client: Any) -> None:
    await client.set_leverage(20, PERP)
    await client.set_margin_mode("isolated", PERP)
    setting = exchange.floor.account().books.account.margin.setting(exchange.floor.instruments[NAME])
    assert (setting.leverage, str(setting.mode)) == (20, "isolated")
    await client.set_margin_mode("cross", PERP)


async def test_the_streams_tell_of_orders_and_trades(exchange: LoopbackExchange, client: Any) -> None:
    orders, trades = asyncio.ensure_future(client.watch_orders()), asyncio.ensure_future(client.watch_my_trades())
    while not exchange.tells():
        await asyncio.sleep(0.01)
    await client.create_order(PERP, "market", "buy", "0.01", None, {"clientOrderId": "tws-wire-1"})
    (told, *_) = await asyncio.wait_for(orders, 5)
    assert told["clientOrderId"] == "tws-wire-1"
    (trade, *_) = await asyncio.wait_for(trades, 5)
    assert (trade["symbol"], trade["amount"], trade["side"]) == (PERP, 0.01, "buy")


async def test_the_book_and_the_mark_are_streamed(exchange: LoopbackExchange, client: Any) -> None:
    book = await client.watch_order_book(PERP)
    assert book["bids"][0] == [60_000.0, 5.0]
    mark = asyncio.ensure_future(client.watch_mark_price(PERP))
    while not mark.done():
        exchange.feed(MarkPrice(NAME, exchange.clock.now(), Decimal(60_100), Decimal("0.0001"), None))
        await asyncio.sleep(0.05)
    assert (await mark)["markPrice"] == 60_100.0


async def test_orders_are_changed_and_all_cancelled(client: Any) -> None:
    order = await client.create_order(PERP, "limit", "buy", "0.01", "59000")
    changed = await client.edit_order(order["id"], PERP, "limit", "buy", "0.02", "58000")
    assert (changed["id"], changed["amount"], changed["price"]) == (order["id"], 0.02, 58_000.0)
    await client.cancel_all_orders(PERP)
    assert not await client.fetch_open_orders(PERP)


async def test_a_countdown_that_runs_out_cancels_and_one_that_is_renewed_or_let_go_does_not(client: Any) -> None:
    await client.create_order(PERP, "limit", "buy", "0.01", "59000")
    count = client.fapiPrivatePostCountdownCancelAll
    await count({"symbol": "BTCUSDT", "countdownTime": 300})
    await count({"symbol": "BTCUSDT", "countdownTime": 0})
    await asyncio.sleep(0.5)
    assert len(await client.fetch_open_orders(PERP)) == 1
    await count({"symbol": "BTCUSDT", "countdownTime": 100})
    await asyncio.sleep(0.4)
    assert not await client.fetch_open_orders(PERP)


async def test_an_account_has_its_own_fees(exchange: LoopbackExchange, connect: Connect) -> None:
    client = connect(exchange, "other")
    await client.load_markets()
    fee = await client.fetch_trading_fee(PERP)
    assert (fee["maker"], fee["taker"]) == (0.00015, 0.0004)
