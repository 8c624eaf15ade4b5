"""Flatten on a disk that takes nothing more: every position is closed, and the next start has the fills in its books.

The system itself refuses to let any file of the desk grow (RLIMIT_FSIZE), in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import BTC, PERP, START, TestDesk, demo_desk
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.kill_scene import Faults
from tests.support.wire_desks import CREATE, WireDesks
from workstation import engine as engine_module
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState, Side
from workstation.store import StoreError, reader
from workstation.store.beside import Beside, InFiles, Reserve
from workstation.store.writer import Writer
from workstation.trading.kill_status import KillOutcome, KillPhase
from workstation.trading.without_store import HUNG
from workstation.venues.faulty import Fault

#: So many bytes of each file: some intents find room in the file that was made ready, the others in memory; or none.
LITTLE, NONE = "4096", "0"


@pytest.fixture(autouse=True)
def nothing_left_in_memory(tmp_path: Path) -> Iterator[None]:
    """A desk that is not started again leaves what it kept there."""
    yield
    for store in tmp_path.rglob("*.sqlite"):
        with contextlib.suppress(StoreError):
            for row in reader.rows(store, "SELECT desk_id FROM meta WHERE mode IN ('live', 'demo')"):
                InFiles(row["desk_id"]).drop()


def held(exchange: LoopbackExchange, symbol: str) -> Decimal:
    """A position of contracts, or what the account has of the coin beyond the two that are the trader's own."""
    account = exchange.floor.account()
    if symbol.endswith("-PERP"):
        return exchange.do(lambda: sum(account.books.account.derivatives().values(), Decimal(0)))
    return exchange.do(lambda: account.total("BTC") - 2)


def stored(desks: WireDesks) -> set[str]:
    store = next((desks.home / "data").glob("live*.sqlite"))
    return {row["client_id"] for row in reader.rows(store, "SELECT client_id FROM orders WHERE origin = 'kill'")}


def sent(desks: WireDesks) -> list[str]:
    place, by = CREATE[desks.exchange.name]
    return [params[by] for where, params in desks.exchange.done if where == place]


MARKETS = [("binanceusdm", "BTC-USDT-PERP"), ("bybit", "BTC-USDT-PERP"), ("binance", "BTC-USDT")]


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("name", "symbol"), MARKETS)
def test_what_was_closed_without_the_store_is_in_it_after_the_next_start(
    name: str, symbol: str, tmp_path: Path
) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=11, rate=0.2) as exchange:
        desks = WireDesks({"loop": exchange}, tmp_path / "home", symbols=[symbol])
        process = desks.trader("flatten", WIRE_ROOM=LITTLE)
        assert held(exchange, symbol) > Decimal("0.009")
        desks.go(process)
        receipt = desks.hear(process, "receipt")
        assert held(exchange, symbol) < Decimal("0.00002")  # of spot the exchange takes its fee in the coin
        assert "1 closing order could not be stored and went out all the same" in receipt
        assert receipt.count("the request could not be stored") <= 1
        assert stored(desks) == set()
        desks.kill(process)
        shown = desks.check()  # nothing lost, nothing doubled, nothing invented
        assert len(sent(desks)) == 2
        assert stored(desks) == {sent(desks)[1]}
        assert len(shown["fills"]) >= 2
        assert "external order" not in shown["differences"]
        desks.check()  # and the start after it finds nothing more to do


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("at", ["arrived", "done"])
@pytest.mark.parametrize(("name", "symbol"), MARKETS)
def test_a_desk_killed_in_the_middle_of_it_finds_its_closing_order_again(
    name: str, symbol: str, at: str, tmp_path: Path
) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=11, rate=0.2) as exchange:
        desks = WireDesks({"loop": exchange}, tmp_path / "home", symbols=[symbol])
        process = desks.trader("flatten", WIRE_ROOM=LITTLE)
        hold = exchange.faults.hold(CREATE[name][0], at)
        desks.go(process)
        assert hold.reached.wait(30)
        desks.kill(process)
        hold.release()
        exchange.faults.clear()
        shown = desks.check()
        closing = sent(desks)[1]
        assert shown["orders"][closing][1] == OrderState.FILLED
        assert Decimal(0) <= held(exchange, symbol) < Decimal("0.00002"), "closed, and not a coin more"
        assert len(sent(desks)) == 2, "a second closing order would have been sent for what the first had closed"


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize(("name", "symbol"), MARKETS[:1])
def test_contracts_are_closed_though_nothing_at_all_can_be_kept(name: str, symbol: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=11, rate=0.2) as exchange:
        desks = WireDesks({"loop": exchange}, tmp_path / "home", symbols=[symbol])
        process = desks.trader("flatten", WIRE_ROOM=NONE)
        desks.go(process)
        receipt = desks.hear(process, "receipt")
        assert held(exchange, symbol) == 0
        assert "1 closing order could be kept nowhere and went out all the same" in receipt
        desks.kill(process)


# The demo desk, of which the store alone fails: its venues' ledgers are their own.


async def fail(desk: TestDesk) -> None:
    """As a disk that has become read-only: SQLite itself refuses the next write, what was noted before it is stored."""
    store = desk.engine._store
    assert store is not None
    await asyncio.sleep(0)
    await asyncio.to_thread(store.flush)
    connection: sqlite3.Connection = store._writer._connection
    connection.execute("PRAGMA query_only = ON")


def unkept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does any place beside the store take anything."""

    def refuse(self: object, events: Sequence[object]) -> None:
        raise OSError("no room")

    for place in (Reserve, InFiles):
        monkeypatch.setattr(place, "keep", refuse)


async def flattened(desk: TestDesk) -> str:
    desk.engine.flatten("a test")
    await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE, timeout=20)
    return desk.engine.kill_status.receipt


async def test_the_demo_desk_closes_all_without_its_store_and_has_it_after_a_restart(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        await desk.market(BTC, Side.BUY, "0.4")
        await fail(desk)
        receipt = await flattened(desk)
        assert "2 positions closed" in receipt
        assert "2 closing orders could not be stored and went out all the same" in receipt
        fills = {fill.trade_id for fill in desk.engine.fills()}
        assert (
            sum(entry.source == "kill" and "without the store" in entry.text for entry in desk.engine.log.entries) == 1
        )
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        await desk.settle(lambda: desk.engine.open_orders() == [])
        assert {fill.trade_id for fill in desk.engine.fills()} == fills
        assert desk.engine.positions() == []
        closing = [order for order in desk.engine.orders() if order.origin == "kill"]
        assert {order.state for order in closing} == {OrderState.FILLED}
        assert {difference.kind for difference in desk.engine.comparisons.differences} <= {
            "missed fill", "missed acceptance"
        }  # fmt: skip
        told = [entry.text for entry in desk.engine.log.entries if entry.source == "kill"]
        assert any(text.startswith("2 closing orders of an earlier run") for text in told)
    assert {fill.trade_id for fill in reader.fills(tmp_path / "demo.sqlite")} == fills
    async with demo_desk(tmp_path, start=START + 120 * SECOND) as desk:
        assert not any("earlier run" in entry.text for entry in desk.engine.log.entries)


async def test_what_the_store_did_not_take_is_told_by_the_receipt_and_not_by_asyncio(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with demo_desk(tmp_path) as desk:
        await fail(desk)
        desk.engine.kill("a test")
        receipt = await flattened(desk)
        assert receipt.count("the request could not be stored") == 1
    gc.collect()
    assert not any("never retrieved" in record.getMessage() for record in caplog.records)


async def test_a_closing_order_that_the_venue_refused_is_not_asked_about_after_a_restart(tmp_path: Path) -> None:
    faults = Faults()
    async with demo_desk(tmp_path, wrap=faults) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        await fail(desk)
        faults.venues["NOVA"].faults.add("submit", Fault.REFUSE, times=1)
        await flattened(desk)
        (refused,) = [order for order in desk.engine.orders() if order.state is OrderState.REJECTED]
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        again = desk.engine.order(refused.client_id)
        assert again is not None
        assert (again.state, again.reason) == (OrderState.REJECTED, refused.reason)


async def test_spot_of_which_nothing_can_be_kept_stays_and_contracts_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        await desk.market(BTC, Side.BUY, "0.4")
        unkept(monkeypatch)
        await fail(desk)
        receipt = await flattened(desk)
        assert [position.instrument for position in desk.engine.positions()] == [BTC]
        assert "1 position closed" in receipt
        assert "1 closing order could be kept nowhere" in receipt
        assert "spot is not sold without a trace of it" in receipt


async def test_a_store_that_hangs_is_waited_for_and_then_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        waits = asyncio.Event()
        journal = desk.engine._journal
        real = journal.commit

        def hang(*events: Any, **terms: Any) -> Any:
            terms.get("meanwhile", lambda: None)()

            async def later() -> None:
                await waits.wait()

            return later()

        monkeypatch.setattr(journal, "commit", hang)
        receipt = await flattened(desk)
        assert desk.engine.positions() == []
        assert "1 closing order could not be stored and went out all the same" in receipt
        monkeypatch.setattr(journal, "commit", real)
        waits.set()


async def test_a_store_that_hangs_is_told_of_once_and_when_it_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_LOOK_FOR_NOTICES", 0.05)
    async with demo_desk(tmp_path) as desk:

        def told() -> list[str]:
            return [entry.text for entry in desk.engine.log.entries if entry.source == "store"]

        await desk.market(BTC, Side.BUY, "0.1")
        shown: list[tuple[str, bool]] = []
        desk.engine.slow_store.on_told = lambda text, bad: shown.append((text, bad))
        disk, writes = threading.Event(), Writer._write
        monkeypatch.setattr(Writer, "_write", lambda *what: disk.wait(30) and writes(*what))
        entering = [asyncio.create_task(desk.market(BTC, Side.BUY, "0.1")) for _ in range(2)]
        try:
            await desk.settle(told)
            await asyncio.sleep(0.3)
        finally:
            disk.set()
        assert len(told()) == 1
        assert "No order leaves the desk until it does, no exit and no stop that this desk holds either" in told()[0]
        await asyncio.gather(*entering)
        await desk.settle(lambda: told()[-1] == "The store answers again.")
        assert len(told()) == 2
        assert shown == list(zip(told(), (True, False), strict=True)), "the screen warns"


async def test_an_order_that_waits_for_a_store_that_hangs_holds_up_no_flatten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        disk, writes = threading.Event(), Writer._write
        monkeypatch.setattr(Writer, "_write", lambda *what: disk.wait(30) and writes(*what))
        entering = asyncio.create_task(desk.market(BTC, Side.BUY, "0.1"))
        await desk.settle(lambda: desk.engine.orders()[-1].instrument == BTC)
        try:
            desk.engine.kill("a test")
            await desk.settle(lambda: desk.engine.kill_status.receipt)
            receipt = await flattened(desk)
        finally:
            disk.set()
        assert desk.engine.position(PERP).quantity == 0
        assert f"the store did not answer within {HUNG:g} s" in receipt, "it was waited for once"
        assert "1 working order gone; 1 position closed" in receipt
        assert "1 closing order could not be stored and went out all the same" in receipt
        order = await entering
        assert (order.state, order.reason) == (OrderState.DENIED, "Withdrawn before it was sent.")
        assert desk.engine.position(BTC).quantity == 0


async def test_every_other_order_is_denied_when_the_store_fails(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        await desk.market(PERP, Side.SELL, "0.7")
        await fail(desk)
        denied = await desk.market(PERP, Side.BUY, "0.7", reduce_only=True)
        assert denied.state is OrderState.DENIED
        assert desk.engine.position(PERP).quantity == Decimal("-0.7")
        await desk.settle(lambda: desk.engine.kill_status.phase is KillPhase.DONE)
        assert desk.engine.trading_state is TradingState.HALTED
        assert Beside(tmp_path / "demo.sqlite", desk.engine._store.desk_id).kept() == []  # type: ignore[union-attr]
        assert KillOutcome.FAILED not in {item.state for item in desk.engine.kill_status.items}
