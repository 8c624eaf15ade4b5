"""Opening a store: what cannot be opened is refused in one sentence, and nothing that exists is changed."""

from __future__ import annotations

import errno
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_samples import intent, open_store

import workstation.store
from workstation.store import Store, StoreError, kept_statements
from workstation.store.migrations import SCHEMA_VERSION

ROOT = Path(workstation.store.__file__).parents[2]
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo.sqlite"


def refusal(path: Path, mode: str = "demo") -> str:
    """The sentence with which the store refuses to open; the file must be the same afterwards."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as caught:
        open_store(path, mode)
    assert (path.read_bytes() if path.is_file() else None) == before
    return str(caught.value)


def fill_a_store(path: Path, appends: int = 200) -> None:
    store = open_store(path)
    for number in range(appends):
        store.append(intent(str(number)))
    store.close()


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder, and the rights of a user to whom file permissions apply (the tests may run as root)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_store(folder / "warm.sqlite").close()  # imports everything while it may be read
        root = os.geteuid() == 0
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


def test_a_new_store_is_made_with_its_folders_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "demo.sqlite"
    store = open_store(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(store.desk_id) == 32
    store.close()


def test_the_log_is_written_ahead_and_flushed_by_the_writer(path: Path) -> None:
    """What is flushed when: test_store_flushes.py."""
    store = open_store(path)
    connection = store._writer._connection
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 1}
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    store.close()


def test_no_two_desks_share_an_id(tmp_path: Path) -> None:
    first, second = open_store(tmp_path / "a.sqlite"), open_store(tmp_path / "b.sqlite")
    assert first.desk_id != second.desk_id
    first.close()
    second.close()


def test_another_modes_store_is_refused(path: Path) -> None:
    fill_a_store(path)
    assert refusal(path, "live") == f"The store {path} belongs to the demo desk and cannot be opened by the live desk."


def test_a_newer_schema_is_refused(path: Path) -> None:
    fill_a_store(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert f"was written by a newer tws (schema 7; this one knows {SCHEMA_VERSION}): update tws" in refusal(path)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    connection.close()
    assert refusal(path) == f"The file {path} is a database of another program, not a store of tws."


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("timestamp,open,high,low,close\n" * 100)
    assert "is damaged or not a store of tws; it was left untouched" in refusal(path)


def test_a_damaged_store_is_refused(path: Path) -> None:
    fill_a_store(path)
    content = bytearray(path.read_bytes())
    page = content.index(b'"client_id":"150"') // 4096 * 4096  # somewhere inside the journal
    content[page : page + 512] = b"\x5a" * 512
    path.write_bytes(content)
    assert "is damaged" in refusal(path)


def test_a_store_cut_short_is_refused(path: Path) -> None:
    fill_a_store(path)
    os.truncate(path, 3 * 4096)
    assert "is damaged" in refusal(path)


def test_a_store_with_a_broken_page_is_refused_in_one_line(path: Path) -> None:
    fill_a_store(path)
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 8 * 4096] = b"\xaa" * (6 * 4096)
    path.write_bytes(content)
    assert "is damaged and was left untouched" in refusal(path)
    assert "\n" not in refusal(path)


def test_a_disk_that_is_full_already_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("workstation.store.lock.os.pwrite", full)
        assert refusal(path) == f"The store {path} cannot be written: the disk is full."
    open_store(path).close()


def test_a_folder_in_the_stores_place_is_refused(path: Path) -> None:
    path.mkdir()
    assert "cannot be opened" in refusal(path)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "cannot be opened" in refusal(tmp_path / "data" / "demo.sqlite")


def test_a_read_only_store_is_refused() -> None:
    with unprivileged() as folder:
        path = folder / "demo.sqlite"
        fill_a_store(path)
        path.chmod(0o400)
        assert refusal(path) == f"The store {path} cannot be written: its folder or file is read-only for this user."


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with unprivileged() as folder:
        folder.chmod(0o555)
        path = folder / "demo.sqlite"
        sentence = f"The store {path} cannot be written: its folder or file is read-only for this user."
        assert refusal(path) == sentence
        assert not path.exists()
        path = folder / "deeper" / "demo.sqlite"
        assert refusal(path) == sentence.replace(str(folder / "demo.sqlite"), str(path))


def test_a_store_open_in_another_desk_is_refused_by_that_desks_pid(path: Path) -> None:
    store = open_store(path)
    assert refusal(path) == f"The store {path} is open in another running desk (process {os.getpid()})."
    store.append(intent("a")).result()  # the first desk goes on
    store.close()
    open_store(path).close()


def test_a_killed_desk_leaves_no_lock_not_even_through_a_worker_it_forked(path: Path) -> None:
    code = (
        "import os, pathlib, sys, time\n"
        "from workstation.store import Store\n"
        f"store = Store.open(pathlib.Path({str(path)!r}), 'demo', clock_now=lambda: 1)\n"
        "worker = os.fork()\n"
        "if not worker: print(os.getpid(), flush=True)\n"  # the worker says when it runs: the fork is over
        "time.sleep(60)\n"
    )
    desk = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert desk.stdout is not None
    worker = int(desk.stdout.readline())
    try:
        assert f"process {desk.pid}" in refusal(path)
        desk.send_signal(signal.SIGKILL)
        desk.wait()
        open_store(path).close()
    finally:
        os.kill(worker, signal.SIGKILL)
        desk.stdout.close()


def test_an_empty_file_left_by_a_crash_at_birth_becomes_a_store(path: Path) -> None:
    path.touch()
    store = open_store(path)
    store.append(intent("a")).result()
    store.close()


def test_a_failed_opening_can_be_tried_again(path: Path) -> None:
    fill_a_store(path)
    refusal(path, "live")
    store = open_store(path)
    assert len(list(store.journal())) == 200
    store.close()


def test_importing_the_package_loads_nothing_heavy_and_nothing_else_needs_sqlmodel() -> None:
    code = (
        "import sys, workstation.store\n"
        "print(sorted({'sqlmodel', 'sqlalchemy', 'pydantic', 'alembic', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"
    users = [
        file
        for folder in ("workstation", "screens", "plugins")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(from|import) (sqlmodel|sqlalchemy)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert {file.parent.name for file in users} == {"store"}


def test_a_store_is_opened_without_sqlmodel_once_its_statements_are_kept(path: Path) -> None:
    fill_a_store(path)  # keeps them, if none did before
    code = (
        "import pathlib, sys\n"
        "from workstation.store import Store\n"
        f"Store.open(pathlib.Path({str(path)!r}), 'demo', clock_now=lambda: 1).close()\n"
        "print(sorted({'sqlmodel', 'sqlalchemy', 'pydantic'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("kept", ["of other tables", "damaged", "not ours to write"])
def test_statements_that_are_kept_for_other_tables_or_damaged_are_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    from workstation.store.statements import compile_statements

    made = kept_statements.statements.__wrapped__
    place = tmp_path / "__pycache__" / "tables.statements.json"
    monkeypatch.setattr(kept_statements, "cache_from_source", lambda source: str(place.with_name("tables.pyc")))
    right = made()
    assert right == compile_statements()
    if kept == "of other tables":
        place.write_bytes(place.read_bytes().replace(b"INSERT", b"DELETE").replace(b'"key":"', b'"key":"0'))
    elif kept == "damaged":
        place.write_bytes(place.read_bytes()[:-40])
    else:
        place.unlink()
        place.parent.rmdir()
        place.parent.write_text("a file in the folder's place")
    assert made() == right
    assert kept == "not ours to write" or b"DELETE" not in place.read_bytes()
    assert made() == right


def test_data_of_a_desk_that_forgot_to_close_is_written_when_it_ends(path: Path) -> None:
    code = (
        "import pathlib\n"
        "from workstation.store import Store\n"
        f"store = Store.open(pathlib.Path({str(path)!r}), 'demo', clock_now=lambda: 1)\n"
        "for number in range(500): store.save_log(number, 'info', 'desk', 'line')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
    store = Store.open(path, "demo", clock_now=lambda: 1)
    assert len(store.log()) == 500
    store.close()
