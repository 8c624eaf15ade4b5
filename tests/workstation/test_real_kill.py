"""The kill switch of a live desk whose exchange tells it less than it should."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange.binance_usdm import BinanceUsdm
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on
from tests.support.real_desk import desk_settings, keys_of, real_desk, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.venues.ccxt.client import open_exchange
from workstation.venues.ccxt.particulars import particulars

BTC, PERP = "LOOP:BTC-USDT", "LOOP:BTC-USDT-PERP"
MARKET = OrderType.MARKET


@pytest.mark.parametrize("fills", ["late", pytest.param("never", marks=pytest.mark.slow)])
async def test_flattening_sells_what_the_desk_bought_and_no_coin_more_though_no_stream_tells_of_its_fills(
    tmp_path: Path, fills: str
) -> None:
    """The trader owns two bitcoin beside what the desk bought. The book has grown thin unseen, so the closing orders
    fill in part and end; what they have sold is heard of later than that they ended."""
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with real_desk(exchange, tmp_path, silence_ms=60_000) as engine:
            draft = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.5"), type=OrderType.MARKET)
            bought = await engine.submit(draft)
            await until(lambda: engine.core.orders.orders[bought.client_id].state is OrderState.FILLED)
            for message in ("depthUpdate", "executionReport", "outboundAccountPosition"):
                exchange.faults.script(f"ws {message}", Kind.DROP, times=10_000)
            if fills == "never":  # nor does the exchange when it is asked for them
                exchange.faults.script("rest GET /api/v3/myTrades", Fault(Kind.STATUS, status=503), times=10_000)
            await asyncio.sleep(0.3)  # what was on its way has come
            for below in range(2, 11):
                hand.level(f"{64_000 - below}", "0")
            hand.level("63999", "0.2")
            engine.flatten("test")
            while not engine.kill_status.receipt:  # somebody goes on to bid a little
                await asyncio.to_thread(hand.level, "63999", "0.2")
                await asyncio.sleep(0.02)
            assert "1 position closed" in engine.kill_status.receipt
            if fills == "never":
                assert "the fills are still asked for" in engine.kill_status.receipt
                exchange.faults.clear()
            await until(lambda: engine.position(BTC).quantity == 0)
            left = exchange.do(lambda: exchange.floor.account().total("BTC"))
            assert Decimal(2) <= left < Decimal("2.001")


async def test_the_receipt_names_orders_of_the_account_in_markets_that_are_not_open_here(tmp_path: Path) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        by_hand = open_exchange(
            particulars("binance"), desk_settings(exchange).venues["loop"], keys_of(exchange)("LOOP")
        )
        await by_hand.load_markets()
        await by_hand.create_order("SOL/USDT", "limit", "buy", 1, 10)
        await by_hand.close()
        async with real_desk(exchange, tmp_path) as engine:
            await engine.submit(
                OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(63_900))
            )
            engine.kill("test")
            await until(lambda: engine.kill_status.receipt)
            said = "LOOP shows no working order (2× asked), but 1 order in SOL/USDT, not open here and not touched"
            assert said in engine.kill_status.receipt
            assert engine.kill_status.receipt.startswith("Halted after test: 1 working order gone")


async def test_a_kill_names_its_markets_where_the_list_of_all_orders_is_dear(tmp_path: Path) -> None:
    """A list of all orders costs as much as forty of one market, and what the kill asks for next waits for it: one is
    enough, when the desk's own have gone. It shows what others have elsewhere."""
    mine = BinanceUsdm().instruments[0]
    other = msgspec.structs.replace(mine, symbol="ETH-USDT-PERP", base="ETH")
    with LoopbackExchange("binanceusdm", instruments=[mine, other], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            venue: Any = engine.venues["LOOP"]
            bid = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(63_000))
            order = await engine.submit(bid)
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
            await engine.submit(OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=MARKET))
            await until(lambda: engine.position(PERP).quantity)
            elsewhere: dict[str, Any] = {"instrument": "LOOP:ETH-USDT-PERP", "side": Side.BUY, "quantity": Decimal(1)}
            elsewhere |= {"type": OrderType.LIMIT, "tif": TimeInForce.GTC, "price": Decimal(3_000)}
            record, _ = exchange.do(lambda: exchange.floor.account().submit("byhand", {"type": "LIMIT"}, **elsewhere))
            assert record.order.is_open, record.order.reason
            venue.others.seen = float("-inf")
            before = len(exchange.done)
            engine.flatten("test")
            await until(lambda: engine.kill_status.receipt)
            asked = [words for place, words in exchange.done[before:] if place == "rest GET /fapi/v1/openOrders"]
            assert sum("symbol" not in words for words in asked) == 1
            assert len(asked) > 4
            assert engine.position(PERP).quantity == 0
            assert "but 1 order in ETH/USDT:USDT, not open here and not touched" in engine.kill_status.receipt
