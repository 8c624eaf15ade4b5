"""Binance's stream of a margin account: it is subscribed to for a time, and must not fall silent when that is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, told, until
from tests.support.margin_desk import D, compare, desk_on, lending, send
from workstation.domain.order import OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.venues.ccxt import listen_token

TOKEN, SUBSCRIBE = "rest POST /sapi/v1/userListenToken", "ws-api userDataStream.subscribe.listenToken"


def times(exchange: LoopbackExchange, place: str) -> int:
    return sum(each == place for each, _ in exchange.done)


async def filled_by_the_stream(engine: Engine, exchange: LoopbackExchange, hand: Hand, price: str) -> None:
    """An order that rests is filled, and the desk knows it while no question is answered."""
    venue: Any = engine.venues["LOOP"]

    def stands() -> bool:
        return venue.hears_orders() and "LOOP" not in engine.core.unproven and not engine.comparisons._running

    await until(stands, 30, lambda: told(engine))
    rests = await send(engine, Side.BUY, "0.01", type=OrderType.LIMIT, price=D(price))
    assert rests.state is OrderState.ACCEPTED, rests.reason
    asked = exchange.faults.hold("rest GET /*api/v*", "arrived", times=1_000)
    hand.sold("50", price)
    orders = engine.core.orders.orders
    await until(lambda: orders[rests.client_id].state is OrderState.FILLED, 10, lambda: told(engine))
    asked.times = 0
    asked.release()


@pytest.fixture
def exchange() -> Any:
    with lending("binance") as found:
        yield found


async def test_the_subscription_is_extended_before_it_ends(exchange: LoopbackExchange, tmp_path: Path) -> None:
    exchange.dialect.margin.token_ms = 2_000
    hand = Hand(exchange)
    async with desk_on(exchange, tmp_path) as engine:
        await until(lambda: times(exchange, SUBSCRIBE) >= 4, 20, lambda: told(engine))
        assert exchange.faults.seen.get("ws eventStreamTerminated", 0) == 0, told(engine)
        assert all(stream.faults == 0 for stream in engine.venues["LOOP"].stream_ages()), told(engine)
        await filled_by_the_stream(engine, exchange, hand, "63990")


@pytest.mark.slow
async def test_a_subscription_that_could_not_be_extended_at_first_is_all_the_same(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    exchange.dialect.margin.token_ms = 6_000
    hand = Hand(exchange)
    async with desk_on(exchange, tmp_path) as engine:
        exchange.faults.script(TOKEN, Fault(Kind.STATUS, status=503))
        exchange.faults.script(SUBSCRIBE, Kind.STATUS)
        await until(lambda: times(exchange, SUBSCRIBE) >= 4, 30, lambda: told(engine))
        assert exchange.faults.seen.get("ws eventStreamTerminated", 0) == 0, told(engine)
        await filled_by_the_stream(engine, exchange, hand, "63990")


@pytest.mark.slow
@pytest.mark.parametrize("passed", [0, 1], ids=["the first", "one that extends"])
async def test_a_subscription_that_is_never_answered_is_waited_for_no_longer_than_it_may_take(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: int
) -> None:
    monkeypatch.setattr(listen_token, "PATIENCE", 1.0)
    exchange.dialect.margin.token_ms = 6_000
    exchange.faults.script(SUBSCRIBE, Kind.LOST, skip=passed)
    hand = Hand(exchange)
    async with desk_on(exchange, tmp_path) as engine:
        await until(lambda: (SUBSCRIBE, Fault(Kind.LOST)) in exchange.faults.struck, 20, lambda: told(engine))
        answered = times(exchange, SUBSCRIBE)
        await until(lambda: times(exchange, SUBSCRIBE) > answered, 20, lambda: told(engine))
        await filled_by_the_stream(engine, exchange, hand, "63990")


@pytest.mark.slow
@pytest.mark.parametrize("says", [True, False], ids=["with a last word", "in silence"])
async def test_a_subscription_that_has_ended_is_begun_anew_and_what_was_missed_is_asked_for(
    exchange: LoopbackExchange, tmp_path: Path, *, says: bool
) -> None:
    exchange.dialect.margin.token_ms = 3_000
    hand = Hand(exchange)
    async with desk_on(exchange, tmp_path) as engine:
        rests = await send(engine, Side.BUY, "0.01", type=OrderType.LIMIT, price=D("63990"))
        if not says:
            exchange.faults.script("ws eventStreamTerminated", Kind.DROP, times=1_000)
        exchange.faults.script(TOKEN, Fault(Kind.STATUS, status=503), times=10_000)
        await until(lambda: not exchange.tells(), 20, lambda: told(engine))
        hand.sold("50", "63990")
        exchange.faults.clear()
        exchange.dialect.margin.token_ms = 60_000
        orders = engine.core.orders.orders
        await until(lambda: orders[rests.client_id].state is OrderState.FILLED, 30, lambda: told(engine))
        await until(exchange.tells, 30, lambda: told(engine))
        await filled_by_the_stream(engine, exchange, hand, "63980")
        await compare(engine)
        assert Truth.invented(engine) == []
        assert Truth(exchange).differences(engine) == []


@pytest.mark.parametrize("lends", [True, False], ids=["margin", "spot"])
async def test_the_exchange_s_last_word_on_a_connection_is_heard_whatever_the_account(
    tmp_path: Path, *, lends: bool
) -> None:
    found = lending("binance") if lends else LoopbackExchange("binance", seed=None)
    with found as exchange:
        hand = Hand(exchange)
        async with desk_on(exchange, tmp_path, account="margin" if lends else "") as engine:
            rests = await send(engine, Side.BUY, "0.01", type=OrderType.LIMIT, price=D("63985"))
            exchange.do(lambda: exchange.dialect.user.end(exchange.floor.account()))
            hand.sold("50", "63985")
            orders = engine.core.orders.orders
            await until(lambda: orders[rests.client_id].state is OrderState.FILLED, 30, lambda: told(engine))
            await until(exchange.tells, 30, lambda: told(engine))
            await filled_by_the_stream(engine, exchange, hand, "63980")


async def test_a_new_connection_has_a_subscription_of_its_own(exchange: LoopbackExchange, tmp_path: Path) -> None:
    hand = Hand(exchange)
    async with desk_on(exchange, tmp_path) as engine:
        before = times(exchange, SUBSCRIBE)
        exchange.cut("/ws-api")
        await until(lambda: times(exchange, SUBSCRIBE) > before and exchange.tells(), 30, lambda: told(engine))
        await filled_by_the_stream(engine, exchange, hand, "63990")
