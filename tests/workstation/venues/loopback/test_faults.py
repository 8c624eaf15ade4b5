"""What can be made to go wrong on the loopback exchange, and that it goes wrong just so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.workstation.venues.loopback.conftest import Connect

ORDER = {
    "symbol": "BTCUSDT",
    "type": "LIMIT",
    "side": "BUY",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "60000",
}
PLACE = "rest POST /api/v3/order"


@pytest.fixture(scope="module")
def running() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=7) as exchange:
        yield exchange


@pytest.fixture
def exchange(running: LoopbackExchange) -> Iterator[LoopbackExchange]:
    yield running
    running.faults.clear()


def taken(exchange: LoopbackExchange, link: str) -> int:
    """How many orders of this client id the exchange has taken."""
    return exchange.do(lambda: len(exchange.floor.account().by_link[link]))


@pytest.mark.parametrize(
    ("fault", "happened"),
    [
        (Fault(Kind.LOST), 0),
        (Fault(Kind.STATUS, status=503), 0),
        (Fault(Kind.UNANSWERED), 1),
        (Fault(Kind.CUT), 1),
        (Fault(Kind.STATUS_AFTER, status=503), 1),
        (Fault(Kind.GARBLED), 1),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
async def test_a_struck_request_is_done_or_not_and_never_answered_well(
    exchange: LoopbackExchange, connect: Connect, fault: Fault, happened: int
) -> None:
    client = connect(exchange, timeout=800)
    exchange.faults.script(PLACE, fault)
    link = f"struck-{fault.kind.name}"
    try:
        answer = await client.private_post_order(ORDER | {"newClientOrderId": link})
    except ccxt.BaseError:
        answer = None
    assert not isinstance(answer, dict)
    await asyncio.sleep(0.05)
    assert taken(exchange, link) == happened
    await client.private_post_order(ORDER | {"newClientOrderId": f"{link}-next"})
    assert taken(exchange, f"{link}-next") == 1


async def test_a_pretended_cancel_leaves_the_order_working(exchange: LoopbackExchange, connect: Connect) -> None:
    client = connect(exchange)
    order = await client.private_post_order(ORDER | {"newClientOrderId": "kept"})
    exchange.faults.script("rest DELETE /api/v3/order", Kind.PRETENDED)
    answer = await client.private_delete_order({"symbol": "BTCUSDT", "orderId": order["orderId"]})
    assert answer["status"] == "CANCELED"
    assert (await client.private_get_order({"symbol": "BTCUSDT", "orderId": order["orderId"]}))["status"] == "NEW"


async def test_a_request_is_held_where_one_says(exchange: LoopbackExchange, connect: Connect) -> None:
    client = connect(exchange)
    for at, happened in (("arrived", 0), ("done", 1)):
        hold = exchange.faults.hold(PLACE, at)
        link = f"held-{at}"
        asked = asyncio.ensure_future(client.private_post_order(ORDER | {"newClientOrderId": link}))
        assert await asyncio.to_thread(hold.reached.wait, 10)
        assert taken(exchange, link) == happened
        hold.release()
        assert (await asked)["clientOrderId"] == link


async def books(client: Any, count: int) -> list[int]:
    return [(await asyncio.wait_for(client.watch_order_book("BTC/USDT"), 10))["nonce"] for _ in range(count)]


@pytest.mark.slow
async def test_a_dropped_update_is_a_gap_that_ccxt_sees(exchange: LoopbackExchange, connect: Connect) -> None:
    client = connect(exchange)
    await books(client, 2)
    exchange.faults.script("ws depthUpdate", Kind.DROP)
    with pytest.raises(ccxt.ChecksumError):
        await books(client, 200)
    await books(client, 2)


@pytest.mark.slow
async def test_a_broken_message_a_closed_socket_and_a_restart_end_a_stream(
    exchange: LoopbackExchange, connect: Connect
) -> None:
    client = connect(exchange)
    await books(client, 1)
    exchange.faults.script("ws depthUpdate", Kind.CLOSE)
    with pytest.raises(ccxt.NetworkError):
        await books(client, 200)
    await books(client, 1)
    order = await client.private_post_order(ORDER | {"newClientOrderId": "survivor"})
    restarting = asyncio.ensure_future(asyncio.to_thread(exchange.restart, 0.2))
    with pytest.raises(ccxt.NetworkError):
        await books(client, 200)
    await restarting
    await books(client, 1)
    assert (await client.private_get_order({"symbol": "BTCUSDT", "orderId": order["orderId"]}))["status"] == "NEW"


@pytest.mark.slow
async def test_a_silent_socket_says_nothing_more_and_answers_no_ping(
    exchange: LoopbackExchange, connect: Connect
) -> None:
    client = connect(exchange)
    client.streaming["keepAlive"] = 200
    await books(client, 1)
    exchange.faults.script("ws depthUpdate", Kind.SILENCE)
    began = time.monotonic()
    with pytest.raises(ccxt.RequestTimeout):
        await books(client, 500)
    assert time.monotonic() - began < 30


async def test_random_faults_are_the_same_for_the_same_seed() -> None:
    from tests.support.exchange.faults import Faults

    def struck(seed: int) -> list[tuple[str, Fault]]:
        faults = Faults()
        faults.chances(seed, {"rest POST *": (0.3, [Fault(Kind.LOST), Fault(Kind.CUT)])})
        for _ in range(100):
            faults.strike(PLACE, (Kind.LOST, Kind.CUT))
        return faults.struck

    assert struck(1) == struck(1) != struck(2)
    assert 10 < len(struck(1)) < 60
