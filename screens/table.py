"""A painted table: sorting, a cursor that stays with its row, columns that give way when the pane is narrow."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, ClassVar

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events

from screens.actions import Action
from screens.painted import PaintedPane, cells
from screens.pane import Desk
from screens.parts import fit
from screens.table_copy import COPY_TABLE_ACTIONS, CopiesTable
from screens.table_export import as_tsv

_PLAIN = Style()

#: For a table pane's ACTIONS.
TABLE_ACTIONS: tuple[Action, ...] = (
    Action("up", "Up", "Moves the cursor up.", ("up", "k"), group="Move", palette=False),
    Action("down", "Down", "Moves the cursor down.", ("down", "j"), group="Move", palette=False),
    Action("page_up", "Page up", "Moves the cursor one page up.", ("pageup",), group="Move", palette=False),
    Action("page_down", "Page down", "Moves the cursor one page down.", ("pagedown",), group="Move", palette=False),
    Action("first", "First row", "Moves the cursor to the first row.", ("home", "g"), group="Move", palette=False),
    Action("last", "Last row", "Moves the cursor to the last row.", ("end", "G"), group="Move", palette=False),
    Action("sort", "Sort by the next column", "Sorts by the next column.", ("t",), group="View"),
    Action("sort_turn", "Turn the sort order", "Sorts the other way round.", ("T",), group="View"),
)

#: For a table pane's ACTIONS: taking what it shows elsewhere.
COPY_ACTIONS: tuple[Action, ...] = (
    Action("copy", "Copy the row", "Copies the row under the cursor, tab separated.", ("y",), group="Copy"),
    *COPY_TABLE_ACTIONS,
)  # fmt: skip


class Column(msgspec.Struct, frozen=True):
    """A column of `width` cells. When the pane is too narrow those of the lowest `keep` go first; `flex` ones take
    what is left over, one with `most` no more cells than that where another has use for them. `sort` gives the sort
    value of a row; without it the column does not sort."""

    key: str
    title: str
    width: int
    right: bool = False
    keep: int = 1
    flex: bool = False
    most: int = 0
    sort: Callable[[Any], Any] | None = None


class TablePane[R](CopiesTable, PaintedPane):
    """A table of `rows()`. Its header stands in row `head` of the pane (0: nothing is above it; what is, the subclass
    puts there); `footer()` may give a last line (totals)."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = ""  # what stands there when there are no rows: say what to do
    GAP: ClassVar[int] = 1

    @property
    def under(self) -> int:
        """How many lines at the bottom the pane paints itself."""
        return 0

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.top = 0
        self.head = 0
        self._cursor = 0
        self._cursor_id: Hashable = None
        self._shown: Sequence[R] = ()
        self._layout: list[tuple[Column, int, int]] = []  # column, x, width
        self._made_of: tuple[Hashable, ...] = ()
        self._painted_as: Hashable = None
        self.sort_key: str | None = self.settings.get("sort")
        self.sort_down: bool = bool(self.settings.get("sort_down", False))

    # -- what a table says

    def rows(self) -> Sequence[R]:
        """The rows in their natural order."""
        raise NotImplementedError

    def row_id(self, row: R) -> Hashable:
        """What the cursor stays with when rows come, go or are sorted."""
        raise NotImplementedError

    def cell(self, row: R, column: str) -> tuple[str, Style]:
        """Text and style of a cell."""
        raise NotImplementedError

    def shown(self, row: R, column: str, width: int) -> tuple[str, Style]:
        """What of the cell is painted in so many cells of room; what does not fit is cut off at the right."""
        return self.cell(row, column)

    def row_style(self, row: R) -> Style | None:
        """A style under the whole row, or None."""
        return None

    def whole_row(self, row: R) -> tuple[str, Style] | None:
        """Text and style of a row that is not divided into columns, or None."""
        return None

    def empty(self) -> str:
        """What stands there when there are no rows."""
        return self.EMPTY

    def footer(self) -> Sequence[tuple[str, Style]] | None:
        """Parts of the last line, or None for no such line."""
        return None

    def chosen(self, row: R) -> None:
        """The row was double-clicked."""

    # -- what a table knows

    @property
    def selected_row(self) -> R | None:
        """The row under the cursor."""
        return self._shown[self._cursor] if 0 <= self._cursor < len(self._shown) else None

    @property
    def body_height(self) -> int:
        return max(0, self.height - self.head - 1 - (self.footer() is not None) - self.under)

    def move_to(self, index: int) -> None:
        """Put the cursor on a shown row, counted from 0; the nearest one if there is none."""
        self._cursor = max(0, min(index, len(self._shown) - 1))
        row = self.selected_row
        self._cursor_id = None if row is None else self.row_id(row)

    def sort_by(self, key: str | None, down: bool = False) -> None:
        """Sort by a column, or with None in the natural order; remembered."""
        self.sort_key, self.sort_down = key, down
        self.settings["sort"], self.settings["sort_down"] = key, down
        self.save_settings()
        self.invalidate()

    # -- painting

    def up_to_date(self, *made_of: Hashable) -> bool:
        """Whether the rows that show were made of the same, with cursor and focus where they are now: then there is
        nothing to paint. For a `paint` that is to do no more than this look where nothing has changed."""
        self._made_of = made_of
        return self._picture() == self._painted_as

    def _picture(self) -> Hashable:
        return self._made_of, self.engine.ready, self.has_focus, self._cursor, self.top

    def invalidate(self) -> None:
        self._painted_as = None
        super().invalidate()

    def resized(self) -> None:
        self._painted_as = None
        columns = list(self.COLUMNS)

        def wide(some: Sequence[Column]) -> int:
            return sum(column.width for column in some) + self.GAP * (len(some) - 1)

        while len(columns) > 1 and wide(columns) > self.width - 2:
            lowest = min(column.keep for column in columns)
            columns.remove([column for column in columns if column.keep == lowest][-1])
        spare = max(0, self.width - 2 - wide(columns))
        flexible = [column for column in columns if column.flex]
        hungry = [column for column in flexible if not column.most] or flexible
        growth: dict[str, int] = {}
        for column in flexible:
            if column not in hungry:
                growth[column.key] = max(0, min(spare // len(flexible), column.most - column.width))
        spare -= sum(growth.values())
        for column in hungry:
            growth[column.key] = spare // len(hungry) + (spare % len(hungry) if column is hungry[0] else 0)
        x, self._layout = 1, []  # a margin at the left, the scroll bar at the right
        for column in columns:
            width = column.width + growth.get(column.key, 0)
            self._layout.append((column, x, width))
            x += width + self.GAP

    def paint(self, now: int) -> None:
        rows = self.rows()
        sort = next((column.sort for column in self.COLUMNS if column.key == self.sort_key), None)
        if sort is not None:
            rows = sorted(rows, key=sort, reverse=self.sort_down)
        self._shown = rows
        self._follow_cursor()
        last_line = self.footer()
        body = max(0, self.height - self.head - 1 - (last_line is not None) - self.under)
        self.top = max(0, min(self.top, len(rows) - body))
        if body and not self.top <= self._cursor < self.top + body:
            self.top = max(0, min(self._cursor, self._cursor - body + 1 if self._cursor >= self.top else self._cursor))
        self._paint_header()
        for y in range(body):
            index = self.top + y
            at = self.head + 1 + y
            if index < len(rows):
                self._paint_row(at, rows[index], index == self._cursor and self.has_focus, self._thumb(y, body))
            elif not rows and y == 0 and (empty := self.empty()):
                self.put_text(at, " " + empty, self.ink.dim)
            else:
                self.put(at, None, list)
        if last_line is not None and self.height > 1:
            self.put(
                self.height - 1 - self.under,
                tuple(last_line),
                lambda: cells(*fit(last_line, self.width, _PLAIN)),
            )
        self._painted_as = self._picture()  # the cursor may have moved with its row

    def _follow_cursor(self) -> None:
        row = self.selected_row
        if row is not None and self.row_id(row) == self._cursor_id:
            return
        if self._cursor_id is not None:
            for index, other in enumerate(self._shown):
                if self.row_id(other) == self._cursor_id:
                    self._cursor = index
                    return
        self.move_to(self._cursor)

    def _paint_header(self) -> None:
        def build() -> list[Segment]:
            segments = [Segment(" ")]
            for column, _, width in self._layout:
                arrow = ("▾" if self.sort_down else "▴") if column.key == self.sort_key else ""
                text = _fit(column.title + arrow, width, column.right)
                segments.append(Segment(text + " " * self.GAP, self.ink.dim))
            return segments

        self.put(self.head, (self.sort_key, self.sort_down, "header"), build)

    def _paint_row(self, y: int, row: R, cursor: bool, thumb: bool) -> None:
        whole = self.whole_row(row)
        layout = self._layout if whole is None else [(self.COLUMNS[0], 1, self.width - 2)]
        shown = tuple(self.shown(row, column.key, width) for column, _, width in layout) if whole is None else (whole,)
        under = self.row_style(row)

        def build() -> list[Segment]:
            back = under or _PLAIN
            if cursor:
                back = back + self.ink.on_cursor
            segments = [Segment(" ", back)]
            for (column, _, width), (text, style) in zip(layout, shown, strict=True):
                right = column.right and whole is None
                segments.append(Segment(_fit(text, width, right), back + style))
                segments.append(Segment(" " * self.GAP, back))
            used = 1 + sum(width + self.GAP for _, _, width in layout)
            segments.append(Segment(" " * max(0, self.width - used), back))
            if thumb:
                segments = [*Segment.adjust_line_length(segments, self.width - 1), Segment("▐", self.ink.faint)]
            return segments

        self.put(y, (shown, cursor, under, thumb), build)

    def _thumb(self, y: int, body: int) -> bool:
        """Whether the scroll bar's thumb stands at body row `y`."""
        total = len(self._shown)
        if total <= body:
            return False
        size = max(1, body * body // total)
        start = (body - size) * self.top // max(1, total - body)
        return start <= y < start + size

    # -- keys and mouse

    def action_up(self) -> None:
        self.move_to(self._cursor - 1)

    def action_down(self) -> None:
        self.move_to(self._cursor + 1)

    def action_page_up(self) -> None:
        self.move_to(self._cursor - max(1, self.body_height - 1))

    def action_page_down(self) -> None:
        self.move_to(self._cursor + max(1, self.body_height - 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self._shown) - 1)

    def action_sort(self) -> None:
        keys = [None, *(column.key for column in self.COLUMNS if column.sort is not None)]
        at = keys.index(self.sort_key) if self.sort_key in keys else 0
        self.sort_by(keys[(at + 1) % len(keys)], self.sort_down)

    def action_sort_turn(self) -> None:
        self.sort_by(self.sort_key, not self.sort_down)

    # -- taking it elsewhere

    def _texts(self, row: R) -> list[str]:
        """The row's cells, those of columns that do not fit too."""
        whole = self.whole_row(row)
        if whole is not None:
            return [whole[0], *[""] * (len(self.COLUMNS) - 1)]
        return [self.cell(row, column.key)[0] for column in self.COLUMNS]

    def _titles(self) -> list[str]:
        return [column.title or column.key for column in self.COLUMNS]

    def action_copy(self) -> None:
        if (row := self.selected_row) is not None:
            self.app.copy_to_clipboard(as_tsv([self._texts(row)]))
            self.toast("The row was copied.")

    def table_texts(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        return self._titles(), [self._texts(row) for row in self._shown]

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        headers = [(column, x) for column, x, _ in self._layout if column.sort is not None]
        return [(x, self.head, partial(self._sort_or_turn, column)) for column, x in headers]

    def _sort_or_turn(self, column: Column) -> None:
        """Sort by the column; the other way round if it is sorted by it already."""
        self.sort_by(column.key, not self.sort_down if column.key == self.sort_key else False)
        self.repaint()

    def column_at(self, x: int) -> Column | None:
        return next((column for column, start, width in self._layout if start <= x < start + width + self.GAP), None)

    def row_at(self, y: int) -> R | None:
        """The row shown at screen row `y` of the pane, or None."""
        y -= self.head
        index = self.top + y - 1
        return self._shown[index] if 1 <= y <= self.body_height and index < len(self._shown) else None

    def on_click(self, event: events.Click) -> None:
        if event.widget not in (None, self):
            return  # in a field that stands in the pane, with that field's coordinates
        row = self.row_at(event.y)
        if row is not None:
            self.move_to(self.top + event.y - self.head - 1)
            if event.chain == 2:
                self.chosen(row)
        elif event.y == self.head and (column := self.column_at(event.x)) is not None and column.sort is not None:
            self._sort_or_turn(column)
        self.repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.move_to(self._cursor + 3)
        self.repaint()
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.move_to(self._cursor - 3)
        self.repaint()
        event.stop()


def _fit(text: str, width: int, right: bool) -> str:
    """The text in exactly `width` cells; cut with an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)
