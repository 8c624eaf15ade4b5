"""Keymaps as files: the ones of this folder and those of `<config>/keymaps/`.

A keymap is a TOML file: `title`, `help`, and a table `[keys]` with one key or a list of keys by action, which replace
the action's own; actions that it does not name keep theirs. A user's file hides a built-in one of the same name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

_HERE = Path(__file__).parent
DEFAULT = "default"


class KeymapError(Exception):
    """A keymap cannot be used; the text is one sentence."""


class Keymap(msgspec.Struct, frozen=True):
    name: str
    title: str
    help: str
    keys: Mapping[str, str | list[str]] = msgspec.field(default_factory=dict)


def files(folder: Path | None) -> dict[str, Path]:
    """The keymaps by name: the built-in ones, then the user's in `folder`."""
    found = {path.stem: path for path in sorted(_HERE.glob("*.toml"))}
    found = {name: found[name] for name in sorted(found, key=lambda name: (name != DEFAULT, name))}
    if folder is not None and folder.is_dir():
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return found


def load(name: str, folder: Path | None) -> Keymap:
    """The keymap of a name. Raises `KeymapError`."""
    known = files(folder)
    if name not in known:
        raise KeymapError(f"keymap: there is no keymap {name!r}; there are {', '.join(known)}.")
    path = known[name]
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KeymapError(f"The keymap {path} cannot be read: {error}.") from error
    if unknown := sorted(set(table) - {"title", "help", "keys"}):
        raise KeymapError(f"The keymap {path}: {unknown[0]!r} means nothing; a keymap has title, help and keys.")
    keys = table.get("keys", {})
    if not isinstance(keys, dict):
        raise KeymapError(f"The keymap {path}: keys must be a table.")
    read: dict[str, str | list[str]] = {}
    for action, value in _leaves(keys):
        if not (isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))):
            raise KeymapError(f"The keymap {path}: {action} must be a key or a list of keys, not {value!r}.")
        read[action] = value
    return Keymap(name, str(table.get("title", name)), str(table.get("help", "")), read)


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
