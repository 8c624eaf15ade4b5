"""Entry points are found by their files as `importlib.metadata` finds them."""

import sys
import zipfile
from importlib import metadata

import pytest

from screens.entry_points import Point, entry_points, named
from screens.plugins import GROUP


def found(group):
    return [(point.name, point.value) for point in entry_points(group)]


def installed(group):
    return [(point.name, point.value) for point in metadata.entry_points(group=group)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not one.endswith(".zip")])

    def package(name, text, folder=tmp_path):
        info = folder / f"{name}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.partition('-')[0]}\nVersion: 1\n")
        if text is not None:
            (info / "entry_points.txt").write_text(text)

    return package


@pytest.mark.parametrize("group", [GROUP, "tws.strategies", "console_scripts", "pytest11", "there.is.none"])
def test_the_installed_ones(group):
    assert sorted(found(group)) == sorted(installed(group))
    assert found(group) or group == "there.is.none"


def test_the_first_package_of_a_name_counts(place, tmp_path, monkeypatch):
    behind = tmp_path / "behind"
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(behind), *sys.path])
    text = (
        "# panes\n[tws.panes]\n a = my.panes:A\n# b = my.panes:B\n[other]\nc = my:C\n\n[tws.panes]\nd=my.panes:D [x]\n"
    )
    place("My.Panes-2.0", text)
    place("my_panes-1.0", "[tws.panes]\nold = my.panes:Old\n", behind)
    place("without-1.0", None)
    ours = found("tws.panes")
    assert [one for one in ours if one[1].startswith("my")] == [("a", "my.panes:A"), ("d", "my.panes:D [x]")]
    assert sorted(ours) == sorted(installed("tws.panes"))


def test_a_package_in_an_archive_is_found_too(place, tmp_path, monkeypatch):
    archive = tmp_path / "panes.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1\n")
        file.writestr("zipped-1.0.dist-info/entry_points.txt", "[tws.panes]\nz = zipped:Z\n")
    monkeypatch.syspath_prepend(str(archive))
    assert ("z", "zipped:Z") in found("tws.panes")


def test_a_point_loads_what_it_names():
    assert Point("text", "screens.entry_points:Point.load [extra]").load() is Point.load
    assert Point("module", "screens.entry_points").load() is sys.modules["screens.entry_points"]
    with pytest.raises(ModuleNotFoundError):
        Point("none", "there.is.none:None").load()


def test_only_lines_of_the_group_count():
    assert list(named("stray = a:B\n[x]\nc = d:E\n[y]\nf = g:H\n", "x")) == [("c", "d:E")]
