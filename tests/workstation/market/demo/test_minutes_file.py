"""The file of the demo market's minutes: what was kept is read as it was, and no file harms a desk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from workstation.clock import DAY, HOUR, MINUTE, SECOND
from workstation.domain.bar import Bar
from workstation.market.demo.kept import Kept, Session
from workstation.market.demo.minutes_file import HOURS_KEPT, MinutesError, MinutesFile

START = 1_767_614_417 * SECOND
FIRST = START - START % MINUTE
A, B = "NOVA:BTC-USDT", "ORCA:BTC-USDT"


def session(start: int = START) -> Session:
    return Session(start=start, seed=7, rate=1.0, prices={"BTC": 64_000.0}, opening={A: 64_000.5, B: 64_001.5})


def row(ts: int, a: float, b: float = 0.0) -> list[float]:
    """A minute in which A traded at `a`, and B at `b` or, at 0, not at all."""
    other = (b, b + 1, b - 1, b + 0.5, 2.0) if b else (0.0,) * 5
    return [ts // MINUTE, a, a + 1, a - 1, a + 0.5, 1.25, *other]


def opened(folder: Path, now: int = START + DAY, names: tuple[str, ...] = (A, B)) -> MinutesFile:
    return MinutesFile(folder / "minutes.sqlite", names, now)


def keep(folder: Path, count: int, start: int = START) -> None:
    file = opened(folder, start)
    file.begin(session(start))
    first = start - start % MINUTE
    rows = [row(first + number * MINUTE, 100.0 + number, 200.0 if number % 2 else 0.0) for number in range(count)]
    file.write(session(start), first + count * MINUTE, rows)
    file.close()


def read(folder: Path, now: int = START + DAY, names: tuple[str, ...] = (A, B)) -> tuple[Kept, list[str]]:
    file = opened(folder, now, names)
    kept = file.kept()
    for hour in kept.hours:
        kept.rows(hour)
    file.close()
    return kept, file.notices


def bars(kept: Kept, name: str) -> list[Bar]:
    return kept.bars(name, 0, START + 1_000 * DAY)


def test_minutes_are_read_as_they_were_written_and_those_without_a_trade_are_none(tmp_path: Path) -> None:
    keep(tmp_path, 100)
    kept, notices = read(tmp_path)
    assert notices == []
    assert bars(kept, A)[3] == Bar(FIRST + 3 * MINUTE, 103.0, 104.0, 102.0, 103.5, 1.25)
    assert len(bars(kept, A)) == 100
    assert [bar.ts for bar in bars(kept, B)] == [FIRST + n * MINUTE for n in range(1, 100, 2)]
    assert kept.origin == session()
    assert [kept.covers(ts, ts) for ts in (START - 1, START, FIRST + 100 * MINUTE, FIRST + 101 * MINUTE)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_minute_that_is_written_again_stands_once(tmp_path: Path) -> None:
    file = opened(tmp_path, START)
    file.begin(session())
    for number in range(3):
        file.write(session(), FIRST + (number + 1) * SECOND, [row(FIRST, 100.0 + number)])
    file.close()
    kept, _ = read(tmp_path)
    assert [bar.open for bar in bars(kept, A)] == [102.0]


def test_a_week_of_hours_is_kept_and_the_first_session_however_long_ago(tmp_path: Path) -> None:
    later = START + 3 * DAY
    for start, minutes in ((START, 5), (later, 5), (START + 6 * DAY, 60 * (HOURS_KEPT + 5))):
        keep(tmp_path, minutes, start)
    end = START + 14 * DAY
    keep(tmp_path, 1, end)
    kept, notices = read(tmp_path, end + HOUR)
    assert notices == []
    assert len(kept.hours) == HOURS_KEPT
    assert kept.origin == session()
    assert [one.start for one, _ in kept.sessions] == [START, START + 6 * DAY, end]
    assert not kept.covers(START + MINUTE, START + MINUTE)
    assert (tmp_path / "minutes.sqlite").stat().st_size < 2_000_000, "two instruments"


def damage(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def foreign(path: Path) -> None:
    path.write_text("Dear diary,\n" * 500)


def another_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE hours (love TEXT)")


@pytest.mark.parametrize("spoil", [damage, foreign, another_database])
def test_a_torn_or_foreign_file_is_put_aside_and_told_in_one_sentence(tmp_path: Path, spoil) -> None:
    keep(tmp_path, 40)
    path = tmp_path / "minutes.sqlite"
    spoil(path)
    spoilt = path.read_bytes()
    kept, (said,) = read(tmp_path)
    assert not kept.sessions
    assert not kept.hours
    assert said.startswith("The past on the charts is made up anew: minutes.sqlite is ")
    (aside,) = tmp_path.glob("*.aside")
    assert aside.read_bytes() == spoilt, "nothing of it is lost"
    assert aside.name in said
    keep(tmp_path, 3, START + DAY)  # and a new one is begun
    assert len(bars(read(tmp_path, START + 2 * DAY)[0], A)) == 3


def test_an_hour_that_has_changed_on_the_disk_is_left_out_and_told(tmp_path: Path) -> None:
    keep(tmp_path, 150)
    with sqlite3.connect(tmp_path / "minutes.sqlite") as db:  # another price, which SQLite does not see
        hours = [hour for (hour,) in db.execute("SELECT ts FROM hours ORDER BY ts")]
        (rows,) = db.execute("SELECT rows FROM hours WHERE ts = ?", hours[1:2]).fetchone()
        db.execute("UPDATE hours SET rows = ? WHERE ts = ?", (rows[:-1] + bytes([rows[-1] ^ 1]), hours[1]))
    db.close()
    file = opened(tmp_path, START + DAY)
    shown = bars(file.kept(), A)
    (said,) = file.notices
    assert "damaged" in said
    assert {bar.ts - bar.ts % HOUR for bar in shown} == {hours[0], hours[2]}
    file.begin(session(START + DAY))
    file.write(session(START + DAY), START + DAY + 1, [])
    file.close()
    kept, notices = read(tmp_path, START + 2 * DAY)
    assert notices == []
    assert [kept.covers(hour + HOUR // 2, hour + HOUR // 2) for hour in hours] == [True, False, True]


def test_a_file_of_a_newer_tws_is_left_alone(tmp_path: Path) -> None:
    keep(tmp_path, 5)
    path = tmp_path / "minutes.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=2")
    before = path.read_bytes()
    keep(tmp_path, 5, START + DAY)
    kept, (said,) = read(tmp_path)
    assert not kept.hours
    assert "newer tws" in said
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_raises_a_sentence_and_goes_on_when_it_can(tmp_path: Path) -> None:
    keep(tmp_path, 5)
    file = opened(tmp_path, START + HOUR)
    file.begin(session(START + HOUR))
    other = sqlite3.connect(tmp_path / "minutes.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = FIRST + HOUR
    with pytest.raises(MinutesError, match="cannot be kept in minutes"):
        file.write(session(START + HOUR), first + MINUTE, [row(first, 150.0)])
    other.execute("ROLLBACK")
    other.close()
    file.write(session(START + HOUR), first + 2 * MINUTE, [row(first, 150.0), row(first + MINUTE, 151.0)])
    file.close()
    kept, _ = read(tmp_path)
    assert [bar.open for bar in bars(kept, A)][-3:] == [104.0, 150.0, 151.0]


def test_what_the_clock_has_not_come_to_yet_is_not_shown_and_told(tmp_path: Path) -> None:
    keep(tmp_path, 30)
    keep(tmp_path, 30, START + HOUR)
    now = FIRST + 10 * MINUTE + 5 * SECOND
    kept, (said,) = read(tmp_path, now)
    assert "clock has gone back" in said
    assert bars(kept, A)[-1].ts == FIRST + 9 * MINUTE
    assert [one.start for one, _ in kept.sessions] == [START]
    keep(tmp_path, 2, now)
    kept, notices = read(tmp_path)
    assert notices == []
    assert [bar.open for bar in bars(kept, A)][-4:] == [108.0, 109.0, 100.0, 101.0]


def test_a_tws_that_lists_other_instruments_reads_what_it_knows(tmp_path: Path) -> None:
    keep(tmp_path, 4)
    names = (B, "NOVA:NEW-USDT", A)
    file = opened(tmp_path, START + HOUR, names)
    assert [bar.open for bar in bars(file.kept(), A)] == [100.0, 101.0, 102.0, 103.0]
    assert len(bars(file.kept(), "NOVA:NEW-USDT")) == 0
    file.begin(session(START + HOUR))
    file.write(session(START + HOUR), FIRST + HOUR + MINUTE, [[(FIRST + HOUR) // MINUTE, *range(1, 16)]])
    file.close()
    kept, _ = read(tmp_path, names=names)
    assert [bar.open for bar in bars(kept, A)][-1] == 11.0
    assert [bar.open for bar in bars(kept, B)] == [200.0, 200.0, 1.0]


WRITER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_minutes_file import FIRST, MINUTE, opened, row, session, START
file = opened(Path(sys.argv[1]), START)
file.begin(session())
number = 0
while True:
    number += 1
    file.write(session(), FIRST + number * MINUTE, [row(FIRST + (number - 1) * MINUTE, float(number))])
    os.write(1, b".")
"""


def test_killed_in_the_middle_of_writing_all_that_was_written_is_there(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    seen = process.stdout.read(200)
    os.kill(process.pid, signal.SIGKILL)
    seen += process.stdout.read()
    process.wait()
    kept, notices = read(tmp_path)
    assert notices == []
    assert len(bars(kept, A)) in (len(seen), len(seen) + 1)
    assert [bar.open for bar in bars(kept, A)] == [float(n + 1) for n in range(len(bars(kept, A)))]
    assert kept.covers(FIRST + len(seen) * MINUTE, FIRST + len(seen) * MINUTE)
