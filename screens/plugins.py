"""Finding panes: entry points of the group `tws.panes`, and `.py` files in the user's plugin folder.

What cannot be loaded is listed with the reason and never stops the desk.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from screens import entry_points as by_files
from screens.keys import UnknownKey, canonical
from screens.pane import Pane

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

GROUP = "tws.panes"
#: The desk's own panes are in this package.
_OWN = "plugins."
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class PaneInfo(msgspec.Struct, frozen=True):
    """A pane that was found: its class, or in `error` a sentence that says why it cannot be used."""

    name: str
    title: str
    source: str  # "tws (plugins.log:LogPane)" or the file
    version: str
    error: str | None = None
    cls: type[Pane] | None = None
    point: EntryPoint | by_files.Point | None = None  # of one of the desk's own that has not been loaded yet

    @property
    def late(self) -> bool:
        """Whether it is still to be loaded: its class, title and version are not known yet."""
        return self.point is not None

    def loaded(self) -> PaneInfo:
        """The same, loaded."""
        return self if self.point is None else _from_entry_point(self.point)


def list_plugins(
    folder: Path | None = None, points: Iterable[EntryPoint] | None = None, *, late: bool = False
) -> list[PaneInfo]:
    """Every pane of the entry points and of `folder`, usable or not. Starts no screen.

    `points` replaces the installed entry points (tests). Of two panes of one name the first is used. With `late` the
    desk's own panes, whose names are those of their entry points, are listed without being loaded.
    """
    if points is None:
        points = by_files.entry_points(GROUP) if late else _installed()
    found = [_later(point) if late and point.value.startswith(_OWN) else _from_entry_point(point) for point in points]
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.extend(_from_file(path))
    panes: list[PaneInfo] = []
    sources: dict[str, str] = {}
    for info in found:
        usable = info.late or info.cls is not None
        if usable and info.name in sources:
            error = f"a pane called {info.name!r} is there already, from {sources[info.name]}"
            panes.append(PaneInfo(info.name, info.title, info.source, info.version, error))
            continue
        if usable:
            sources[info.name] = info.source
        panes.append(info)
    return panes


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _later(point: EntryPoint | by_files.Point) -> PaneInfo:
    return PaneInfo(point.name, "", point.value, "", point=point)


@cache
def _package(dist: Distribution | None) -> tuple[str, str]:
    """Name and version. To read them takes longer than to load many a pane, and most are of one package."""
    if dist is None:
        return "", ""
    metadata = dist.metadata
    return metadata["Name"], metadata["Version"]


def _from_entry_point(point: EntryPoint | by_files.Point) -> PaneInfo:
    package, version = _package(point.dist)
    source = f"{package} ({point.value})" if package else point.value
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        return PaneInfo(point.name, "", source, version, _sentence(error))
    return _checked(found, point.name, source, version)


def _from_file(path: Path) -> list[PaneInfo]:
    try:
        module = _import(path)
    except (Exception, SystemExit) as error:
        return [PaneInfo(path.stem, "", str(path), "", _sentence(error))]
    version = str(getattr(module, "__version__", ""))
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Pane) and value.__module__ == module.__name__ and value.PANE
    ]
    if not classes:
        return [PaneInfo(path.stem, "", str(path), version, "the file defines no Pane with a PANE name")]
    return [_checked(cls, cls.PANE, str(path), version) for cls in classes]


def _import(path: Path) -> ModuleType:
    name = f"tws_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _checked(found: object, name: str, source: str, version: str) -> PaneInfo:
    def refused(why: str) -> PaneInfo:
        return PaneInfo(name, "", source, version, why)

    if not (isinstance(found, type) and issubclass(found, Pane)):
        return refused("it is not a subclass of screens.pane.Pane")
    if not _NAME.match(found.PANE):
        return refused(f"PANE must be a short lower-case name, not {found.PANE!r}")
    if not found.TITLE:
        return refused("it has no TITLE")
    for action in found.ACTIONS:
        try:
            for key in action.keys:
                canonical(key)
        except UnknownKey as error:
            return refused(f"action {action.name}: {error}")
        if not callable(getattr(found, f"action_{action.name}", None)):
            return refused(f"action {action.name} has no method action_{action.name}")
    return PaneInfo(found.PANE, found.TITLE, source, version, None, found)


def _sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
