"""Money, positions and orders are changed from outside, by the trader's own hand elsewhere or by the exchange, while
orders work and while a flatten runs."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.exchange import Fault, Kind
from tests.support.live_desk import told, until
from tests.support.troubled_desk import ORDER_TOLD, PERP, Scene, troubled
from tests.support.wire_desks import CREATE
from workstation.domain.margin import MarginMode
from workstation.domain.market import MarkPrice
from workstation.domain.order import OrderState, Side

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


async def in_the_middle_of_closing(scene: Scene, instrument: str, side: Side, quantity: str) -> None:
    """The trader's own order reaches the exchange between the flatten's look at the position and its closing order."""
    hand = await scene.by_hand(instrument, Side.BUY, "0.01", 50_000)  # the connection stands, the order is pulled too
    await until(lambda: hand in scene.engine.core.orders.orders, say=lambda: told(scene.engine))
    await scene.agrees()
    closing = scene.exchange.faults.hold(CREATE[scene.dialect][0], "arrived")
    scene.engine.flatten("a test")
    assert await asyncio.to_thread(closing.reached.wait, 30)
    order = asyncio.create_task(scene.by_hand(instrument, side, quantity))
    await asyncio.sleep(0.5)
    closing.release()
    await order


@pytest.mark.parametrize(
    ("dialect", "side", "quantity"),
    [
        ("bybit", Side.BUY, "0.3"),
        ("bybit", Side.SELL, "0.5"),
        ("binanceusdm", Side.SELL, "0.5"),
    ],
)
async def test_a_position_is_closed_turned_or_enlarged_by_hand_while_it_is_closed(
    dialect: str, side: Side, quantity: str, tmp_path: Path
) -> None:
    async with troubled(dialect, tmp_path) as scene:
        await scene.rests(scene.contract)
        await scene.holds(scene.contract, "0.2")
        await in_the_middle_of_closing(scene, scene.contract, side, quantity)
        await scene.killed()
        await scene.agrees()
        assert not scene.engine.positions()


@pytest.mark.parametrize(("dialect", "currency", "amount"), [("binance", "USDT", "5000"), ("bybit", "USDT", "-90000")])
async def test_money_comes_and_goes_while_the_line_is_cut(
    dialect: str, currency: str, amount: str, tmp_path: Path
) -> None:
    async with troubled(dialect, tmp_path) as scene:
        scene.moved = True
        await scene.rests(scene.contract)
        await scene.holds(scene.contract, "0.1")
        scene.exchange.cut()
        scene.exchange.do(lambda: scene.account.deposit(currency, D(amount)))
        await scene.sold_into(scene.contract, "0.05")
        await scene.compared()
        await scene.agrees()
        scene.engine.flatten("a test")
        await scene.killed()


async def test_coins_are_withdrawn_while_they_are_sold(tmp_path: Path) -> None:
    """What is left is sold, the rest is not held against anybody."""
    async with troubled("bybit", tmp_path) as scene:
        scene.moved = True
        await scene.holds(scene.spot, "0.2")
        closing = scene.exchange.faults.hold(CREATE["bybit"][0], "arrived")
        scene.engine.flatten("a test")
        assert await asyncio.to_thread(closing.reached.wait, 30)
        scene.exchange.do(lambda: scene.account.deposit("BTC", D("-2.1")))
        closing.release()
        await scene.killed()
        assert scene.coins() < D("0.0001")


async def test_an_order_is_enlarged_by_hand_unheard_fills_beyond_and_the_line_breaks(tmp_path: Path) -> None:
    """What fills beyond the quantity that the desk knew is closed too; nothing of it is made up."""
    async with troubled("binanceusdm", tmp_path) as scene:
        instrument = scene.contract
        before = scene.coins()
        order = await scene.rests(instrument)
        scene.exchange.faults.script(ORDER_TOLD["binanceusdm"], Kind.DROP)
        record = scene.exchange.do(scene.account.working)[0]
        scene.exchange.do(lambda: scene.account.tell(scene.account.amend(record, D("0.3"), None)))
        await scene.sold_into(instrument, "0.1")
        scene.exchange.cut()
        await scene.sold_into(instrument, "0.15")
        scene.engine.flatten("a test")
        await scene.killed()
        await scene.agrees()
        assert scene.order(order.client_id).filled == D("0.25")
        assert scene.coins() - before < D("0.0001")
        assert not scene.contracts()


async def test_the_dead_man_s_switch_has_fired_while_the_desk_was_cut_off(tmp_path: Path) -> None:
    """Orders that it cancelled are neither believed to work nor sent again, and what filled before is booked."""
    async with troubled("binanceusdm", tmp_path, dead_man_seconds=10.0) as scene:
        for number in range(3):
            await scene.rests(scene.contract, price=63_000 - number)
        venue = scene.engine.venues["LOOP"]
        await until(venue.dead_man_holds, 20)  # type: ignore[attr-defined]
        sent = scene.sent(CREATE["binanceusdm"][0])
        scene.unreachable()
        await scene.sold_into(scene.contract, "0.05")
        await until(lambda: not scene.working(), 40)
        scene.exchange.faults.clear()
        await scene.agrees()
        assert scene.told_of("dead man's switch of 10 s: it has cancelled what worked there")
        assert all(order.state is OrderState.CANCELED for order in scene.engine.orders())
        assert scene.sent(CREATE["binanceusdm"][0]) == sent


async def test_the_dead_man_s_switch_fires_while_the_desk_hangs_and_the_kill_is_pressed(tmp_path: Path) -> None:
    async with troubled("bybit", tmp_path, dead_man_seconds=5.0) as scene:
        for number in range(3):
            await scene.rests(scene.contract, price=63_000 - number)
        venue = scene.engine.venues["LOOP"]
        await until(venue.dead_man_holds, 20)  # type: ignore[attr-defined]
        scene.exchange.faults.script("rest POST /v5/order/cancel*", Fault(Kind.SLOW, 1.0), times=2)
        scene.hand.sold("0.05", "62990", "BTC-USDT-PERP")
        time.sleep(8)  # noqa: ASYNC251 - the fault itself
        scene.engine.flatten("a test")
        await scene.killed()
        assert not scene.contracts()


async def test_the_exchange_liquidates_while_the_line_is_cut_and_the_kill_is_pressed(tmp_path: Path) -> None:
    """Its own closing order is booked as what it is; nothing is closed twice, nothing made up."""
    async with troubled("binanceusdm", tmp_path) as scene:
        scene.moved = True  # the exchange's insurance bears what the margin does not
        setting = scene.account.books
        now = scene.exchange.clock.now
        scene.exchange.do(lambda: scene.account.took(setting.set_margin_mode(PERP, MarginMode.ISOLATED, now())))
        scene.exchange.do(lambda: scene.account.took(setting.set_leverage(PERP, D(50), now())))
        await scene.rests(PERP, quantity="0.01", price=55_000)
        await scene.holds(PERP, "0.2")
        scene.exchange.cut()
        await asyncio.to_thread(scene.hand.around, 60_000, "BTC-USDT-PERP")
        scene.exchange.feed(MarkPrice(PERP, now(), D(60_000), D(0), None))
        await until(lambda: not scene.contracts(), 10)
        scene.engine.flatten("a test")
        await scene.killed()
        await scene.agrees()
        assert not scene.engine.positions()
