"""The stored histories: imports merge, nothing doubles, nothing half-written is ever in force."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.bars import HOUR, candles, random_walk, recorded
from workstation.history.library import CandleLibrary
from workstation.history.names import HistoryError, HistoryName
from workstation.market.candles import Candles

NAME = HistoryName.parse("binance:BTC-USDT:1h")
WALK = random_walk(500)


def with_close(bars: Candles, row: int, factor: float) -> Candles:
    close, high = bars.close.copy(), bars.high.copy()
    close[row] *= factor
    high[row] = max(high[row], close[row])
    return replace(bars, close=close, high=high)


def test_what_is_stored_comes_back_to_the_bit(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    merged = library.merge(NAME, WALK, "file a.csv")
    assert (merged.added, merged.same, merged.conflicts) == (500, 0, 0)
    assert library.load(NAME).fingerprint() == WALK.fingerprint() == merged.entry.fingerprint
    (entry,) = library.entries()
    assert (entry.rows, entry.first, entry.last) == (500, int(WALK.time[0]), int(WALK.time[-1]))
    assert entry.source == "file a.csv"


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    entry = CandleLibrary(tmp_path).merge(NAME, WALK, "file a.csv").entry
    about = pq.read_schema(tmp_path / entry.file).metadata
    assert about[b"tws.symbol"] == b"BTC-USDT"
    assert about[b"tws.timeframe"] == b"1h"


def test_a_second_import_of_the_same_changes_nothing(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    first = library.merge(NAME, WALK, "file a.csv").entry
    again = library.merge(NAME, WALK, "file b.csv")
    assert (again.added, again.same, again.conflicts) == (0, 500, 0)
    assert again.entry == first


@pytest.mark.parametrize("parts", [[(0, 300), (200, 500)], [(200, 500), (0, 300)], [(0, 100), (400, 500), (50, 450)]])
def test_overlapping_imports_in_any_order_make_one_history(tmp_path: Path, parts: list[tuple[int, int]]) -> None:
    library = CandleLibrary(tmp_path)
    for start, stop in parts:
        library.merge(NAME, WALK.slice(start, stop), f"part {start}")
    assert library.load(NAME).fingerprint() == WALK.fingerprint()
    assert len(list(tmp_path.rglob("*.parquet"))) == 1, "files of former states are gone"


def test_rows_that_contradict_are_reported_and_the_stored_ones_stand(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    library.merge(NAME, WALK, "a")
    other = with_close(WALK, 7, 1.5)
    merged = library.merge(NAME, other, "b")
    assert (merged.added, merged.same, merged.conflicts) == (0, 499, 1)
    assert "stored" in merged.examples[0]
    assert "close" in merged.examples[0]
    assert library.load(NAME).fingerprint() == WALK.fingerprint()
    replaced = library.merge(NAME, other, "b", replace=True)
    assert replaced.conflicts == 1
    assert library.load(NAME).fingerprint() == other.fingerprint()


def test_a_longer_timeframe_is_made_of_the_longest_stored_one_that_divides_it(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    library.merge(NAME, WALK, "a")
    library.merge(HistoryName.parse("binance:BTC-USDT:15m"), random_walk(40, interval=HOUR // 4), "a")
    made = library.load(HistoryName.parse("binance:BTC-USDT:4h"))
    assert "from 1h" in made.name
    assert made.interval == 4 * HOUR
    with pytest.raises(HistoryError, match="no history binance:BTC-USDT:5m"):
        library.load(HistoryName.parse("binance:BTC-USDT:5m"))


def test_timeframes_of_minutes_and_months_are_two(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    library.merge(HistoryName.parse("x:Y:1m"), random_walk(5, interval=HOUR // 60), "a")
    assert library.catalogue.find(HistoryName.parse("x:Y:1M")) is None


def test_a_file_that_was_changed_or_lost_is_named(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    entry = library.merge(NAME, WALK, "a").entry
    other = with_close(WALK, 3, 1.01)
    CandleLibrary(tmp_path / "b").merge(NAME, other, "a")
    (changed,) = (tmp_path / "b").rglob("*.parquet")
    changed.replace(tmp_path / entry.file)
    with pytest.raises(HistoryError, match="was changed since it was stored"):
        library.check(NAME)
    (tmp_path / entry.file).write_bytes(b"PAR1 torn")
    with pytest.raises(HistoryError, match="damaged"):
        library.load(NAME)
    (tmp_path / entry.file).unlink()
    with pytest.raises(HistoryError, match="is missing"):
        library.load(NAME)


def test_a_forgotten_history_leaves_nothing_behind(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    library.merge(NAME, WALK, "a")
    library.remove(NAME)
    assert library.entries() == []
    assert list(tmp_path.rglob("*.parquet")) == []
    with pytest.raises(HistoryError, match="no history"):
        library.remove(NAME)


def test_a_catalogue_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    library = CandleLibrary(tmp_path)
    library.merge(NAME, WALK, "a")
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / "catalogue.sqlite").read_bytes()
    with pytest.raises(HistoryError, match="newer version"):
        library.entries()
    assert (tmp_path / "catalogue.sqlite").read_bytes() == before


#: One process that forks: each child merges and is killed at its step, or merges its part beside another child.
_CHILDREN = """
import os, signal, sys
from pathlib import Path
from workstation import whole_file
from workstation.history import library as module
from workstation.history.library import CandleLibrary, _read
from workstation.history.names import HistoryName

folder, name = Path(sys.argv[1]), HistoryName.parse("binance:BTC-USDT:1h")
walk = module.Candles(*(module.np.load(folder / "walk.npy")[i] for i in range(6)))
steps = [int(word) for word in sys.argv[2:]]

def child(work):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid

def killed_at(step):
    seen = 0
    def around(real):
        def call(*args):
            die(); real(*args); die()
        return call
    def die():
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)
    whole_file.flush, module.catalogue.put = around(whole_file.flush), around(module.catalogue.put)
    CandleLibrary._sweep = around(CandleLibrary._sweep)
    CandleLibrary(folder / str(step)).merge(name, walk, "new")

pids = [child(lambda: killed_at(step)) for step in steps]
if not steps:
    pids = [child(lambda: CandleLibrary(folder / "both").merge(name, walk.slice(i, i + 250), "x")) for i in (0, 250)]
print(*(os.waitpid(pid, 0)[1] for pid in pids))
"""


def children(folder: Path, *steps: int) -> list[int]:
    columns = (WALK.time, WALK.open, WALK.high, WALK.low, WALK.close, WALK.volume)
    np.save(folder / "walk.npy", np.array(columns, dtype=np.float64))
    words = [sys.executable, "-c", _CHILDREN, str(folder), *map(str, steps)]
    done = subprocess.run(words, cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def test_killed_at_any_step_the_old_history_or_the_new_one_stands_whole(tmp_path: Path) -> None:
    old = WALK.slice(0, 300)
    steps = range(1, 9)  # before and after: file flushed, folder flushed, row written, old files swept
    for step in steps:
        CandleLibrary(tmp_path / str(step)).merge(NAME, old, "old")
    assert children(tmp_path, *steps) == [signal.SIGKILL] * len(steps)
    rows = []
    for step in steps:
        library = CandleLibrary(tmp_path / str(step))
        rows.append(len(library.load(NAME)))
        assert library.check(NAME).usable
        assert library.load(NAME).fingerprint() == (old if rows[-1] == 300 else WALK).fingerprint()
        library.merge(NAME, random_walk(600), "one more")
        (file,) = (tmp_path / str(step)).rglob("*.parquet")
        assert str(file).endswith(library.entries()[0].file)
        assert list((tmp_path / str(step)).rglob("*.part")) == []
    assert rows == [300] * 6 + [500] * 2


def test_two_processes_that_import_at_once_lose_nothing(tmp_path: Path) -> None:
    assert children(tmp_path) == [0, 0]
    assert CandleLibrary(tmp_path / "both").load(NAME).fingerprint() == WALK.fingerprint()


def test_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = CandleLibrary(tmp_path)
    library.merge(NAME, WALK.slice(0, 300), "a")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HistoryError, match="No space left"):
        library.merge(NAME, WALK, "b")
    monkeypatch.undo()
    assert len(library.load(NAME)) == 300


def test_a_history_with_its_gaps_and_quality(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    name = HistoryName.parse("bittrex:ADA-BTC:5m")
    entry = library.merge(name, recorded("bittrex_ADA-BTC_5m"), "recording").entry
    assert entry.quality == {"gaps": 5}
    assert entry.rows == 5_720


def test_names_have_one_spelling() -> None:
    spellings = ["binance:BTC-USDT:1h", "Binance:BTC/USDT:1h", "binance:btc_usdt:1h"]
    assert {str(HistoryName.parse(each)) for each in spellings} == {"binance:BTC-USDT:1h"}
    assert str(HistoryName.parse("binanceusdm:BTC/USDT:USDT:1m")) == "binanceusdm:BTC-USDT-PERP:1m"
    for wrong in ("BTC", "binance:BTC-USDT", "binance::1h", "../x:BTC-USDT:1h", "binance:BTC-USDT:1q", "a:.:1h"):
        with pytest.raises(HistoryError):
            HistoryName.parse(wrong)


def test_merging_one_bar_into_none(tmp_path: Path) -> None:
    library = CandleLibrary(tmp_path)
    one = candles([(1, 2, 1, 2)])
    assert library.merge(NAME, one, "a").entry.rows == 1
    assert np.array_equal(library.load(NAME).time, one.time)
