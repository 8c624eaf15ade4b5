"""A paper desk's prices are gone, then somewhere else, while its orders rest and it is stopped."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import real_desk, until
from tests.support.troubled_desk import BTC
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("stopped", ["while they are gone", "when they are back"])
async def test_nothing_fills_on_what_was_seen_last(stopped: str, tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with real_desk(exchange, tmp_path, "paper", silence_ms=3_000) as engine:
            buy = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.2"), type=OrderType.MARKET)
            await engine.submit(buy)
            rests = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(63_000))
            resting = await engine.submit(rests)
            await until(lambda: engine.core.orders.orders[resting.client_id].state is OrderState.ACCEPTED)
            for place in ("rest *", "connect *"):
                exchange.faults.script(place, Kind.LOST, times=1_000_000)
            await asyncio.to_thread(exchange.cut)
            await asyncio.to_thread(hand.around, 60_000)
            await until(lambda: engine.book(BTC).stale is not None)
            assert (await engine.submit(buy)).state is OrderState.DENIED
            if stopped == "while they are gone":
                engine.flatten("a test")
                await asyncio.sleep(2)
                assert not engine.kill_status.receipt
                assert "1 position that cannot be closed yet: its prices are away" in engine.kill_status.venues["LOOP"]
                assert not [order for order in engine.orders() if order.origin == "kill"], "none could fill"
                assert engine.position(BTC).quantity == Decimal("0.2")
            exchange.faults.clear()
            if stopped == "when they are back":
                await until(lambda: engine.core.orders.orders[resting.client_id].state is OrderState.FILLED)
                engine.flatten("a test")
            await until(lambda: engine.kill_status.receipt)
            assert engine.position(BTC).quantity == 0
            sold = [fill.price for fill in engine.fills() if fill.side is Side.SELL]
            assert sold
            assert max(sold) < 60_000
