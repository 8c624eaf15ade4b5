"""What the store keeps beside the journal: settings, instruments, receipts, equity, log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from store_samples import PERP, SPOT, intent, open_store

from workstation.store import EquitySnapshot, LogEntry, Store, writer
from workstation.store import store as store_module


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "demo.sqlite")
    yield store
    store.close()


def reopened(store: Store) -> Store:
    store.close()
    return open_store(store.path)


def test_settings_are_read_at_once_and_outlive_the_desk(store: Store) -> None:
    assert store.get_setting("layout") is None
    assert store.get_setting("layout", {"page": 1}) == {"page": 1}
    store.set_setting("layout", {"page": 2, "panes": ["chart", "books"]})
    assert store.get_setting("layout") == {"page": 2, "panes": ["chart", "books"]}
    store.set_setting("layout", {"page": 3})
    again = reopened(store)
    assert again.get_setting("layout") == {"page": 3}
    again.close()


def test_a_setting_is_a_copy_of_what_was_given(store: Store) -> None:
    layout = {"panes": ["chart"]}
    store.set_setting("layout", layout)
    layout["panes"].append("books")
    store.get_setting("layout")["panes"].append("tape")
    assert store.get_setting("layout") == {"panes": ["chart"]}


def test_instruments_come_back_with_their_newest_terms(store: Store) -> None:
    finer = msgspec.structs.replace(SPOT, tick=Decimal("0.001"))
    store.save_instruments([SPOT, PERP]).result()
    store.save_instruments([finer]).result()
    assert store.instruments() == {PERP.id: PERP, SPOT.id: finer}


def test_receipts_are_kept_as_they_were_given_oldest_first(store: Store) -> None:
    class Found(msgspec.Struct):
        venue: str
        quantity: Decimal

    store.save_receipt(1, {"orders": [Found("NOVA", Decimal("0.10"))]})
    store.save_receipt(2, "flat").result()
    first, second = store.receipts()
    assert (first.ts, first.body) == (1, {"orders": [{"venue": "NOVA", "quantity": "0.10"}]})
    assert (second.ts, second.body) == (2, "flat")


def test_equity_is_kept_exactly_by_account(store: Store) -> None:
    store.save_equity(1, "NOVA", Decimal("100000.10"), currency="USDT", unrealized=Decimal("-0.30"))
    store.save_equity(2, "ORBIT", Decimal(5), currency="USDT")
    store.save_equity(3, "NOVA", Decimal("0.1234567890123456789012345"), currency="USDT", fees=Decimal(1))
    store.flush()
    first, last = store.equity("NOVA")
    assert first == EquitySnapshot(
        ts=1,
        account="NOVA",
        currency="USDT",
        equity=Decimal("100000.10"),
        realized=Decimal(0),
        unrealized=Decimal("-0.30"),
        fees=Decimal(0),
    )
    assert last.equity == Decimal("0.1234567890123456789012345")
    assert [snapshot.ts for snapshot in store.equity()] == [1, 2, 3]
    assert [snapshot.ts for snapshot in store.equity(since=2)] == [2, 3]


def test_the_newest_log_entries_come_back_oldest_first(store: Store) -> None:
    for number in range(5):
        store.save_log(number, "info", "desk", f"line {number}")
    store.flush()
    assert store.log(last=2) == [
        LogEntry(ts=3, level="info", source="desk", message="line 3"),
        LogEntry(ts=4, level="info", source="desk", message="line 4"),
    ]


def test_log_entries_are_there_when_all_that_was_submitted_is(store: Store) -> None:
    store.save_log(1, "info", "desk", "before")
    store.append(intent("a"))
    store.flush()
    assert [entry.message for entry in store.log()] == ["before"]


def test_log_entries_reach_the_disk_by_themselves_after_a_moment(store: Store) -> None:
    store.save_log(1, "info", "desk", "alone")
    patience = 200
    while not store.log() and patience:
        time.sleep(0.02)
        patience -= 1
    assert [entry.message for entry in store.log()] == ["alone"]


def test_the_log_keeps_its_newest_lines_and_the_journal_everything(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOG_KEPT", 50)
    store.append(intent("a")).result()
    for number in range(1_200):
        store.save_log(number, "info", "desk", f"line {number}")
    again = reopened(store)
    again.save_log(1_200, "info", "desk", "line 1200")
    again.flush()
    assert [entry.ts for entry in again.log(last=9_999)] == list(range(1_151, 1_201))
    assert len(list(again.journal())) == 1
    again.close()


def test_a_flood_of_log_entries_is_written_in_batches(store: Store) -> None:
    commits: list[str] = []
    store._writer._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    for number in range(5_000):
        store.save_log(number, "info", "desk", "line")
    store.flush()
    assert len(store.log(last=10_000)) == 5_000
    assert len(commits) < 30


def test_log_entries_that_never_pause_are_written_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUIET_SECONDS", 60)
    for number in range(writer.LATER):
        store.save_log(number, "info", "desk", "line")
    patience = 200
    while not store.log() and patience:
        time.sleep(0.02)
        patience -= 1
    assert store.log()
