"""Settings while the desk runs: what changes at once, and what the themes and keymaps are that it chooses from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from screens import figures, keymaps, themes
from screens.theme import Colours, Ink, textual_theme
from workstation.domain.events import LimitsChanged
from workstation.domain.formats import number_style, style_of_environment, zone_named
from workstation.settings import Settings, SettingsError
from workstation.settings_book import DEFAULT, SettingsBook
from workstation.settings_file import checked
from workstation.settings_help import toml as value_toml
from workstation.settings_help import value_text, words_of
from workstation.trading.errors import Refused
from workstation.trading.limits import limit_fields, limit_from_text, limit_value, with_limit
from workstation.trading.limits_order import limits_problem, misorder_text, misorders

if TYPE_CHECKING:
    from screens.app import TwsApp

#: What takes effect as soon as it is changed, beside the limits; a section's name stands for all of it.
AT_ONCE = (
    "theme", "rising", "keymap", "keys", "locale", "time_zone", "size_presets", "order_defaults", "kill", "alerts",
    "market.stale_after_ms", "market.frame_rate", "live.confirm",
)  # fmt: skip
#: How the risk page's record names a change that was made in the settings.
WHO = "settings"


class LiveSettings:
    """The desk's settings and looks."""

    def __init__(self, app: TwsApp, book: SettingsBook) -> None:
        self._app = app
        self.book = book
        folder = book.folder
        self.themes_folder = None if folder is None else folder / "themes"
        self.keymaps_folder = None if folder is None else folder / "keymaps"
        self._watched: dict[str, tuple[Path, int] | None] = {"theme": None, "keymap": None}
        self._keymap = keymaps.Keymap(keymaps.DEFAULT, "Default", "")
        self._limit_kinds = dict(limit_fields())

    # -- at start

    def formats(self) -> None:
        """Numbers and times are written by the settings from now on."""
        settings = self.book.settings
        figures.use(
            number_style(settings.locale) or style_of_environment(self.book.environ),
            zone_named(settings.time_zone) if settings.time_zone else None,
        )

    def rekey(self) -> list[str]:
        """Give the actions the keys of keymap and settings; a sentence for each that cannot be."""
        settings, problems = self.book.settings, []
        try:
            self._keymap = keymaps.load(settings.keymap, self.keymaps_folder)
        except keymaps.KeymapError as error:
            problems.append(str(error))
        self._watch("keymap", keymaps.files(self.keymaps_folder).get(settings.keymap))
        return [*problems, *self._app.table.rekey(self._keymap.keys, settings.keys)]

    @property
    def own_keys(self) -> bool:
        """Whether a keymap or the settings give actions other keys than they came with."""
        return bool(self._keymap.keys or self.book.settings.keys)

    def colours(self, name: str) -> Colours:
        """The colours of a theme as the settings want them. Raises `ThemeError`."""
        colours = themes.load(name, self.themes_folder)
        return colours.rising_red() if self.book.settings.rising == "red" else colours

    def theme_names(self) -> list[str]:
        return themes.names(self.themes_folder)

    def keymap_names(self) -> list[str]:
        return list(keymaps.files(self.keymaps_folder))

    def put_theme(self, name: str) -> None:
        """Paint everything in a theme. Raises `ThemeError`; then all is as it was."""
        app = self._app
        colours = self.colours(name)
        self._watch("theme", themes.files(self.themes_folder).get(name))
        theme = textual_theme(name, colours)
        app.ink = Ink(colours)
        app.register_theme(theme)
        if app.theme == name:
            app._invalidate_css()
            app.refresh_css(animate=False)
        else:
            app.theme = name

    def repaint(self) -> None:
        """Forget every cached style and paint all at once."""
        app = self._app
        if not app.is_running:
            return
        for pane in app.workspace.panes.values():
            app.workspace.guard(pane, pane.themed)
        app.desk_screen.themed()
        for screen in app.screen_stack:
            if hasattr(screen, "themed") and screen is not app.desk_screen:
                screen.themed()
        app.refresh_bars()
        app.screen.refresh(layout=False)

    # -- changing

    def options(self, path: str) -> tuple[str, ...]:
        """The words among which a setting chooses; empty where it is free."""
        if path == "theme":
            return tuple(self.theme_names())
        if path == "keymap":
            return tuple(self.keymap_names())
        return self.book.defaults[path].choices

    def when(self, path: str) -> str:
        """When a change takes effect."""
        if self.is_limit(path):
            return "at once, with a record in the changes of limits"
        if any(path == one or path.startswith(f"{one}.") for one in AT_ONCE):
            return "at once"
        return "at the next start of a new desk" if path == "watchlist" else "at the next start"

    def is_limit(self, path: str) -> bool:
        """Whether it is a limit of the orders: what is changed by a slip costs money."""
        return path.removeprefix("risk.") in self._limit_kinds

    def source(self, path: str) -> str:
        """Where the value in force comes from; "this screen" for a theme that was chosen in the palette."""
        if path == "theme" and self._app.state.values.get("theme"):
            return "this screen (palette)"
        if (changed := self._changed_on_the_desk(path)) is not None:
            return f"this desk ({changed.who})"
        return self.book.source(path)

    def value(self, path: str) -> str:
        """The value in force, as TOML."""
        if path == "theme" and (chosen := self._app.state.values.get("theme")):
            return f'"{chosen}"'
        return value_text(self._in_force, path) if self._differs(path) else self.book.value(path)

    def words(self, path: str) -> str:
        """The value in force as one types it; "" for nothing."""
        if path == "theme" and (chosen := self._app.state.values.get("theme")):
            return str(chosen)
        return words_of(self._in_force, path) if self._differs(path) else self.book.words(path)

    def _differs(self, path: str) -> bool:
        """Whether a limit in force is not the file's: changed on the desk, or lowered by another one."""
        lowered = self._app.engine.core.limits_book.is_lowered(path.removeprefix("risk."))
        return lowered or self._changed_on_the_desk(path) is not None

    def _changed_on_the_desk(self, path: str) -> LimitsChanged | None:
        """The change of a limit that was made elsewhere on the desk and holds over what the file says."""
        changed = self._app.engine.core.limits_book.changed
        return changed.get(path.removeprefix("risk.")) if self.is_limit(path) else None

    @property
    def _in_force(self) -> Settings:
        return replace(self.book.settings, risk=self._app.engine.risk.limits)

    def check(self, path: str, text: str) -> str:
        """What was typed for a setting, as the book takes it. Raises SettingsError with the sentence for the trader."""
        options = self.options(path)
        if path in ("theme", "keymap"):
            self._must_load(path, text)
        elif options and text not in options:
            raise SettingsError(f"{path} must be one of {', '.join(options)}, not {text!r}.")
        elif self.is_limit(path):
            try:
                value = limit_from_text(path.removeprefix("risk."), self._unambiguous(path, text))
            except ValueError as error:
                raise SettingsError(f"Not taken: risk.{error}") from error
            self._must_agree(path.removeprefix("risk."), value)
            text = value_toml(value)
        checked(path, text)
        if path == "notify.templates":
            self._must_be_templates(text)
        return text

    def change(self, path: str, text: str) -> str:
        """Change a setting; the sentence that says what came of it. Raises SettingsError."""
        text = self.check(path, text)
        also = self.with_it(path, text)
        return self._changed(path, self.book.change(path, text), also)

    def check_reset(self, path: str) -> str:
        """What a setting would be after its reset, as TOML. Raises SettingsError with the sentence for the trader."""
        after = self.book.without(path)
        if self.is_limit(path):
            field = path.removeprefix("risk.")
            self._must_agree(field, limit_value(after.risk, field))
        return value_text(after, path)

    def reset(self, path: str) -> str:
        """Back to what the setting is without its line in the file. Raises SettingsError."""
        value = self.check_reset(path)
        also = self.with_it(path, value)
        return self._changed(path, self.book.reset(path), also)

    def _unambiguous(self, path: str, text: str) -> str:
        """A limit as it was typed; what the user's locale reads as another number than the settings do is refused.
        Raises SettingsError."""
        if self._limit_kinds[path.removeprefix("risk.")] is tuple:
            return text
        try:
            return figures.plain_word(text.strip())
        except Refused as refusal:
            raise SettingsError(f"Not taken: {refusal}") from refusal

    def _must_agree(self, field: str, value: object) -> None:
        """Neither what is configured nor what is in force, changes made on the desk included, may contradict itself;
        a tighter limit lowers those that it would stand below, but not what the file itself says."""
        if problem := limits_problem(with_limit(self._app.engine.risk.limits, field, value), field, "risk."):
            raise SettingsError(f"Not taken: {problem}")
        limits = with_limit(self.book.settings.risk, field, value)
        for pair in misorders(limits):
            written = pair.upper == field and self.book.source(f"risk.{pair.lower}") != DEFAULT
            if pair.lower == field or written:
                raise SettingsError(f"Not taken: {misorder_text(limits, pair, lambda one: f'risk.{one}')}")

    def with_it(self, path: str, value: str) -> str:
        """What else a change of a limit lowers, as the end of a sentence; "" for other settings."""
        field = path.removeprefix("risk.")
        if not self.is_limit(path) or self._limit_kinds[field] is tuple:
            return ""
        return self._app.engine.core.limits_book.with_it(field, limit_from_text(field, value))

    def change_key(self, action: str, keys: list[str] | None) -> str:
        """Give an action other keys, or those of the keymap again. Raises SettingsError."""
        return self._changed("keys", self.book.change_key(action, keys))

    def _must_load(self, path: str, name: str) -> None:
        try:
            if path == "theme":
                self.colours(name)
            else:
                keymaps.load(name, self.keymaps_folder)
        except (themes.ThemeError, keymaps.KeymapError) as error:
            raise SettingsError(str(error)) from error

    def _must_be_templates(self, text: str) -> None:
        import tomllib

        from workstation.notify.messages import template_problem

        for topic, template in tomllib.loads(f"value = {text}")["value"].items() if text.strip() else ():
            if problem := template_problem(topic, template):
                raise SettingsError(f"Not taken: notify.templates.{topic} {problem}.")

    def _changed(self, path: str, said: str, also: str = "") -> str:
        app = self._app
        settings = self.book.settings
        app.desk_settings = settings
        app.engine.settings = settings
        if path == "theme":
            app.state.values.pop("theme", None)
            app.state.dirty = True
        if path in ("theme", "rising"):
            self._show_theme(app.state.values.get("theme") or settings.theme)
        elif path in ("keymap", "keys"):
            for problem in self.rekey():
                app.toast(problem, error=True)
            app.refresh_bars()
        elif path in ("locale", "time_zone"):
            self.formats()
            self.repaint()
        elif path == "order_defaults":
            app.desk.defaults_changed()
        elif path == "size_presets":
            app.desk.presets_changed(settings.size_presets)
        elif path == "market.frame_rate":
            app.frames.repace()
        elif self.is_limit(path):
            app.run_apart(self._take_limit(path.removeprefix("risk.")))
        when = self.when(path)
        said = f"{said.removesuffix('.')}{also}." if also else said
        app.engine.log.info("settings", said)
        return said if when.startswith("at once") else f"{said.removesuffix('.')}; it takes effect {when}."

    async def _take_limit(self, field: str) -> None:
        try:
            await self._app.engine.risk.take_limit(self.book.settings.risk, field, WHO)
        except Refused as refusal:
            self._app.toast(f"risk.{field} is in the file and counts from the next start on: {refusal}", error=True)

    def _show_theme(self, name: str) -> None:
        try:
            self.put_theme(name)
        except themes.ThemeError as error:
            self._app.toast(str(error), error=True)
        else:
            self.repaint()

    # -- files that change

    def _watch(self, what: str, path: Path | None) -> None:
        self._watched[what] = None if path is None else (path, _stamp(path))

    def poll(self) -> None:
        """Take theme and keymap again where their file was saved; a broken one is told, and the old stays."""
        for what, watched in list(self._watched.items()):
            if watched is None or (stamp := _stamp(watched[0])) == watched[1]:
                continue
            self._watched[what] = (watched[0], stamp)
            if stamp == 0:
                continue  # an editor that writes anew takes it away for a moment
            if what == "theme":
                self._show_theme(self._app.theme)
            else:
                for problem in self.rekey():
                    self._app.toast(problem, error=True)
                self._app.refresh_bars()


def _stamp(path: Path) -> int:
    """When a file was written, 0 for one that is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
