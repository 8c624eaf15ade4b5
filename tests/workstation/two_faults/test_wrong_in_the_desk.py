"""What is wrong is the desk's own: it hangs, its queue is full, dozens of its orders have no answer, nobody takes its
notes. Another trouble comes with it, and the kill."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import Kind
from tests.support.live_desk import told, until
from tests.support.troubled_desk import PERP, Scene, troubled
from tests.support.wire_desks import CREATE
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState
from workstation.notify.delivery import deliver
from workstation.notify.messages import Topic
from workstation.notify.notifier import Notifier
from workstation.notify.outbox import Outbox, quiet_hours
from workstation.watch.requests import HaltRequests, new_request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_dozens_of_orders_were_lost_in_a_stall_and_the_line_breaks_in_the_kill(
    dialect: str, tmp_path: Path
) -> None:
    """What the desk asks then fills its own queue: that is neither a wrong clock nor a dead line."""
    async with troubled(dialect, tmp_path, compare_seconds=60.0) as scene:
        await scene.holds(scene.contract, "0.2")
        scene.always(CREATE[dialect][0], Kind.LOST)
        for number in range(40):
            scene.command(scene.engine.submit(scene.bid(scene.spot, "0.001", 60_000 + number)))
        unknown = OrderState.UNKNOWN
        await until(lambda: sum(order.state is unknown for order in scene.engine.orders()) >= 10)
        scene.engine.flatten("a test")
        scene.exchange.faults.clear()
        await asyncio.sleep(0.5)
        scene.exchange.cut()
        await scene.killed(80)
        assert not scene.told_of("check the time here")


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_the_desk_hangs_with_a_full_queue_and_is_halted_from_another_shell(dialect: str, tmp_path: Path) -> None:
    """No order leaves once the request has been heard, though the loop has not."""
    async with troubled(dialect, tmp_path, compare_seconds=60.0) as scene:
        engine, place = scene.engine, CREATE[dialect][0]
        watchdog = engine._watchdog
        assert watchdog is not None
        gate = engine.venues["LOOP"].gate  # type: ignore[attr-defined]
        gate.pause(0.0 if dialect == "bybit" else 2.0)
        for _ in range(40):
            scene.command(engine.submit(scene.taking(scene.spot, "0.001")))
        await until(lambda: gate.waiting > 20, say=lambda: gate.waiting)

        def another_shell() -> None:
            time.sleep(0.2)
            HaltRequests(watchdog._doors.store).write(new_request(False, "tws kill of a test"))

        shell = threading.Thread(target=another_shell)
        shell.start()
        time.sleep(3.0)  # noqa: ASYNC251 - the fault itself
        shell.join()
        sent = scene.sent(place)
        await scene.killed()
        assert engine.trading_state is TradingState.HALTED
        assert scene.sent(place) <= sent + 1, "one may have been on the wire"
        assert any("halted while it waited" in order.reason for order in engine.orders())


async def test_leverage_is_changed_at_the_exchange_while_the_line_is_cut_and_a_fill_comes(tmp_path: Path) -> None:
    async with troubled("bybit", tmp_path) as scene:
        await scene.rests(PERP)

        def changed() -> None:
            account, now = scene.account, scene.exchange.clock.now()
            account.tell(account.took(account.books.set_leverage(PERP, Decimal(50), now)))

        scene.exchange.cut()
        scene.exchange.do(changed)
        await scene.sold_into(PERP, "0.05")
        await scene.compared()
        await until(lambda: scene.engine.margin(PERP).leverage == 50, say=lambda: told(scene.engine))
        scene.engine.flatten("a test")
        await scene.killed()


@pytest.fixture
def takes_nothing() -> Iterator[int]:
    """The port of a server that takes every connection and goes on answering for ever."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.2):
                connection.sendall(b".")
        except OSError:
            connection.close()

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    over.set()
    listening.close()


def noted(scene: Scene, port: int) -> Notifier:
    """The desk's notes go to that port from now on."""
    engine = scene.engine
    notifier = Notifier(
        outbox=Outbox(per_minute=100, quiet=quiet_hours(""), local_minute=lambda ts: ts // SECOND // 60, templates={}),
        topics=list(Topic),
        addresses=lambda: {"phone": f"json://127.0.0.1:{port}/planted-token-77"},
        deliver=deliver,
        order_of=engine.order,
        instrument_of=engine.instrument,
        clock=engine.clock,
        log=engine.log,
        title="a test",
    )
    engine.notifier = notifier
    notifier.start()
    engine._journal.on_event = notifier.hear
    return notifier


async def test_nobody_takes_its_notes_while_the_line_breaks_and_it_is_stopped(
    takes_nothing: int, tmp_path: Path
) -> None:
    pytest.importorskip("apprise")
    async with troubled("bybit", tmp_path) as scene:
        noted(scene, takes_nothing)
        await scene.holds(scene.contract, "0.2")
        for number in range(10):
            await scene.rests(scene.contract, quantity="0.01", price=62_000 + number)
        scene.exchange.cut()
        await scene.sold_into(scene.contract, "0.03", price=61_990)
        scene.engine.flatten("a test")
        await scene.killed()
        assert not any("planted-token-77" in entry.text for entry in scene.engine.log.entries)
