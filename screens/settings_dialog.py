"""The settings on the screen: find one by typing, read what it is and where it comes from, change it, put it back."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from screens.dialog import Dialog, Line, Lines
from screens.field import Field
from screens.fuzzy import score
from screens.live_settings import LiveSettings
from workstation.settings import SettingsError
from workstation.settings_help import SettingHelp

_NAMES = 34
_SECTIONS = 28
#: Lines under the list that explain the chosen setting.
_EXPLAINED = 7
_FIND = "type to find · Enter change · ^r back to the default · Esc close"
_EDIT = "Enter keeps · Esc leaves it as it was"


def rank(query: str, one: SettingHelp) -> float:
    """How well a setting fits what was typed: by its path, the name that the screen shows, and its help."""
    words = f"{one.help} {one.section} setting"
    return max(score(query, one.path, words), score(query, one.name, f"{words} {one.path}"))


class SettingsDialog(Dialog[None]):
    """A list of all settings over what the chosen one means; Enter opens a field to change it."""

    DEFAULT_CSS = """
    SettingsDialog { align: center top; }
    SettingsDialog > Vertical { width: 108; height: 90%; margin-top: 1; }
    SettingsDialog #found { height: 1fr; }
    SettingsDialog #explained { height: 8; }
    SettingsDialog #value { display: none; margin: 0; background: $cursor-row; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "move(-1)", "Up"),
        ("down", "move(1)", "Down"),
        ("pageup", "move(-10)", "Page up"),
        ("pagedown", "move(10)", "Page down"),
        Binding("ctrl+r", "reset", "Reset", priority=True),
        ("ctrl+s", "close", "Close"),
    ]

    def __init__(self, live: LiveSettings, query: str = "") -> None:
        super().__init__()
        self.live = live
        self.query_text = query
        self.found: list[str] = []
        self.editing: str | None = None
        self.said: tuple[str, bool] = ("", False)
        self._pointed: str | None = None  # the setting under the cursor: a click on it opens its field
        self._asked: str | None = None  # what Enter again changes a limit to
        self._reset_asked: str | None = None  # the limit that ^r again resets

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Settings"
            box.border_subtitle = _FIND
            yield Field(value=self.query_text, placeholder="Find: a name, a word of its help …", id="query")
            yield Lines(empty=" No setting of that name.", id="found")
            yield Lines(cursor=False, id="explained")
            yield Field(id="value")

    def on_mount(self) -> None:
        self._list.can_focus = self._explained.can_focus = False
        self.query_one("#query").focus()
        self.narrow(self.query_text)
        self.call_after_refresh(self.refill)

    def on_resize(self) -> None:
        self.call_after_refresh(self.refill)

    @property
    def _list(self) -> Lines:
        return self.query_one("#found", Lines)

    @property
    def _explained(self) -> Lines:
        return self.query_one("#explained", Lines)

    @property
    def _value(self) -> Field:
        return self.query_one("#value", Field)

    @property
    def chosen(self) -> str | None:
        """The path under the cursor."""
        lines = self._list
        return self._rows[lines.cursor] if lines.cursor < len(self._rows) else None

    @on(Input.Changed, "#query")
    def _typed(self, event: Input.Changed) -> None:
        self._forget()
        self.narrow(event.value)

    def _forget(self) -> None:
        """What was said and asked has been passed over."""
        self.said, self._asked, self._reset_asked = ("", False), None, None

    def narrow(self, query: str) -> None:
        """Show the settings that the words find; all of them for none."""
        helps = self.live.book.defaults
        if query.strip():
            ranked = [(rank(query, one), path) for path, one in helps.items()]
            self.found = [path for fit, path in sorted(ranked, key=lambda one: -one[0]) if fit > 0]
        else:
            self.found = list(helps)
        self.refill(keep=False)

    def refill(self, keep: bool = True) -> None:
        """Build the list and the lines below it anew."""
        lines, ink, helps = self._list, self._list.ink, self.live.book.defaults
        shown: list[Line] = []
        self._rows: list[str | None] = []
        section = None
        grouped = not self.query_one("#query", Field).value.strip()
        for path in self.found:
            one = helps[path]
            if grouped and one.section != section:
                section = one.section
                shown.append(Line(((f" {section}", ink.accent),), heading=True))
                self._rows.append(None)
            source = self.live.source(path)
            changed = source != "default"
            end = _short(source) if grouped or changed else one.section
            room = max(8, (lines.width or self.app.size.width) - _NAMES - 4 - (12 if grouped else _SECTIONS))
            value = self.live.words(path) or "–"
            if len(value) > room:
                value = value[: room - 1] + "…"
            left = ((f" {one.name:<{_NAMES}} ", ink.text), (value, ink.own if changed else ink.text))
            shown.append(Line(left, ((end, ink.accent if changed else ink.dim),)))
            self._rows.append(path)
        lines.show(shown, keep=keep)
        self.explain()

    def explain(self) -> None:
        """What the chosen setting is, below the list: what was said, its help, and how it stands."""
        lines, path = self._explained, self.chosen
        ink, whole = lines.ink, lines.width or min(104, self.app.size.width - 4)
        width = whole - 2

        def wrapped(text: str, style: Style) -> list[Line]:
            return [Line(((f" {line}", style),)) for line in textwrap.wrap(text, width)]

        asked = self._asked is not None or self._reset_asked is not None
        style = ink.good if not self.said[1] else ink.warning if asked else ink.error
        shown = wrapped(self.said[0], style)[:3]
        if path is not None:
            one, options = self.live.book.defaults[path], self.live.options(path)
            told = wrapped(f"{one.help} One of: {', '.join(map(_named, options))}." if options else one.help, ink.text)
            if one.example:
                told += wrapped(f"For example: {one.example}", ink.dim)
            source = self.live.source(path)
            standing = "the default" if source == "default" else f"from {source}, default {one.default}"
            facts = wrapped(f"{path}: {standing}; a change takes effect {self.live.when(path)}.", ink.dim)
            shown += told[: max(1, _EXPLAINED - len(shown) - len(facts))] + facts
        lines.show([Line((("─" * (whole - 1), ink.line),)), *shown[:_EXPLAINED]])
        self._pointed = path

    def action_move(self, by: int) -> None:
        if self.editing is not None:
            self._next_option(by)
            return
        self._forget()
        self._list.move(by)
        self.explain()

    @on(Lines.Chosen)
    def _clicked(self) -> None:
        if self.chosen == self._pointed and self.editing is None:
            self.edit()
            return
        if self.editing is not None:
            self._stop_editing()
        self._forget()
        self.explain()

    @on(Input.Submitted, "#query")
    def edit(self) -> None:
        """Open the field of the chosen setting."""
        path = self.chosen
        if path is None:
            return
        if path == "keys":
            self.dismiss(None)
            self.app.commands.do_keys()  # type: ignore[attr-defined]
            return
        self._forget()
        self.editing = path
        field, options = self._value, self.live.options(path)
        field.value = self.live.words(path)
        field.placeholder = self.live.book.defaults[path].example or "empty"
        field.display = True
        field.focus()
        field.cursor_position = len(field.value)
        self.query_one(Vertical).border_subtitle = f"↑↓ chooses · {_EDIT}" if options else _EDIT
        self.explain()

    def _next_option(self, by: int) -> None:
        options = self.live.options(self.editing or "")
        if options:
            field = self._value
            at = options.index(field.value) if field.value in options else 0
            field.value = options[(at + (1 if by > 0 else -1)) % len(options)]
            field.cursor_position = len(field.value)

    @on(Input.Submitted, "#value")
    def _entered(self, event: Input.Submitted) -> None:
        self.keep(event.value)

    def keep(self, text: str) -> None:
        """Change the setting that is edited to what was typed; a limit when it is entered twice."""
        path = self.editing
        if path is None:
            return
        try:
            if self.live.is_limit(path) and text not in (self._asked, self.live.words(path)):
                value = self.live.check(path, text)
                self._asked, self._reset_asked = text, None
                also = self.live.with_it(path, value)
                self.said = (f"{path}: {self.live.value(path)} → {value}, at once{also}. Enter again does it.", True)
                self.explain()
                return
            self._asked = None
            self.said = (self.live.change(path, text), False)
        except SettingsError as error:
            self.said, self._asked = (str(error), True), None
            self.explain()
            return
        self._stop_editing()

    def _stop_editing(self) -> None:
        self.editing = None
        self._value.display = False
        self.query_one(Vertical).border_subtitle = _FIND
        self.query_one("#query").focus()
        self.refill()

    def action_reset(self) -> None:
        """Put the setting back; a limit when it is asked for twice."""
        path = self.editing or self.chosen
        if path is None:
            return
        asked, self._asked, self._reset_asked = self._reset_asked, None, None
        try:
            was, value = self.live.value(path), self.live.check_reset(path)
            if self.live.is_limit(path) and asked != path and value != was:
                self._reset_asked = path
                also = self.live.with_it(path, value)
                self.said = (f"{path}: {was} → {value}, at once{also}. ^r again does it.", True)
            else:
                self.said = (self.live.reset(path), False)
        except SettingsError as error:
            self.said = (str(error), True)
        self._stop_editing()

    def action_close(self) -> None:
        if self.editing is not None:
            self._forget()
            self._stop_editing()
        else:
            super().action_close()

    def themed(self) -> None:
        """The theme is another one."""
        for lines in self.query(Lines):
            lines.invalidate()
        self.call_after_refresh(self.refill)


def _named(option: str) -> str:
    return option or "empty"


def _short(source: str) -> str:
    """Where a value comes from, in a word or two."""
    if source.startswith("the environment"):
        return "environment"
    if source == "the command line":
        return "command line"
    if ", profile " in source:
        return f"profile {source.rpartition(' ')[2]}"
    if source.startswith("this desk"):
        return "this desk"
    return source if source in ("default", "this screen") or "palette" in source else "file"
