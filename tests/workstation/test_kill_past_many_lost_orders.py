"""Dozens of orders without an answer, each of which takes two questions to its exchange: a kill does not stand in its
own way while it asks about them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.kill_status import KillPhase

BTC, PERP = "LOOP:BTC-USDT", "LOOP:BTC-USDT-PERP"
_MANY = 60


@pytest.mark.slow
async def test_contracts_are_closed_though_many_orders_have_no_answer(tmp_path: Path) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=120.0) as engine:
            held = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.5"), type=OrderType.MARKET)
            await engine.submit(held)
            await until(lambda: engine.position(PERP).quantity)
            exchange.faults.script("rest POST /v5/order/create", Kind.LOST, times=10_000)
            drafts = [
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.001"), price=Decimal(60_000 + n))
                for n in range(_MANY)
            ]
            orders = await asyncio.gather(*(engine.submit(draft) for draft in drafts))
            assert sum(order.state is OrderState.UNKNOWN for order in orders) > _MANY / 2
            exchange.faults.clear()
            engine.flatten("test")
            await until(lambda: not engine.position(PERP).quantity, 15, lambda: told(engine))
            assert engine.kill_status.phase is not KillPhase.DONE, "one of them may still come"
            words = "shows no working order, and is asked what has become of"
            await until(lambda: words in engine.kill_status.venues["LOOP"], 15, lambda: engine.kill_status.venues)
