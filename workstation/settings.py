"""Typed settings: defaults < config file < its profile < environment < command line.

The file is TOML; a table `[profiles.NAME]` holds the same settings once more and replaces those of the file when the
desk is opened with that profile. A setting's environment variable is its path in capitals: `risk.max_order_value` is
`TWS_RISK_MAX_ORDER_VALUE`. The `#:` comments below are the help of each setting (`describe`).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from workstation.domain.formats import number_style, zone_named
from workstation.trading.limits import RiskLimits, limit_fields, limit_problem, limit_value
from workstation.trading.order_defaults import OrderDefaults
from workstation.trading.order_defaults import problem as order_problem
from workstation.venues.ccxt.settings import VenueSettings

type Mode = Literal["demo", "replay", "paper", "live"]
type Rising = Literal["green", "red"]
type Positive = Annotated[float, Meta(gt=0)]
type NotNegative = Annotated[float, Meta(ge=0)]
type Count = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """A setting is wrong; the text is one sentence that names where it stands, the setting and what is expected."""


class AccountSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Name of the account: on the screen, and typed to re-arm a halted desk.
    name: Annotated[str, Meta(min_length=1)] = "demo"
    #: Currency in which equity, limits and profit of the whole desk are reckoned.
    currency: Annotated[str, Meta(min_length=1)] = "USDT"
    #: Opening balance of every simulated venue, by currency; given when a desk starts for the very first time.
    balances: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000)})
    #: Opening balances of single simulated venues in place of `balances`, by venue and currency.
    venue_balances: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def opening(self, venue: str) -> dict[str, Decimal]:
        """The opening balances of a simulated venue."""
        return self.venue_balances.get(venue, self.balances)


class DemoSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Seed of the simulated market: the same seed gives the same market.
    seed: int = 1
    #: How busy the simulated market is: 2 is twice the updates and trades of the recordings that it is modelled on.
    rate: Positive = 1.0


class LatencySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Milliseconds that an order takes to reach a simulated venue.
    order_ms: NotNegative = 2.0
    #: Milliseconds that a simulated venue's answer takes to come back.
    report_ms: NotNegative = 2.0
    #: Mean of the random milliseconds that come on top each way; 0 for none.
    jitter_ms: NotNegative = 1.0


class KillSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: A second press of the kill key within this many seconds flattens the positions.
    flatten_window_seconds: Positive = 3.0


class AlertSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Whether the terminal's bell rings when an alert fires.
    bell: bool = True
    #: Whether an alert also asks the terminal for a note of its own on the desktop (OSC 9).
    terminal: bool = False


class NotifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: What notes are sent of to the addresses that `tws notify add` keeps: any of fill, reject, breaker, kill,
    #: disconnect, strategy, alert, trouble; empty for none.
    topics: tuple[Literal["fill", "reject", "breaker", "kill", "disconnect", "strategy", "alert", "trouble"], ...] = (
        "fill",
        "reject",
        "breaker",
        "kill",
        "disconnect",
        "strategy",
        "alert",
        "trouble",
    )
    #: Notes a minute at most; what is above it is counted in one note. Kill switch, breakers and trouble always go.
    per_minute: Count = 10
    #: Hours of the trader's time zone in which only kill switch, breakers and trouble are told, as "22:00-07:00".
    quiet_hours: Annotated[str, Meta(pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = ""
    #: Words of single topics in place of the desk's own, with fields in braces: fill = "{side} {quantity} @ {price}".
    templates: dict[str, str] = field(default_factory=dict)


class LiveSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Whether a live desk asks for the venue's name before it is armed: once in each session, or never.
    confirm: Literal["session", "never"] = "session"
    #: Seconds between two comparisons of this desk's books with what the venues show.
    compare_seconds: Annotated[float, Meta(ge=5)] = 120.0


class MarketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: Market data older than this many milliseconds is shown as old.
    stale_after_ms: Count = 5_000
    #: Trades that the tape keeps of each instrument.
    tape_length: Count = 2_000
    #: Candles that are kept of each instrument and interval; of intervals under a minute never more than 2½ hours.
    bars_kept: Count = 5_000
    #: How many times a second the screen is painted at most.
    frame_rate: Annotated[int, Meta(ge=1, le=60)] = 20


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    #: What the desk trades on: demo (a simulated market), replay (a recording), paper (a live market with simulated
    #: money) or live.
    mode: Mode = "demo"
    #: Colours of the desk: a theme of its own (tws-dark, tws-light, tws-contrast, tws-safe, tws-mono, tws-ansi) or a
    #: TOML file in the themes folder beside the config file.
    theme: Annotated[str, Meta(min_length=1)] = "tws-dark"
    #: The colour in which rising prices, bids and profits stand; falling ones have the other.
    rising: Rising = "green"
    #: Keymap: default, vim, superdom, or a TOML file in the keymaps folder beside the config file. `keys` goes on top.
    keymap: Annotated[str, Meta(min_length=1)] = "default"
    #: How numbers are written and read, as a locale (en_GB, de_DE, fr_CH …); empty for that of the environment.
    locale: str = ""
    #: Zone of the times on the screen, as Europe/Berlin or UTC; empty for the machine's. Inside all is UTC.
    time_zone: str = ""
    #: Instruments on the watchlist of a new desk, as "VENUE:SYMBOL"; empty for all that the venues list.
    watchlist: tuple[str, ...] = ()
    #: Order sizes between which the size keys step, as values in the quote currency, ascending.
    size_presets: Annotated[tuple[Decimal, ...], Meta(min_length=1)] = tuple(
        Decimal(value) for value in (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
    )
    #: What orders of an instrument begin with, by "VENUE:SYMBOL" (* and ? as wildcards): size, sizes (quantities among
    #: which the size keys step), and the exits of an entry: stop, target, trail as distances, "1%" or 300.
    order_defaults: dict[str, OrderDefaults] = field(default_factory=dict)
    #: Time of day (UTC) at which orders of the time in force DAY end, as "HH:MM".
    session_end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "00:00"
    #: Venues of `venues` that this desk opens; empty for all of them.
    open_venues: tuple[str, ...] = ()
    account: AccountSettings = AccountSettings()
    risk: RiskLimits = RiskLimits()
    demo: DemoSettings = DemoSettings()
    latency: LatencySettings = LatencySettings()
    kill: KillSettings = KillSettings()
    alerts: AlertSettings = AlertSettings()
    notify: NotifySettings = NotifySettings()
    market: MarketSettings = MarketSettings()
    live: LiveSettings = LiveSettings()
    #: Real venues of paper and live desks by name, each a table `[venues.NAME]` with `exchange = "binance"` at least.
    venues: dict[str, VenueSettings] = field(default_factory=dict)
    #: Keys by action: one key or a list of keys in place of the action's own, for example `orders.cancel = "d"`.
    keys: dict[str, str | list[str]] = field(default_factory=dict)

    @property
    def session_ends_ns(self) -> int:
        """`session_end` in ns after midnight UTC."""
        hours, minutes = self.session_end.split(":")
        return (int(hours) * 60 + int(minutes)) * 60_000_000_000


class SettingHelp(Struct, frozen=True):
    """One setting for the help: its path ("risk.max_order_value"), its default as TOML, what it means, and the words
    among which it chooses (empty where it is free)."""

    path: str
    default: str
    help: str
    choices: tuple[str, ...] = ()


class Loaded(Struct, frozen=True):
    """Settings with where each comes from: "the environment variable …" by path; what is not named is a default.

    An entry of a table (`keys."orders.cancel"`, `account.balances.USDT`) has a path of its own.
    """

    settings: Settings
    sources: dict[str, str]


def load(
    file: Path,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings in force. A missing file is an empty one; `overrides` are values or text by path ("demo.seed").
    Without a `profile` that of `TWS_PROFILE` counts.

    Raises SettingsError.
    """
    return load_with_sources(file, profile=profile, environ=environ, overrides=overrides).settings


def load_with_sources(
    file: Path,
    *,
    text: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """As `load`, and where every value comes from; `text` is read in place of what the file holds."""
    from_file = _read(file, text)
    profile = profile or environ.get("TWS_PROFILE") or None
    profiles = _table(from_file.pop("profiles", {}), str(file), "profiles")
    layers: list[tuple[str, dict[str, Any]]] = [(str(file), from_file)]
    if profile is not None:
        if profile not in profiles:
            known = f"it has {', '.join(sorted(profiles))}" if profiles else "it has none"
            raise SettingsError(f"{file} has no profile {profile!r}; {known}.")
        where = f"{file}, profile {profile}"
        layers.append((where, _table(profiles[profile], where, f"profiles.{profile}")))
    paths = {path: kind for path, kind, _ in _fields(Settings)}
    layers += _from_environment(environ, paths)
    for path, value in (overrides or {}).items():
        if not _known(path, paths):
            raise SettingsError(f"the command line: there is no setting {path!r}{_nearest(path, paths)}")
        layers.append(
            (
                "the command line",
                _nested(path.split("."), _parsed(value, str if path.startswith("keys.") else paths.get(path))),
            )
        )
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for where, layer in layers:
        if isinstance(keys := layer.get("keys"), dict):  # TOML reads orders.cancel = "d" as a table in a table
            layer["keys"] = {".".join(names): key for names, key in _leaves(keys)}
        _check(layer, where, paths)
        for names, _ in _leaves(layer):
            sources[".".join(names)] = where
        merged = _merge(merged, layer)
    return Loaded(msgspec.convert(merged, Settings), sources)


def checked(path: str, text: str) -> str:
    """Text typed for a setting, as TOML. Raises SettingsError with a sentence for what the setting cannot be."""
    paths = {name: kind for name, kind, _ in _fields(Settings)}
    if path not in paths:
        raise SettingsError(f"There is no setting {path!r}{_nearest(path, paths)}")
    layer = _nested(path.split("."), _parsed(text, paths[path]))
    if path == "keys" and isinstance(layer["keys"], dict):
        layer["keys"] = {".".join(names): key for names, key in _leaves(layer["keys"])}
    _check(layer, "Not taken", paths)
    return _toml(_get(msgspec.convert(layer, Settings), path))


def value_text(settings: Settings, path: str) -> str:
    """The value of a setting as TOML."""
    return _toml(_get(settings, path))


def check_keys(keys: Mapping[str, str | list[str]], actions: Iterable[str]) -> list[str]:
    """A sentence for each entry of `Settings.keys` that names no action: for who knows the actions (shell, doctor)."""
    names = list(actions)
    return [f"keys: there is no action {key!r}{_nearest(key, names)}" for key in keys if key not in names]


def describe() -> list[SettingHelp]:
    """Every setting with its default and help, in the order of the file."""
    return list(_described())


@cache
def _described() -> tuple[SettingHelp, ...]:
    return tuple(
        SettingHelp(path, _toml(_get(Settings(), path)), help_text, _choices(kind))
        for path, kind, help_text in _fields(Settings, with_help=True)
    )


def _choices(kind: Any) -> tuple[str, ...]:
    kind = getattr(kind, "__value__", kind)
    if kind is bool:
        return ("false", "true")
    return tuple(get_args(kind)) if get_origin(kind) is Literal else ()


def _read(file: Path, text: str | None = None) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8") if text is None else text, parse_float=Decimal)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not a text file in UTF-8.") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from error
    return table


def _table(value: object, where: str, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: {path} must be a table of settings.")
    return dict(value)


def _fields(struct: type[Struct], prefix: str = "", with_help: bool = False) -> Iterator[tuple[str, Any, str]]:
    """(path, type, help) of every setting; a section's settings after the section's place."""
    hints = get_type_hints(struct, include_extras=True)
    helps = _comments(struct) if with_help else {}
    for name in struct.__struct_fields__:
        kind = hints[name]
        if isinstance(kind, type) and issubclass(kind, Struct):
            yield from _fields(kind, f"{prefix}{name}.", with_help)
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


def _from_environment(environ: Mapping[str, str], paths: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {"TWS_" + path.replace(".", "_").upper(): path for path in paths}
    sections = {path.partition(".")[0].upper() for path in paths if "." in path}
    for name, text in environ.items():
        if not name.startswith("TWS_") or not text:
            continue
        if path := names.get(name):
            yield f"the environment variable {name}", _nested(path.split("."), _parsed(text, paths[path]))
        elif name.split("_")[1] in sections:  # other variables TWS_… may be another program's
            raise SettingsError(f"the environment variable {name} is no setting{_nearest(name, names)}")


def _parsed(value: object, kind: Any) -> Any:
    """Text of the environment or command line: as it is for a text setting, else a TOML value or a list by commas."""
    while inner := getattr(kind, "__value__", None) or get_origin(kind):  # aliases, Annotated, generics
        kind = kind.__origin__ if inner is Annotated else inner
    if not isinstance(value, str) or kind is str or kind is Literal:
        return value
    import tomllib

    try:
        return tomllib.loads(f"value = {value}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in value.split(",")] if kind is tuple else value


def _nested(names: Sequence[str], value: object) -> dict[str, Any]:
    for name in reversed(names[1:]):
        value = {name: value}
    return {names[0]: value}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merge(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return merged


def _known(path: str, paths: Iterable[str]) -> bool:
    """Whether the path is a setting, a section, or an entry inside a setting that is a table (keys, balances)."""
    return any(path == one or path.startswith(f"{one}.") or one.startswith(f"{path}.") for one in paths)


def _check(layer: Mapping[str, Any], where: str, paths: Mapping[str, Any]) -> None:
    """Raises SettingsError for the first thing that is wrong with one layer by itself."""
    for names, value in _leaves(layer):
        path = ".".join(names)
        if not _known(path, paths):
            raise SettingsError(f"{where}: there is no setting {path!r}{_nearest(path, paths)}")
        if isinstance(value, Decimal) and not value.is_finite():
            raise SettingsError(f"{where}: {path} must be a number, not {value}.")
        try:  # one by one: the leaf's own path is better than msgspec's, which does not name entries of tables
            msgspec.convert(_nested(names, value), Settings)
        except msgspec.ValidationError as error:
            raise SettingsError(
                f"{where}: {path} {_expected(str(error), paths.get(path))}, not {_toml(value)}."
            ) from error
    settings = msgspec.convert(layer, Settings)
    for name, _ in limit_fields():
        if problem := limit_problem(name, limit_value(settings.risk, name)):
            raise SettingsError(f"{where}: risk.{name} {problem}.")
    for name, defaults in settings.order_defaults.items():
        if problem := order_problem(defaults):
            raise SettingsError(f'{where}: order_defaults."{name}" {problem}.')
    for path, rule, sentence in _RULES:
        if not rule(_get(settings, path)):
            raise SettingsError(f"{where}: {path} {sentence}.")


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


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
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
        return f"must {entries} one of {', '.join(_choices(kind))}"
    found = re.match(r"Expected `([^`]+)`([^,]*)", message)
    return f"must {entries} {_EXPECTED.get(found[1], found[1])}{found[2]}" if found else f"is wrong ({message})"


def _get(settings: object, path: str) -> Any:
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def _toml(value: Any) -> str:
    """A value as it would stand in the file."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)  # every JSON text is a TOML one
        case dict():
            return "{" + ", ".join(f'"{name}" = {_toml(one)}' for name, one in value.items()) + "}"
        case Decimal():
            return format(value, "f")
        case Struct():
            said = ((name, getattr(value, name)) for name in value.__struct_fields__)
            return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in said if one not in (None, "", ())) + "}"
        case list() | tuple():
            return "[" + ", ".join(_toml(one) for one in value) + "]"
        case _:
            return str(value)


def _nearest(name: str, names: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
