"""Settings that are read and changed while the desk runs: what is in force, where from, and writing the config file.

A change is checked as the file would be, and written into it with the user's comments, order and spelling kept. It goes
into the profile's table if the desk was opened with a profile that names the setting, else beside the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.settings import Settings, SettingsError
from workstation.settings_file import Loaded, checked, load_with_sources
from workstation.settings_help import SettingHelp, describe, value_text, words_of
from workstation.whole_file import in_place_of

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Table

DEFAULT = "default"


class SettingsBook:
    """The settings of one desk. Without a `file` changes last until the desk is left."""

    def __init__(
        self,
        file: Path | None,
        *,
        profile: str | None = None,
        environ: Mapping[str, str] = os.environ,
        overrides: Mapping[str, object] | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Reads the file; `settings` are taken as they are where there is none. Raises SettingsError."""
        self.file = file
        self.profile = profile or environ.get("TWS_PROFILE") or None
        self.environ = dict(environ)
        self._overrides = dict(overrides or {})
        self._helps: tuple[list[str], dict[str, SettingHelp]] | None = None
        if file is None:
            self._loaded = Loaded(settings or Settings(), {})
        else:
            self._loaded = self._load(None)

    def _load(self, text: str | None) -> Loaded:
        assert self.file is not None
        return load_with_sources(
            self.file, text=text, profile=self.profile, environ=self.environ, overrides=self._overrides
        )

    @property
    def defaults(self) -> dict[str, SettingHelp]:
        """Every setting with its default and help, by path; those of the venues of the set-up too."""
        if self._helps is None or self._helps[0] != list(self.settings.venues):
            self._helps = list(self.settings.venues), {one.path: one for one in describe(self.settings)}
        return self._helps[1]

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self._loaded.settings

    @property
    def folder(self) -> Path | None:
        """The config folder, with the user's keymaps and themes."""
        return None if self.file is None else self.file.parent

    def value(self, path: str) -> str:
        """The value in force, as TOML."""
        return value_text(self.settings, path)

    def words(self, path: str) -> str:
        """The value in force as one types it: text without quotes, a list by commas; "" for nothing."""
        return words_of(self.settings, path)

    def source(self, path: str) -> str:
        """Where the value in force comes from: "default", the file, a profile, the environment or the command line."""
        places = [where for one, where in self._loaded.sources.items() if one == path or one.startswith(f"{path}.")]
        return places[-1] if places else DEFAULT

    def change(self, path: str, text: str) -> str:
        """Set a setting to what was typed; the sentence that says what came of it. Raises SettingsError."""
        toml = checked(path, text)
        return self._write(path, toml)

    def reset(self, path: str) -> str:
        """Take a setting out of the file; what it says. Raises SettingsError."""
        return self._write(path, None)

    def without(self, path: str) -> Settings:
        """What would be in force if the setting were reset. Raises SettingsError."""
        return (self._kept(path, None, None) if self.file is None else self._edited(path, None, None)[1]).settings

    def change_key(self, action: str, keys: list[str] | None) -> str:
        """Give an action these keys, or with None those of the keymap again. Raises SettingsError."""
        import json

        toml = None if keys is None else json.dumps(keys[0] if len(keys) == 1 else keys, ensure_ascii=False)
        return self._write("keys", toml, action)

    def _write(self, path: str, toml: str | None, entry: str | None = None) -> str:
        name = path if entry is None else f"{path}.{entry}"
        if self.file is None:
            self._loaded = self._kept(path, toml, entry)
            return f"{path if entry is None else entry} is {toml or 'as it was'} until the desk is left."
        after, loaded = self._edited(path, toml, entry)
        self._save(after)
        self._loaded = loaded
        return self._said(path, name, toml)

    def _edited(self, path: str, toml: str | None, entry: str | None) -> tuple[str, Loaded]:
        """The file's text with a change in it, and what is in force with that. Raises SettingsError."""
        assert self.file is not None
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            before = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
            document = tomlkit.parse(before)
        except (OSError, ValueError, TOMLKitError) as error:
            raise SettingsError(f"{self.file} cannot be changed: {error}.") from error
        table = self._table(document, path)
        sections, leaf = path.split(".")[:-1], path.rpartition(".")[2]
        try:
            if toml is None:
                _remove(table, [*sections, leaf], entry)
            else:
                for section in sections:
                    table = _inner(table, section)
                item = tomlkit.parse(f"value = {toml}")["value"]
                if entry is None:
                    _put(table, leaf, item)
                else:
                    keys = _inner(table, leaf)
                    _remove(keys, entry.split("."), None)  # orders.cancel = "d" is a table in a table
                    _put(keys, entry, item)
        except (TypeError, AttributeError, TOMLKitError) as error:
            raise SettingsError(f"{self.file} cannot be changed: {path} stands in it in an unusual way.") from error
        after = tomlkit.dumps(document)
        return after, self._load(after)  # whole and valid, or not written

    def _said(self, path: str, name: str, toml: str | None) -> str:
        source = self.source(name if path != name else path)
        overruled = source.startswith(("the environment", "the command line"))
        if toml is None:
            if overruled:
                return f"{name} is out of the file; {source} still sets it."
            if path != name:
                return f"{name.removeprefix('keys.')} has the key of the keymap again."
            return f"{name} is {self.value(path)} again ({source})."
        if overruled:
            return f"{name} is written, but {source} overrules it until the desk is opened without."
        return f"{name} is {toml} now."

    def _kept(self, path: str, toml: str | None, entry: str | None) -> Loaded:
        """A change without a file: in this desk only."""
        import tomllib
        from decimal import Decimal

        import msgspec

        def plain(settings: Any) -> dict[str, Any]:
            if isinstance(settings, dict):
                return settings
            return {name: getattr(settings, name) for name in settings.__struct_fields__}

        if entry is not None:
            value: Any = {one: keys for one, keys in self.settings.keys.items() if one != entry}
            if toml is not None:
                value[entry] = tomllib.loads(f"value = {toml}")["value"]
        else:
            text = self.defaults[path].default if toml is None else toml
            value = tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
        *sections, leaf = path.split(".")
        holder: Any = self.settings
        holders = [holder]
        for section in sections:
            holder = plain(holder)[section]
            holders.append(holder)
        for holder, name in zip(reversed(holders), reversed([*sections, leaf]), strict=True):
            value = msgspec.convert({**plain(holder), name: value}, type(holder), from_attributes=True)
        sources = {one: where for one, where in self._loaded.sources.items() if one != (path if not entry else "")}
        if toml is not None:
            sources[path] = "this screen"
        return Loaded(value, sources)

    def _table(self, document: TOMLDocument, path: str) -> Any:
        """The table in which a change takes effect: the profile's if it names the setting, else the whole file."""
        if self.profile is None or f"profile {self.profile}" not in self.source(path):
            return document
        profiles: Any = document["profiles"]
        return profiles[self.profile]

    def _save(self, text: str) -> None:
        """Write all of it or nothing."""
        assert self.file is not None
        target = self.file.resolve()  # a link to the user's own place stays a link
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(target) as part:
                part.write_text(text, "utf-8")
                if target.exists():
                    part.chmod(target.stat().st_mode & 0o777)
        except OSError as error:
            raise SettingsError(f"{self.file} cannot be written: {error.strerror}.") from error


def _inner(table: Any, name: str) -> Any:
    """The table of that name inside, made if it is not there."""
    import tomlkit

    if name not in table:
        made: Table = tomlkit.table()
        made.trivia.indent = "\n" if table else ""
        table[name] = made
    return table[name]


def _has_a_head(item: Any) -> bool:
    """Whether it is a table with a head of its own; an inline one stands among the values."""
    from tomlkit.items import InlineTable

    return isinstance(item, dict) and not isinstance(item, InlineTable)


def _put(table: Any, name: str, item: Any) -> None:
    """Set an entry; the comment behind an old one stays."""
    old = table.get(name)
    if old is not None and hasattr(old, "trivia") and hasattr(item, "trivia"):
        item.trivia.comment_ws, item.trivia.comment = old.trivia.comment_ws, old.trivia.comment
    tables = any(map(_has_a_head, table.values()))
    if old is None and tables and not _has_a_head(item):
        _put_before_tables(table, name, item)
    else:
        table[name] = item


def _put_before_tables(table: Any, name: str, item: Any) -> None:
    """A new value after the last one of its table: what stands between that and the next table's head, a comment of
    the head most likely, stays with the head."""
    values = [one for one, held in table.items() if not _has_a_head(held)]
    if not values:
        table[name] = item
        return
    container = getattr(table, "value", table) if not hasattr(table, "_insert_after") else table
    container._insert_after(values[-1], name, item)


def _remove(table: Any, names: list[str], entry: str | None) -> None:
    """Take an entry away, if it is there; as one quoted name or as a table in a table."""
    if entry is not None:
        if names[0] in table:
            inner = table[names[0]]
            if entry in inner:
                del inner[entry]
            _remove(inner, entry.split("."), None)
        return
    first, *rest = names
    if first not in table:
        return
    if not rest:
        del table[first]
    elif hasattr(table[first], "keys"):
        _remove(table[first], rest, None)
