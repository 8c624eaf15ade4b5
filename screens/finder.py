"""Finding by typing: the command palette, the instrument search and the help are one dialog with different lists."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from screens.actions import Action
from screens.dialog import Dialog, Line, Lines
from screens.field import Field
from screens.fuzzy import score
from screens.layout_actions import LAYOUT
from screens.theme import Ink

_MOST = 200
_WIDEST_TITLE = 24  # cells; what is said of an entry with a longer one follows it


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to find and run. `kind` stands before it, `keys` at the right end; `words` help to find it. An entry
    with an `id` is remembered when it is run."""

    kind: str
    title: str
    run: Callable[[], None]
    detail: str = ""
    keys: str = ""
    words: str = ""
    id: str = ""


class Finder(Dialog[Entry]):
    """Type to narrow the list, Enter runs the chosen entry."""

    DEFAULT_CSS = """
    Finder { align: center top; }
    Finder > Vertical { height: 80%; margin-top: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "move(-1)", "Up"),
        ("down", "move(1)", "Down"),
        ("pageup", "move(-10)", "Page up"),
        ("pagedown", "move(10)", "Page down"),
        ("ctrl+n", "move(1)", "Down"),
    ]

    def __init__(
        self, title: str, placeholder: str, entries: Sequence[Entry], empty: str, recent: Sequence[str] = ()
    ) -> None:
        """`recent`: ids of the entries that were run last, the newest first; they stand before the others."""
        super().__init__()
        self.found: list[Entry] = []
        self._offer(title, placeholder, entries, empty, recent)

    def _offer(self, title: str, placeholder: str, entries: Sequence[Entry], empty: str, recent: Sequence[str]) -> None:
        self.recent = {id_: place for place, id_ in enumerate(recent)}
        self.heading = title
        self.placeholder = placeholder
        self.entries = entries
        self.empty = empty
        #: Cells of the titles: what is said of each stands in one column, but for a few long ones.
        self.titles = min(_WIDEST_TITLE, max((len(entry.title) for entry in entries if entry.detail), default=0))

    def offer(self, title: str, placeholder: str, entries: Sequence[Entry], empty: str, recent: Sequence[str]) -> None:
        """Show another list than before, as if newly made."""
        self._offer(title, placeholder, entries, empty, recent)
        self.query_one(Vertical).border_title = title
        self.query_one(Lines).empty = empty
        _empty(self.query_one(Input), placeholder)
        self.narrow("")

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.heading
            box.border_subtitle = "↑↓ choose · Enter runs · Esc close"
            yield Field(placeholder=self.placeholder)
            yield Lines(empty=self.empty)

    def on_mount(self) -> None:
        self.narrow("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self.narrow(event.value)

    def narrow(self, query: str) -> None:
        if query.strip():
            ranked = [(self._rank(query, entry), entry) for entry in self.entries]
            self.found = [entry for rank, entry in sorted(ranked, key=lambda one: -one[0]) if rank > 0][:_MOST]
        else:
            known = len(self.recent)
            self.found = sorted(self.entries, key=lambda entry: self.recent.get(entry.id, known))[:_MOST]
        lines = self.query_one(Lines)
        lines.show([self._line(entry, lines.ink) for entry in self.found])

    def _rank(self, query: str, entry: Entry) -> float:
        """How well the entry fits: by its words, its own key, and a little by how lately it was run."""
        rank = score(query, entry.title, entry.words)
        if query.strip() in entry.keys.split():
            rank += 300
        if rank > 0 and entry.id in self.recent:
            rank += max(4, 24 - 2 * self.recent[entry.id])
        return rank

    def _line(self, entry: Entry, ink: Ink) -> Line:
        style = ink.own if entry.id in self.recent else ink.dim
        left = [(f" {entry.kind:<11}", style), (entry.title, ink.text)]
        if entry.detail:
            left.append((" " * (self.titles - len(entry.title)) + f"  {entry.detail}", ink.dim))
        return Line(tuple(left), ((entry.keys, ink.accent),) if entry.keys else ())

    def action_move(self, by: int) -> None:
        self.query_one(Lines).move(by)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._choose(self.query_one(Lines).cursor)

    @on(Lines.Chosen)
    def _clicked(self, event: Lines.Chosen) -> None:
        self._choose(event.index)

    def _choose(self, index: int) -> None:
        self.dismiss(self.found[index] if index < len(self.found) else None)


class Help(Dialog[None]):
    """Every key: those of the focused pane first, then the desk's by group. Typing narrows the list."""

    DEFAULT_CSS = """
    Help { align: center top; }
    Help > Vertical { width: 100; height: 90%; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "move(-1)", "Up"),
        ("down", "move(1)", "Down"),
        ("pageup", "move(-10)", "Page up"),
        ("pagedown", "move(10)", "Page down"),
        ("f1", "close", "Close"),
    ]

    def __init__(self, pane_title: str | None, pane: Sequence[Action], desk: Sequence[Action], note: str) -> None:
        super().__init__()
        self._explain(pane_title, pane, desk, note)
        self._filled: tuple[str, int] | None = None  # for what was searched, and to which width

    def _explain(self, pane_title: str | None, pane: Sequence[Action], desk: Sequence[Action], note: str) -> None:
        self.pane_title = pane_title
        self.pane_actions = pane
        self.desk_actions = desk
        self.note = note

    def explain(self, pane_title: str | None, pane: Sequence[Action], desk: Sequence[Action], note: str) -> None:
        """Show other keys than before, as if newly made."""
        self._explain(pane_title, pane, desk, note)
        self.query_one(Vertical).border_title = self._heading
        _empty(self.query_one(Input))
        self.fill("")

    @property
    def _heading(self) -> str:
        return f"Help: {self.pane_title}" if self.pane_title else "Help"

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._heading
            box.border_subtitle = "type to search · ↑↓ scroll · Esc close"
            yield Field(placeholder="Search: a key, a word …")
            yield Lines(cursor=False, empty=" Nothing of that name.")

    def on_mount(self) -> None:
        self.fill("")

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        query = self.query_one(Input).value
        if self._filled != (query, self._text_width):
            self.fill(query)

    @property
    def _text_width(self) -> int:
        shown = self.query_one(Lines)
        return max(20, (shown.width or min(96, self.app.size.width - 4)) - 2)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self.fill(event.value)

    def fill(self, query: str) -> None:
        shown = self.query_one(Lines)
        ink, width = shown.ink, self._text_width
        self._filled = (query, width)
        lines: list[Line] = []
        for heading, actions in self._sections():
            fitting = [
                action
                for action in actions
                if not query.strip()
                or query.strip() in action.shown_keys.split()
                or score(query, action.title, f"{action.help} {action.name}") > 40
            ]
            if fitting:
                lines += [Line(((f" {heading}", ink.accent),), heading=True)]
                for action in fitting:
                    lines += _explained(action, ink, width)
                lines.append(Line((), heading=True))
        if lines and not query.strip():
            wrapped = textwrap.wrap(self.note, width)
            lines = [*(Line(((f" {line}", ink.dim),)) for line in wrapped), Line(()), *lines]
        shown.show(lines)

    def _sections(self) -> list[tuple[str, list[Action]]]:
        sections: dict[str, list[Action]] = {}
        for action in self.pane_actions:
            sections.setdefault(self.pane_title or "", []).append(action)
        for action in self.desk_actions:
            sections.setdefault(action.group or "Desk", []).append(action)
        return list(sections.items())

    def action_move(self, by: int) -> None:
        self.query_one(Lines).move(by)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.dismiss(None)


def _empty(field: Input, placeholder: str | None = None) -> None:
    """Take out what was typed without a message of it."""
    with field.prevent(Input.Changed):
        field.value = ""
    field.screen.set_focus(field)
    if placeholder is not None:
        field.placeholder = placeholder


#: Columns for the titles of actions in the help: the longest has 30 characters with its mark.
_TITLES = 32


def _explained(action: Action, ink: Ink, width: int) -> list[Line]:
    """An action in the help: keys, title and its sentence, wrapped under itself."""
    keys = action.shown_keys or "–"
    title = action.title + (" ‡" if action.trades else "")
    indent = 12 + _TITLES
    if width < indent + 24:  # narrow: the sentence goes below
        lines = textwrap.wrap(action.help, max(10, width - 14))
        first = Line(((f"  {keys:<12}", ink.own), (title, ink.text)), heading=True)
        return [first, *(Line(((" " * 14 + line, ink.dim),), heading=True) for line in lines)]
    lines = textwrap.wrap(action.help, width - indent - 2) or [""]
    first = Line(((f"  {keys:<12}", ink.own), (f"{title:<{_TITLES}}", ink.text), (lines[0], ink.dim)), heading=True)
    return [first, *(Line(((" " * (indent + 2) + line, ink.dim),), heading=True) for line in lines[1:])]


def action_entries(actions: Sequence[Action], titles: dict[str, str], run: Callable[[str], None]) -> list[Entry]:
    """Palette entries of the actions; `titles` are the panes' by name."""
    entries = []
    for action in actions:
        if action.palette:
            kind = "Layout" if action.context == LAYOUT else titles.get(action.context, "Desk")
            words, name = f"{kind} {action.name}", action.name
            entries.append(Entry(kind[:10], action.title, partial(run, name), "", action.shown_keys, words, name))
    return entries
