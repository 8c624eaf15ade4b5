"""What still waits in the desk's own queue in front of an exchange when it is halted, or pulled, never leaves."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine

pytestmark = pytest.mark.timeout(120)

CREATE = "rest POST /v5/order/create"


def made(exchange: LoopbackExchange) -> int:
    return sum(place == CREATE for place, _ in exchange.done)


async def queued(engine: Engine, exchange: LoopbackExchange, draft: OrderDraft) -> list[asyncio.Task[object]]:
    """Forty orders of which the rate of the exchange has let some through."""
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(engine.submit(draft)) for _ in range(40)]
    await until(lambda: made(exchange) >= 3)
    return tasks


@pytest.mark.slow
async def test_a_halt_from_outside_that_the_loop_has_not_taken_yet_holds_what_waits(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            buy = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=D("0.001"), type=OrderType.MARKET)
            tasks = await queued(engine, exchange, buy)
            engine.gateway.barred = lambda: "tws kill"  # as the watchdog says it
            under_way = made(exchange)
            await asyncio.gather(*tasks)
            assert made(exchange) <= under_way + 1, "one may have left the queue before"
            held = [order for order in engine.orders() if "halted while it waited" in order.reason]
            assert len(held) >= 20
            assert {order.state for order in held} == {OrderState.REJECTED}


async def test_an_order_that_is_pulled_while_it_waits_is_never_sent(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=60.0) as engine:
            bid = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=D("0.001"), price=D(60_000))
            tasks = await queued(engine, exchange, bid)
            await engine.cancel_all()
            await asyncio.gather(*tasks, return_exceptions=True)
            held = [order for order in engine.orders() if "pulled while it waited" in order.reason]
            assert len(held) >= 20
            assert made(exchange) <= 40 - len(held)
