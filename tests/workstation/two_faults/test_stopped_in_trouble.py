"""The kill is pressed while something else is wrong already: it ends, and what its receipt says is so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.exchange import Fault, Kind
from tests.support.exchange.dialect import Answer, Wire
from tests.support.live_desk import told, until
from tests.support.troubled_desk import AMEND, CANCEL, FILL_TOLD, ORDER_TOLD, Scene, troubled
from tests.support.wire_desks import CREATE
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


async def orders_and_position(scene: Scene, count: int = 12) -> None:
    for number in range(count):
        await scene.rests(scene.contract, quantity="0.01", price=62_000 + number)
    await scene.holds(scene.contract, "0.2")


@pytest.mark.parametrize("dialect", ["binance", "binanceusdm", "bybit"])
async def test_the_exchange_restarts_between_two_cancels_and_its_streams_begin_anew(
    dialect: str, tmp_path: Path
) -> None:
    async with troubled(dialect, tmp_path) as scene:
        await orders_and_position(scene)
        cancels = scene.exchange.faults.hold("rest *cancel*" if dialect == "bybit" else "rest DELETE *", "arrived")
        scene.engine.flatten("a test")
        assert await asyncio.to_thread(cancels.reached.wait, 20)

        def numbered_anew() -> None:
            for public in scene.exchange.floor.public.values():
                public.update = 1

        await asyncio.to_thread(scene.exchange.restart, 1.5)
        scene.exchange.do(numbered_anew)
        cancels.release()
        receipt = await scene.killed()
        assert "1 position closed" in receipt
        await asyncio.to_thread(scene.hand.around, 64_100, scene.contract.partition(":")[2])
        await until(lambda: scene.shows_the_book(scene.contract), say=lambda: told(scene.engine))


async def test_the_exchange_has_banned_the_desk(tmp_path: Path) -> None:
    async with troubled("binance", tmp_path) as scene:
        await orders_and_position(scene, 6)
        refused = scene.banned(418, 8.0)
        scene.engine.flatten("a test")
        await scene.killed(45)
        assert 1 <= len(refused) <= 3, "who asks on into a ban is banned for longer"


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_orders_have_no_answer_and_the_line_is_cut(dialect: str, tmp_path: Path) -> None:
    """What was taken without an answer fills while nobody hears of it."""
    async with troubled(dialect, tmp_path) as scene:
        await scene.holds(scene.contract, "0.2")
        scene.exchange.faults.script(CREATE[dialect][0], Kind.UNANSWERED, times=3)
        scene.exchange.faults.script(CREATE[dialect][0], Kind.LOST, times=2)
        for number in range(5):
            scene.command(scene.engine.submit(scene.bid(scene.contract, "0.05", 63_000 + number)))
        await until(lambda: scene.working() == 3)
        scene.unreachable()
        await scene.sold_into(scene.contract, "0.08")
        scene.engine.flatten("a test")
        await asyncio.sleep(3)
        assert not scene.engine.kill_status.receipt
        assert "cannot be asked" in scene.engine.kill_status.venues["LOOP"]
        scene.exchange.faults.clear()
        await scene.killed(100)


@pytest.mark.parametrize(("dialect", "market"), [("bybit", "spot"), ("bybit", "contract"), ("binanceusdm", "contract")])
async def test_a_change_comes_late_a_part_is_filled_unheard_and_the_cancel_is_lost(
    dialect: str, market: str, tmp_path: Path
) -> None:
    async with troubled(dialect, tmp_path) as scene:
        instrument = getattr(scene, market)
        order = await scene.rests(instrument)
        faults = scene.exchange.faults
        faults.script(AMEND[dialect], Fault(Kind.LATE, 3.0))
        faults.script(CANCEL[dialect], Kind.PRETENDED, times=2)
        faults.script(FILL_TOLD[dialect], Kind.DROP)
        scene.command(scene.engine.amend(order.client_id, quantity=3 * order.quantity))
        await asyncio.sleep(0.3)
        await scene.sold_into(instrument, "0.05")
        scene.command(scene.engine.cancel(order.client_id))
        await asyncio.sleep(0.5)
        scene.engine.flatten("a test")
        await asyncio.sleep(3)
        await scene.sold_into(instrument, "0.05")
        await scene.killed()
        assert not scene.contracts()


@pytest.mark.parametrize(("dialect", "ahead"), [("binance", -10.0), ("bybit", 10.0)])
async def test_the_clock_is_wrong_from_the_start_and_the_streams_are_silent(
    dialect: str, ahead: float, tmp_path: Path
) -> None:
    async with troubled(dialect, tmp_path, silence_ms=3_000) as scene:
        scene.exchange.drift(ahead)
        await scene.again()
        assert scene.told_of("s from this machine's: check the time here")
        scene.always(FILL_TOLD[dialect], Kind.DROP)
        await scene.rests(scene.contract, quantity="0.3")
        await scene.sold_into(scene.contract, "0.1")
        scene.always("ws *", Kind.SILENCE)
        scene.exchange.cut()
        await scene.sold_into(scene.contract, "0.1")
        scene.engine.flatten("a test")
        await scene.killed()
        assert len(scene.engine.fills()) == 3 or not scene.contracts()


async def test_the_key_is_refused_for_a_while(tmp_path: Path) -> None:
    async with troubled("bybit", tmp_path) as scene:
        await orders_and_position(scene, 3)

        def refused(wire: Wire) -> Answer | None:
            signed = wire.header("X-MBX-APIKEY") or wire.header("X-BAPI-API-KEY")
            return Answer('{"code":-2015,"retCode":10003,"msg":"Invalid API-key."}', 401) if signed else None

        mended = scene.answers(refused)
        scene.exchange.cut()
        scene.engine.flatten("a test")
        await until(lambda: "cannot be asked" in scene.engine.kill_status.venues["LOOP"])
        assert not scene.engine.kill_status.receipt
        mended()
        await scene.killed(90)


@pytest.mark.parametrize("dialect", ["binance", "binanceusdm", "bybit"])
async def test_fills_come_twice_in_disorder_and_late_over_a_broken_connection(dialect: str, tmp_path: Path) -> None:
    async with troubled(dialect, tmp_path) as scene:
        for number in range(10):
            await scene.rests(scene.contract, price=63_000 - number)
        for place in sorted({FILL_TOLD[dialect], ORDER_TOLD[dialect]}):
            for fault, times in ((Fault(Kind.DUPLICATE), 4), (Fault(Kind.REORDER), 3), (Fault(Kind.DELAY, 1.5), 3)):
                scene.exchange.faults.script(place, fault, times=times)
            scene.exchange.faults.script(place, Kind.DUPLICATE, times=40)
        for number, quantity in enumerate(("0.031", "0.17", "0.12", "0.004", "0.2", "0.09", "0.15", "0.01")):
            await scene.sold_into(scene.contract, quantity, price=62_980 - 10 * number)
            if number == 3:
                scene.exchange.cut()
            if number == 6:
                scene.engine.flatten("a test")
        await scene.killed()


async def test_the_books_stand_still_while_the_market_falls(tmp_path: Path) -> None:
    """The subscription of one instrument's book is lost, its trades go on: nothing is entered on what it shows."""
    async with troubled("binance", tmp_path) as scene:
        await scene.rests(scene.spot, price=60_000)
        await scene.holds(scene.spot, "0.1")
        for place in ("ws depthUpdate", "ws orderbook"):
            scene.always(place, Kind.DROP)
        book = scene.engine.book(scene.spot)
        for number in range(40):
            await asyncio.to_thread(scene.hand.around, 62_000 - number)
            await scene.sold_into(scene.spot, "0.01", price=61_999 - number)
            await asyncio.sleep(0.2)
            if book.stale is not None:
                break
        assert "it trades at" in (book.stale or ""), told(scene.engine)
        order = await scene.engine.submit(scene.taking(scene.spot))
        assert order.state is OrderState.DENIED
        scene.engine.flatten("a test")
        await scene.killed()
        assert scene.engine.trading_state is TradingState.HALTED
