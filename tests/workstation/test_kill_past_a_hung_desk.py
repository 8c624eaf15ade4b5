"""`tws kill` past a live desk that hangs, and kills that run out of time, on loopback exchanges."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.exchange import RICH, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import desk_of, desk_settings, keys_of, real_desk, until, venue_settings
from workstation import outside
from workstation.domain.events import TradingState, TradingStateChanged
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.outside import OutsideKill
from workstation.outside_books import left_out
from workstation.outside_report import Outcome, Report
from workstation.paths import Paths
from workstation.settings import Settings
from workstation.store import reader
from workstation.store.lock import DeskLock
from workstation.store.store import Store
from workstation.trading.kill_status import KillPhase
from workstation.venues.ccxt.listing import Listing
from workstation.watch.requests import HaltRequest, HaltRequests

BTC = "LOOP:BTC-USDT"
PERP = "LOOP:BTC-USDT-PERP"
LOW = Decimal("63900")


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        yield exchange


@pytest.fixture
def futures() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        yield exchange


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.2)


def futures_settings(exchange: LoopbackExchange, dead_man: float = 2.0) -> Settings:
    venue = venue_settings(exchange, ("BTC-USDT-PERP",), exchange="binanceusdm", dead_man_seconds=dead_man)
    return msgspec.structs.replace(desk_settings(exchange), venues={"loop": venue})


def with_symbols(settings: Settings, *symbols: str) -> Settings:
    """The profile as it was changed since."""
    venue = msgspec.structs.replace(settings.venues["loop"], symbols=symbols)
    return msgspec.structs.replace(settings, venues={"loop": venue})


def working(exchange: LoopbackExchange) -> int:
    return exchange.do(lambda: len(exchange.floor.account().working()))


def resting(instrument: str = BTC) -> OrderDraft:
    return OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.01"), price=LOW)


async def works(engine: Engine, instrument: str = BTC) -> None:
    order: Order = await engine.submit(resting(instrument))
    await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)


class Killer:
    """`tws kill` of the profile's live store, with what it said on the way."""

    def __init__(self, exchange: LoopbackExchange, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in exchange.keys("loop").items():
            monkeypatch.setenv(name, value)
        self.paths = Paths(folder, folder / "data", folder / "state")
        self.store = self.paths.store("live", "test")
        self.said: list[str] = []

    async def run(self, settings: Settings, *, hung: bool = True, wait: float = 40, flatten: bool = False) -> Report:
        """`hung`: a process has the store and answers nothing."""
        lock = DeskLock(self.store) if hung else None
        terms: dict[str, Any] = {"flatten": flatten, "wait": wait, "say": self.said.append, "profile": "test"}
        try:
            return await asyncio.to_thread(OutsideKill(settings, self.paths, "live", self.store, **terms).run)
        finally:
            if lock is not None:
                lock.release()


@pytest.fixture
def killer(exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(exchange, tmp_path, monkeypatch)


async def test_an_order_in_a_market_that_the_profile_no_longer_opens_is_pulled_too(
    exchange: LoopbackExchange, killer: Killer, tmp_path: Path
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        await works(engine)
    report = await killer.run(with_symbols(desk_settings(exchange), "ETH-USDT"))
    assert working(exchange) == 0
    assert (report.outcome, "1 working order gone" in report.receipt) == (Outcome.HALTED, True), report
    assert not any("HALTED" in sentence for sentence in killer.said), "its own store has nothing of it yet"
    others = left_out(killer.store, ["LOOP:ETH-USDT"], flatten=False)
    assert others == f" Not asked, for it could not be opened here: {BTC}."


async def test_a_kill_without_a_desk_names_what_its_profile_no_longer_opens(
    exchange: LoopbackExchange,
    futures: LoopbackExchange,
    killer: Killer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        await works(engine)
    for name, value in futures.keys("other").items():
        monkeypatch.setenv(name, value)
    settings = futures_settings(futures)
    report = await killer.run(msgspec.structs.replace(settings, venues={"other": settings.venues["loop"]}), hung=False)
    assert working(exchange) == 1
    assert report.outcome is Outcome.HALTED, "what still works was not asked for"
    assert report.receipt.endswith(f" Not asked, for it could not be opened here: {BTC}.")
    assert report.receipt in report.text


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_slip_in_the_settings_ends_no_kill_without_a_word_of_what_stands(
    killer: Killer, tmp_path: Path, damaged: bool
) -> None:
    killer.store.parent.mkdir()
    if damaged:
        killer.store.write_bytes(b"this is no database" * 1000)
    else:
        Store.open(killer.store, "live", clock_now=time.time_ns).close()
    report = await killer.run(Settings(mode="live", open_venues=("loop",)), hung=False)
    assert "open_venues names loop, but there is no [venues.loop]." in report.text
    waiting = [request.id for request in HaltRequests(killer.store).pending()]
    if damaged:
        assert (report.outcome, waiting) == (Outcome.FAILED, [report.kill_id])
        assert "damaged" in report.text
        assert "The halt request stays beside the store" in report.text
    else:
        assert (report.outcome, waiting) == (Outcome.HALTED, [])
        events = list(reader.journal(killer.store))
        assert [event.state for event in events if isinstance(event, TradingStateChanged)] == [TradingState.HALTED]
        assert "pull the orders at the venues" in report.text


async def test_spot_is_not_sold_past_a_hung_desk_and_the_receipt_says_how_much_there_is(
    exchange: LoopbackExchange, killer: Killer, tmp_path: Path
) -> None:
    buys = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
    async with real_desk(exchange, tmp_path) as engine:
        order = await engine.submit(buys)
        await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED)
        held = engine.position(BTC).quantity
    coins = exchange.do(lambda: exchange.floor.account().total("BTC"))
    report = await killer.run(desk_settings(exchange), flatten=True)
    assert exchange.do(lambda: exchange.floor.account().total("BTC")) == coins
    assert f"Spot is not closed past the desk: its books have {held.normalize():f} {BTC}." in report.receipt
    assert report.receipt in report.text
    assert "that desk may trade on until it sees it" in report.text, "it runs, and only does not answer"


async def test_a_disk_that_hangs_at_the_start_does_not_stop_the_desk(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an exchange lists and what the account pays is kept for the next start."""
    async with real_desk(exchange, tmp_path):
        pass
    (file,) = (tmp_path / "data" / "markets").iterdir()
    listing = Listing.read(file)
    listing.fees = {}
    listing.write(file)
    disk, writing, write, loops = threading.Event(), threading.Event(), Listing.write, threading.current_thread()

    def hangs(listing: Listing, file: Path) -> None:
        writing.set()
        assert threading.current_thread() is not loops, "the loop would stand still, and the kill with it"
        disk.wait(30)
        write(listing, file)

    monkeypatch.setattr(Listing, "write", hangs)
    async with real_desk(exchange, tmp_path) as engine:
        await until(writing.is_set)
        await works(engine)
        engine.kill("a test")
        await until(lambda: engine.kill_status.receipt)
    assert working(exchange) == 0
    disk.set()
    await until(lambda: Listing.read(file).fees)


@pytest.mark.slow
async def test_a_position_in_a_derivative_is_closed_past_a_hung_desk(
    futures: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer, settings = Killer(futures, tmp_path, monkeypatch), futures_settings(futures, dead_man=30.0)
    buys = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
    async with desk_of(settings, tmp_path, keys_of(futures), books=(PERP,)) as engine:
        await engine.submit(buys)
        await until(lambda: engine.position(PERP).quantity == Decimal("0.02"))
    report = await killer.run(settings, flatten=True)
    assert not any(futures.do(futures.floor.account().books.account.derivatives).values())
    assert "1 position closed" in report.receipt
    assert "its books have none" in report.receipt


async def test_a_disk_without_room_for_anything_does_not_keep_the_kill_from_going_past_a_hung_desk(
    exchange: LoopbackExchange, killer: Killer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with real_desk(exchange, tmp_path) as engine:
        await works(engine)
    write, memory = HaltRequests.write, tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(outside, "MEMORY", memory)

    def full(requests: HaltRequests, request: HaltRequest) -> Path:
        if not requests.path(request.id).is_relative_to(memory):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(requests, request)

    def no_room(_listing: Listing, _file: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    [file] = killer.paths.markets.iterdir()
    listing = Listing.read(file)
    del listing.markets["ETH/USDT"]  # the exchange shows another list now than the one that was kept
    listing.write(file)
    monkeypatch.setattr(Listing, "write", no_room)
    monkeypatch.setattr(HaltRequests, "write", full)
    exchange.faults.script("rest DELETE */openOrders", Kind.STATUS, times=10_000)  # so it cancels one by one
    report = await killer.run(desk_settings(exchange))
    assert working(exchange) == 0
    assert report.outcome is Outcome.FAILED, "nothing durable keeps that desk from trading on"
    assert "1 working order gone" in report.receipt
    assert list(memory.iterdir()) == []
    assert "No request could be left: if it runs again it trades on" in report.text


@pytest.mark.parametrize(
    "hung", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["without a desk", "past a hung desk"]
)
async def test_what_a_kill_that_runs_out_of_time_leaves_working_goes_by_the_venue_s_own_switch(
    futures: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hung: bool
) -> None:
    killer, settings = Killer(futures, tmp_path, monkeypatch), futures_settings(futures)
    async with desk_of(settings, tmp_path, keys_of(futures), books=(PERP,)) as engine:
        await works(engine, PERP)
    futures.faults.script("rest DELETE *", Kind.STATUS, times=10_000)
    report = await killer.run(settings, hung=hung, wait=1.0)
    await until(lambda: working(futures) == 0, 10)
    assert report.outcome is Outcome.HALTED
    assert "the dead man's switch stays set at LOOP" in report.text


async def test_a_desk_that_closes_on_an_unfinished_kill_leaves_the_venue_s_own_switch_set(
    futures: LoopbackExchange, tmp_path: Path
) -> None:
    settings = futures_settings(futures)
    async with desk_of(settings, tmp_path, keys_of(futures), books=(PERP,)) as engine:
        await works(engine, PERP)
        futures.faults.script("rest DELETE *", Kind.STATUS, times=10_000)
        engine.kill()
        await until(lambda: engine.kill_status.phase is KillPhase.CANCELLING)
    await until(lambda: working(futures) == 0, 10)
