"""What each setting may be, and the sentence for what it may not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workstation.domain.formats import number_style, zone_named
from workstation.settings import Settings, SettingsError
from workstation.settings_help import choices_of, entry_choices, kind_of, nearest, setting_value, toml
from workstation.trading.limits import limit_fields, limit_problem, limit_value
from workstation.trading.limits_order import misorder_text, misorders
from workstation.trading.order_defaults import problem as order_problem


def is_known(path: str, paths: Iterable[str]) -> bool:
    """Whether the path is a setting, a section, or an entry inside a setting that is a table (keys, balances)."""
    return any(path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in paths)


def check_layer(layer: Mapping[str, Any], where: str, paths: Mapping[str, Any]) -> None:
    """Raises SettingsError for the first thing that is wrong with one layer by itself."""
    for names, value in leaves(layer):
        path = ".".join(names)
        if not is_known(path, paths):
            raise SettingsError(f"{where}: there is no setting {path!r}{nearest(path, paths)}")
        if isinstance(value, Decimal) and not value.is_finite():
            raise SettingsError(f"{where}: {path} must be a number, not {value}.")
        try:  # one by one: the leaf's own path is better than msgspec's, which does not name entries of tables
            msgspec.convert(nested(names, value), Settings)
        except msgspec.ValidationError as error:
            raise SettingsError(
                f"{where}: {path} {_expected(str(error), kind_of(path, paths))}, not {toml(value)}."
            ) from error
    settings = msgspec.convert(layer, Settings)
    for name, _ in limit_fields():
        if problem := limit_problem(name, limit_value(settings.risk, name)):
            raise SettingsError(f"{where}: risk.{name} {problem}.")
    for name, defaults in settings.order_defaults.items():
        if problem := order_problem(defaults):
            raise SettingsError(f'{where}: order_defaults."{name}" {problem}.')
    for path, rule, sentence in _RULES:
        if not rule(setting_value(settings, path)):
            raise SettingsError(f"{where}: {path} {sentence}.")


def check_whole(settings: Settings, sources: Mapping[str, str], layers: Sequence[str]) -> None:
    """Raises SettingsError for what is wrong with all layers together: limits that contradict each other. One that
    only contradicts a default is taken: the desk opens with the lower of the two (`limits_order.clamped`)."""
    for pair in misorders(settings.risk):
        places = {field: sources[f"risk.{field}"] for field in (pair.lower, pair.upper) if f"risk.{field}" in sources}
        if len(places) == 2:
            break
    else:
        return
    where = next(place for place in reversed(layers) if place in places.values())

    def name(field: str) -> str:
        return f"risk.{field}" + (f" ({places[field]})" if places[field] != where else "")

    raise SettingsError(f"{where}: {misorder_text(settings.risk, pair, name)}")


def _zone_known(name: Any) -> bool:
    return not name or zone_named(name) is not None


def _locale_known(name: Any) -> bool:
    return not name or number_style(name) is not None


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    (
        "size_presets",
        lambda sizes: sizes[0] > 0 and all(a < b for a, b in itertools.pairwise(sizes)),
        "must be values above 0 in ascending order",
    ),
    ("time_zone", _zone_known, "must be empty or a zone that this machine knows, like Europe/Berlin or UTC"),
    ("locale", _locale_known, "must be empty or a locale like en_GB, de_DE or fr_CH"),
    ("account.balances", lambda amounts: all(amount >= 0 for amount in amounts.values()), "must not be negative"),
)


def nested(names: Sequence[str], value: object) -> dict[str, Any]:
    for name in reversed(names[1:]):
        value = {name: value}
    return {names[0]: value}


def leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name), value


_EXPECTED = {
    "decimal": "a number",
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "str | array": "text or a list of texts",
}


def _expected(message: str, kind: Any) -> str:
    """What msgspec wanted, in words: "must be a whole number >= 1"."""
    message, _, place = message.partition(" - at `$")
    entries = "be a list whose every entry is" if re.search(r"\[\d+\]`", place) else "be"
    if message.startswith("Invalid decimal"):
        return f"must {entries} a number"
    if message.startswith("Invalid enum value"):
        return f"must {entries} one of {', '.join(filter(None, choices_of(kind) or entry_choices(kind)))}"
    found = re.match(r"Expected `([^`]+)`([^,]*)", message)
    return f"must {entries} {_EXPECTED.get(found[1], found[1])}{found[2]}" if found else f"is wrong ({message})"
