"""The kill switch while somebody else goes on trading on the account: it closes beside him, ends, and says so."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from tests.support.others import Other
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading import kill_others, kill_refusals

TRADED = {"binance": "LOOP:BTC-USDT", "binanceusdm": "LOOP:BTC-USDT-PERP", "bybit": "LOOP:BTC-USDT-PERP"}
DIALECTS = ["bybit", "binance", pytest.param("binanceusdm", marks=pytest.mark.slow)]
GOES_ON = "somebody else goes on sending orders on this account"


async def holds(engine: Engine, instrument: str, quantity: str = "0.2") -> None:
    draft = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal(quantity), type=OrderType.MARKET)
    order = await engine.submit(draft)
    await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED, say=lambda: told(engine))


def contracts(exchange: LoopbackExchange) -> dict[str, Decimal]:
    account = exchange.floor.account()
    return exchange.do(lambda: {i: q for i, q in account.books.account.derivatives().items() if q})


def coins(exchange: LoopbackExchange) -> Decimal:
    return exchange.do(lambda: exchange.floor.account().total("BTC"))


def working(exchange: LoopbackExchange) -> int:
    return exchange.do(lambda: len(exchange.floor.account().working()))


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("external", ["adopt", pytest.param("ignore", marks=pytest.mark.slow)])
async def test_positions_are_closed_and_the_kill_ends_though_somebody_else_goes_on_quoting(
    name: str, external: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_others, "PATIENCE", 6.0)
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument = TRADED[name]
        async with live_desk_on(exchange, tmp_path, external_orders=external) as engine:
            before = coins(exchange)
            await holds(engine, instrument)
            rests = OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(60_000))
            mine = await engine.submit(rests)
            async with Other(exchange).quoting(instrument):
                await until(lambda: working(exchange) > 4)
                engine.flatten("test")
                await until(
                    lambda: not contracts(exchange) and abs(coins(exchange) - before) < Decimal("0.001"),
                    say=lambda: engine.kill_status,
                )
                await until(lambda: GOES_ON in engine.kill_status.venues["LOOP"], say=lambda: engine.kill_status)
                await until(lambda: engine.kill_status.receipt, say=lambda: engine.kill_status)
            receipt = engine.kill_status.receipt
            assert GOES_ON in receipt
            assert "(0 pulled" not in receipt, f"{engine.kill_status}\n{told(engine)}"
            assert "1 position closed" in receipt
            assert not engine.core.orders.orders[mine.client_id].is_open


@pytest.mark.slow
@pytest.mark.parametrize("name", DIALECTS)
async def test_when_the_other_ends_the_kill_ends_with_nothing_left(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        instrument = TRADED[name]
        async with live_desk_on(exchange, tmp_path) as engine:
            async with Other(exchange).quoting(instrument, every=0.01):
                await until(lambda: working(exchange) > 2)
                engine.kill("test")
                await until(lambda: GOES_ON in engine.kill_status.venues["LOOP"], say=lambda: engine.kill_status)
                assert not engine.kill_status.receipt
            await until(lambda: engine.kill_status.receipt, say=lambda: engine.kill_status)
            assert working(exchange) == 0
            assert "shows no working order (2× asked)" in engine.kill_status.receipt
            assert "on this account" in engine.kill_status.receipt


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bybit", pytest.param("binanceusdm", marks=pytest.mark.slow)])
async def test_a_position_that_somebody_else_opens_again_and_again_is_named_and_left(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_others, "PATIENCE", 3.0)
    monkeypatch.setattr(kill_refusals, "OPENED_SECONDS", 2.0)
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        hand, other = Hand(exchange), Other(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await holds(engine, TRADED[name])
            engine.flatten("test")

            async def buys() -> None:
                while not engine.kill_status.receipt:
                    if not contracts(exchange):
                        other.enters(TRADED[name], Side.BUY, "0.05")
                        await asyncio.to_thread(hand.around, 64_000, "BTC-USDT-PERP")
                    await asyncio.sleep(0.005)

            task = asyncio.create_task(buys())
            await until(lambda: engine.kill_status.receipt, 60, say=lambda: f"{engine.kill_status}\n{told(engine)}")
            await task
            receipt = engine.kill_status.receipt
            assert "no position (" not in receipt or not contracts(exchange)
            assert "somebody else" in receipt


@pytest.mark.slow
async def test_an_order_of_others_that_is_heard_of_after_the_press_and_is_of_before_is_no_going_on(
    tmp_path: Path,
) -> None:
    """Another shell has closed a position past a desk that hung, and the next one meets its order."""
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            await holds(engine, "LOOP:BTC-USDT")
        Other(exchange).enters("LOOP:BTC-USDT-PERP", Side.BUY, "0.05")
        async with live_desk_on(exchange, tmp_path, wait=False) as engine:
            engine.flatten("test")
            await until(lambda: engine.kill_status.receipt, say=lambda: engine.kill_status)
            assert "external" in {order.origin for order in engine.orders()}, told(engine)
            assert "2 positions closed" in engine.kill_status.receipt
            assert "somebody else" not in engine.kill_status.receipt
