"""What a power cut leaves: all that somebody waited for, and always a beginning of what was written."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import an_order, filled, intent, open_store, wait_until

from workstation.domain.events import OrderAccepted, TradingState, TradingStateChanged
from workstation.store import Store, StoreError, write_ahead, writer
from workstation.store.codec import Event
from workstation.store.submission import Submission
from workstation.store.write_ahead import WriteAheadLog

HALTED = TradingStateChanged(ts=1, state=TradingState.HALTED, reason="the test", by="test")


class Disk:
    """Keeps what is on it: the store's files as they were at the last flush."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.flushes = 0

    def flush(self, log: WriteAheadLog) -> None:
        for kind in ("", "-wal"):
            shutil.copyfile(f"{log._path}{kind}", self.folder / f"kept.sqlite{kind}")
        self.flushes += 1

    def events(self) -> list[Event]:
        """What a desk finds after the power has been cut."""
        copy = self.folder / "found"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for kind in ("", "-wal"):
            shutil.copyfile(self.folder / f"kept.sqlite{kind}", copy / f"kept.sqlite{kind}")
        store = open_store(copy / "kept.sqlite")
        found = list(store.journal())
        store.close()
        return found


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    kept = Disk(tmp_path)
    monkeypatch.setattr(WriteAheadLog, "flush", lambda log: kept.flush(log))  # noqa: PLW0108 (a method must be bound)
    return kept


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "demo.sqlite")
    yield opened
    opened.close()


def accepted(name: str) -> OrderAccepted:
    return OrderAccepted(client_id=name, ts=2, venue_order_id="v")


def test_what_somebody_waits_for_is_flushed_and_all_before_it(disk: Disk, store: Store) -> None:
    store.append(intent("a")).result()
    store.note(accepted("a"))
    store.release()
    wait_until(lambda: len(list(store.journal())) == 2)
    assert disk.flushes == 1  # written, which the death of the desk cannot undo; nobody waits for more
    store.append(intent("b")).result()
    assert disk.flushes == 2
    assert disk.events() == [intent("a"), accepted("a"), intent("b")]


@pytest.mark.parametrize("event", [intent("a"), filled("a", "t1"), HALTED], ids=["intent", "fill", "account"])
def test_intents_fills_and_events_of_the_account_are_flushed_though_nobody_waits(
    disk: Disk, store: Store, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FLUSHED_AFTER", 60.0)
    store.note(event)
    store.release()
    wait_until(lambda: disk.flushes == 1)
    assert disk.events() == [event]


def test_what_nobody_waits_for_is_on_the_disk_a_moment_later(
    disk: Disk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FLUSHED_AFTER", 0.05)
    store.note(accepted("a"))
    store.release()
    wait_until(lambda: disk.flushes == 1)
    assert disk.events() == [accepted("a")]
    time.sleep(0.3)
    assert disk.flushes == 1  # once: there is nothing new


def test_without_a_quiet_moment_too(disk: Disk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FLUSHED_AFTER", 0.05)
    number = 0

    def more() -> bool:
        nonlocal number
        number += 1
        store.note(accepted(str(number)))
        store.release()
        return disk.flushes >= 2

    wait_until(more)


def test_closing_flushes_what_nobody_waited_for(disk: Disk, tmp_path: Path) -> None:
    store = open_store(tmp_path / "closed.sqlite")
    store.note(accepted("a"))
    store.close()
    assert disk.events() == [accepted("a")]


def test_an_order_waits_for_no_line_of_the_log(disk: Disk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    store._writer._connection.set_trace_callback(written.append)
    store.save_log(1, "info", "desk", "a line")
    store.append(intent("a")).result()
    assert not any("log" in statement for statement in written)
    store.flush()
    assert [entry.message for entry in store.log()] == ["a line"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["awaited", "noted", "released", "said"]), max_size=12))
def test_a_power_cut_leaves_a_beginning_that_holds_all_that_was_waited_for(
    disk: Disk, tmp_path: Path, steps: list[str]
) -> None:
    path = tmp_path / "any.sqlite"
    for kind in ("", "-wal", "-shm"):
        Path(f"{path}{kind}").unlink(missing_ok=True)
    store = open_store(path)
    given_in_order: list[Event] = []
    waited_for = 0
    store.flush()
    for number, step in enumerate(steps):
        name = str(number)
        if step == "said":
            store.save_log(number, "info", "desk", name)
            continue
        event = intent(name) if step == "awaited" else accepted(name)
        given_in_order.append(event)
        if step == "awaited":
            store.append(event, orders=(an_order(name),)).result()
            waited_for = len(given_in_order)
        else:
            store.note(event, orders=(an_order(name),))
            if step == "released":
                store.release()
    found = disk.events()
    store.close()
    assert found == given_in_order[: len(found)]
    assert len(found) >= waited_for


def test_a_flush_that_fails_ends_the_writing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written since the flush before may be on the disk or not: nothing more is built on it."""

    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store.append(intent("before")).result()
    monkeypatch.setattr(write_ahead, "_flush", broken)
    with pytest.raises(StoreError, match=r"demo\.sqlite"):
        store.append(intent("a")).result()
    with pytest.raises(StoreError, match="start the desk again"):
        store.append(intent("b")).result()
    assert store._writer._patience() is None  # it sleeps: there is nothing to come back for


def test_a_flush_that_nobody_waits_for_tells_of_its_failure_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    told: list[StoreError] = []
    store.on_failure = told.append
    monkeypatch.setattr(writer, "FLUSHED_AFTER", 0.02)
    monkeypatch.setattr(write_ahead, "_flush", broken)
    store.note(accepted("a"))
    store.release()
    wait_until(lambda: bool(told))
    assert store.failure is told[0]


def test_the_start_of_the_flush_is_told(store: Store) -> None:
    """By then the transaction is open and whole: nothing else comes between."""
    told: list[bool] = []
    done = store._submit(events=(intent("a"),))
    done.result()
    hold = sqlite3.connect(store.path, isolation_level=None)
    hold.execute("BEGIN IMMEDIATE")
    store._writer.submit(Submission(None, (intent("b"),), on_flush=lambda: told.append(True)))
    time.sleep(0.05)
    assert not told
    hold.execute("COMMIT")
    hold.close()
    store.flush()
    assert told == [True]
