"""Themes as files: the ones of this folder and those of `<config>/themes/`.

A theme is a TOML file: `title`, `base` (the theme whose colours count where this one names none; tws-dark by itself)
and a table `[colours]` with the names of `screens.theme.Colours`. A colour is #rrggbb, one of the terminal's own
sixteen ("ansi_green", "ansi_bright_black", "ansi_default"), and may carry bold, dim, underline, italic or reverse.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from screens.theme import ATTRIBUTES, COLOURS, DARK, Colours

_HERE = Path(__file__).parent
_ANSI = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_KNOWN = {"ansi_default", *(f"ansi_{name}" for name in _ANSI), *(f"ansi_bright_{name}" for name in _ANSI)}
_NAMES = tuple(name for name in Colours.__struct_fields__ if name != "dark")
MONO = "tws-mono"


class ThemeError(Exception):
    """A theme cannot be used; the text is one sentence."""


def files(folder: Path | None) -> dict[str, Path]:
    """The themes that are files, by name: the built-in ones, then the user's in `folder`."""
    found = {path.stem: path for path in sorted(_HERE.glob("*.toml"))}
    if folder is not None and folder.is_dir():
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return found


def names(folder: Path | None) -> list[str]:
    """Every theme by name."""
    return list(dict.fromkeys((*COLOURS, *files(folder))))


def load(name: str, folder: Path | None) -> Colours:
    """The colours of a theme. Raises `ThemeError`."""
    return _load(name, files(folder), ())


def _load(name: str, known: Mapping[str, Path], above: tuple[str, ...]) -> Colours:
    path = known.get(name)
    if path is None or name in above:
        if name in COLOURS:
            return COLOURS[name]
        if name in above:
            raise ThemeError(f"The theme {name} has itself for its base.")
        raise ThemeError(
            f"theme: there is no theme {name!r}; there are {', '.join(dict.fromkeys((*COLOURS, *known)))}."
        )
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ThemeError(f"The theme {path} cannot be read: {error}.") from error
    if unknown := sorted(set(table) - {"title", "base", "dark", "colours"}):
        raise ThemeError(f"The theme {path}: {unknown[0]!r} means nothing; a theme has title, base, dark and colours.")
    base = _load(str(table.get("base", DARK)), known, (*above, name))
    colours = table.get("colours", {})
    if not isinstance(colours, dict):
        raise ThemeError(f"The theme {path}: colours must be a table.")
    for key, value in colours.items():
        if key not in _NAMES:
            raise ThemeError(f"The theme {path}: there is no colour {key!r}; there are {', '.join(_NAMES)}.")
        if not isinstance(value, str) or not _is_colour(value):
            raise ThemeError(f"The theme {path}: {key} must be a colour like #62aef7 or ansi_blue, not {value!r}.")
    dark = table.get("dark", base.dark)
    return msgspec.structs.replace(base, **colours, dark=bool(dark))


def _is_colour(text: str) -> bool:
    colours = [word for word in text.split() if word not in ATTRIBUTES]
    if len(colours) > 1 or not text.split():
        return False
    return all(word in _KNOWN or re.fullmatch(r"#[0-9a-fA-F]{6}", word) for word in colours)
