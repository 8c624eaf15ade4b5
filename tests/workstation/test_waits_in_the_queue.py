"""What waits in the desk's own queue in front of an exchange: it has not been asked, and it was not sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading.kill_status import KillPhase

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.parametrize("name", ["binance", "bybit"])]

BTC = "LOOP:BTC-USDT"
CREATE = {"binance": "rest POST /api/v3/order", "bybit": "rest POST /v5/order/create"}
CANCEL = {"binance": "rest DELETE /api/v3/order", "bybit": "rest POST /v5/order/cancel"}


def bid(n: int = 0) -> OrderDraft:
    return OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.001"), price=D(60_000 + n))


def count(exchange: LoopbackExchange, place: str) -> int:
    return sum(done == place for done, _ in exchange.done)


def gate_of(engine: Engine) -> Any:
    venue: Any = engine.venues["LOOP"]
    return venue.gate


async def test_a_look_up_has_its_time_from_when_it_leaves(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            reconciler = engine._reconciler
            reconciler._timeout = 0.3
            exchange.faults.script(CREATE[name], Kind.LOST)
            gate_of(engine).pause(0.0)
            order = await engine.submit(bid())
            assert order.state is OrderState.UNKNOWN
            gate_of(engine).pause(1.0)
            assert await reconciler.ask(order.client_id)
            assert reconciler.lost.denials(order.client_id), told(engine)
            assert not [each for each in engine.log.entries if "could not be asked about" in each.text]


async def test_an_order_whose_turn_does_not_come_in_time_was_never_sent(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            engine.gateway._answer_timeout = 0.3
            gate_of(engine).pause(1.0)
            orders = await asyncio.gather(*(engine.submit(bid(n)) for n in range(20)))
            assert {order.state for order in orders} == {OrderState.REJECTED}
            assert all("It was not sent: it waited in the desk's own queue" in order.reason for order in orders)
            await asyncio.sleep(1.2)
            assert not count(exchange, CREATE[name])


async def test_a_kill_gives_up_at_once_what_still_waits(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            gate = gate_of(engine)
            gate.pause(4.0)
            tasks = [asyncio.create_task(engine.submit(bid(n))) for n in range(40)]
            await until(lambda: gate.waiting >= 40)
            engine.kill("test")
            orders = await asyncio.gather(*tasks)
            assert gate.paused_for, "they were told before their turn had come"
            assert {order.state for order in orders} == {OrderState.REJECTED}
            await until(lambda: engine.kill_status.phase is KillPhase.DONE, 30, lambda: told(engine))
            assert not count(exchange, CREATE[name])
            assert not [order for order in engine.orders() if order.state is OrderState.UNKNOWN]


async def test_a_cancel_gives_up_what_still_waits_and_asks_nobody(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            gate = gate_of(engine)
            gate.pause(3.0)
            tasks = [asyncio.create_task(engine.submit(bid(n))) for n in range(40)]
            await until(lambda: gate.waiting >= 40)
            gone = await engine.cancel_all()
            assert gate.paused_for
            assert {order.state for order in gone} == {OrderState.REJECTED}
            assert all("pulled while it waited" in order.reason for order in gone)
            await asyncio.gather(*tasks)
            await asyncio.sleep(3.2)
            assert not count(exchange, CREATE[name])
            assert not count(exchange, CANCEL[name])


async def test_what_a_kill_closes_waits_for_its_turn_and_is_not_refused(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            await engine.submit(OrderDraft(instrument=BTC, side=Side.BUY, quantity=D("0.5"), type=OrderType.MARKET))
            await until(lambda: engine.position(BTC).quantity)
            engine.gateway._answer_timeout = 0.5
            venue: Any = engine.venues["LOOP"]
            submit = venue.submit

            async def later(order: Order) -> None:
                gate_of(engine).pause(2.0)  # the exchange asks for silence
                await submit(order)

            venue.submit = later
            engine.flatten("test")
            await until(lambda: engine.kill_status.phase is KillPhase.DONE, 30, lambda: told(engine))
            [closing] = [order for order in engine.orders() if order.origin == "kill"]
            assert closing.state is OrderState.FILLED
