"""What the settings are: every one with its path, type, help and default, and values as TOML."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from workstation.settings import Settings
from workstation.venues.ccxt.settings import VenueSettings

#: What the sections are called on the screen.
SECTIONS = {
    "": "Desk",
    "account": "Account",
    "risk": "Risk limits",
    "risk.breakers": "Circuit breakers",
    "demo": "Demo market",
    "latency": "Latency of simulated venues",
    "kill": "Kill switch",
    "alerts": "Alerts",
    "notify": "Notes",
    "market": "Market data and painting",
    "live": "Live trading",
}
_UNITS = {"ms": "(ms)", "seconds": "(seconds)", "minutes": "(minutes)"}


class SettingHelp(Struct, frozen=True):
    """One setting for the help: its path ("risk.max_order_value"), its default as TOML, what it means, the words among
    which it chooses (empty where it is free), and an example of what could be typed for it (empty where the default
    shows it)."""

    path: str
    default: str
    help: str
    choices: tuple[str, ...] = ()
    example: str = ""

    @property
    def name(self) -> str:
        """As the screen calls it: "Max order value"."""
        *words, last = self.path.rpartition(".")[2].split("_")
        return " ".join([*words, _UNITS.get(last, last) if words else last]).capitalize()

    @property
    def section(self) -> str:
        """The section as the screen calls it; a venue of the set-up by its name."""
        head = self.path.rpartition(".")[0]
        return SECTIONS.get(head) or f"Venue {head.partition('.')[2]}"


def describe(settings: Settings | None = None) -> list[SettingHelp]:
    """Every setting with its default and help, in the order of the file; with `settings` those of each venue that
    they have, too."""
    found = list(_described())
    for name in () if settings is None else settings.venues:
        if "." not in name:
            found += (msgspec.structs.replace(one, path=f"venues.{name}.{one.path}") for one in _of_a_venue())
    return found


@cache
def _described() -> tuple[SettingHelp, ...]:
    return tuple(_helps(Settings()))


@cache
def _of_a_venue() -> tuple[SettingHelp, ...]:
    return tuple(_helps(VenueSettings()))


def _helps(defaults: Struct) -> Iterator[SettingHelp]:
    for path, kind, text in setting_fields(type(defaults), with_help=True):
        meaning, _, example = text.partition(" For example: ")
        yield SettingHelp(path, toml(setting_value(defaults, path)), meaning, choices_of(kind), example)


def kinds() -> dict[str, Any]:
    """The type of every setting by its path."""
    return {path: kind for path, kind, _ in setting_fields(Settings)}


def kind_of(path: str, known: Mapping[str, Any]) -> Any:
    """The type of a setting, one of a venue's ("venues.binance.sandbox") too; None for what is no setting."""
    head, _, name = path.rpartition(".")
    if head.startswith("venues.") and head.count(".") == 1:
        return get_type_hints(VenueSettings, include_extras=True).get(name)
    return known.get(path)


def choices_of(kind: Any) -> tuple[str, ...]:
    kind = getattr(kind, "__value__", kind)
    if kind is bool:
        return ("false", "true")
    return tuple(get_args(kind)) if get_origin(kind) is Literal else ()


def entry_choices(kind: Any) -> tuple[str, ...]:
    """The words among which each entry of a list chooses."""
    return next((found for one in get_args(kind) if (found := choices_of(one))), ())


def setting_fields(struct: type[Struct], prefix: str = "", with_help: bool = False) -> Iterator[tuple[str, Any, str]]:
    """(path, type, help) of every setting; a section's settings after the section's place."""
    hints = _hints(struct)
    helps = _comments(struct) if with_help else {}
    for name in struct.__struct_fields__:
        kind = hints[name]
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from setting_fields(kind, f"{prefix}{name}.", with_help)
        else:
            yield f"{prefix}{name}", kind, helps.get(name, "")


@cache
def _hints(struct: type[Struct]) -> dict[str, Any]:
    return get_type_hints(struct, include_extras=True)


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
        settings = settings[name] if isinstance(settings, dict) else getattr(settings, name)
    return settings


def words_of(settings: Settings, path: str) -> str:
    """The value of a setting as one types it: text without quotes, a list by commas; "" for nothing."""
    value = setting_value(settings, path)
    match value:
        case str():
            return value
        case dict():
            return toml(value) if value else ""
        case tuple() | list():
            return ", ".join(one if isinstance(one, str) else toml(one) for one in value)
        case _:
            return toml(value)


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
