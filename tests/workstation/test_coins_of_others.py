"""Spot on an account that others trade on too: the kill switch sells what this desk's own orders have bought, once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.binance.listing import SPOT
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from tests.support.others import Other
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading.plans import terms

BTC = "LOOP:BTC-USDT"


async def buys(engine: Engine, quantity: str, side: Side = Side.BUY) -> None:
    draft = OrderDraft(instrument=BTC, side=side, quantity=Decimal(quantity), type=OrderType.MARKET)
    order = await engine.submit(draft)
    await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED, say=lambda: told(engine))


def coins(exchange: LoopbackExchange) -> Decimal:
    return exchange.do(lambda: exchange.floor.account().total("BTC"))


async def flattened(engine: Engine) -> str:
    await until(lambda: engine.kill_status.receipt, 60, say=lambda: f"{engine.kill_status}\n{told(engine)}")
    return engine.kill_status.receipt


def near(amount: Decimal, expected: str) -> bool:
    """But for fees."""
    return abs(amount - Decimal(expected)) < Decimal("0.001")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_two_desks_of_one_account_that_both_flatten_sell_no_coin_twice(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        before = coins(exchange)
        async with live_desk_on(exchange, tmp_path / "a") as a, live_desk_on(exchange, tmp_path / "b") as b:
            await buys(a, "0.2")
            await buys(b, "0.3")
            for desk in (a, b):
                await until(
                    lambda desk=desk: near(desk.position(BTC).quantity, "0.5"), say=lambda desk=desk: told(desk)
                )  # type: ignore[misc]
            a.flatten("test")
            b.flatten("test")
            await asyncio.gather(flattened(a), flattened(b))
            assert near(coins(exchange) - before, "0")
            assert coins(exchange) >= before, "the trader's own coins"
            for desk in (a, b):
                await until(lambda desk=desk: near(desk.position(BTC).quantity, "0"), say=lambda desk=desk: told(desk))  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_what_others_bought_stays_and_the_receipt_says_so(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        before = coins(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await buys(engine, "0.2")
            Other(exchange).enters(BTC, Side.BUY, "0.3")
            await until(lambda: near(engine.position(BTC).quantity, "0.5"), say=lambda: told(engine))
            engine.flatten("test")
            receipt = await flattened(engine)
            assert near(coins(exchange) - before, "0.3")
            assert "0.2997 BTC of orders that this desk did not send: not touched" in receipt


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_coins_that_somebody_has_sold_meanwhile_are_not_sold_again_though_no_stream_told(
    name: str, tmp_path: Path
) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        before = coins(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
            await buys(engine, "0.2")
            engine.venues["LOOP"].on_stranger = lambda _order: False  # type: ignore[attr-defined]
            engine.venues["LOOP"].told.take = lambda **_: None  # type: ignore[attr-defined]
            engine.comparisons._next["LOOP"] = asyncio.get_running_loop().time() + 600
            engine.comparisons._hints.due = lambda *_: False  # type: ignore[method-assign]
            Other(exchange).enters(BTC, Side.SELL, "0.1998")
            await until(lambda: near(coins(exchange) - before, "0"))
            engine.flatten("test")
            await flattened(engine)
            assert near(coins(exchange) - before, "0")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_coins_that_the_trader_had_before_and_sells_by_hand_take_nothing_from_what_the_desk_buys(
    name: str, tmp_path: Path
) -> None:
    """The position is the sum of both, and below zero."""
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            Other(exchange).enters(BTC, Side.SELL, "0.3")
            await until(lambda: engine.position(BTC).quantity == Decimal("-0.3"), say=lambda: told(engine))
            before = coins(exchange)
            await buys(engine, "0.2")
            engine.flatten("test")
            receipt = await flattened(engine)
            assert "1 position closed" in receipt
            assert "did not send" not in receipt
            assert Decimal(0) <= coins(exchange) - before < Decimal("0.0001")


async def test_and_nothing_from_what_protects_it(tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            Other(exchange).enters(BTC, Side.SELL, "0.3")
            await until(lambda: engine.position(BTC).quantity == Decimal("-0.3"), say=lambda: told(engine))
            before = coins(exchange)
            buy = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.2"), type=OrderType.MARKET)
            plan = await engine.start_plan(terms.bracket(buy, stop=Decimal(63_500), target=Decimal(70_000)))
            await until(lambda: coins(exchange) > before, say=lambda: told(engine))
            await asyncio.sleep(0.3)
            assert [one.plan_id for one in engine.plans() if one.is_active] == [plan.plan_id]
            await asyncio.to_thread(hand.around, 62_000)
            await until(lambda: not any(one.is_active for one in engine.plans()), say=lambda: told(engine))
            assert Decimal(0) <= coins(exchange) - before < Decimal("0.0001")


@pytest.mark.parametrize("bought", ["0.2", "0.5"])
async def test_coins_that_the_desk_bought_in_one_market_and_sold_in_another_are_not_sold_again(
    bought: str, tmp_path: Path
) -> None:
    for_usdc = replace(SPOT[0], symbol="BTC-USDC", quote="USDC")
    login = Login(balances=RICH | {"USDC": Decimal(100_000)})
    with LoopbackExchange("binance", logins=[login], instruments=[SPOT[0], for_usdc], seed=None) as exchange:
        hand = Hand(exchange)
        hand.around(64_000, "BTC-USDC")
        before = coins(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT", "BTC-USDC")) as engine:
            await buys(engine, bought)
            draft = OrderDraft(
                instrument="LOOP:BTC-USDC", side=Side.SELL, quantity=Decimal("0.1998"), type=OrderType.MARKET
            )
            await engine.submit(draft)
            await until(
                lambda: engine.position("LOOP:BTC-USDC").quantity == Decimal("-0.1998"), say=lambda: told(engine)
            )
            engine.flatten("test")
            receipt = await flattened(engine)
            assert Decimal(0) <= coins(exchange) - before < Decimal("0.0001"), receipt
            assert "0.1998 BTC that this desk has sold in another market" in receipt
