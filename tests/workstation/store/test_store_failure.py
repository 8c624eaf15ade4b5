"""When the disk fails: what was durable stays, everything from the failed append on fails, the desk is told once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import intent, open_store

import workstation.store
from workstation.domain.events import OrderSubmitted
from workstation.store import Store, StoreError

ROOT = Path(workstation.store.__file__).parents[2]


def fill_the_disk(store: Store) -> None:
    """From now on SQLite may not take another page: the same error as a full disk."""
    pages = store._writer._connection.execute("PRAGMA page_count").fetchone()[0]
    store._writer._connection.execute(f"PRAGMA max_page_count = {pages}")


def append_until_it_fails(store: Store) -> int:
    """How many appends were durable before one failed."""
    for number in range(10_000):
        try:
            store.append(intent(f"order-{number}")).result()
        except StoreError:
            return number
    raise AssertionError("the disk never filled up")


def test_a_full_disk_fails_the_append_and_all_later_ones_and_is_told_once(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    store = open_store(tmp_path / "demo.sqlite")
    store.on_failure = lambda error: told.append((str(error), threading.current_thread().name))
    fill_the_disk(store)
    durable = append_until_it_fails(store)
    sentence = f"The store {store.path} cannot be written: the disk is full."
    for _ in range(3):
        with pytest.raises(StoreError, match="the disk is full"):
            store.append(OrderSubmitted(client_id="later", ts=1)).result()
    store.save_log(1, "info", "desk", "lost")
    with pytest.raises(StoreError, match="the disk is full"):
        store.flush()
    assert told == [(sentence, "store-writer")]
    assert str(store.failure) == sentence
    assert len(list(store.journal())) == durable  # reading goes on
    store.close()


def test_after_space_was_made_the_store_opens_with_everything_that_was_durable(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    fill_the_disk(store)
    durable = append_until_it_fails(store)
    store._writer._connection.execute("PRAGMA max_page_count = 1000000")  # there is space again, but not for this desk
    with pytest.raises(StoreError, match="start the desk again"):
        store.append(intent("after")).result()
    store.close()
    again = open_store(store.path)
    assert [event.client_id for event in again.journal()] == [f"order-{n}" for n in range(durable)]
    again.append(intent("after")).result()
    again.close()


def test_appends_that_were_waiting_when_the_disk_failed_fail_too(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    fill_the_disk(store)
    futures = [store.append(intent(f"order-{number}")) for number in range(20_000)]
    outcomes = [future.exception(timeout=30) is None for future in futures]
    store.close()
    durable = outcomes.count(True)
    assert outcomes == [True] * durable + [False] * (20_000 - durable)  # a beginning without a gap
    assert len(list(store.journal())) == durable < 20_000


def removed(store: Path) -> None:
    store.unlink()


def removed_with_its_log(store: Path) -> None:
    for file in store.parent.glob(f"{store.name}*"):
        file.unlink()


def its_log_removed(store: Path) -> None:
    store.with_name(f"{store.name}-wal").unlink()


def moved(store: Path) -> None:
    store.rename(store.with_name("elsewhere.sqlite"))


def replaced_by_a_copy(store: Path) -> None:
    copy = store.with_name("copy")
    copy.write_bytes(store.read_bytes())
    copy.rename(store)


@pytest.mark.parametrize("done", [removed, removed_with_its_log, its_log_removed, moved, replaced_by_a_copy])
def test_what_the_next_start_would_not_find_is_not_durable(done: Callable[[Path], None], tmp_path: Path) -> None:
    """Somebody clears up, or puts a backup in its place, while the desk runs."""
    told: list[str] = []
    store = open_store(tmp_path / "demo.sqlite")
    store.on_failure = lambda error: told.append(str(error))
    store.append(intent("before")).result()
    done(store.path)
    with pytest.raises(StoreError, match="removed, moved or replaced while it was open"):
        store.append(intent("after")).result()
    with pytest.raises(StoreError, match="start the desk again"):
        store.append(intent("later")).result()
    assert len(told) == 1
    store.close()


def test_a_listener_that_raises_does_not_stop_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    def broken(error: StoreError) -> None:
        raise RuntimeError("listener")

    store = open_store(tmp_path / "demo.sqlite")
    store.on_failure = broken
    fill_the_disk(store)
    append_until_it_fails(store)
    with pytest.raises(StoreError, match="the disk is full"):
        store.append(intent("later")).result(timeout=10)
    store.close()
    assert len(raised) == 1


def test_a_real_write_error_of_the_system_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The process may not let any file grow beyond a limit: the system itself refuses the write."""
    path = tmp_path / "demo.sqlite"
    code = f"""
import pathlib, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from store_samples import intent
from workstation.store import Store, StoreError
told = []
store = Store.open(pathlib.Path({str(path)!r}), "demo", clock_now=lambda: 1, on_failure=told.append)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
durable = 0
try:
    while durable < 10_000:
        store.append(intent(f"order-{{durable}}")).result()
        durable += 1
except StoreError as error:
    print(durable, len(told), told[0] is error, error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    durable, told, same, *sentence = run.stdout.split()
    assert (told, same) == ("1", "True")
    assert " ".join(sentence).startswith(f"The store {path} cannot be")
    store = open_store(path)
    found = [event.client_id for event in store.journal()]
    assert found[: int(durable)] == [f"order-{number}" for number in range(int(durable))]
    assert 0 < int(durable) <= len(found) <= int(durable) + 1
    store.close()
