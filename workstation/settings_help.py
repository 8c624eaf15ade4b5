"""What the settings are: every one with its path, type, help and default, and values as TOML."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from workstation.settings import Settings


class SettingHelp(Struct, frozen=True):
    """One setting for the help: its path ("risk.max_order_value"), its default as TOML, what it means, and the words
    among which it chooses (empty where it is free)."""

    path: str
    default: str
    help: str
    choices: tuple[str, ...] = ()


def describe() -> list[SettingHelp]:
    """Every setting with its default and help, in the order of the file."""
    return list(_described())


@cache
def _described() -> tuple[SettingHelp, ...]:
    return tuple(
        SettingHelp(path, toml(setting_value(Settings(), path)), help_text, choices_of(kind))
        for path, kind, help_text in setting_fields(Settings, with_help=True)
    )


def choices_of(kind: Any) -> tuple[str, ...]:
    kind = getattr(kind, "__value__", kind)
    if kind is bool:
        return ("false", "true")
    return tuple(get_args(kind)) if get_origin(kind) is Literal else ()


def setting_fields(struct: type[Struct], prefix: str = "", with_help: bool = False) -> Iterator[tuple[str, Any, str]]:
    """(path, type, help) of every setting; a section's settings after the section's place."""
    hints = get_type_hints(struct, include_extras=True)
    helps = _comments(struct) if with_help else {}
    for name in struct.__struct_fields__:
        kind = hints[name]
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from setting_fields(kind, f"{prefix}{name}.", with_help)
        else:
            yield f"{prefix}{name}", kind, helps.get(name, "")


def _comments(struct: type[Struct]) -> dict[str, str]:
    """The `#:` comment above each field.

    The class is found in the lines of its file: `inspect.getsource` parses the whole file anew for each class, together
    a tenth of a second when the palette first opens.
    """
    import linecache

    helps: dict[str, str] = {}
    waiting: list[str] = []
    lines = linecache.getlines(sys.modules[struct.__module__].__file__ or "")
    body = iter(list(itertools.dropwhile(lambda line: not line.startswith(f"class {struct.__name__}("), lines))[1:])
    for line in itertools.takewhile(lambda line: line[:1].isspace(), body):
        text = line.strip()
        if text.startswith("#:"):
            waiting.append(text.removeprefix("#:").strip())
        elif found := re.match(r"(\w+): ", text):
            helps[found[1]] = " ".join(waiting)
            waiting = []
    return helps


def value_text(settings: Settings, path: str) -> str:
    """The value of a setting as TOML."""
    return toml(setting_value(settings, path))


def setting_value(settings: object, path: str) -> Any:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def toml(value: Any) -> str:
    """A value as it would stand in the file."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)  # every JSON text is a TOML one
        case dict():
            return "{" + ", ".join(f'"{name}" = {toml(one)}' for name, one in value.items()) + "}"
        case Decimal():
            return format(value, "f")
        case Struct():
            said = ((name, getattr(value, name)) for name in value.__struct_fields__)
            return "{" + ", ".join(f"{name} = {toml(one)}" for name, one in said if one not in (None, "", ())) + "}"
        case list() | tuple():
            return "[" + ", ".join(toml(one) for one in value) + "]"
        case _:
            return str(value)


def nearest(name: str, names: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
