"""What is kept beside a store that takes nothing: over the death of the desk, without room, and nobody else's."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import intent, open_store

import workstation.store
from workstation.domain.events import OrderRejected, OrderSubmitted
from workstation.store.beside import ROOM, Beside, InFiles, Reserve

ROOT = Path(workstation.store.__file__).parents[2]
DESK = "d" * 32


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def beside(tmp_path: Path, memory: Path, desk_id: str = DESK) -> Beside:
    made = Beside(tmp_path / "demo.sqlite", desk_id, [memory])
    made.make_ready()
    return made


def test_what_is_kept_in_either_place_is_found_once_and_in_order(tmp_path: Path, memory: Path) -> None:
    first = beside(tmp_path, memory)
    events = [
        intent("a"),
        intent("b"),
        OrderSubmitted(client_id="a", ts=5),
        OrderRejected(client_id="a", ts=6, reason="no"),
    ]
    disk, files = first.places
    disk.keep(events[:1])
    files.keep(events[:2])
    disk.keep(events[2:])
    again = beside(tmp_path, memory)
    again.close()  # gives no room back in which something is kept
    assert beside(tmp_path, memory).kept() == events
    assert beside(tmp_path, memory, "e" * 32).kept() == []  # another store's, that came into this one's place
    again.drop()
    assert beside(tmp_path, memory).kept() == []
    assert list(memory.iterdir()) == []


def test_the_room_is_given_back_at_the_end_and_taken_at_the_start(tmp_path: Path) -> None:
    store = open_store(tmp_path / "demo.sqlite")
    reserve = tmp_path / ".demo.sqlite.beside"
    assert reserve.stat().st_size == ROOM
    assert reserve.stat().st_blocks * 512 >= ROOM  # not a file of holes
    assert reserve.stat().st_mode & 0o777 == 0o600
    store.close()
    assert not reserve.exists()


def test_a_line_that_the_death_of_the_desk_cut_off_is_none_and_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    reserve = Reserve(path, DESK)
    reserve.make_ready()
    reserve.keep([intent("first")])
    whole = path.read_bytes().index(b"\n") + 1
    reserve.keep([intent("a" * 200)])
    with path.open("r+b") as file:
        file.seek(whole + 40)
        file.write(bytes(20))
    assert reserve.kept() == [intent("first")]
    reserve.keep([intent("b")])
    assert reserve.kept() == [intent("first"), intent("b")]


def test_when_the_room_is_full_it_says_so(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "kept", DESK)
    reserve.make_ready()
    many = [intent(f"order-{number}") for number in range(100)]
    reserve.keep(many)
    with pytest.raises(OSError, match="no more room"):
        reserve.keep(many * 10)
    assert reserve.kept() == many


def test_where_no_file_may_grow_any_more_the_room_and_new_files_take_what_comes(tmp_path: Path) -> None:
    """The system itself refuses every byte beyond the limit, as a full disk does."""
    code = f"""
import pathlib, resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from store_samples import intent
from workstation.store.beside import Beside
kept = Beside(pathlib.Path({str(tmp_path / "demo.sqlite")!r}), {DESK!r}, [pathlib.Path({str(tmp_path)!r})])
kept.make_ready()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
refused = [0, 0]
for number in range(20):
    for at, place in enumerate(kept.places):
        try:
            place.keep([intent(f"order-{{number}}")])
        except OSError:
            refused[at] += 1
print(*refused, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    disk, files = map(int, run.stdout.split())
    assert 0 < disk < 20, run.stderr
    assert files == 0
    found = Beside(tmp_path / "demo.sqlite", DESK, [tmp_path]).kept()
    assert {event.client_id for event in found} == {f"order-{number}" for number in range(20)}  # type: ignore[union-attr]
    assert len(found) == 20


def test_files_that_others_put_there_are_not_taken_for_ours(tmp_path: Path, memory: Path) -> None:
    files = InFiles(DESK, [memory])
    files.keep([intent("ours")])
    (path,) = memory.iterdir()
    (memory / f"tws-{DESK}-link").symlink_to(path)
    if os.geteuid() == 0:
        theirs = memory / f"tws-{DESK}-theirs"
        theirs.write_bytes(path.read_bytes())
        os.chown(theirs, 12_345, 12_345)
    assert files.kept() == [intent("ours")]


def test_a_folder_that_takes_nothing_is_passed_over(tmp_path: Path, memory: Path) -> None:
    InFiles(DESK, [tmp_path / "missing", memory]).keep([intent("a")])
    assert InFiles(DESK, [memory]).kept() == [intent("a")]
    with pytest.raises(OSError):
        InFiles(DESK, [tmp_path / "missing"]).keep([intent("b")])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with pytest.raises(OSError):
            InFiles(DESK, [memory]).keep([intent("c")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert InFiles(DESK, [memory]).kept() == [intent("a")]  # nor is a half of it left
    assert len(list(memory.iterdir())) == 1
