"""The kill switch: it ends when the venues show nothing any more, whatever they do to it on the way."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.desk import BTC, OTHER_PERP, PERP, START, demo_desk
from tests.support.kill_scene import Faults, break_everything, fill_the_desk, nothing_doubled, nothing_left
from tests.support.live_desk import until
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState, Side
from workstation.trading.command_run import outcome
from workstation.trading.errors import Refused
from workstation.trading.kill_status import KillItem, KillOutcome, KillPhase, receipt_of
from workstation.venues.faulty import Fault
from workstation.watch.requests import HaltRequest, HaltRequests


async def test_one_press_cancels_all_and_the_second_flattens_all_on_a_venue_gone_bad(tmp_path: Path) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await fill_the_desk(desk)
        break_everything(faults.venues["ORCA"])
        faults.venues["NOVA"].faults.add("cancel", Fault.LOST, times=2)
        async with desk.ticking():
            desk.engine.kill("test")
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=60)
            for venue in desk.venues.values():
                assert await venue.open_orders() == []
            assert len(desk.engine.positions()) == 5, "the first press closes no position"
            desk.engine.flatten("test")
            assert not desk.engine.kill_status.finished
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=60)
        await nothing_left(desk)
        nothing_doubled(desk)
        status = desk.engine.kill_status
        assert {item.state for item in status.items} == {KillOutcome.DONE}
        for venue in ("NOVA", "ORCA"):
            assert f"{venue} shows no working order" in status.receipt
        assert "50 working orders gone; 5 positions closed" in status.receipt
        status.items.append(KillItem("order", "BUY 1 @ 5", BTC))  # of which the venue never said a word
        assert f"{BTC} BUY 1 @ 5: no answer" in receipt_of(status, [])
        assert len(faults.venues["ORCA"].struck) > 20, "the faults were not met"


async def test_the_second_press_flattens_a_sound_venue_while_the_other_is_dead(tmp_path: Path) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await fill_the_desk(desk, orders=10)
        faults.venues["ORCA"].faults.add("*", Fault.UNREACHABLE, times=None)
        desk.engine.kill("test")
        await asyncio.sleep(0.2)
        desk.engine.flatten("test")
        nova = desk.venues["NOVA"]
        async with asyncio.timeout(10):
            while await nova.positions() or await nova.open_orders():
                await asyncio.sleep(0.01)
        assert desk.engine.kill_status.phase is not KillPhase.DONE
        assert "cannot be asked" in desk.engine.kill_status.venues["ORCA"]
        faults.venues["ORCA"].faults.clear()
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
        await nothing_left(desk)


async def test_a_restart_in_the_middle_goes_on_and_comes_back_halted(tmp_path: Path) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await fill_the_desk(desk)
        faults.venues["ORCA"].faults.add("*", Fault.UNREACHABLE, times=None)
        desk.engine.kill("test")
        desk.engine.flatten("test")
        await desk.settle(lambda: not desk.engine.core.orders.open_at("NOVA"))
        assert len(desk.engine.core.orders.open_at("ORCA")) == 20
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
        with pytest.raises(Refused, match="still at work"):
            await desk.engine.rearm("demo")
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
        await nothing_left(desk)
        assert "restart" in desk.engine.kill_status.receipt
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
        assert desk.engine.kill_status.phase is KillPhase.IDLE, "a finished kill is not done again"
        assert desk.engine.core.last_receipt is not None
        denied = await desk.market(BTC, Side.BUY, "0.1")
        assert (denied.state, "HALTED" in denied.reason) == (OrderState.DENIED, True)
        await desk.engine.rearm("demo")
        assert (await desk.market(BTC, Side.BUY, "0.1")).state is OrderState.FILLED


async def test_a_venue_of_the_desk_that_has_stopped_holds_up_no_kill_and_the_next_start_goes_on(
    tmp_path: Path,
) -> None:
    """The ledger of a simulated venue cannot be written: the disk is full, say."""
    async with demo_desk(tmp_path) as desk:
        await desk.market(BTC, Side.BUY, "0.4")
        await desk.market(OTHER_PERP, Side.BUY, "1.3")
        await desk.limit(PERP, Side.BUY, "0.1", away=300)
        ledger: Any = desk.venues["NOVA"].ledger
        ledger._db.execute("PRAGMA query_only = ON")
        desk.engine.flatten("test")
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        receipt = desk.engine.kill_status.receipt
        assert "NOVA has stopped (The simulated venue's ledger" in receipt
        assert "waits for the next start of the desk, which goes on; ORCA shows no working order" in receipt
        told = [entry.text for entry in desk.engine.log.entries if entry.source == "venue" and entry.level == "error"]
        assert len(told) == 1
        assert told[0].startswith("NOVA has stopped: ")
        assert not desk.engine.core.portfolio.position(OTHER_PERP).quantity
    ledger._mover.close()  # as the end of the process does
    ledger._db.close()
    ledger._lock.release()
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
        await nothing_left(desk)
        assert "restart" in desk.engine.kill_status.receipt


async def test_the_kill_before_the_store_is_open_counts(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.limit(PERP, Side.BUY, "0.1", away=300)
    async with demo_desk(tmp_path, start=START + 60 * SECOND, wait=False) as desk:
        desk.engine.kill("at once")
        assert desk.engine.trading_state is TradingState.HALTED
        await desk.engine.wait_ready()
        assert desk.engine.trading_state is TradingState.HALTED
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        assert desk.engine.open_orders() == []


async def test_an_order_on_its_way_when_the_kill_comes_is_found_and_pulled(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, latency_ms=50) as desk:
        sending = [asyncio.create_task(desk.limit(PERP, Side.BUY, "0.1", away=300 + n)) for n in range(5)]
        await asyncio.sleep(0)
        desk.engine.kill("test")
        async with desk.ticking():
            await asyncio.gather(*sending)
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=30)
        await nothing_left(desk)


async def test_a_thin_book_is_flattened_in_slices(tmp_path: Path) -> None:
    async with demo_desk(tmp_path, money="100000000") as desk:
        for _ in range(5):
            await desk.market(BTC, Side.BUY, "25")
            await desk.run(5)
        desk.engine.flatten("test")
        async with desk.ticking():
            await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=60)
        await nothing_left(desk)
        nothing_doubled(desk)
        assert len([order for order in desk.engine.orders() if order.origin == "kill"]) > 1


async def test_orders_that_the_desk_never_made_are_pulled_too(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        ours = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        stranger = msgspec.structs.replace(ours, client_id="someone-elses")
        await desk.venues["NOVA"].submit(stranger)
        assert len(await desk.venues["NOVA"].open_orders()) == 2
        desk.engine.kill("test")
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        await nothing_left(desk)


async def test_a_store_that_fails_halts_the_desk_and_does_not_stop_the_kill(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.limit(PERP, Side.BUY, "0.1", away=300)
        store = desk.engine._store
        assert store is not None
        store._writer._connection.execute("PRAGMA query_only = ON")  # as a disk that went read-only
        denied = await desk.limit(PERP, Side.BUY, "0.1", away=301)
        assert denied.state is OrderState.DENIED
        assert outcome(denied, PERP).count("Not sent") == 1
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=20)
        assert desk.engine.trading_state is TradingState.HALTED
        assert await desk.venues["NOVA"].open_orders() == []
        assert "could not be stored" in desk.engine.kill_status.receipt
        assert "may not come back HALTED" in desk.engine.kill_status.receipt


async def test_a_screen_or_a_disk_that_hangs_does_not_hold_the_kill(tmp_path: Path) -> None:
    """Neither what a screen does with it, nor the file beside a store that fails: the venues are asked at once."""
    hangs = threading.Event()

    def raises() -> None:
        raise RuntimeError("no screen")

    async with demo_desk(tmp_path) as desk:
        order = await desk.limit(PERP, Side.BUY, "0.1", away=300)
        kill = desk.engine._kill
        kill.on_begin, kill._timeout = raises, 30.0
        kill.keep_beside = lambda *_: not hangs.wait(30)
        store = desk.engine._store
        assert store is not None
        store._writer._connection.execute("PRAGMA query_only = ON")
        desk.engine.kill("test")
        try:
            await desk.settle(lambda: not desk.engine.order(order.client_id).is_open)  # type: ignore[union-attr]
            assert desk.engine.kill_status.phase is not KillPhase.DONE
        finally:
            hangs.set()
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=20)
        assert any("no screen" in entry.text for entry in desk.engine.log.entries)


async def test_a_halt_that_the_store_does_not_take_waits_beside_it_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk there is no room for a new file either: one stands ready since the desk has begun."""
    requests = HaltRequests(tmp_path / "demo.sqlite")

    def ready() -> bool:
        return any(tmp_path.glob(".*halt-ready"))

    def no_room(self: HaltRequests, request: HaltRequest) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with demo_desk(tmp_path, watched=True) as desk:
        await until(ready)
        assert requests.pending() == []  # it asks nothing
        monkeypatch.setattr(HaltRequests, "write", no_room)
        store = desk.engine._store
        assert store is not None
        store._writer._connection.execute("PRAGMA query_only = ON")
        await desk.limit(PERP, Side.BUY, "0.1", away=301)
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=20)
        assert "a restart comes back HALTED" in desk.engine.kill_status.receipt
        first = desk.engine.kill_status
        await asyncio.sleep(0.6)  # the watchdog sees the file, and begins no second kill for it
        assert desk.engine.kill_status is first
        desk.engine.flatten("all of it")  # asked for later, it is kept as well
        await desk.settle(lambda: desk.engine.kill_status.flatten and desk.engine.kill_status.phase is KillPhase.DONE)
        assert [request.flatten for request in requests.pending()] == [True]
    monkeypatch.undo()
    async with demo_desk(tmp_path, watched=True, start=START + 60 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=20)
        await until(lambda: requests.pending() == [])
    assert not ready()
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
