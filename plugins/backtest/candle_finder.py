"""The list of candles: one set to run on, or several that share the account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical

from screens.dialog import Line, Lines
from screens.finder import Entry, Finder
from screens.theme import Ink


class CandleFinder(Finder):
    """Enter takes the set under the cursor; Tab marks sets, and Enter then takes those that are marked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "mark", "Mark", priority=True)]

    def __init__(
        self, entries: Sequence[Entry], marked: Sequence[str], take: Callable[[tuple[str, ...]], None]
    ) -> None:
        """`marked`: titles of those that are marked already; `take` gets the titles in the order of their marks."""
        super().__init__("Candles", "GOOG, a venue, an interval …", entries, " Nothing of that name.")
        self.marked = list(marked)
        self._take = take

    def on_mount(self) -> None:
        self._told()

    def _told(self) -> None:
        count = len(self.marked)
        words = f"{count} marked: Enter takes them" if count else "Enter takes one"
        self.query_one(Vertical).border_subtitle = f"{words} · Tab marks several for one account · Esc close"

    def _line(self, entry: Entry, ink: Ink) -> Line:
        line = super()._line(entry, ink)
        mark = f"{self.marked.index(entry.title) + 1}" if entry.title in self.marked else " "
        return Line(((f"{mark:>2}", ink.own), *line.left), line.right)

    def action_mark(self) -> None:
        """Mark the set under the cursor, or take its mark away, and go on to the next."""
        lines = self.query_one(Lines)
        if lines.cursor >= len(self.found) or not (entry := self.found[lines.cursor]).id:
            return
        if entry.title in self.marked:
            self.marked.remove(entry.title)
        else:
            self.marked.append(entry.title)
        lines.show([self._line(one, lines.ink) for one in self.found], keep=True)
        lines.move(1)
        self._told()

    def _choose(self, index: int) -> None:
        if not self.marked or (index < len(self.found) and not self.found[index].id):
            super()._choose(index)
            return
        self.dismiss(None)
        self._take(tuple(self.marked))
