"""Settings from where they stand: defaults < config file < its profile < environment < command line.

The file is TOML; a table `[profiles.NAME]` holds the same settings once more and replaces those of the file when the
desk is opened with that profile. A setting's environment variable is its path in capitals: `risk.max_order_value` is
`TWS_RISK_MAX_ORDER_VALUE`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import msgspec
from msgspec import Struct

from workstation.settings import Settings, SettingsError
from workstation.settings_help import kind_of, kinds, nearest, setting_value, toml
from workstation.settings_rules import check_layer, check_whole, is_known, leaves, nested


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
    paths = kinds()
    layers += _from_environment(environ, paths)
    for path, value in (overrides or {}).items():
        if not is_known(path, paths):
            raise SettingsError(f"the command line: there is no setting {path!r}{nearest(path, paths)}")
        layers.append(
            (
                "the command line",
                nested(path.split("."), _parsed(value, str if path.startswith("keys.") else kind_of(path, paths))),
            )
        )
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for where, layer in layers:
        if isinstance(keys := layer.get("keys"), dict):  # TOML reads orders.cancel = "d" as a table in a table
            layer["keys"] = {".".join(names): key for names, key in leaves(keys)}
        check_layer(layer, where, paths)
        for names, _ in leaves(layer):
            sources[".".join(names)] = where
        merged = _merge(merged, layer)
    settings = msgspec.convert(merged, Settings)
    check_whole(settings, sources, [where for where, _ in layers])
    return Loaded(settings, sources)


def checked(path: str, text: str) -> str:
    """Text typed for a setting, as TOML. Raises SettingsError with a sentence for what the setting cannot be."""
    paths = kinds()
    kind = kind_of(path, paths)
    if kind is None:
        raise SettingsError(f"There is no setting {path!r}{nearest(path, paths)}")
    layer = nested(path.split("."), _parsed(text, kind))
    if path == "keys" and isinstance(layer["keys"], dict):
        layer["keys"] = {".".join(names): key for names, key in leaves(layer["keys"])}
    check_layer(layer, "Not taken", paths)
    return toml(setting_value(msgspec.convert(layer, Settings), path))


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


def _from_environment(environ: Mapping[str, str], paths: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {"TWS_" + path.replace(".", "_").upper(): path for path in paths}
    sections = {path.partition(".")[0].upper() for path in paths if "." in path}
    for name, text in environ.items():
        if not name.startswith("TWS_") or not text:
            continue
        if path := names.get(name):
            yield f"the environment variable {name}", nested(path.split("."), _parsed(text, paths[path]))
        elif name.split("_")[1] in sections:  # other variables TWS_… may be another program's
            raise SettingsError(f"the environment variable {name} is no setting{nearest(name, names)}")


def _parsed(value: object, kind: Any) -> Any:
    """Text of the screen, environment or command line: as it is for a text setting, else a TOML value or a list by
    commas. No text at all is an empty list or table."""
    while inner := getattr(kind, "__value__", None) or get_origin(kind):  # aliases, Annotated, generics
        kind = kind.__origin__ if inner is Annotated else inner
    if not isinstance(value, str) or kind is str or kind is Literal:
        return value
    import tomllib

    if kind is dict and not value.strip():
        return {}
    try:
        parsed = tomllib.loads(f"value = {value}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in value.split(",") if part.strip()] if kind is tuple else value
    return [parsed] if kind is tuple and not isinstance(parsed, list) else parsed


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merge(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return merged
