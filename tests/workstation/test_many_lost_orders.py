"""Dozens of orders without an answer: the exchange is asked for its lists, not for each of them again and again; and a
list alone never ends one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, live_desk_on, told, until
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading.kill_status import KillPhase
from workstation.venues.contract import VenueError, VenueOrder, VenueUnreachable

NAMES = pytest.mark.parametrize("name", ["binance", "bybit"])
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), NAMES]

BTC = "LOOP:BTC-USDT"
CREATE = {"binance": "rest POST /api/v3/order", "bybit": "rest POST /v5/order/create"}
FILLS = {"binance": "rest GET /api/v3/myTrades", "bybit": "rest GET /v5/execution/list"}
OWN = {"binance": ("ws executionReport", "ws outboundAccountPosition"), "bybit": ("ws order", "ws execution")}
_MANY = 30


def bid(n: int = 0, side: Side = Side.BUY, price: int = 60_000) -> OrderDraft:
    return OrderDraft(instrument=BTC, side=side, quantity=D("0.001"), price=D(price + n))


def asked_alone(name: str, exchange: LoopbackExchange) -> list[str]:
    """Client ids that the exchange was asked for by themselves, as often as it was."""
    if name == "binance":
        return [terms["origClientOrderId"] for place, terms in exchange.done if place == "rest GET /api/v3/order"]
    return [terms["orderLinkId"] for place, terms in exchange.done if "GET" in place and "orderLinkId" in terms]


@asynccontextmanager
async def desk(name: str, folder: Path) -> AsyncIterator[tuple[LoopbackExchange, Engine, Any]]:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, folder, compare_seconds=120.0) as engine:
            yield exchange, engine, engine.venues["LOOP"]


async def sent(
    exchange: LoopbackExchange, engine: Engine, name: str, fault: Kind, side: Side = Side.BUY
) -> list[Order]:
    """So many orders that have no answer; of those that arrive the streams tell nothing."""
    exchange.faults.script(CREATE[name], fault, times=10_000)
    for place in OWN[name]:
        exchange.faults.script(place, Kind.DROP, times=10_000)
    price = 60_000 if side is Side.BUY else 68_000
    orders = await asyncio.gather(*(engine.submit(bid(n, side, price)) for n in range(_MANY)))
    lost = [order for order in orders if order.state is OrderState.UNKNOWN]
    assert len(lost) == _MANY, told(engine)
    return lost


def now(engine: Engine, orders: Sequence[Order]) -> list[Order]:
    return [engine.core.orders.orders[order.client_id] for order in orders]


async def test_the_lists_answer_for_all_that_arrived(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, _venue):
        orders = await sent(exchange, engine, name, Kind.CUT)
        exchange.faults.clear()
        await until(
            lambda: {one.state for one in now(engine, orders)} == {OrderState.ACCEPTED}, 20, lambda: told(engine)
        )
        assert len(asked_alone(name, exchange)) <= _MANY / 3, "they were asked about one by one"
        assert Truth(exchange).differences(engine) == []


async def test_what_has_ended_meanwhile_is_in_the_lists_too_with_its_fills(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        hand, over, ask = Hand(exchange), asyncio.Event(), venue.orders_since

        async def then(ts: int, instruments: set[str]) -> tuple[Sequence[VenueOrder], bool]:
            await over.wait()
            answer: tuple[Sequence[VenueOrder], bool] = await ask(ts, instruments)
            return answer

        venue.orders_since = then
        orders = await sent(exchange, engine, name, Kind.CUT)
        account = exchange.floor.account()
        exchange.do(lambda: [account.cancel(record) for record in account.working()[:10]])
        hand.sold("0.004", "60020", "BTC-USDT")
        exchange.faults.clear()
        over.set()
        truth, asked = Truth(exchange), len(exchange.done)
        await until(lambda: not truth.differences(engine), 30, lambda: (truth.differences(engine), told(engine)))
        fills = sum(place == FILLS[name] for place, _ in exchange.done[asked:])
        assert fills <= 2, "they were asked for order by order"
        assert {one.state for one in now(engine, orders)} >= {OrderState.CANCELED, OrderState.FILLED}
        assert len(asked_alone(name, exchange)) <= _MANY / 3
        assert truth.invented(engine) == []


async def test_no_list_ends_an_order_each_is_asked_about_once_its_request_is_too_old(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        venue.shows_after = 6.0
        orders = await sent(exchange, engine, name, Kind.LOST)
        exchange.faults.clear()
        lost = engine._reconciler.lost
        await until(lambda: all(lost.denials(one.client_id) >= 3 for one in orders), 20, lambda: told(engine))
        loop, left = asyncio.get_running_loop(), engine.gateway.sent
        oldest = max(loop.time() - left[one.client_id] for one in now(engine, orders) if one.client_id in left)
        if oldest < 6.0:
            assert {one.state for one in now(engine, orders)} == {OrderState.UNKNOWN}
        await until(
            lambda: {one.state for one in now(engine, orders)} == {OrderState.REJECTED}, 40, lambda: told(engine)
        )
        alone = asked_alone(name, exchange)
        assert {one.client_id for one in orders} <= set(alone)
        assert len(alone) <= 4 * _MANY, "lists had said the rest"


async def test_an_order_that_the_lists_keep_back_is_found(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        venue.shows_after = 1.0

        async def behind(_ts: int, _instruments: object) -> tuple[list[VenueOrder], bool]:
            return [], True

        venue.orders_since = behind
        orders = await sent(exchange, engine, name, Kind.CUT)
        exchange.faults.clear()
        seen: set[OrderState] = set()

        def taken() -> bool:
            seen.update(one.state for one in now(engine, orders))
            return {one.state for one in now(engine, orders)} == {OrderState.ACCEPTED}

        await until(taken, 40, lambda: told(engine))
        assert OrderState.REJECTED not in seen


async def test_lists_that_the_exchange_refuses_keep_nobody_from_asking(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):

        async def refused(_ts: int, _instruments: object) -> tuple[list[VenueOrder], bool]:
            raise VenueError("LOOP refused the orders.")

        venue.orders_since = refused
        orders = await sent(exchange, engine, name, Kind.CUT)
        exchange.faults.clear()
        await until(
            lambda: {one.state for one in now(engine, orders)} == {OrderState.ACCEPTED}, 40, lambda: told(engine)
        )


async def test_lists_are_what_is_asked_for_when_the_exchange_is_back(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        ask, failures = venue.orders_since, 4

        async def away(ts: int, instruments: set[str]) -> tuple[Sequence[VenueOrder], bool]:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise VenueUnreachable("LOOP is not connected.")
            answer: tuple[Sequence[VenueOrder], bool] = await ask(ts, instruments)
            return answer

        venue.orders_since = away
        orders = await sent(exchange, engine, name, Kind.CUT)
        exchange.faults.clear()
        await until(
            lambda: {one.state for one in now(engine, orders)} == {OrderState.ACCEPTED}, 30, lambda: told(engine)
        )
        assert failures < 0
        assert len(asked_alone(name, exchange)) <= _MANY / 3, "they were asked about one by one"


async def test_spot_is_sold_beside_purchases_that_may_still_come(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        venue.shows_after = 60.0
        await engine.submit(OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.5"), type=OrderType.MARKET))
        await until(lambda: engine.position(BTC).quantity)
        orders = await sent(exchange, engine, name, Kind.LOST)
        exchange.faults.clear()
        engine.flatten("test")
        await until(lambda: engine.position(BTC).quantity < D("0.001"), 15, lambda: told(engine))
        assert {one.state for one in now(engine, orders)} == {OrderState.UNKNOWN}
        assert engine.kill_status.phase is not KillPhase.DONE, "one of them may still come"
        venue.shows_after = 0.0
        await until(lambda: engine.kill_status.phase is KillPhase.DONE, 60, lambda: told(engine))
        assert "no position (2× asked)" in engine.kill_status.receipt


async def test_spot_is_not_sold_beside_sales_that_may_still_come(name: str, tmp_path: Path) -> None:
    async with desk(name, tmp_path) as (exchange, engine, venue):
        venue.shows_after = 12.0
        await engine.submit(OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.5"), type=OrderType.MARKET))
        await until(lambda: engine.position(BTC).quantity)
        orders = await sent(exchange, engine, name, Kind.LOST, Side.SELL)
        exchange.faults.clear()
        engine.flatten("test")

        def closing() -> bool:
            return any(order.origin == "kill" for order in engine.orders())

        await until(closing, 60, lambda: told(engine))
        assert {one.state for one in now(engine, orders)} == {OrderState.REJECTED}, "the same coins would be sold twice"
        await until(lambda: engine.kill_status.phase is KillPhase.DONE, 30, lambda: told(engine))
