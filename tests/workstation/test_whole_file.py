"""A file is there whole or not at all, and what stood there before stands until the new one is whole."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from workstation import whole_file
from workstation.whole_file import in_place_of


@pytest.mark.parametrize("durable", [True, False])
def test_it_takes_its_place_when_all_of_it_is_written(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "looks.json"
    path.write_text("old")
    with in_place_of(path, durable=durable) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_could_not_be_written_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "looks.json"
    path.write_text("old")

    def half() -> None:
        with in_place_of(path) as part:
            part.write_text("ne")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_nobody_wrote_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), in_place_of(tmp_path / "looks.json"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_cannot_flush_folders_keeps_no_file_from_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = whole_file.flush

    def no_folders(path: Path) -> None:
        if path.is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(path)

    monkeypatch.setattr(whole_file, "flush", no_folders)
    path = tmp_path / "looks.json"
    with in_place_of(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
