"""The keys of every action on the screen: find an action, press the new key, see at once what it would collide with."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from screens.actions import DESK, EVERYWHERE, Action, ActionTable
from screens.dialog import Dialog, Line, Lines
from screens.field import Field
from screens.fuzzy import score
from screens.key_safety import swallowed, works_over_ssh
from screens.keys import display
from screens.layout_actions import LAYOUT
from screens.live_settings import LiveSettings
from workstation.settings import SettingsError

_HINT = "type to find · Enter new key · ^t another key too · ^x no key · ^r reset · Esc close"
_SHORT_HINT = "type to find · Enter key · ^t one more · ^x none · ^r reset · Esc close"  # in 80 cells it is whole
_TITLES = 34


class KeyEditor(Dialog[None]):
    """All actions by where they work, with their keys."""

    DEFAULT_CSS = """
    KeyEditor { align: center top; }
    KeyEditor > Vertical { width: 108; height: 90%; margin-top: 1; }
    KeyEditor #found { height: 1fr; }
    KeyEditor #told { height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "move(-1)", "Up"),
        ("down", "move(1)", "Down"),
        ("pageup", "move(-10)", "Page up"),
        ("pagedown", "move(10)", "Page down"),
        Binding("ctrl+t", "capture(True)", "Another key", priority=True),
        Binding("ctrl+x", "none", "No key", priority=True),
        Binding("ctrl+r", "reset", "Reset", priority=True),
    ]

    def __init__(self, live: LiveSettings, table: ActionTable, titles: Mapping[str, str]) -> None:
        """`titles` are the panes' by name."""
        super().__init__()
        self.live = live
        self.table = table
        self.titles = titles
        self.capturing = False
        self._adding = False
        self._waiting: str | None = None  # a key that another action has: pressed again it is taken from that one
        self._rows: list[str | None] = []
        self.said: tuple[str, bool] = ("", False)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Keys"
            box.border_subtitle = self._hint()
            yield Field(placeholder="Find: an action, a pane, a key …")
            yield Lines(empty=" No action of that name.", id="found")
            yield Lines(cursor=False, id="told")

    def on_mount(self) -> None:
        self.fill()
        self.call_after_refresh(self.fill)

    def _hint(self) -> str:
        return _HINT if self.app.size.width > len(_HINT) + 8 else _SHORT_HINT

    def on_resize(self) -> None:
        self.query_one(Vertical).border_subtitle = self._hint()
        self.call_after_refresh(self.fill)

    @property
    def _list(self) -> Lines:
        return self.query_one("#found", Lines)

    @property
    def chosen(self) -> Action | None:
        """The action under the cursor."""
        cursor = self._list.cursor
        name = self._rows[cursor] if cursor < len(self._rows) else None
        return None if name is None else self.table.get(name)

    def place(self, context: str) -> str:
        """Where an action of a context works."""
        named = {EVERYWHERE: "Everywhere, text fields too", DESK: "Outside text fields", LAYOUT: "In the layout mode"}
        return named.get(context, f"In the pane {self.titles.get(context, context)}")

    @on(Input.Changed)
    def _typed(self) -> None:
        self.said = ("", False)
        self.fill(keep=False)

    def fill(self, keep: bool = True) -> None:
        """Build the list anew."""
        query = self.query_one(Field).value.strip()
        lines, ink = self._list, self._list.ink
        actions = list(self.table)
        if query:
            ranked = [
                (score(query, one.title, f"{one.name} {self.place(one.context)} {one.shown_keys} {one.help}"), one)
                for one in actions
            ]
            actions = [one for rank, one in sorted(ranked, key=lambda pair: -pair[0]) if rank > 0]
        else:
            order = list(dict.fromkeys([EVERYWHERE, DESK, *(one.context for one in actions)]))
            actions.sort(key=lambda one: order.index(one.context))
        shown: list[Line] = []
        self._rows = []
        context = ""
        for one in actions:
            if not query and one.context != context:
                context = one.context
                shown.append(Line(((f" {self.place(context)}", ink.accent),), heading=True))
                self._rows.append(None)
            own = self.live.book.settings.keys
            changed = one.name in own or one.keys != self.table.own_keys(one.name)
            mark = "own" if one.name in own else "keymap" if changed else ""
            where = f"{one.context}: " if query else ""
            title = f"{where}{one.title}" + (" ‡" if one.trades else "")
            left = (
                (f"  {one.shown_keys or '–':<16} ", ink.own),
                (f"{title:<{_TITLES}} ", ink.text),
                (one.help, ink.dim),
            )
            shown.append(Line(left, ((f" {mark:>6}", ink.accent),)))
            self._rows.append(one.name)
        lines.show(shown, keep=keep)
        self.tell()

    def tell(self) -> None:
        """The lines below the list."""
        lines, action = self.query_one("#told", Lines), self.chosen
        ink, whole = lines.ink, lines.width or min(104, self.app.size.width - 4)
        width = whole - 2
        text, bad = self.said
        shown = [Line(((f" {line}", ink.error if bad else ink.good),)) for line in textwrap.wrap(text, width)]
        if self.capturing and action is not None:
            verb = "also has" if self._adding else "is to have"
            shown.append(Line(((f" Press the key that {action.title!r} {verb}; Esc leaves it.", ink.own),)))
        elif action is not None:
            own = " ".join(map(display, self.table.own_keys(action.name))) or "none"
            facts = f"{action.help} {self.place(action.context)}. {action.name}; default: {own}."
            shown += [Line(((f" {line}", ink.dim),)) for line in textwrap.wrap(facts, width)]
        lines.show([Line((("─" * (whole - 1), ink.line),)), *shown[:4]])

    # -- keys

    def action_move(self, by: int) -> None:
        self.said = ("", False)
        self._list.move(by)
        self.tell()

    @on(Lines.Chosen)
    def _clicked(self) -> None:
        self.said = ("", False)
        self.tell()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_capture(False)

    def action_capture(self, adding: bool) -> None:
        """Wait for the new key."""
        if self.chosen is not None:
            self.capturing, self._adding, self._waiting = True, adding, None
            self.said = ("", False)
            self.tell()

    def captured(self, event: events.Key) -> None:
        """The next key, while one is waited for; the shell gives it before anything else may act on it."""
        action, key = self.chosen, event.key
        if action is None or key == "escape":
            self._stop("Nothing was changed.", False)
            return
        if reason := swallowed(key):
            self.said = (f"{reason} Press another one.", True)
            self.tell()
            return
        rival = self.table.rival(action.name, key)
        if rival is not None and self._waiting != key:
            if rival.name == "kill":
                self.said = (f"{display(key)} is the kill switch: no other action can have it.", True)
            else:
                self._waiting = key
                place = self.place(rival.context).lower()
                self.said = (
                    f"{display(key)} is the key of {rival.title!r} ({place}). The same key again takes it from there.",
                    True,
                )
            self.tell()
            return
        self._give(action, key, rival)

    def _give(self, action: Action, key: str, rival: Action | None) -> None:
        keys = [*action.keys, key] if self._adding and key not in action.keys else [key]
        try:
            if rival is not None:
                self.live.change_key(rival.name, [_written(one) for one in rival.keys if one != key] or [""])
            said = self.live.change_key(action.name, [_written(one) for one in keys])
        except SettingsError as error:
            self._stop(str(error), True)
            return
        notes = [said]
        if hidden := self.table.hidden(action.name, key):
            titles = ", ".join(repr(one.title) for one in hidden[:3])
            notes.append(f"{display(key)} does {titles} elsewhere; the pane's own comes first.")
        if not any(works_over_ssh(one) for one in keys):
            notes.append("Some terminals keep function keys for themselves.")
        self._stop(" ".join(notes), False)

    def _stop(self, text: str, bad: bool) -> None:
        self.capturing, self._waiting = False, None
        self.said = (text, bad)
        self.fill()

    def action_none(self) -> None:
        """Take the keys away."""
        action = self.chosen
        if action is None:
            return
        if action.name == "kill":
            self._stop("The kill switch cannot be left without a key.", True)
            return
        self._change(action, [""])

    def action_reset(self) -> None:
        if self.chosen is not None:
            self._change(self.chosen, None)

    def _change(self, action: Action, keys: list[str] | None) -> None:
        try:
            self._stop(self.live.change_key(action.name, keys), False)
        except SettingsError as error:
            self._stop(str(error), True)

    def themed(self) -> None:
        """The theme is another one."""
        for lines in self.query(Lines):
            lines.invalidate()
        self.fill()


def _written(key: str) -> str:
    """A key as it stands in the config file: the character for what is one, else the name."""
    head, _, last = key.rpartition("+")
    shown = display(last)
    name = shown if len(shown) == 1 and last not in ("space",) else last
    return f"{head}+{name}" if head else name
