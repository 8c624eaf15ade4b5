"""The page of strategies: a list of runs and of what is installed, the form of one, and what it has done."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import ClassVar

from rich.style import Style
from textual import events

from plugins.strategies import details
from plugins.strategies.control import StrategyControl
from plugins.strategies.form import Field
from plugins.strategies.layout import VIEWS, Room, room
from plugins.strategies.rows import Heading, Installed, Row, RunRow, kind_of, source_of
from screens.figures import local_time, money_text, quantity_text, sentence, shown
from screens.pane import Desk
from screens.parts import Line, Part, fit, spread, tabs
from screens.table import Column
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order
from workstation.domain.strategy_run import RunState, StrategyRun
from workstation.log import LogEntry
from workstation.market.timeframes import Timeframe
from workstation.strategies.run_book import RunView

_MARKS = {RunState.RUNNING: "●", RunState.PAUSED: "‖", RunState.FAILED: "✖", RunState.STOPPED: "○"}


class StrategiesPane(StrategyControl):
    """Runs live on in the engine whether or not this page shows."""

    PANE = "strategies"
    TITLE = "Strategies"
    DEFAULT_KEY = "y"
    FOLLOWS = False
    PACE = 2
    LEAST = (60, 16)
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("run", "Run", 27, keep=12, flex=True),
        Column("state", "State", 9, keep=11),
        Column("position", "Position", 12, right=True, keep=8),
        Column("pnl", "P&L", 12, right=True, keep=10),
        Column("share", "%", 7, right=True, keep=6),
        Column("equity", "Equity", 12, right=True, keep=3),
        Column("capital", "Capital", 10, right=True, keep=5),
        Column("orders", "Orders", 6, right=True, keep=7),
        Column("bars", "Bars", 4, right=True, keep=2),
        Column("signal", "Last signal", 12, keep=4),
        Column("since", "Since", 8, keep=1),
    )

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._tab_places: list[tuple[int, int, str]] = []
        self._form_top = 0
        self._form_rows: list[int | None] = []  # screen lines of the form from its first: which field stands there
        self._begun = False

    # -- the list

    @property
    def space(self) -> Room:
        return room(self.width, self.height)

    @property
    def under(self) -> int:
        return self.space.below

    def whole_row(self, row: Row) -> tuple[str, Style] | None:
        ink = self.ink
        if isinstance(row, Heading):
            return row.text, ink.dim if row.text.startswith(" ") else ink.accent
        if isinstance(row, Installed):
            one = row.choice
            words = one.error or (one.doc.splitlines()[0] if one.doc else one.title)
            mark = "✖" if one.error is not None else " "
            text = f"{mark} {one.name:<22.22} {source_of(one):<13.13} {kind_of(one):<14}{words}"
            return text, ink.error if one.error is not None else ink.dim if one.native else ink.text
        return None

    def cell(self, row: Row, column: str) -> tuple[str, Style]:
        if not isinstance(row, RunRow):
            return "", self.ink.text
        ink, view, run = self.ink, row.view, row.view.run
        text = ink.text if run.active else ink.dim
        match column:
            case "run":
                return f"{_MARKS[run.state]} {run.run_id}", text if run.state is not RunState.FAILED else ink.error
            case "state":
                return str(run.state) + (" ↻" if run.restarts and run.active else ""), self._state_style(run.state)
            case "position":
                holds = list(view.holds.items())
                if len(holds) != 1:
                    return (f"{len(holds)} legs", ink.text) if holds else ("flat", ink.dim)
                return self._held(*holds[0]), ink.signed(holds[0][1])
            case "pnl":
                return money_text(view.pnl, sign=True), ink.signed(view.pnl)
            case "share":
                return shown(f"{100 * view.pnl / run.capital:+.2f}"), ink.signed(view.pnl)
            case "equity":
                return money_text(view.equity), text
            case "capital":
                return shown(f"{run.capital:,.0f}"), text
            case "orders":
                return str(len(view.orders)), ink.own if view.orders else ink.dim
            case "bars":
                return str(Timeframe.of(run.interval)), ink.dim
            case "signal":
                return self._signal(view)
            case _:
                return local_time(run.since), ink.dim

    def _held(self, instrument: str, quantity: Decimal) -> str:
        return f"{'+' if quantity > 0 else ''}{quantity_text(quantity, self.engine.instrument(instrument))}"

    def _holdings(self, view: RunView) -> str:
        """All that a run holds; of one with several instruments each with its name."""
        named = len(view.legs) > 1
        return " and ".join(
            self._held(one, quantity) + (f" {details.leg_name(one, view.holds)}" if named else "")
            for one, quantity in view.holds.items()
        )

    def _state_style(self, state: RunState) -> Style:
        ink = self.ink
        return {
            RunState.RUNNING: ink.good, RunState.PAUSED: ink.warning, RunState.FAILED: ink.error + Style(bold=True),
        }.get(state, ink.dim)  # fmt: skip

    def _signal(self, view: RunView) -> tuple[str, Style]:
        if not view.signals:
            return ("–" if view.code is None else "none"), self.ink.dim
        last = view.signals[-1]
        style = self.ink.bid if last.code & 9 else self.ink.ask
        return last.words.replace("enter ", "in ").replace("leave ", "out "), style

    def empty(self) -> str:
        return "" if self.engine.ready else "Opening: the runs are not known yet …"

    def footer(self) -> Sequence[Part] | None:
        ink, engine = self.ink, self.engine
        active = [row.view for row in self._rows if isinstance(row, RunRow) and row.view.run.active]
        parts: list[Part] = [(" ", ink.dim)]
        if engine.trading_state is TradingState.HALTED:
            parts += [(" HALTED ", ink.badges["live"]), (" no strategy runs until the desk is re-armed  ", ink.warning)]
        allocated = sum((view.run.capital for view in active), Decimal(0))
        pnl = sum((view.pnl for view in active), Decimal(0))
        parts += [(f"{len(active)} active", ink.text), ("  allocated ", ink.dim), (money_text(allocated), ink.text)]
        parts += [(" of equity ", ink.dim), (money_text(engine.equity()), ink.text)]
        parts += [("  P&L ", ink.dim), (money_text(pnl, sign=True), ink.signed(pnl))]
        ended = sum(isinstance(row, RunRow) and not row.view.run.active and bool(row.view.holds)
                    for row in self._rows)  # fmt: skip
        if ended:
            parts.append((f"  {ended} ended with a position", ink.warning))
        return parts

    def status(self) -> str:
        states = [row.view.run.state for row in self._rows if isinstance(row, RunRow)]
        running, failed = states.count(RunState.RUNNING), states.count(RunState.FAILED)
        return f"{running} running" + (f" · {failed} failed" if failed else "")

    # -- painting

    def paint(self, now: int) -> None:
        if not self._begun and self.width and self.height:
            self._begun = True
            self.look()
        engine = self.engine
        if self.up_to_date(
            now // SECOND, engine.strategies.version, engine.orders_version, engine.portfolio_version,
            engine.log.version, engine.risk.version, engine.trading_state, self.touched, self.desk.selected,
        ):  # fmt: skip
            return
        self.read_rows()
        self._seek()
        if self._cursor <= 1:
            self.top = 0  # the first row with its heading
        super().paint(now)
        if isinstance(self.selected_row, Heading) and self._wanted is None:
            self._to(self._cursor, 1)
            super().paint(now)
        self._paint_below()

    def _paint_below(self) -> None:
        space, ink = self.space, self.ink
        if space.below < 3:
            return
        head = self._head(self.width)
        rest = space.below - len(head)
        left, right = self._left(space.form, rest), self._right(space.right, rest)
        lines: list[Line] = list(head)
        for y in range(rest):
            lines.append((*left[y], ("│", ink.line), *right[y]))
        first = self.height - space.below
        for y, line in enumerate(lines):
            self.put_line(first + y, line)

    def _head(self, width: int) -> list[Line]:
        """What the lower part is about, and why it stands as it does."""
        ink, row = self.ink, self.selected_row
        form = self.form
        why: list[Part] = []
        if isinstance(row, RunRow):
            run = row.view.run
            title = run.run_id
            state: Part = (f" {str(run.state).upper()} ", self._state_style(run.state) + Style(bold=True))
            words = f"since {local_time(run.since)} · bars of {Timeframe.of(run.interval)}"
            if run.active and run.restarts:
                words += " · ↻ starts again with the desk"
            if run.reason:
                why.append((sentence(run.reason), ink.error if run.state is RunState.FAILED else ink.warning))
            if row.view.holds and run.state is not RunState.RUNNING:
                halted = self.engine.trading_state is TradingState.HALTED
                closes = f"X closes {'it' if len(row.view.holds) == 1 else 'all of it'}"
                way = f"{'re-arm the desk, then ' if halted else ''}{self._takes_over(run)}{closes}"
                held = self._holdings(row.view)
                why.append((f"It still holds {held}, and none of its orders protects that: {way}.", ink.warning))
            if run.state is RunState.RUNNING and row.view.waits:
                why.append((row.view.waits, ink.warning))
            elif row.view.held:
                why.append((details.held_words(row.view.held, self.engine.instrument), ink.dim))
        elif isinstance(row, Installed):
            title = row.choice.title
            state = (f" {kind_of(row.choice)} ", ink.error if row.choice.error else ink.accent)
            words = f"{source_of(row.choice)}" + (
                "" if form is None or not form.run_id else f" · to run as {form.run_id}"
            )
        else:
            title, state, words = "", ("", ink.text), ""
        lines = [fit([(f" {title} ", ink.strong), state, (f" {words}", ink.dim)], width, ink.on_bar)]
        if form is not None and form.active and (changes := form.changes()):
            count = "1 change is" if len(changes) == 1 else f"{len(changes)} changes are"
            lines.append(fit([(f" * {count} not sent: a sends, Esc drops.", ink.own)], width, ink.text))
        for text, style in why:
            for line in textwrap.wrap(text[:1].upper() + text[1:], max(20, width - 2))[:3]:
                lines.append(fit([(f" {line}", style)], width, ink.text))
        return lines

    def _takes_over(self, run: StrategyRun) -> str:
        """How it goes on with what it holds, where it would (see `SignalLive`)."""
        choice = self.choice_of(run.strategy)
        if choice is None or not choice.sweeps or run.further:
            return ""
        key, does = ("Space", "it goes on") if run.state is RunState.PAUSED else ("S", "it is started again")
        return f"with {key} {does} and takes that over with its exits, "

    # -- the form

    def _left(self, width: int, height: int) -> list[Line]:
        ink, form = self.ink, self.form
        if form is None:
            self._form_rows = []
            return self.filled([], height, width)
        fields = form.fields()
        here = self.field
        lines: list[tuple[Line, int | None]] = []
        group = ""
        for index, field in enumerate(fields):
            if field.group != group:
                group = field.group
                lines.append((fit([(f" {group}", ink.accent)], width, ink.text), None))
            lines.append((self._field_line(field, index == self.form_cursor, width), index))
        helped = textwrap.wrap(here.help, width - 3)[:2] if here is not None and self.in_form else []
        body = max(1, height - 2)
        at = next(y for y, (_, index) in enumerate(lines) if index == self.form_cursor)
        top = max(0, min(self._form_top, len(lines) - body))
        if at < top or (at == top and at and lines[at - 1][1] is None):
            top = max(0, at - 1)
        self._form_top = top = max(top, at - body + 1)
        shown = lines[top : top + body]
        self._form_rows = [index for _, index in shown]
        found = [line for line, _ in shown]
        if top + body < len(lines):
            found[-1] = fit([(f" {'▾ more':>{width - 2}}", ink.dim)], width, ink.text)
            self._form_rows[-1] = None
            if at == top + body - 1:
                self._form_top += 1
                return self._left(width, height)
        found = self.filled(found, body, width)
        found += [fit([(f"  {line}", ink.dim)], width, ink.text) for line in helped]
        return self.filled(found, height, width)

    def _field_line(self, field: Field, at: bool, width: int) -> Line:
        ink = self.ink
        active = at and self.has_focus and self.in_form
        run = self.run
        pending = field.changed and run is not None and run.active
        arrows = ("◂", "▸") if active and not field.fixed else (" ", " ")
        value = ink.own if field.changed else ink.dim if field.fixed else ink.strong
        text = field.text
        if pending:
            text = f"{field.text_before} → {text}"
        room_left = width - len(field.label) - 6
        if len(text) > room_left:
            text = field.text if len(field.text) <= room_left else field.text[: max(1, room_left - 1)] + "…"
        left: list[Part] = [
            ("*" if pending else " ", ink.own),
            (field.label, ink.text if at and self.in_form else ink.dim),
        ]
        right: list[Part] = [(f"{arrows[0]} ", ink.accent), (text, value), (f" {arrows[1]}", ink.accent)]
        return spread(left, right, width, ink.on_cursor if active else Style())

    # -- the tables

    def _right(self, width: int, height: int) -> list[Line]:
        lines = [self._tabs(width)]
        return self.filled([*lines, *self._table(width, height - 1)], height, width)

    def _tabs(self, width: int) -> Line:
        ink = self.ink
        shown = self.view if isinstance(self.selected_row, RunRow) else "about"
        titles = ((view, view.title()) for view in VIEWS)
        line, self._tab_places = tabs(titles, shown, width, ink, ink.strong + ink.on_cursor, self.space.form + 1)
        return line

    def _table(self, width: int, height: int) -> list[Line]:
        ink, row, engine = self.ink, self.selected_row, self.engine
        if isinstance(row, Installed):
            return self._scrolled(details.about(row.choice, width, ink), height)
        if not isinstance(row, RunRow):
            return []
        view, run = row.view, row.view.run
        match self.view:
            case "orders":
                own = [order for order in engine.orders() if order.origin == run.run_id]
                most = max(0, min(self.scrolled, len(own) - 1))
                terms = self._terms_of(view, own)
                return details.orders(own[: len(own) - most], terms, width, height, ink)
            case "signals":
                return self._scrolled(details.signals(view, width, 1_000, ink), height)
            case "result":
                return self._scrolled(details.result(view, self._terms_of(view), engine.mark, width, ink), height)
            case "log":
                return details.log(self._log_of(run.run_id), width, height, ink, self.scrolled)
        choice = self.choice_of(run.strategy)
        if choice is None:
            words = "Being read …" if self.offer is None else f"{run.strategy} is not installed any more."
            return [fit([(f" {words}", ink.dim)], width, ink.text)]
        return self._scrolled(details.about(choice, width, ink), height)

    def _terms_of(self, view: RunView, orders: Sequence[Order] = ()) -> dict[str, Instrument]:
        """Its instruments, the first one first; those too that it only has `orders` in, which may never fill."""
        ids = [leg.instrument for leg in view.legs] or [view.run.instrument]
        return {one: self.engine.instrument(one) for one in (*ids, *(order.instrument for order in orders))}

    def _scrolled(self, lines: list[Line], height: int) -> list[Line]:
        self.scrolled = max(0, min(self.scrolled, len(lines) - height))
        return lines[self.scrolled : self.scrolled + height]

    def _log_of(self, run_id: str) -> list[LogEntry]:
        return [entry for entry in self.engine.log.entries if run_id in entry.text]

    # -- mouse and jump mode

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        first = self.height - self.space.below + len(self._head(self.width))
        found: list[tuple[int, int, Callable[[], object]]] = [
            (x, first, partial(self._show_view, view)) for x, _, view in self._tab_places
        ]
        for y, index in enumerate(self._form_rows):
            if index is not None:
                found.append((0, first + y, partial(self._to_field, index)))
        return found

    def _to_field(self, index: int) -> None:
        self.in_form, self.form_cursor = True, index
        self.touch()

    def on_click(self, event: events.Click) -> None:
        if event.widget not in (None, self):
            return  # in a field that stands in the pane, with that field's coordinates
        first = self.height - self.space.below + len(self._head(self.width))
        if event.y < self.height - self.space.below:
            self.in_form = False
            self.touch()
            return  # the table's own handler runs after this
        event.prevent_default()
        if event.x < self.space.form:
            at = event.y - first
            if 0 <= at < len(self._form_rows) and (index := self._form_rows[at]) is not None:
                self._to_field(index)
                if event.chain == 2:
                    self.action_choose()
        elif event.y == first:
            for start, end, view in self._tab_places:
                if start <= event.x <= end:
                    self._show_view(view)
        self.repaint()

    def _wheel(self, event: events.MouseScrollDown | events.MouseScrollUp, by: int) -> None:
        """Over the lower part the wheel moves form or table, over the runs it is the table's own handler's."""
        if event.y < self.height - self.space.below:
            return
        if event.x < self.space.form and self.form is not None:
            self.form_cursor = max(0, min(self.form_cursor + by, len(self.form.fields()) - 1))
        else:
            self.scrolled = max(0, self.scrolled + 3 * by)
        self.touch()
        self.repaint()
        event.stop()
        event.prevent_default()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)
