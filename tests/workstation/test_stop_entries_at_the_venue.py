"""A stop order that opens a position at a real exchange, which takes none from this desk: held here, over a restart."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side


@pytest.mark.parametrize(
    "dialect",
    ["binance", pytest.param("binanceusdm", marks=pytest.mark.slow), pytest.param("bybit", marks=pytest.mark.slow)],
)
async def test_it_is_sent_when_the_market_gets_there_and_not_when_it_was_there_meanwhile(
    tmp_path: Path, dialect: str
) -> None:
    symbol = "BTC-USDT-PERP" if dialect == "binanceusdm" else "BTC-USDT"
    with LoopbackExchange(dialect, seed=None) as exchange:
        hand = Hand(exchange)
        hand.around(64_000, symbol)
        near, far = (
            OrderDraft(
                instrument=f"LOOP:{symbol}",
                side=Side.BUY,
                quantity=Decimal("0.01"),
                type=OrderType.STOP,
                stop_price=Decimal(price),
            )
            for price in (64_300, 65_000)
        )
        async with live_desk_on(exchange, tmp_path) as engine:
            await engine.submit(near)
            await engine.submit(far)
            assert not exchange.floor.account().working()
        async with live_desk_on(exchange, tmp_path) as engine:
            hand.around(64_290, symbol)
            await asyncio.sleep(0.5)
            assert not engine.orders()
            hand.around(64_310, symbol)
            await until(lambda: not engine.position(near.instrument).is_flat, say=lambda: told(engine))
            [sent] = engine.orders()
            assert (sent.type, sent.state) == (OrderType.MARKET, OrderState.FILLED)
        hand.around(65_500, symbol)  # the desk is off
        async with live_desk_on(exchange, tmp_path) as engine:
            await until(lambda: not engine.core.plans.active(), say=lambda: told(engine))
            assert len(engine.orders()) == 1
            assert any(
                "while this desk did not see it" in each.text and each.level in ("warning", "error")
                for each in engine.log.entries
            ), told(engine)
