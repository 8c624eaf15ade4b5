"""The journal keeps every event exactly, in the one order in which it was submitted, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import threading
import time
import types
import typing
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import SPOT, an_order, filled, intent, open_store, wait_until

from workstation.domain.events import (
    AccountEvent,
    BalanceAdjusted,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    TradingState,
    TradingStateChanged,
)
from workstation.store import DuplicateFill, Store, StoreError, write_ahead, writer
from workstation.store.codec import Event
from workstation.store.write_ahead import WriteAheadLog

EVENT_CLASSES = (*get_args(OrderEvent.__value__), *get_args(AccountEvent.__value__))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
#: A strategy's parameters: whole and other numbers, choices, switches.
PARAMETERS = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), TEXT
)
_ids = itertools.count()


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotated type of the domain."""
    kind = getattr(kind, "__value__", kind)
    if typing.get_origin(kind) is dict:
        held = get_args(kind)[1]  # Any: a strategy's parameters
        return st.dictionaries(TEXT, PARAMETERS if held is Any else values_of(held), max_size=3)
    if typing.get_origin(kind) is tuple:
        first, *others = get_args(kind)
        if others != [...]:
            return st.tuples(values_of(first), *(values_of(other) for other in others))
        return st.lists(values_of(first), max_size=2).map(tuple)
    if isinstance(kind, types.UnionType):
        return st.one_of([values_of(one) for one in get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        fields = {name: values_of(hints[name]) for name in kind.__struct_fields__}
        if "trade_id" in fields:  # unique on its venue, as real ones are
            fields["trade_id"] = st.builds(lambda: str(next(_ids)))
        return st.builds(kind, **fields)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    whole = st.integers(0, 2**63 - 1)
    known = {str: TEXT, int: whole, float: floats, Decimal: DECIMALS, bool: st.booleans(), type(None): st.none()}
    return known[kind]


def exactly(events: list[Event]) -> list[str]:
    """Every digit counts: Decimal("1.0") equals Decimal("1.00"), their repr does not."""
    return [repr(event) for event in events]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "demo.sqlite")
    yield store
    store.close()


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(tmp_path_factory.mktemp("journal") / "demo.sqlite")
    yield store
    store.close()


@pytest.mark.parametrize("kind", EVENT_CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_event_comes_back_digit_for_digit(kind: type[Any], data: st.DataObject, long_store: Store) -> None:
    seen = last_seq(long_store)
    events = data.draw(st.lists(values_of(kind), min_size=1, max_size=3))
    long_store.append(*events).result()
    assert exactly(list(long_store.journal(after=seen))) == exactly(events)


def last_seq(store: Store) -> int:
    with sqlite3.connect(store.path) as connection:
        return int(connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])


def test_order_account_and_trading_state_events_interleave_in_one_sequence(store: Store) -> None:
    events: list[Event] = [
        BalanceAdjusted(ts=1, venue="NOVA", currency="USDT", amount=Decimal(100_000), reason="opening balance"),
        intent("a"),
        TradingStateChanged(ts=2, state=TradingState.HALTED, reason="kill key", by="kill"),
        OrderSubmitted(client_id="a", ts=3),
        BalanceAdjusted(ts=4, venue="NOVA", currency="USDT", amount=Decimal("-0.10"), reason="funding"),
        OrderAccepted(client_id="a", ts=5, venue_order_id="v1"),
    ]
    for event in events:
        store.append(event)
    store.flush()
    assert list(store.journal()) == events
    assert store.events_of("a") == [events[1], events[3], events[5]]


def test_what_was_stored_is_there_after_reopening(store: Store) -> None:
    events = [intent("a"), OrderSubmitted(client_id="a", ts=2), filled("a", "t1")]
    store.append(*events, orders=[an_order("a")]).result()
    store.close()
    again = open_store(store.path)
    assert list(again.journal()) == events
    again.append(OrderCanceled(client_id="a", ts=9)).result()
    assert len(list(again.journal())) == 4
    assert again.desk_id == store.desk_id
    again.close()


def test_fills_are_rows_of_their_own_beside_their_events(store: Store) -> None:
    store.append(intent("a"), filled("a", "t1", quantity="0.10000000000000000001")).result()
    store.append(filled("a", "t2")).result()
    assert [fill.trade_id for fill in store.fills()] == ["t1", "t2"]
    assert store.fills()[0].quantity == Decimal("0.10000000000000000001")
    with sqlite3.connect(store.path) as connection:
        joined = "SELECT f.trade_id, j.kind FROM fills f JOIN journal j USING (seq) ORDER BY seq"
        assert connection.execute(joined).fetchall() == [("t1", "filled"), ("t2", "filled")]


def test_the_orders_table_shows_each_order_as_it_was_last_stored(store: Store) -> None:
    order = an_order("a")
    store.append(intent("a"), orders=[order])
    store.append(filled("a", "t1"), orders=[msgspec.structs.replace(order, filled=Decimal("0.1"))])
    store.append(intent("b"), orders=[an_order("b")])
    store.flush()
    with sqlite3.connect(store.path) as connection:
        found = connection.execute("SELECT client_id, quantity, filled FROM orders ORDER BY client_id").fetchall()
    assert found == [("a", "0.5", "0.1"), ("b", "0.5", "0")]


def test_journal_fills_and_receipts_can_only_grow(store: Store) -> None:
    store.append(intent("a"), filled("a", "t1")).result()
    store.save_receipt(1, {"flat": True}).result()
    connection = sqlite3.connect(store.path, isolation_level=None)
    connection.execute("PRAGMA recursive_triggers = ON")
    for table in ("journal", "fills", "kill_receipts"):
        for statement in (f"UPDATE {table} SET ts = 0", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                connection.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("REPLACE INTO journal VALUES (1, 0, 'canceled', 'a', '{}')")
    connection.close()
    assert len(list(store.journal())) == 2


def test_a_doubled_fill_is_refused_and_nothing_around_it_suffers(store: Store) -> None:
    told: list[StoreError] = []
    store.on_refused = told.append
    futures: list[Future[None]] = []
    hold = sqlite3.connect(store.path, isolation_level=None)
    hold.execute("BEGIN IMMEDIATE")  # while another writes, the appends gather into one group
    futures.append(store.append(intent("a"), filled("a", "t1")))
    futures.append(store.append(OrderSubmitted(client_id="a", ts=2), filled("a", "t1", quantity="9")))
    futures.append(store.append(filled("a", "t2")))
    hold.execute("COMMIT")
    hold.close()
    futures[0].result()
    with pytest.raises(DuplicateFill, match="The fill with trade id t1 of NOVA is already in the store"):
        futures[1].result()
    futures[2].result()
    assert list(store.journal()) == [intent("a"), filled("a", "t1"), filled("a", "t2")]  # the first counts
    assert [str(error) for error in told] == [str(futures[1].exception())]
    with pytest.raises(DuplicateFill):  # within one append as well, and after a restart
        store.append(filled("a", "t3"), filled("a", "t3")).result()
    store.append(filled("a", "t3")).result()
    assert store.failure is None


def test_the_same_trade_id_on_two_venues_is_two_fills(store: Store) -> None:
    elsewhere = msgspec.structs.replace(SPOT, venue="ORBIT")
    store.append(filled("a", "t1"), filled("a", "t1", instrument=elsewhere)).result()
    assert [fill.instrument for fill in store.fills()] == ["NOVA:BTC-USDT", "ORBIT:BTC-USDT"]


@pytest.mark.parametrize(
    "impossible",
    [
        OrderCanceled(client_id="a", ts=2**63),
        OrderCanceled(client_id="a", ts=1, reason="\udc80"),
        filled("a", "t9", fee="NaN"),
        "no event",
    ],
    ids=["time too large", "broken text", "no amount", "no event"],
)
def test_what_cannot_be_kept_is_refused_alone(store: Store, impossible: Any) -> None:
    before = store.append(intent("a"))
    refused = store.append(OrderSubmitted(client_id="a", ts=2), impossible)
    after = store.append(filled("a", "t1"))
    before.result()
    after.result()
    with pytest.raises(StoreError, match="cannot keep this"):
        refused.result()
    assert list(store.journal()) == [intent("a"), filled("a", "t1")]


async def test_awaited_and_unawaited_appends_keep_their_order(store: Store) -> None:
    expected = []
    for number in range(60):
        event = OrderSubmitted(client_id=str(number), ts=number)
        expected.append(event)
        if number % 3:
            store.append(event)
        else:
            await store.commit(event)
    await store.commit()
    assert list(store.journal()) == expected


async def test_a_cancelled_commit_is_stored_all_the_same(store: Store) -> None:
    hold = sqlite3.connect(store.path, isolation_level=None)
    hold.execute("BEGIN IMMEDIATE")  # the writer has to wait, so that the cancelling comes in time
    task = asyncio.ensure_future(store.commit(intent("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    hold.execute("COMMIT")
    hold.close()
    await store.commit(OrderSubmitted(client_id="a", ts=2))
    assert list(store.journal()) == [intent("a"), OrderSubmitted(client_id="a", ts=2)]


def test_appends_of_many_threads_are_all_kept_each_threads_own_in_order(store: Store) -> None:
    def work(name: str) -> None:
        for number in range(50):
            store.append(OrderSubmitted(client_id=name, ts=number))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.flush()
    for name in "abcd":
        assert [event.ts for event in store.events_of(name)] == list(range(50))


def test_appends_that_wait_together_share_one_transaction(store: Store) -> None:
    statements: list[str] = []
    store._writer._connection.set_trace_callback(statements.append)
    hold = sqlite3.connect(store.path, isolation_level=None)
    hold.execute("BEGIN IMMEDIATE")
    futures = [store.append(OrderSubmitted(client_id=str(number), ts=number)) for number in range(200)]
    hold.execute("COMMIT")
    hold.close()
    for future in futures:
        future.result()
    assert 1 <= statements.count("COMMIT") <= 2  # the first may have gone alone


def test_a_quiet_moment_moves_the_write_ahead_log_into_the_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    size = store.path.stat().st_size
    for number in range(writer.CHECKPOINT_AFTER):
        store.append(intent(str(number))).result()
    patience = 200
    while store.path.stat().st_size == size and patience:
        time.sleep(0.02)
        patience -= 1
    assert store.path.stat().st_size > size
    log = store.path.with_name(store.path.name + "-wal")
    patience = 200
    while (begun := int.from_bytes(log.read_bytes()[12:16])) == 0 and patience:  # how often the log was begun anew
        time.sleep(0.02)
        patience -= 1
    assert begun == 1  # in the quiet moment, not with the next append


def test_the_log_begins_anew_as_soon_as_it_was_moved_so_that_no_append_pays_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write after it flushes twice: it must not be the next order's, however soon that comes."""
    moving: Future[None] = Future()
    moving.set_running_or_notify_cancel()
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(writer, "CHECKPOINT_AFTER", 2)
    monkeypatch.setattr(WriteAheadLog, "move", lambda log: moving)
    log = store.path.with_name(store.path.name + "-wal")
    for number in range(2):
        store.append(intent(str(number))).result()
    wait_until(lambda: store._writer._mover is moving)
    monkeypatch.setattr(writer, "QUIET_SECONDS", 60.0)  # no other quiet moment comes
    store.append(intent("meanwhile")).result()
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    moving.set_result(None)
    wait_until(lambda: int.from_bytes(log.read_bytes()[12:16]) == 1)
    assert len(list(store.journal())) == 3


def test_an_append_does_not_wait_while_the_log_is_moved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    moving: Future[None] = Future()
    moving.set_running_or_notify_cancel()
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(writer, "CHECKPOINT_AFTER", 2)
    monkeypatch.setattr(WriteAheadLog, "move", lambda log: moving)
    for number in range(2):
        store.append(intent(str(number))).result()
    wait_until(lambda: store._writer._mover is moving)
    store.append(intent("meanwhile")).result(timeout=10)
    assert len(list(store.journal())) == 3
    moving.set_result(None)


def test_a_log_that_could_not_be_moved_stays_as_it_is_and_the_journal_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[WriteAheadLog] = []

    def failing(log: WriteAheadLog) -> Future[None]:
        tried.append(log)
        moving: Future[None] = Future()
        moving.set_exception(sqlite3.OperationalError("unable to open database file"))
        return moving

    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(writer, "CHECKPOINT_AFTER", 2)
    monkeypatch.setattr(WriteAheadLog, "move", failing)
    for times in (1, 2):
        for number in range(2):
            store.append(intent(f"{times}/{number}")).result(timeout=10)
        wait_until(lambda times=times: len(tried) >= times)  # type: ignore[misc]
    assert store._writer.failure is None
    store.append(intent("after")).result(timeout=10)
    assert len(list(store.journal())) == 5


def test_what_was_submitted_before_close_is_stored_and_after_it_is_refused(store: Store) -> None:
    future = store.append(intent("a"))
    store.save_log(1, "info", "desk", "closing")
    store.close()
    future.result(timeout=0)
    store.close()  # twice is once
    with pytest.raises(StoreError, match="is closed"):
        store.append(intent("b")).result()
    with pytest.raises(StoreError, match="is closed"):
        store.flush()
    assert list(store.journal()) == [intent("a")]
    assert [entry.message for entry in store.log()] == ["closing"]


def test_an_entry_that_cannot_be_read_is_named(store: Store) -> None:
    store.append(intent("a")).result()
    with sqlite3.connect(store.path) as connection:
        connection.execute("INSERT INTO journal (ts, kind, client_id, payload) VALUES (1, 'future_kind', 'a', '{}')")
    journal = store.journal()
    assert isinstance(next(journal), OrderInitialized)
    with pytest.raises(StoreError, match=r"Entry 2 \(future_kind\) of the journal .* cannot be read"):
        next(journal)
    with pytest.raises(StoreError, match=r"Entry 2 \(future_kind\)"):
        store.events_of("a")


def test_the_fill_of_an_event_is_the_fill_of_the_table(store: Store) -> None:
    store.append(filled("a", "t1", price="1E+2", fee="-0.10")).result()
    (event,) = store.journal()
    assert isinstance(event, OrderFilled)
    assert [event.fill] == store.fills()


def test_what_is_noted_is_stored_in_its_place_together_with_what_comes_next(store: Store) -> None:
    store.append(intent("a")).result()
    before = store._writer._commits
    store.note(OrderSubmitted(client_id="a", ts=2), orders=(an_order("a"),))
    store.note(OrderAccepted(client_id="a", ts=3, venue_order_id="v"))
    time.sleep(0.05)
    assert len(list(store.journal())) == 1  # it waits for company
    store.append(intent("b")).result()
    kinds = [type(event) for event in store.journal()]
    assert kinds == [OrderInitialized, OrderSubmitted, OrderAccepted, OrderInitialized]
    assert store._writer._commits == before + 1


def test_what_is_noted_goes_to_the_disk_when_it_is_released_or_the_store_is_closed(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    store.note(intent("a"))
    store.release()
    store.flush()
    assert last_seq(store) == 1
    store.note(intent("b"))
    store.close()
    again = open_store(tmp_path / "demo.sqlite")
    assert [event.client_id for event in again.journal() if isinstance(event, OrderInitialized)] == ["a", "b"]
    again.close()


def test_the_log_has_room_before_it_is_needed_and_the_room_is_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(write_ahead, "ROOM", 512 << 10)
    monkeypatch.setattr(writer, "CHECKPOINT_AFTER", 1_000)
    store = open_store(tmp_path / "demo.sqlite")
    store.append(intent("before")).result()
    log = tmp_path / "demo.sqlite-wal"
    deadline = time.monotonic() + 10
    while log.stat().st_size < write_ahead.ROOM:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in range(10):
        store.append(intent(f"within {number}")).result()
    assert log.stat().st_size == write_ahead.ROOM
    # what a desk would find that was killed at this instant
    for file in tmp_path.glob("demo.sqlite*"):
        (tmp_path / file.name.replace("demo", "killed")).write_bytes(file.read_bytes())
    (tmp_path / "killed.sqlite-shm").unlink()
    killed = open_store(tmp_path / "killed.sqlite")
    assert len(list(killed.journal())) == 11
    killed.close()
    for number in range(100):
        store.append(intent(f"beyond {number}")).result()
    assert log.stat().st_size > write_ahead.ROOM
    assert len(list(store.journal())) == 111
    store.close()
