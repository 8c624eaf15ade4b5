"""A file is there whole or not at all, and what stood there before stands until the new one is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

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
