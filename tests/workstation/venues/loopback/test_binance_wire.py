"""The loopback exchange speaks Binance spot: the unmodified ccxt class trades on it, refusals and all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.workstation.venues.loopback.conftest import Connect


@pytest.fixture(scope="module")
def exchange() -> Iterator[LoopbackExchange]:
    logins = [
        Login(balances=RICH),
        Login("other", "loopback-key-other", "loopback-secret-other", RICH, may_withdraw=True),
        Login("reader", "loopback-key-reader", "loopback-secret-reader", RICH, may_trade=False),
    ]
    with LoopbackExchange("binance", logins=logins, seed=5) as exchange:
        yield exchange


@pytest.fixture
async def client(exchange: LoopbackExchange, connect: Connect) -> AsyncIterator[Any]:
    client = connect(exchange)
    await client.load_markets()
    yield client
    account = exchange.floor.account()
    exchange.do(lambda: [account.cancel(record) for record in account.working()])


async def best(client: Any) -> tuple[float, float]:
    book = await client.fetch_order_book("BTC/USDT")
    return book["bids"][0][0], book["asks"][0][0]


async def test_ccxt_reads_the_markets_as_they_are(client: Any) -> None:
    market = client.market("BTC/USDT")
    assert (market["id"], market["type"], market["precision"]["price"], market["precision"]["amount"]) == (
        "BTCUSDT",
        "spot",
        0.01,
        0.00001,
    )
    assert market["limits"]["cost"]["min"] == 5


@pytest.mark.slow
async def test_the_streamed_book_is_the_exchange_s_book(exchange: LoopbackExchange, client: Any) -> None:
    for _ in range(5):
        book = await client.watch_order_book("BTC/USDT")
    public = exchange.floor.public["LOOP:BTC-USDT"]

    def truth() -> Any:
        return public.update, [float(public.instrument.price(t)) for t, _ in public.book.bid_levels(20)]

    for _ in range(40):
        number, bids = exchange.do(truth)
        if book["nonce"] == number:
            break
        book = await client.watch_order_book("BTC/USDT")
    else:
        pytest.fail("the stream never caught up")
    assert [level[0] for level in book["bids"][:20]] == bids


async def test_the_life_of_an_order_over_rest_and_the_user_stream(client: Any) -> None:
    watching = asyncio.ensure_future(client.watch_orders())
    await asyncio.sleep(0.2)
    bid, _ = await best(client)
    price = round(bid * 0.99, 2)
    placed = await client.create_order("BTC/USDT", "limit", "buy", 0.01, price, {"newClientOrderId": "tws-rest-1"})
    (heard,) = await asyncio.wait_for(watching, 5)
    assert (heard["id"], heard["clientOrderId"], heard["status"]) == (placed["id"], "tws-rest-1", "open")
    found = await client.fetch_order(None, "BTC/USDT", {"origClientOrderId": "tws-rest-1"})
    assert (found["id"], found["price"], found["filled"]) == (placed["id"], price, 0)
    watching = asyncio.ensure_future(client.watch_orders())
    await client.cancel_order(placed["id"], "BTC/USDT")
    (heard,) = await asyncio.wait_for(watching, 5)
    assert (heard["clientOrderId"], heard["status"]) == ("tws-rest-1", "canceled")


async def test_a_market_order_pays_in_what_it_buys(exchange: LoopbackExchange, client: Any) -> None:
    before = exchange.do(lambda: exchange.floor.account().total("BTC"))
    order = await client.create_order("BTC/USDT", "market", "buy", 0.01)
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    fees = sum(Decimal(str(fee["cost"])) for fee in order["fees"])
    assert {fee["currency"] for fee in order["fees"]} == {"BTC"}
    after = exchange.do(lambda: exchange.floor.account().total("BTC"))
    assert after - before == Decimal("0.01") - fees
    trades = await client.fetch_my_trades("BTC/USDT")
    assert sum(trade["amount"] for trade in trades if trade["order"] == order["id"]) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (("limit", "buy", "0.01", "60000.001"), -1013),
        (("limit", "buy", "0.000001", "60000"), -1013),
        (("limit", "buy", "0.00005", "60000"), -1013),
        (("limit", "buy", "0.01", "1"), -1013),
        (("limit", "buy", "9000", "60000"), -2010),
        (("limit", "sell", "100", "70000"), -2010),
    ],
)
async def test_refusals_have_the_venue_s_codes(client: Any, terms: tuple[str, ...], code: int) -> None:
    kind, side, quantity, price = terms
    request = {"symbol": "BTCUSDT", "type": kind.upper(), "side": side.upper(), "timeInForce": "GTC"}
    with pytest.raises(ccxt.BaseError, match=f"{code}|Filter failure|insufficient balance"):
        await client.private_post_order(request | {"quantity": quantity, "price": price})


async def test_unknown_doubled_and_crossing_orders_are_refused(client: Any) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await client.cancel_order("99", "BTC/USDT")
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order("99", "BTC/USDT")
    bid, ask = await best(client)
    await client.create_order("BTC/USDT", "limit", "buy", 0.01, round(bid * 0.99, 2), {"newClientOrderId": "twice"})
    with pytest.raises(ccxt.BaseError, match="Duplicate order sent"):
        await client.create_order("BTC/USDT", "limit", "buy", 0.01, round(bid * 0.99, 2), {"newClientOrderId": "twice"})
    with pytest.raises(ccxt.BaseError, match="immediately match"):
        await client.create_order("BTC/USDT", "limit", "buy", 0.01, round(ask * 1.01, 2), {"postOnly": True})


async def test_signature_key_and_time_are_checked(exchange: LoopbackExchange, connect: Connect) -> None:
    for change, code in (
        ({"secret": "wrong"}, "-1022"),
        ({"apiKey": "nobody"}, "-2015"),
    ):
        with pytest.raises(ccxt.AuthenticationError, match=code):
            await connect(exchange, **change).private_get_account()
    client = connect(exchange)
    try:
        for drift in (-10, 20):
            exchange.drift(drift)
            with pytest.raises(ccxt.InvalidNonce, match="-1021"):
                await client.private_get_account()
    finally:
        exchange.drift(0)


async def test_a_key_says_what_it_may_do(exchange: LoopbackExchange, connect: Connect) -> None:
    assert (await connect(exchange, "other").sapi_get_account_apirestrictions())["enableWithdrawals"] is True
    with pytest.raises(ccxt.BaseError, match="-2015"):
        await connect(exchange, "reader").private_post_order(
            {"symbol": "BTCUSDT", "type": "MARKET", "side": "BUY", "quantity": "0.01"}
        )


async def test_who_asks_too_much_is_slowed_down_and_then_banned(connect: Connect) -> None:
    with LoopbackExchange("binance", seed=None) as strict:
        strict.do(lambda: setattr(strict.dialect.weight, "limit", 50))
        greedy = connect(strict, enableRateLimit=False)
        statuses = []
        for _ in range(40):
            try:
                await greedy.public_get_exchangeinfo()
                statuses.append(200)
            except ccxt.DDoSProtection as error:
                statuses.append(429 if " 429 " in str(error) else 418)
        assert statuses[:2] == [200, 200]
        assert 429 in statuses
        assert statuses[-1] == 418
