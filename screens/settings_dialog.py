"""The settings on the screen: find one by typing, read what it is and where it comes from, change it, put it back."""

from __future__ import annotations

import textwrap
from typing import ClassVar

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

_NAMES = 30
_VALUES = 28
#: Lines under the list that explain the chosen setting.
_EXPLAINED = 6


class SettingsDialog(Dialog[None]):
    """A list of all settings over what the chosen one means; Enter opens a field to change it."""

    DEFAULT_CSS = """
    SettingsDialog { align: center top; }
    SettingsDialog > Vertical { width: 108; height: 90%; margin-top: 1; }
    SettingsDialog #found { height: 1fr; }
    SettingsDialog #explained { height: 6; border-top: solid $line; }
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
        self.paths = list(live.book.defaults)
        self.found: list[str] = []
        self.editing: str | None = None
        self.said: tuple[str, bool] = ("", False)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Settings"
            box.border_subtitle = "type to find · Enter change · ^r reset · Esc close"
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
        self.said = ("", False)
        self.narrow(event.value)

    def narrow(self, query: str) -> None:
        """Show the settings that the words find; all of them for none."""
        if query.strip():
            helps = self.live.book.defaults
            ranked = [(score(query, path, helps[path].help), path) for path in self.paths]
            self.found = [path for rank, path in sorted(ranked, key=lambda one: -one[0]) if rank > 0]
        else:
            self.found = list(self.paths)
        self.refill(keep=False)

    def refill(self, keep: bool = True) -> None:
        """Build the list and the lines below it anew."""
        lines, ink = self._list, self._list.ink
        shown: list[Line] = []
        self._rows: list[str | None] = []
        section = None
        grouped = not self.query_one("#query", Field).value.strip()
        for path in self.found:
            head = path.rpartition(".")[0]
            if grouped and head != section:
                section = head
                shown.append(Line(((f" {head.capitalize() or 'Desk'}", ink.accent),), heading=True))
                self._rows.append(None)
            source = self.live.source(path)
            value = self.live.value(path)
            narrow = lines.width < 80
            values = max(8, lines.width - _NAMES - 13) if narrow else _VALUES
            if len(value) > values:
                value = value[: values - 1] + "…"
            changed = source != "default"
            left = (
                (f" {path:<{_NAMES}} ", ink.text),
                (f"{value:<{values}} ", ink.own if changed else ink.text),
            )
            short = _short(source)
            shown.append(Line(left, ((short if not narrow else short[:8], ink.accent if changed else ink.dim),)))
            self._rows.append(path)
        lines.show(shown, keep=keep)
        self.explain()

    def explain(self) -> None:
        """What the chosen setting is, below the list."""
        lines, path = self._explained, self.chosen
        ink, width = lines.ink, max(20, lines.width - 2)
        shown: list[Line] = []
        if self.said[0]:
            style = ink.error if self.said[1] else ink.good
            shown += [Line(((f" {line}", style),)) for line in textwrap.wrap(self.said[0], width)[:3]]
        if path is not None:
            one = self.live.book.defaults[path]
            options = self.live.options(path)
            told = [one.help]
            if options:
                told.append(f"One of: {', '.join(options)}.")
            shown += [Line(((f" {line}", ink.text),)) for line in textwrap.wrap(" ".join(told), width)]
            facts = f"Default {one.default} · now from: {self.live.source(path)} · takes effect {self.live.when(path)}"
            shown += [Line(((f" {line}", ink.dim),)) for line in textwrap.wrap(facts, width)]
        lines.show(shown[:_EXPLAINED])

    def action_move(self, by: int) -> None:
        if self.editing is not None:
            self._next_option(by)
            return
        self.said = ("", False)
        self._list.move(by)
        self.explain()

    @on(Lines.Chosen)
    def _clicked(self) -> None:
        self.said = ("", False)
        self.explain()

    @on(Input.Submitted, "#query")
    def _edit(self) -> None:
        path = self.chosen
        if path is None:
            return
        if path == "keys":
            self.dismiss(None)
            self.app.commands.do_keys()  # type: ignore[attr-defined]
            return
        self.editing, self.said = path, ("", False)
        value = self.live.value(path)
        field = self._value
        field.value = value[1:-1] if value.startswith('"') else value
        field.placeholder = "empty" if value == '""' else ""
        field.display = True
        field.focus()
        field.cursor_position = len(field.value)
        options = "↑↓ chooses · " if self.live.options(path) else ""
        field.border_title = path
        self.query_one(Vertical).border_subtitle = f"{path}: {options}Enter keeps · Esc leaves it as it was"
        self.explain()

    def _next_option(self, by: int) -> None:
        options = self.live.options(self.editing or "")
        if options:
            field = self._value
            at = options.index(field.value) if field.value in options else 0
            field.value = options[(at + (1 if by > 0 else -1)) % len(options)]
            field.cursor_position = len(field.value)

    @on(Input.Submitted, "#value")
    def _keep(self, event: Input.Submitted) -> None:
        path = self.editing
        if path is None:
            return
        try:
            self.said = (self.live.change(path, event.value), False)
        except SettingsError as error:
            self.said = (str(error), True)
            self.explain()
            return
        self._stop_editing()

    def _stop_editing(self) -> None:
        self.editing = None
        self._value.display = False
        self.query_one(Vertical).border_subtitle = "type to find · Enter change · ^r reset · Esc close"
        self.query_one("#query").focus()
        self.refill()

    def action_reset(self) -> None:
        path = self.editing or self.chosen
        if path is None:
            return
        try:
            self.said = (self.live.reset(path), False)
        except SettingsError as error:
            self.said = (str(error), True)
        self._stop_editing()

    def action_close(self) -> None:
        if self.editing is not None:
            self.said = ("", False)
            self._stop_editing()
        else:
            super().action_close()

    def themed(self) -> None:
        """The theme is another one."""
        for lines in self.query(Lines):
            lines.invalidate()
        self.call_after_refresh(self.refill)


def _short(source: str) -> str:
    """Where a value comes from, in a word or two."""
    if source.startswith("the environment"):
        return "environment"
    if source == "the command line":
        return "command line"
    if ", profile " in source:
        return f"profile {source.rpartition(' ')[2]}"
    return source if source in ("default", "this screen") or "palette" in source else "file"
