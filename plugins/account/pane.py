"""The account pane: the desk's money in figures, its equity over time, and a table of balances, days or strategies."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events

from plugins.account.curve import Curve, curve
from plugins.account.rows import COLUMNS, VIEWS, Line, balance_lines, cell, columns_of, day_lines, line_id
from screens.actions import Action
from screens.figures import moment, money_text, places_of, shown
from screens.pane import Desk
from screens.parts import tabs
from screens.table import COPY_ACTIONS, TABLE_ACTIONS, Column, TablePane
from workstation.clock import DAY, HOUR, SECOND
from workstation.store.errors import StoreError
from workstation.trading.portfolio import Equity

#: Lengths of the curve: name, ns (None: all that is stored), ns of one point.
_SPANS: tuple[tuple[str, int | None, int], ...] = (
    ("1h", HOUR, 10 * SECOND),
    ("1d", DAY, 120 * SECOND),
    ("1w", 7 * DAY, 900 * SECOND),
    ("1m", 30 * DAY, HOUR),
    ("1y", 365 * DAY, 43_200 * SECOND),
    ("all", None, DAY // 4),
)
_READ_EVERY = 60 * SECOND
_MONEY_EVERY = SECOND // 2
_FIGURE_ROWS = 2
_LEAST_CURVE = 3
_FINE = 10  # a curve that spans less has cents on its axis
_MOST_CURVE = 16
_TITLES = {"balances": "Balances", "days": "Days", "strategies": "Strategies"}


class AccountPane(TablePane[Line]):
    """Everything is read from the engine; the stored equity is read beside the loop once a minute."""

    PANE = "account"
    TITLE = "Account"
    DEFAULT_KEY = "a"
    FOLLOWS = False
    PACE = 4
    LEAST = (40, 6)
    EMPTY = "Nothing yet."
    COLUMNS: ClassVar[tuple[Column, ...]] = COLUMNS["balances"]
    ACTIONS = (
        Action("view", "Balances / days / strategies", "Shows the next of the account's tables.", ("v",), footer=80,
               short="Table", group="View"),
        Action("longer", "Longer curve", "The next longer stretch of the equity curve: 1h 1d 1w 1m 1y all.", ("i",),
               footer=70, short="Longer", group="View"),
        Action("shorter", "Shorter curve", "The next shorter stretch of the equity curve.", ("I",), group="View"),
        *COPY_ACTIONS,
        *TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._equity: Equity | None = None
        self._rows: Sequence[Line] = ()
        self._curve_rows = 0
        self._points: list[tuple[int, Decimal]] = []
        self._closes: list[tuple[int, Decimal]] = []
        self._read_at: tuple[str, int] | None = None  # which span was read, and when
        self._version = 0  # grows with every reading
        self._tab_places: list[tuple[int, int, str]] = []  # first column, last column, view
        self.COLUMNS = columns_of(self.view, self.places)  # type: ignore[misc]  # each view has its own columns

    # -- what is shown

    @property
    def view(self) -> str:
        chosen = self.settings.get("view")
        return chosen if chosen in VIEWS else VIEWS[0]

    @property
    def places(self) -> int:
        """Decimals of money in the account's currency."""
        return places_of(self.engine.currency)

    @property
    def span(self) -> tuple[str, int | None, int]:
        chosen = self.settings.get("span")
        return next((one for one in _SPANS if one[0] == chosen), _SPANS[1])

    def rows(self) -> Sequence[Line]:
        return self._rows

    def row_id(self, row: Line) -> Hashable:
        return line_id(row)

    def cell(self, row: Line, column: str) -> tuple[str, Style]:
        return cell(row, column, self.ink, self.places)

    def resized(self) -> None:
        spare = self.height - _FIGURE_ROWS - 1 - 1 - 1  # figures, times, tabs, header
        rows = min(_MOST_CURVE, spare * 2 // 5)
        self._curve_rows = rows if rows >= _LEAST_CURVE and self.width >= 40 else 0
        self.head = min(self.height - 1, _FIGURE_ROWS + self._curve_rows + (self._curve_rows > 0) + 1)
        super().resized()

    def status(self) -> str:
        return f"equity {self.span[0]}"

    # -- painting

    def paint(self, now: int) -> None:
        engine = self.engine
        if engine.ready:
            self._read_again(now)
        if self.up_to_date(
            now // _MONEY_EVERY, engine.portfolio_version, engine.orders_version, self._version, self.view, self.span[0]
        ):
            return
        equity = self._equity = engine.equity_detail()
        whole = None if equity.unpriced or not engine.ready else equity.total
        match self.view:
            case "balances":
                self._rows = balance_lines(engine)
            case "days":
                self._rows = day_lines(engine, self._closes, whole)
            case _:
                self._rows = engine.owner_results()
        self._paint_figures(equity)
        if self._curve_rows:
            self._paint_curve(now, whole)
        self._paint_tabs()
        super().paint(now)

    def _paint_figures(self, equity: Equity) -> None:
        ink, engine, places = self.ink, self.engine, self.places
        day = engine.day_pnl()
        began = equity.total - day
        percent = shown(f" ({day / began * 100:+.2f}%)") if began > 0 else ""
        lines = (
            (
                ("Equity", f"{money_text(equity.total, decimals=places)} {engine.currency}", ink.strong),
                ("today", money_text(day, True, places) + percent, ink.signed(day)),
                ("unreal.", money_text(equity.unrealized, True, places), ink.signed(equity.unrealized)),
            ),
            (
                ("Realised", money_text(equity.realized, True, places), ink.signed(equity.realized)),
                ("fees", money_text(equity.fees, decimals=places), ink.text),
                ("funding", money_text(equity.funding, True, places), ink.signed(equity.funding)),
                ("interest", money_text(equity.interest, decimals=places), ink.text),
                *((("insurance", money_text(equity.insurance, True, places), ink.text),) if equity.insurance else ()),
            ),
        )
        for y, figures in enumerate(lines):
            parts: list[tuple[str, Style]] = []
            used = 0
            for label, text, style in figures:
                used += len(label) + len(text) + 4
                if used > self.width + 2:
                    break
                parts += [(f" {label} ", ink.dim), (f"{text}  ", style)]
            if y == 0 and equity.unpriced:
                parts.append((f" no price of {', '.join(equity.unpriced)}", ink.warning))
            elif y == 0 and equity.left_out:
                parts.append((f" without {', '.join(equity.left_out)}, not traded here", ink.dim))
            self.put_line(y, tuple(parts))

    def _paint_curve(self, now: int, equity: Decimal | None) -> None:
        ink = self.ink
        _, length, _ = self.span
        points = [(ts, float(value)) for ts, value in self._points]
        if equity is not None:
            points.append((now, float(equity)))
        times_row = _FIGURE_ROWS + self._curve_rows
        if not points:
            for y in range(_FIGURE_ROWS, times_row + 1):
                self.put(y, None, list)
            return
        start = max(points[0][0], 0) if length is None else now - length
        values = [value for _, value in points]
        places = self._axis_places(max(values) - min(values))
        axis = max(len(money_text(Decimal(round(value)), decimals=places)) for value in values) + 2
        columns = max(4, self.width - axis - 1)
        drawn = curve(points, min(start, now - SECOND), now, columns, self._curve_rows)
        paint = ink.bid if points[-1][1] >= points[0][1] else ink.ask
        for number, line in enumerate(drawn.rows):
            label = self._axis_label(number, drawn).rjust(axis)
            base = number == drawn.first_row

            def build(line: str = line, label: str = label, base: bool = base) -> list[Segment]:
                return [Segment(" "), *_runs(line, paint, ink.faint if base else None), Segment(label, ink.dim)]

            self.put(_FIGURE_ROWS + number, (line, label, base, paint), build)
        middle = moment((start + now) // 2)
        first, last = moment(start), moment(now)
        form = "%H:%M" if now - start <= DAY else "%d %b" if now - start < 300 * DAY else "%d %b %Y"
        texts = [f"{one:{form}}" for one in (first, middle, last)]
        gap = columns - sum(map(len, texts))
        text = f" {texts[0]}{' ' * (gap // 2)}{texts[1]}{' ' * (gap - gap // 2)}{texts[2]}" if gap > 4 else ""
        self.put_text(times_row, text, ink.dim)

    def _axis_places(self, span: float) -> int:
        """Decimals that tell the values of a curve apart that spans so much."""
        if span >= _FINE:
            return 0
        return self.places if span <= 0 else min(self.places, max(2, 2 - math.floor(math.log10(span))))

    def _axis_label(self, row: int, drawn: Curve) -> str:
        """The value of the highest, the lowest and the middle row."""
        last = self._curve_rows - 1
        decimals = self._axis_places(drawn.high - drawn.low)
        if row not in (0, last // 2, last) or (row == last // 2 and last < 4):
            return ""
        share = row / last
        return money_text(Decimal(drawn.high - (drawn.high - drawn.low) * share), decimals=decimals)

    def _paint_tabs(self) -> None:
        ink = self.ink
        titles = ((view, _TITLES[view]) for view in VIEWS)
        line, self._tab_places = tabs(titles, self.view, self.width, ink, ink.on_accent)
        self.put_line(self.head - 1, line)

    # -- the stored equity

    def _read_again(self, now: int) -> None:
        name = self.span[0]
        if self._read_at is None or self._read_at[0] != name or not 0 <= now - self._read_at[1] < _READ_EVERY:
            self._read_at = (name, now)
            self.spawn(self._read(now))

    async def _read(self, now: int) -> None:
        name, length, bucket = self.span
        try:
            points = await self.engine.equity_curve(0 if length is None else max(0, now - length), bucket)
            closes = await self.engine.equity_curve(0, DAY)
        except StoreError as error:
            self.toast(f"The equity curve cannot be read: {error}", error=True)
            return
        if self.span[0] == name:
            self._points, self._closes = [one for one in points if one[0] <= now], closes
            self._version += 1

    # -- keys and mouse

    def _show(self, view: str) -> None:
        self.settings["view"] = view
        self.COLUMNS = columns_of(view, self.places)  # type: ignore[misc]
        self.sort_by(None)
        self.move_to(0)
        self.resized()
        self.invalidate()

    def action_view(self) -> None:
        self._show(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def _step_span(self, by: int) -> None:
        index = min(max(_SPANS.index(self.span) + by, 0), len(_SPANS) - 1)
        self.settings["span"] = _SPANS[index][0]
        self.save_settings()

    def action_longer(self) -> None:
        self._step_span(1)

    def action_shorter(self) -> None:
        self._step_span(-1)

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        tabs: list[tuple[int, int, Callable[[], object]]] = [
            (x, self.head - 1, lambda view=view: self._show(view))  # type: ignore[misc]
            for x, _, view in self._tab_places
        ]
        return [*tabs, *super().jump_targets()]

    def on_click(self, event: events.Click) -> None:
        if event.y == self.head - 1:
            for first, last, view in self._tab_places:
                if first <= event.x <= last:
                    self._show(view)
                    self.repaint()
            event.prevent_default()


def _runs(line: str, paint: Style, rule: Style | None) -> list[Segment]:
    """The curve's characters in `paint`; empty cells hold the rule of the first value where there is one."""
    if rule is None:
        return [Segment(line, paint)]
    return [Segment("┈", rule) if char == " " else Segment(char, paint) for char in line]
