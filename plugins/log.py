"""What the desk did and what went wrong: every event and error, to be filtered, followed, opened and copied."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Hashable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from screens.actions import Action
from screens.field import Field
from screens.figures import local_time, sentence
from screens.pane import Desk
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.log import Level, LogEntry

_LEVELS = (Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR)
_SHOWN = ("everything", "without debugging", "warnings and errors", "errors only")
_MARKS = {Level.DEBUG: "·", Level.INFO: "●", Level.WARNING: "▲", Level.ERROR: "✖"}


#: So much of what became of an order is to be seen, of what the order was the less.
_OUTCOME = 22


def _outcome_seen(text: str, width: int) -> str:
    """A line of an order, "buy 0.5 NOVA:BTC-USDT @ 64200: accepted"; with less of the order where it lacks room."""
    order, _, outcome = text.partition(": ")
    words = order.split()
    _venue, _, symbol = words[2].partition(":") if len(words) > 2 else ("", "", "")
    if not outcome or not symbol:
        return text
    for shorter in (order, " ".join((*words[:2], symbol, *words[3:])), " ".join((*words[:2], symbol))):
        if cell_len(shorter) + 2 + min(cell_len(outcome), _OUTCOME) <= width:
            return f"{shorter}: {outcome}"
    return f"{' '.join(words[:2])}: {outcome}"


class LogRow(NamedTuple):
    """An entry, or line `line` of one that is opened. `number` counts entries since the start."""

    number: int
    entry: LogEntry
    line: int = -1
    text: str = ""


class LogPane(TablePane[LogRow]):
    """The desk's log, oldest first. It follows the newest entry until the cursor is moved off it."""

    PANE = "log"
    FROM_ENGINE = True
    TITLE = "Log"
    DEFAULT_KEY = "l"
    LEAST = (30, 4)
    FOLLOWS = False
    EMPTY = "No entries. Esc drops the text filter, v changes the level."
    ACTIONS = (
        Action("open", "Open / close the entry", "Shows the whole text and the detail (a traceback) of the entry.",
               ("enter",), footer=90, short="Open", group="View"),
        Action("filter", "Filter by text", "Shows only entries whose source or text has the words that you type; Enter "
               "keeps the filter, Esc drops it.", ("f",), footer=85, short="Filter", group="View"),
        Action("level", "Filter by level", "Shows everything, information, warnings or errors and what is above.",
               ("v",), footer=80, short="Level", group="View"),
        Action("follow", "Follow / pause", "Stays with the newest entry, or stands still.", ("space",), footer=75,
               short="Follow", group="View"),
        Action("copy", "Copy the entry", "Copies the entry and its detail to the clipboard.", ("y", "c"), footer=70,
               short="Copy", group="View"),
        Action("clear", "Drop the text filter", "Shows every entry again, closed.", ("escape",), group="View"),
        *(action for action in COPY_ACTIONS if action.name != "copy"),
        *(action for action in TABLE_ACTIONS if not action.name.startswith("sort")),
    )  # fmt: skip
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", "Time", 8, keep=3),
        Column("level", "", 1, keep=9),
        Column("source", "Source", 8, keep=2),
        Column("text", "What", 33, keep=10, flex=True),
    )
    DEFAULT_CSS = """
    LogPane > Field, LogPane > Field:focus {
        dock: bottom; display: none; border: none; height: 1; padding: 0 1; background: $cursor-row;
    }
    LogPane.filtering > Field { display: block; }
    """

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.following = True
        self._words = ""
        self._opened: set[int] = set()
        self._matching: list[LogRow] = []  # entries that pass the filters, oldest first
        self._listed: list[LogRow] = []  # those, with the lines of the opened ones
        self._known = -1  # number of the newest entry looked at
        self._seen: Hashable = None
        self._paused_at = 0  # the log's version when the log was made to stand still

    def compose(self) -> ComposeResult:
        yield Field(placeholder="words to look for", select_on_focus=False)

    # -- rows

    @property
    def least(self) -> Level:
        """The lowest level that is shown."""
        kept = self.settings.get("level")
        return Level(kept) if kept in list(Level) else Level.DEBUG

    def rows(self) -> Sequence[LogRow]:
        log = self.engine.log
        seen = (log.version, self.least, self._words, frozenset(self._opened), self.width)
        if seen != self._seen:
            self._seen = seen
            self._take(log.entries, log.version)
            self._listed = [line for row in self._matching for line in self._lines(row)]
        return self._listed

    def _take(self, entries: deque[LogEntry], version: int) -> None:
        """Look at what is new since the last time. An entry's number is the log's version before its first occurrence,
        which stays the same when it is repeated."""
        fresh: list[LogRow] = []
        number = version
        for entry in reversed(entries):
            number -= entry.count
            if number < self._known:
                break
            fresh.append(LogRow(number, entry))
        if not fresh:
            return
        while self._matching and self._matching[-1].number >= fresh[-1].number:
            self._matching.pop()
        self._known = fresh[0].number
        self._matching += [row for row in reversed(fresh) if self._passes(row.entry)]
        if len(entries) == entries.maxlen:  # the oldest have gone
            oldest = version - sum(entry.count for entry in entries)
            gone = next((at for at, row in enumerate(self._matching) if row.number >= oldest), len(self._matching))
            del self._matching[:gone]
            self._opened = {number for number in self._opened if number >= oldest}
            self.top = max(0, self.top - gone)

    def _again(self) -> None:
        """The filters changed: look at every entry again."""
        self._matching, self._known, self._seen = [], -1, None
        self.invalidate()

    def _passes(self, entry: LogEntry) -> bool:
        if _LEVELS.index(entry.level) < _LEVELS.index(self.least):
            return False
        if not self._words:
            return True
        where = f"{entry.source} {entry.text} {sentence(entry.text)} {entry.detail}".casefold()
        return all(word in where for word in self._words.casefold().split())

    def _lines(self, row: LogRow) -> list[LogRow]:
        if row.number not in self._opened:
            return [row]
        return [row, *(row._replace(line=index, text=text) for index, text in enumerate(self._detail(row.entry)))]

    def _detail(self, entry: LogEntry) -> list[str]:
        width = max(20, self.width - 6)
        when = f"{local_time(entry.ts, milliseconds=True)} {entry.level} from {entry.source}"
        often = f", {entry.count} times; this is the last" if entry.count > 1 else ""
        lines = [when + often]
        for line in [sentence(entry.text), *entry.detail.rstrip().splitlines()]:
            indent = " " * (len(line) - len(line.lstrip()))
            lines += textwrap.wrap(line, width, subsequent_indent=indent + "  ", replace_whitespace=False) or [""]
        return lines

    def row_id(self, row: LogRow) -> Hashable:
        return (row.number, row.line)

    def cell(self, row: LogRow, column: str) -> tuple[str, Style]:
        ink, entry = self.ink, row.entry
        style = {Level.DEBUG: ink.dim, Level.INFO: ink.text, Level.WARNING: ink.warning, Level.ERROR: ink.error}
        if column == "time":
            return local_time(entry.ts), ink.dim
        if column == "level":
            return _MARKS[entry.level], ink.dim if entry.level is Level.INFO else style[entry.level]
        if column == "source":
            return entry.source, ink.dim
        often = f"×{entry.count} " if entry.count > 1 else ""
        more = " …" if entry.detail and row.number not in self._opened else ""
        return often + " ".join(entry.text.split()) + more, style[entry.level]

    def shown(self, row: LogRow, column: str, width: int) -> tuple[str, Style]:
        text, style = self.cell(row, column)
        text = sentence(text) if column == "text" else text  # a copy keeps the point, as the journal has it
        return (_outcome_seen(text, width) if column == "text" and row.entry.source == "order" else text), style

    def whole_row(self, row: LogRow) -> tuple[str, Style] | None:
        return None if row.line < 0 else (f"  {row.text}", self.ink.text if row.line else self.ink.dim)

    def row_style(self, row: LogRow) -> Style | None:
        return self.ink.on_bar if row.line >= 0 else None

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        if self.has_class("filtering"):
            return ((" ", self.ink.text),)  # the field stands over it
        if not self._words and self.least is Level.DEBUG:
            return None
        shown = _SHOWN[_LEVELS.index(self.least)]
        words = f"“{self._words}” in " if self._words else ""
        count = f" · {len(self._matching)} of {len(self.engine.log.entries)}"
        return ((f" {words}{shown}", self.ink.accent), (count, self.ink.dim))

    def status(self) -> str:
        if self.following:
            return ""
        new = self.engine.log.version - self._paused_at
        return f"paused, {new} new" if new else "paused"

    # -- following

    def paint(self, now: int) -> None:
        if self.following:
            self._shown = self.rows()
            self.move_to(len(self._shown) - 1)
        following = self.following
        super().paint(now)
        self.following = following  # only the trader pauses

    def move_to(self, index: int) -> None:
        super().move_to(index)
        if self._shown:
            self._set_following(self._cursor == len(self._shown) - 1)

    def _set_following(self, following: bool) -> None:
        if self.following and not following:
            self._paused_at = self.engine.log.version
        self.following = following

    # -- what the keys do

    def action_follow(self) -> None:
        self._set_following(not self.following)

    def chosen(self, row: LogRow) -> None:
        self.action_open()

    def action_open(self) -> None:
        row = self.selected_row
        if row is None:
            return
        self._set_following(False)
        if row.number in self._opened:
            self._opened.discard(row.number)
            self._cursor_id = (row.number, -1)
        else:
            self._opened.add(row.number)
            end = self._cursor + len(self._detail(row.entry))
            self.top = max(self.top, min(self._cursor, end - self.body_height + 1))  # the detail comes into sight

    def action_level(self) -> None:
        self.settings["level"] = str(_LEVELS[(_LEVELS.index(self.least) + 1) % len(_LEVELS)])
        self.save_settings()
        self._again()

    def action_filter(self) -> None:
        self.add_class("filtering")
        field = self.query_one(Field)
        with field.prevent(Input.Changed):
            field.value = self._words
        field.cursor_position = len(self._words)
        self.screen.set_focus(field)

    def _close_field(self) -> None:
        self.remove_class("filtering")
        self.screen.set_focus(self)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._words = event.value
        self._again()
        self.repaint()

    @on(Input.Submitted)
    def _keep_filter(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_field()
        self.repaint()

    def on_descendant_blur(self) -> None:
        self.remove_class("filtering")

    def action_clear(self) -> None:
        """Esc: drop the text filter, or close what is opened."""
        if self._words or self.has_class("filtering"):
            self._words = ""
            self._again()
        else:
            self._opened.clear()
        if self.has_class("filtering"):
            self._close_field()

    def action_copy(self) -> None:
        row = self.selected_row
        if row is None:
            return
        entry = row.entry
        often = f" ×{entry.count}" if entry.count > 1 else ""
        line = f"{local_time(entry.ts, milliseconds=True)} {entry.level} {entry.source}: {entry.text}{often}"
        self.app.copy_to_clipboard("\n".join([line, entry.detail.rstrip()]).rstrip())
        self.toast("The entry is in the clipboard.")
