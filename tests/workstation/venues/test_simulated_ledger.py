"""The simulated venue outlives the desk: what it took is in its ledger before the desk hears of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from venue_desk import VenueDesk
from venue_market import PERP, SPOT, START, HandMarket

from workstation.clock import SECOND, SimClock
from workstation.domain.order import OrderState, Side, TimeInForce
from workstation.venues import simulated_ledger
from workstation.venues.contract import LinkState, NoAnswer, VenueError, VenueUnreachable
from workstation.venues.simulated import SimulatedVenue
from workstation.venues.simulated_ledger import LedgerError, MemoryLedger, SqliteLedger

MONEY = {"USDT": Decimal(100_000)}


class Sitting:
    """One life of a desk with its venue on a ledger."""

    def __init__(self, path: Path, at: int = START) -> None:
        self.clock = SimClock(at)
        self.venue = SimulatedVenue("NOVA", [SPOT, PERP], self.clock, MONEY, ledger=path)
        self.desk = VenueDesk(self.venue, self.clock)
        self.market = HandMarket(self.clock, self.venue.feed)

    async def begin(self) -> Sitting:
        await self.desk.connect()
        for instrument in (SPOT, PERP):
            self.market.book(instrument, {"999": "5"}, {"1001": "5"})
        return self

    async def everything(self) -> tuple[object, ...]:
        venue = self.venue
        return (
            await venue.balances(),
            await venue.positions(),
            await venue.open_orders(),
            await venue.fills_since(0),
            [await venue.order_status(client_id) for client_id in sorted(self.desk.orders)],
        )


async def test_many_fills_are_read_with_turns_for_others_between(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path / "venue.sqlite")
    await sitting.begin()
    await sitting.desk.buy(SPOT, "0.5")
    venue = sitting.venue
    (first,) = await venue.fills_since(0)
    for number in range(2_600):
        venue.ledger.add_fill(replace(first, trade_id=f"more-{number}", ts=first.ts + number // 3))
    venue.ledger.commit()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    found = await venue.fills_since(first.ts)
    task.cancel()
    assert [fill.trade_id for fill in found] == [first.trade_id, *(f"more-{number}" for number in range(2_600))]
    assert turns >= 5
    later = await venue.fills_since(first.ts + 800)
    assert [fill.trade_id for fill in later] == [f"more-{number}" for number in range(2_400, 2_600)]
    venue.ledger.close()


async def test_a_reopened_venue_is_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "state" / "venue.sqlite"
    first = await Sitting(path).begin()
    desk = first.desk
    await desk.buy(SPOT, "1.237")
    await desk.sell(PERP, "2")
    resting = await desk.buy(SPOT, "3", "999")
    first.market.sold(SPOT, "6.5", "999")
    stop = await desk.buy(PERP, "1", "1100", stop="1100", reduce_only=True)
    await desk.cancel(await desk.buy(SPOT, "1", "990"))
    rejected = await desk.buy(SPOT, "1", "0.05")
    left = await first.everything()
    ids = {fill.trade_id for fill in await first.venue.fills_since(0)}
    await first.venue.close()

    second = Sitting(path, START + SECOND)
    await second.desk.connect()
    second.desk.orders = dict(desk.orders)
    assert await second.everything() == left
    assert second.venue.queue_ahead(resting) is None
    await second.begin()
    assert second.venue.queue_ahead(resting) == 5
    with pytest.raises(VenueError, match="before"):
        await second.venue.submit(desk.orders[rejected])
    second.market.sold(SPOT, "5.5", "999")
    assert second.desk.fills(resting) == [(Decimal("0.5"), 999)]
    second.market.bought(PERP, "1", "1100")
    assert second.desk.said(stop) == ["triggered", "filled"]
    await second.desk.buy(SPOT, "1")
    assert not ids & {event.fill.trade_id for event in second.desk.reports if hasattr(event, "fill")}
    position = second.venue._exchange.account.positions[PERP.id]
    assert (position.quantity, position.cost) == (-1, -999)
    await second.venue.close()


async def test_a_position_of_an_instrument_that_is_not_listed_any_more_stands_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    first = await Sitting(path).begin()
    await first.desk.buy(PERP, "1")
    await first.desk.sell(PERP, "1")
    await first.venue.close()

    clock = SimClock(START + SECOND)
    venue = SimulatedVenue("NOVA", [SPOT], clock, MONEY, ledger=path)
    desk, market = VenueDesk(venue, clock), HandMarket(clock, venue.feed)
    await desk.connect()
    market.book(SPOT, {"999": "5"}, {"1001": "5"})
    order = await desk.buy(SPOT, "1")
    assert desk.said(order) == ["accepted", "filled"]
    await venue.close()


async def test_orders_that_expired_while_nobody_was_there_expire_at_once(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    first = await Sitting(path).begin()
    until = START + 5 * SECOND
    client_id = await first.desk.buy(SPOT, "1", "999", tif=TimeInForce.GTD, expire_at=until)
    await first.venue.close()
    second = Sitting(path, START + 60 * SECOND)
    second.desk.orders = dict(first.desk.orders)
    await second.begin()
    second.market.sold(SPOT, "100", "990")
    assert second.desk.said(client_id) == ["expired"]
    await second.venue.close()


async def test_the_last_prices_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    first = await Sitting(path).begin()
    first.clock.advance(2 * SECOND)
    first.market.book(SPOT, {"1234.5": "1"}, {"1234.6": "1"})
    first.venue.ledger.put("anything", "else")
    await first.venue.close()
    second = Sitting(path)
    assert second.venue.last_mid(SPOT.id) == Decimal("1234.55")
    assert second.venue.last_mid("NOVA:NOTHING") is None
    assert second.venue.ledger.get("anything") == "else"
    await second.venue.close()


CHILD = """
import asyncio, os, sys
from decimal import Decimal
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_simulated_ledger import Sitting
from venue_market import PERP, SPOT

async def main():
    sitting = await Sitting(Path({path!r})).begin()
    number = 0
    while True:
        number += 1
        # Each order is told to the parent only once the venue has reported it.
        client_id = await sitting.desk.buy((SPOT, PERP)[number % 2], "0.01", client_id=f"{life}-{{number}}")
        resting = await sitting.desk.buy(SPOT, "0.01", "990", client_id=f"{life}-r{{number}}")
        if number % 3:
            await sitting.desk.cancel(resting)
        state = sitting.desk.orders[resting].state
        filled = sitting.desk.orders[client_id].filled
        os.write(1, f"{{client_id}} {{filled}}\\n{{resting}} {{state}}\\n".encode())
        sitting.market.delta(SPOT, asks={{"1001": "5"}})
        sitting.market.delta(PERP, asks={{"1001": "5"}})

asyncio.run(main())
"""


def killed_after(count: int, path: Path, life: int) -> list[bytes]:
    """What a desk on the ledger told before it was killed, some time after its first `count` lines."""
    script = CHILD.format(tests=str(Path(__file__).parent), path=str(path), life=life)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(count)]
    os.kill(child.pid, signal.SIGKILL)
    lines += child.stdout.readlines()
    child.wait()
    return lines


@pytest.mark.slow
async def test_a_killed_venue_has_everything_that_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    told: dict[str, str] = {}
    for life in range(3):
        lines = killed_after(40 + 37 * life, path, life)
        told |= dict(line.decode().split() for line in lines if line.endswith(b"\n"))

    sitting = Sitting(path)
    await sitting.desk.connect()
    fills = list(await sitting.venue.fills_since(0))
    for client_id, what in told.items():
        status = await sitting.venue.order_status(client_id)
        assert status is not None, client_id
        assert what in (str(status.filled), str(status.state))
    # Balances and positions are exactly those of the fills, also of the ones that nobody was told of.
    spot = sum((fill.quantity for fill in fills if fill.instrument == SPOT.id), Decimal(0))
    perp = sum((fill.quantity for fill in fills if fill.instrument == PERP.id), Decimal(0))
    paid = sum((fill.quantity * fill.price for fill in fills if fill.instrument == SPOT.id), Decimal(0))
    assert await sitting.venue.balances() == {"BTC": spot, "USDT": 100_000 - paid - sum(fill.fee for fill in fills)}
    assert await sitting.venue.positions() == {PERP.id: perp}
    assert len({fill.trade_id for fill in fills}) == len(fills) >= len(told) / 2
    resting = [order for order in await sitting.venue.open_orders() if order.state is OrderState.ACCEPTED]
    assert {client_id for client_id, what in told.items() if what == "accepted"} <= {o.client_id for o in resting}
    await sitting.venue.close()


async def test_a_ledger_that_cannot_be_written_takes_the_venue_down_and_nothing_is_reported(tmp_path: Path) -> None:
    class FullDisk(MemoryLedger):
        full = False

        def commit(self) -> None:
            if self.full:
                raise LedgerError("The simulated venue's ledger cannot be written: database or disk is full.")

    ledger = FullDisk()
    clock = SimClock(START)
    venue = SimulatedVenue("NOVA", [SPOT], clock, MONEY, ledger=ledger)
    desk = VenueDesk(venue, clock)
    await desk.connect()
    market = HandMarket(clock, venue.feed)
    market.book(SPOT, {"999": "5"}, {"1001": "5"})
    ledger.full = True
    with pytest.raises(NoAnswer, match="disk is full"):
        await desk.buy(SPOT, "1")
    assert desk.reports == []
    assert venue.link is LinkState.DOWN
    with pytest.raises(VenueUnreachable, match="disk is full"):
        await venue.open_orders()
    clock.advance(5 * SECOND)
    market.book(SPOT, {"999": "5"}, {"1001": "5"})  # the market is still shown
    assert len(desk.market) == 2


def test_what_was_committed_is_moved_into_the_file_beside_the_writing(tmp_path: Path) -> None:
    """On another thread: what that flushes keeps no order waiting. The log begins anew then and stays small."""
    path = tmp_path / "venue.sqlite"
    ledger = SqliteLedger(path)
    largest = 0
    for number in range(1, 1001):
        ledger.put(f"key {number % 50}", f"{number} " + "x" * 2_000)
        ledger.commit()
        if number % 128 == 0:
            until_moved(ledger, number // 128)
            assert in_file(path, f"key {number % 50}").startswith(f"{number} ")
        largest = max(largest, (tmp_path / "venue.sqlite-wal").stat().st_size)
    assert largest < 3_000_000
    ledger.close()
    again = SqliteLedger(path)
    assert str(again.get("key 0")).startswith("1000 ")
    again.close()


def test_the_log_is_moved_in_a_quiet_moment_and_not_while_orders_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its flushes would stand before the one that an order waits for. Who never rests is not waited for for ever."""
    monkeypatch.setattr(simulated_ledger, "_QUIET_SECONDS", 60.0)  # there is no such moment
    monkeypatch.setattr(simulated_ledger, "_CHECKPOINT_AFTER", 4)
    monkeypatch.setattr(simulated_ledger, "_PATIENCE", 1_000_000)
    ledger = SqliteLedger(tmp_path / "venue.sqlite")

    def write_for(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ledger.put("key", str(end))
            ledger.commit()

    write_for(0.1)
    assert ledger._mover.moves == 0
    monkeypatch.setattr(simulated_ledger, "_QUIET_SECONDS", 0.01)
    for number in range(4):
        ledger.put("key", str(number))
        ledger.commit()
    until_moved(ledger, 1)
    monkeypatch.setattr(simulated_ledger, "_QUIET_SECONDS", 60.0)
    monkeypatch.setattr(simulated_ledger, "_PATIENCE", 4)
    moves, deadline = ledger._mover.moves, time.monotonic() + 10
    while ledger._mover.moves == moves:
        assert time.monotonic() < deadline
        write_for(0.1)
    ledger.close()


def test_a_write_is_seen_before_it_is_committed_and_by_others_after(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    ledger, other = SqliteLedger(path), sqlite3.connect(path)
    notes = "SELECT key, value FROM notes WHERE key != 'session' ORDER BY key"
    ledger.put("a", "1")
    assert ledger.get("a") == "1"
    ledger.put("b", "2")
    assert other.execute(notes).fetchall() == []
    ledger.commit()
    assert other.execute(notes).fetchall() == [("a", "1"), ("b", "2")]
    ledger.put("a", "3")  # one alone
    assert other.execute(notes).fetchall() == [("a", "1"), ("b", "2")]
    ledger.commit()
    assert other.execute(notes).fetchall() == [("a", "3"), ("b", "2")]
    other.close()
    ledger.close()


def until_moved(ledger: SqliteLedger, times: int) -> None:
    deadline = time.monotonic() + 10
    while ledger._mover.moves < times:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def in_file(path: Path, key: str) -> str:
    """A value in the file itself, without its log."""
    db = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    row = db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
    db.close()
    return str(row[0])


def test_a_full_database_is_a_sentence(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "venue.sqlite")
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={pages}")
    ledger.put("key", "x" * 1_000_000)
    with pytest.raises(LedgerError, match=r"venue\.sqlite cannot be written: database or disk is full\."):
        ledger.commit()


def test_a_ledger_that_cannot_be_opened_is_a_sentence_and_stays_as_it_is(tmp_path: Path) -> None:
    corrupt = tmp_path / "corrupt.sqlite"
    corrupt.write_bytes(b"this is no database" * 1000)
    with pytest.raises(LedgerError, match=r"corrupt\.sqlite cannot be opened: file is not a database\."):
        SqliteLedger(corrupt)
    assert corrupt.read_bytes() == b"this is no database" * 1000

    newer = tmp_path / "newer.sqlite"
    db = sqlite3.connect(newer)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(LedgerError, match="written by a newer tws"):
        SqliteLedger(newer)

    taken = tmp_path / "taken.sqlite"
    holder = SqliteLedger(taken)
    with pytest.raises(LedgerError, match="another running desk has it"):
        SqliteLedger(taken)
    holder.close()
    SqliteLedger(taken).close()

    unlockable = tmp_path / "unlockable.sqlite"
    Path(f"{unlockable}.lock").mkdir()
    with pytest.raises(LedgerError, match=r"^The simulated venue's ledger \S+ cannot be opened: [^.]+\.$") as refused:
        SqliteLedger(unlockable)
    assert "another running desk" not in str(refused.value)

    with pytest.raises(LedgerError, match="cannot be opened"):
        SqliteLedger(tmp_path)


async def test_ids_are_unique_over_restarts_without_a_ledger_too() -> None:
    async def ids() -> set[str]:
        clock = SimClock(START)
        venue = SimulatedVenue("NOVA", [SPOT], clock, MONEY)
        desk = VenueDesk(venue, clock)
        await desk.connect()
        HandMarket(clock, venue.feed).book(SPOT, {"999": "5"}, {"1001": "5"})
        await desk.send(SPOT, Side.BUY, "1")
        return {fill.trade_id for fill in await venue.fills_since(0)}

    assert not await ids() & await ids()
