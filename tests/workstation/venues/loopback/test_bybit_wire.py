"""The loopback exchange speaks Bybit v5, spot and linear perpetuals of one unified account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.limits import Window
from tests.workstation.venues.loopback.conftest import Connect

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    logins = [
        Login(balances=RICH),
        Login("other", "loopback-key-other", "loopback-secret-other", RICH, may_withdraw=True),
    ]
    with LoopbackExchange("bybit", logins=logins, seed=5) as exchange:
        yield exchange


@pytest.fixture
async def client(exchange: LoopbackExchange, connect: Connect) -> AsyncIterator[Any]:
    client = connect(exchange)
    await client.load_markets()
    yield client
    account = exchange.floor.account()
    exchange.do(lambda: [account.cancel(record) for record in account.working()])


async def best(client: Any, symbol: str) -> tuple[float, float]:
    book = await client.fetch_order_book(symbol)
    return book["bids"][0][0], book["asks"][0][0]


async def test_spot_and_perpetual_of_one_symbol_are_two_markets(client: Any) -> None:
    spot, perp = client.market(SPOT), client.market(PERP)
    assert (spot["id"], perp["id"], spot["spot"], perp["linear"]) == ("BTCUSDT", "BTCUSDT", True, True)
    assert (spot["precision"]["price"], perp["precision"]["price"]) == (0.01, 0.1)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
async def test_the_life_of_an_order_over_rest_and_the_private_stream(client: Any, symbol: str) -> None:
    bid, ask = await best(client, symbol)
    link = "tws-spot-1" if symbol == SPOT else "tws-perp-1"
    heard: list[tuple[Any, ...]] = []

    async def listen() -> None:
        while True:
            heard.extend(
                (o["clientOrderId"], o["symbol"], o["status"], o["amount"]) for o in await client.watch_orders()
            )

    listening = asyncio.ensure_future(listen())
    await asyncio.sleep(0.3)
    placed = await client.create_order(symbol, "limit", "buy", 0.01, round(bid * 0.99, 1), {"clientOrderId": link})
    await client.edit_order(placed["id"], symbol, "limit", "buy", 0.02, round(bid * 0.98, 1))
    (shown,) = await client.fetch_open_orders(symbol)
    assert (shown["id"], shown["clientOrderId"], shown["amount"]) == (placed["id"], link, 0.02)
    await client.cancel_order(placed["id"], symbol)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(placed["id"], symbol)
    await client.create_order(symbol, "limit", "buy", 0.01, round(ask * 1.01, 1), {"postOnly": True})
    await asyncio.sleep(0.2)
    listening.cancel()
    assert heard[:3] == [(link, symbol, "open", 0.01), (link, symbol, "open", 0.02), (link, symbol, "canceled", 0.02)]
    assert heard[3][2] == "canceled"  # Bybit takes a crossing post-only order and says that it is gone
    with pytest.raises(ccxt.BaseError, match=r"110072|170141"):
        await client.create_order(symbol, "limit", "buy", 0.01, round(bid * 0.99, 1), {"clientOrderId": link})


async def test_a_position_its_fee_and_its_leverage(exchange: LoopbackExchange, client: Any) -> None:
    await client.create_order(PERP, "market", "buy", 0.01)
    (position,) = await client.fetch_positions()
    assert (position["symbol"], position["side"], position["contracts"], position["leverage"]) == (
        PERP,
        "long",
        0.01,
        10,
    )
    (trade,) = await client.fetch_my_trades(PERP)
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.00055)
    await client.set_leverage(5, PERP)
    (position,) = await client.fetch_positions()
    assert position["leverage"] == 5
    await client.create_order(PERP, "market", "sell", 0.05, None, {"reduceOnly": True})
    assert await client.fetch_positions() == []
    with pytest.raises(ccxt.BaseError, match="110017"):
        await client.create_order(PERP, "market", "sell", 0.05, None, {"reduceOnly": True})


@pytest.mark.parametrize(
    ("symbol", "quantity", "price", "code"),
    [
        ("spot", "0.01", "60000.001", 170134),
        ("spot", "0.000001", "60000", 170137),
        ("spot", "0.00005", "60000", 170140),
        ("spot", "1000", "60000", 170131),
        ("linear", "0.01", "60000.05", 10001),
        ("linear", "0.01", "1000", 110003),
        ("linear", "1000", "60000", 110007),
    ],
)
async def test_refusals_have_the_venue_s_codes(client: Any, symbol: str, quantity: str, price: str, code: int) -> None:
    request = {"category": symbol, "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
    with pytest.raises(ccxt.BaseError, match=str(code)):
        await client.private_post_v5_order_create(request | {"qty": quantity, "price": price})


async def test_signature_key_time_and_rate_are_checked(exchange: LoopbackExchange, connect: Connect) -> None:
    for change, code in (({"secret": "wrong"}, "10004"), ({"apiKey": "nobody"}, "10003")):
        with pytest.raises(ccxt.BaseError, match=code):
            await connect(exchange, **change).private_get_v5_account_info()
    client = connect(exchange, enableRateLimit=False)
    exchange.drift(20)
    with pytest.raises(ccxt.BaseError, match="10002"):
        await client.private_get_v5_account_info()
    exchange.drift(0)
    exchange.dialect.calls["/v5/account/fee-rate"] = Window(3600, 2)
    await client.private_get_v5_account_fee_rate({"category": "spot"})
    await client.private_get_v5_account_fee_rate({"category": "spot"})
    with pytest.raises(ccxt.RateLimitExceeded, match="10006"):
        await client.private_get_v5_account_fee_rate({"category": "spot"})
    permissions = (await connect(exchange, "other").private_get_v5_user_query_api())["result"]["permissions"]
    assert "Withdraw" in permissions["Wallet"]


@pytest.mark.slow
async def test_the_numbers_of_a_book_follow_each_other(exchange: LoopbackExchange) -> None:
    public = exchange.floor.public["LOOP:BTC-USDT-PERP"]
    url = f"ws://{exchange.address}/v5/public/linear"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_json({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"], "req_id": "1"})
        assert (await socket.receive_json())["success"] is True
        snapshot = await socket.receive_json()
        number = snapshot["data"]["u"]
        bids = dict(snapshot["data"]["b"])
        for _ in range(10):
            delta = json.loads((await socket.receive()).data)
            assert (delta["type"], delta["data"]["u"]) == ("delta", number + 1)
            number += 1
            for price, quantity in delta["data"]["b"]:
                if quantity == "0":
                    del bids[price]
                else:
                    bids[price] = quantity
            assert len(bids) == 50
        assert max(float(price) for price in bids) == pytest.approx(
            float(public.instrument.price(public.book.best_bid or 0)), rel=1e-3
        )
