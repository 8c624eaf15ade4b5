"""Typed words for what orders of an instrument begin with: default size 0.5 · default stop 1% tp 2% · default none."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from screens.figures import plain_word
from screens.layout_words import LayoutLine, WordsError
from workstation.settings import Settings
from workstation.settings_help import value_text
from workstation.trading.order_defaults import OrderDefaults, defaults_of, distance, size_problem

if TYPE_CHECKING:
    from screens.app import TwsApp

_USAGE = "default size 0.5, default sizes 0.1 0.5 1, default stop 1% tp 2%, default trail 0.5%, default none."
_EXITS = {"stop": "stop", "tp": "target", "target": "target", "trail": "trail"}


def default_line(words: Sequence[str], app: TwsApp) -> LayoutLine:
    """The line's meaning for the instrument at hand. Raises `WordsError`."""
    name = app.desk.instrument_at_hand
    if name is None:
        raise WordsError("Select an instrument first.")
    table = app.desk_settings.order_defaults
    now = defaults_of(table, name)
    if not words:
        return LayoutLine(f"{name}: {_told(now)}. Change it: {_USAGE}", partial(app.toast, f"{name}: {_told(now)}."))
    rest = [word.casefold() for word in words]
    if rest == ["none"]:
        left = {one: held for one, held in table.items() if one != name}
        also = defaults_of(left, name)
        return LayoutLine(f"{name}: {_told(also)}.", partial(_keep, app, left))
    wanted = now
    while rest:
        word = rest.pop(0)
        if word in ("size", "sizes"):
            sizes = []
            while rest and (size := _number(rest[0])) is not None:
                sizes.append(size)
                rest.pop(0)
            if not sizes or (word == "size" and len(sizes) > 1):
                raise WordsError(f"{word} wants {'a quantity' if word == 'size' else 'quantities'}: {_USAGE}")
            for size in sizes:
                if problem := size_problem(size, app.engine.instrument(name)):
                    raise WordsError(problem)
            changed = {"size": sizes[0]} if word == "size" else {"sizes": tuple(sorted(set(sizes)))}
            wanted = replace(wanted, **changed)
        elif word in _EXITS and rest:
            text = plain_word(rest.pop(0))
            try:
                distance(text)
            except ValueError as error:
                raise WordsError(f"{error}.") from error
            wanted = replace(wanted, **{_EXITS[word]: text})
        elif word == "exits" and rest[:1] == ["none"]:
            rest.pop(0)
            wanted = replace(wanted, stop="", target="", trail="")
        else:
            raise WordsError(f"{word} is not understood: {_USAGE}")
    return LayoutLine(f"{name} from now on: {_told(wanted)}.", partial(_keep, app, {**table, name: wanted}))


def _number(word: str) -> Decimal | None:
    text = plain_word(word)
    found = Decimal(text) if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit() else None
    return found if found else None


def _told(defaults: OrderDefaults) -> str:
    parts = []
    if defaults.size is not None:
        parts.append(f"size {defaults.size:f}")
    if defaults.sizes:
        parts.append(f"sizes {' '.join(f'{size:f}' for size in defaults.sizes)}")
    if defaults.has_exits:
        parts.append(f"entries with {defaults.words}")
    return ", ".join(parts) or "no defaults of its own"


def _keep(app: TwsApp, table: dict[str, OrderDefaults]) -> None:
    app.commands.use_setting("order_defaults", value_text(Settings(order_defaults=table), "order_defaults"))
