"""Entry points by their files alone: to load `importlib.metadata` takes longer than to load the panes of a page."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable
from functools import reduce
from importlib.machinery import PathFinder
from typing import Any

import msgspec

_PACKAGE = re.compile(r"([^-]+).*\.(?:dist|egg)-info\Z")


class Point(msgspec.Struct, frozen=True):
    """Name and value of an entry point; of which package it is, is not read."""

    name: str
    value: str
    dist: None = None

    @property
    def module(self) -> str:
        return self.value.partition(":")[0].strip()

    def load(self) -> Any:
        """What the value names (https://packaging.python.org/specifications/entry-points). Raises what importing it
        raises."""
        path = self.value.partition(":")[2].partition("[")[0]
        names = [name for name in path.strip().split(".") if name]
        return reduce(getattr, names, importlib.import_module(self.module))


def entry_points(group: str) -> list[Any]:
    """The installed entry points of a group, of the first package of a name as Python finds them."""
    other_finders = any(one is not PathFinder and hasattr(one, "find_distributions") for one in sys.meta_path)
    archives = any(os.path.isfile(place) or place.endswith(".egg") for place in sys.path)
    if other_finders or archives:
        from importlib.metadata import entry_points as found

        return list(found(group=group))
    return [Point(name, value) for text in _files() for name, value in named(text, group)]


def _files() -> Iterable[str]:
    seen: set[str] = set()
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            package = _PACKAGE.match(name)
            if package is None or (known := re.sub(r"[-_.]+", "_", package[1]).lower()) in seen:
                continue
            seen.add(known)
            try:
                with open(os.path.join(place, name, "entry_points.txt"), encoding="utf-8") as file:
                    yield file.read()
            except OSError:
                continue  # it has none


def named(text: str, group: str) -> Iterable[tuple[str, str]]:
    """Names and values of a group in the text of an `entry_points.txt`."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == group and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
