"""What the store costs beside what the disk itself costs: `uv run pytest -m benchmark tests/benchmarks`.

Each durable measure is a single append waited for, as a hotkey waits for its intent; beside it stand a bare write and
fsync of a page and a raw sqlite3 commit of the same row on the same disk.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from workstation.domain.events import OrderInitialized
from workstation.domain.order import Order, OrderDraft, Side
from workstation.store import Store
from workstation.store.codec import event_row

pytestmark = pytest.mark.benchmark
ROUNDS = 2_000
MANY = 50_000


def intent(number: int) -> OrderInitialized:
    draft = OrderDraft(
        instrument="NOVA:BTC-USDT", side=Side.BUY, quantity=Decimal("0.5"), price=Decimal("64000.1"), note="benchmark"
    )
    order = Order.from_draft(draft, f"order-{number}", number)
    return OrderInitialized(client_id=order.client_id, ts=number, order=order)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "demo.sqlite", "demo", clock_now=lambda: 1)
    yield store
    store.close()


def measure(benchmark: Any, once: Callable[[], object]) -> None:
    """Time single calls and give the percentiles, in ms, beside pytest-benchmark's own figures."""
    benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=50)
    ordered = sorted(benchmark.stats.stats.data)
    benchmark.extra_info["p50_ms"] = round(statistics.median(ordered) * 1e3, 3)
    benchmark.extra_info["p99_ms"] = round(ordered[int(len(ordered) * 0.99)] * 1e3, 3)


def test_bare_write_and_fsync(benchmark: Any, tmp_path: Path) -> None:
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)

    def once() -> None:
        os.write(file, b"x" * 4096)
        os.fsync(file)

    measure(benchmark, once)
    os.close(file)


def test_raw_sqlite_commit_of_one_row(benchmark: Any, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "raw.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, ts, kind, client_id, payload)")
    row = event_row(intent(1))

    def once() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO journal (ts, kind, client_id, payload) VALUES (?, ?, ?, ?)", row)
        connection.execute("COMMIT")

    measure(benchmark, once)
    connection.close()


def test_durable_append_of_an_intent_with_its_order(benchmark: Any, store: Store) -> None:
    events = iter([intent(number) for number in range(ROUNDS + 100)])

    def once() -> None:
        event = next(events)
        store.append(event, orders=(event.order,)).result()

    measure(benchmark, once)


def test_durable_commit_awaited_on_an_event_loop(benchmark: Any, store: Store) -> None:
    events = iter([intent(number) for number in range(ROUNDS + 100)])

    async def stored(event: OrderInitialized) -> None:
        await store.commit(event, orders=(event.order,))

    with asyncio.Runner() as runner:

        def once() -> None:
            event = next(events)
            runner.run(stored(event))

        measure(benchmark, once)


def test_many_appends_in_flight(benchmark: Any, store: Store) -> None:
    events = [intent(number) for number in range(MANY)]

    def once() -> None:
        for event in events:
            last = store.append(event, orders=(event.order,))
        last.result()

    benchmark.pedantic(once, rounds=1)
    benchmark.extra_info["appends_per_second"] = round(MANY / benchmark.stats.stats.mean)


def test_reading_the_journal_at_start(benchmark: Any, store: Store) -> None:
    store.append(*(intent(number) for number in range(MANY))).result()

    def once() -> None:
        assert sum(1 for _ in store.journal()) == MANY

    benchmark.pedantic(once, rounds=5)
    benchmark.extra_info["events_per_second"] = round(MANY / benchmark.stats.stats.mean)
