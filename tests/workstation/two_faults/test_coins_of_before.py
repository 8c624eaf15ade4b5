"""Stop orders of spot for coins that the trader had before this desk: they are sent as they were given."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, until
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine

BTC = "LOOP:BTC-USDT"


async def traded(engine: Engine, side: Side, quantity: str) -> None:
    await engine.submit(OrderDraft(instrument=BTC, side=side, quantity=D(quantity), type=OrderType.MARKET))
    await until(lambda: not engine.position(BTC).is_flat)


def stop(side: Side, quantity: str, price: int) -> OrderDraft:
    return OrderDraft(instrument=BTC, side=side, quantity=D(quantity), type=OrderType.STOP, stop_price=D(price))


async def test_a_stop_for_more_than_was_bought_sells_all_that_it_asks_for(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT",)) as engine:
            await traded(engine, Side.BUY, "0.1")
            row = await engine.submit(stop(Side.SELL, "0.5", 63_500))
            assert row.quantity == D("0.5")
            hand.around(63_400)
            await until(lambda: engine.position(BTC).quantity == D("-0.4001"))


async def test_coins_that_were_sold_are_bought_again_by_a_stop(tmp_path: Path) -> None:
    """They are no short of this desk, which an exit could close."""
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT",)) as engine:
            await traded(engine, Side.SELL, "0.5")
            await engine.submit(stop(Side.BUY, "0.2", 64_500))
            hand.around(64_600)
            await until(lambda: engine.position(BTC).quantity == D("-0.3002"))
