"""A desk killed at any instant: what it was told is durable is there, nothing is half there, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_samples import events_of_append, open_store

import workstation.store

ROOT = Path(workstation.store.__file__).parents[2]

#: Goes on where the store ends; submits without waiting, and reports each append when it is durable.
DESK = f"""
import os, pathlib, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from store_samples import an_order, events_of_append, open_store
store = open_store(pathlib.Path(sys.argv[1]))
number = len(list(store.journal())) // 3
os.write(1, b"ready\\n")
while True:
    done = store.append(*events_of_append(number), orders=[an_order(f"order-{{number}}")])
    done.add_done_callback(lambda future, number=number: future.exception() or os.write(1, b"%d\\n" % number))
    if number % 7 == 0:
        done.result()
    number += 1
"""


def kill_and_prove(path: Path, delay: float) -> int:
    """Run a desk on the store, kill it after `delay` seconds of appending; returns how many appends are stored."""
    desk = subprocess.Popen([sys.executable, "-c", DESK, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert desk.stdout is not None
    assert desk.stdout.readline() == b"ready\n"
    time.sleep(delay)
    os.kill(desk.pid, signal.SIGKILL)
    reported = [int(line) for line in desk.stdout.read().split(b"\n")[:-1] if line]
    desk.stdout.close()
    desk.wait()

    store = open_store(path)
    journal = list(store.journal())
    appends = len(journal) // 3
    assert journal == [event for number in range(appends) for event in events_of_append(number)]
    assert appends > max(reported, default=-1)
    assert [fill.trade_id for fill in store.fills()] == [f"trade-{number}" for number in range(appends)]
    store.close()
    with sqlite3.connect(path) as connection:
        orders = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert orders == appends
    return appends


def prove_times(path: Path, times: int, seed: int) -> None:
    dice = random.Random(seed)
    appends = [kill_and_prove(path, dice.uniform(0.0, 0.15)) for _ in range(times)]
    assert appends == sorted(appends)
    assert appends[-1] > 100


@pytest.mark.slow
def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    prove_times(tmp_path / "demo.sqlite", 10, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    for seed in range(10):
        prove_times(tmp_path / f"{seed}.sqlite", 10, seed)
