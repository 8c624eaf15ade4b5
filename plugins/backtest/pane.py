"""The backtest page: pick candles and a strategy, hold a key on a parameter, and see what changes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from rich.style import Style
from textual import events

from plugins.backtest import explored, maps, views
from plugins.backtest.axes import axis_name, can_move, can_search
from plugins.backtest.copying import CopyControl
from plugins.backtest.drawing import AXIS, candles, column_of, curves, time_axis, titled
from plugins.backtest.form import Field
from plugins.backtest.keys import ACTIONS
from plugins.backtest.layout import Room, tabs_in, title_of
from screens.figures import sentence
from screens.parts import Line, Part, fit, number, spread, tabs, when
from workstation.research.bench.messages import Picture


class BacktestPane(CopyControl):
    """Everything is worked out in the research process; the page paints what has come back."""

    PANE = "backtest"
    TITLE = "Backtest"
    DEFAULT_KEY = "k"
    FOLLOWS = False
    LEAST = (60, 14)
    ACTIONS = ACTIONS
    _charted: tuple[Picture, tuple[object, ...], list[Line]] | None = None

    def subtitle(self) -> str:
        return f"{self.form.strategy} on {self.form.setup.on}"

    def status(self) -> str:
        session = self.session
        if progress := session.progress():
            return f"{'running …  ' if session.waits else ''}{progress} · Esc stops"
        return "running …" if session.waits else ""

    # -- painting

    def resized(self) -> None:
        if self._begun and self.session.answer is not None:
            self._show_stretch()

    def paint(self, now: int) -> None:
        if not self._begun and self.width and self.height:
            self._begun = True
            self.session.look()
        key = (
            self.session.version, self.width, self.height, self.view, self.in_view, self.has_focus, self.form.cursor,
            self.cursor, tuple(self._axes), self._fan, self._rank, id(self.ink), self._form_top,
        )  # fmt: skip
        if key == self._key and self.painted:
            return
        self._key = key
        space = self.space
        self.put_columns(self._left(space), self._right(space))

    def _left(self, space: Room) -> list[Line]:
        ink, width = self.ink, space.form
        fields = self.form.fields()
        figures = min(len(views.FIGURES), 20)
        listed = min(len(fields), max(6, self.height - 3 - min(figures, 8)))
        self._form_top = max(0, min(self._form_top, self.form.cursor, len(fields) - listed))
        self._form_top = max(self._form_top, self.form.cursor - listed + 1)
        lines: list[Line] = []
        axes = self.axes
        for index in range(self._form_top, min(len(fields), self._form_top + listed)):
            lines.append(self._field_line(fields[index], index == self.form.cursor, width, axes))
        beneath = len(fields) - self._form_top - listed
        helped = textwrap.wrap(self.form.field.help, width - 3, max_lines=2, placeholder=" …")
        lines += [fit([(f"  {line}", ink.dim)], width, ink.text) for line in helped]
        lines += [fit([], width, ink.text)] * (2 - len(helped))
        answer = self.session.answer
        if answer is not None:
            more = f" ▾ {beneath} more " if beneath > 0 else ""
            rule: list[Part] = [("─" * (width - len(more) - 2), ink.line), (more, ink.dim), ("──", ink.line)]
            lines.append(fit(rule, width, ink.text))
            lines += views.figures(answer.metrics, width, max(0, self.height - len(lines)), ink)
        return self.filled(lines, self.height, width)

    def _field_line(self, field: Field, at: bool, width: int, axes: tuple[str, str] | None) -> Line:
        ink = self.ink
        active = at and self.has_focus and not self.in_view
        mark = " "
        if axes is not None and field.key in axes and can_move(field):
            mark = "↔" if field.key == axes[0] else "↕"
        text, label = field.text, field.label
        if field.key in self.form.turned and can_search(field):
            label += " ~" if self.form.moves(field) else " ="
        said = field.rule is not None and field.rule.given
        style = ink.strong if field.parameter or field.spec is None or said else ink.text
        arrows = ("◂", "▸") if active else (" ", " ")
        left: list[Part] = [(mark, ink.own), (label, ink.text if at else ink.dim)]
        room_left = width - len(label) - 5
        if len(text) > room_left:
            text = text[: max(1, room_left - 1)] + "…"
        right: list[Part] = [(f"{arrows[0]} ", ink.accent), (text, style), (f" {arrows[1]}", ink.accent)]
        return spread(left, right, width, ink.on_cursor if active else Style())

    def _right(self, space: Room) -> list[Line]:
        width, session = space.right, self.session
        lines: list[Line] = [self._head(width), self._judgement(width)]
        answer, picture = session.answer, session.picture
        if answer is not None and picture is not None and space.price:
            lines += self._charts(picture, answer.interval, space)
        lines = self.filled(lines, space.tabs_at, width)
        lines.append(self._tabs(width))
        lines += self.filled(self._table(width, space.view), space.view, width)
        return self.filled(lines, self.height, width)

    def _charts(self, picture: Picture, interval: int, space: Room) -> list[Line]:
        """Price, account and drawdown. A run is painted more than once (its answer, its end, its judgement): the charts
        of a picture are drawn once."""
        ink, width = self.ink, space.right
        bar = self._chosen_bar() if picture.instrument == self.pictured else None
        answer = self.session.answer
        key = (width, space.price, space.equity, space.drawdown, bar, interval, id(ink))
        if self._charted is not None and self._charted[0] is picture and self._charted[1] == key:
            return self._charted[2]
        lines = self.filled(candles(picture, width, space.price, ink, bar), space.price, width)
        if answer is not None and answer.instruments:
            lines = titled(lines, f" {answer.instruments[picture.instrument]} ", ink.on_flash + ink.strong)
        lines.append(time_axis(picture, interval, width, ink))
        column = column_of(picture, bar, width - AXIS)
        if space.equity:
            account = curves(
                [(picture.equity, ink.accent), (picture.hold, ink.faded("dim", 0.8))], width, space.equity, ink,
                column=column,
            )  # fmt: skip
            lines += self.filled(_named(account, " account  ", ink.accent, "buy and hold", ink.dim), space.equity,
                                  width)  # fmt: skip
        if space.drawdown:
            fall = curves([(picture.drawdown, ink.faded("ask", 0.7))], width, space.drawdown, ink, "percent", column)
            lines += self.filled(fall, space.drawdown, width)
        self._charted = (picture, key, lines)
        return lines

    def _head(self, width: int) -> Line:
        ink, session = self.ink, self.session
        if session.problem is not None:
            return fit([(" ✖ ", ink.error), (self._problem(width)[0], ink.error)], width, ink.text)
        if session.answer is None:
            words = sentence(session.notice) or ("Starting the research process …" if self._begun else "")
            return fit([(f" {words}", ink.dim)], width, ink.text)
        answer = session.answer
        span = f"{when(answer.start, answer.interval)} to {when(answer.end, answer.interval)}"
        left: list[Part] = [
            (f" {answer.title}", ink.strong),
            (f" on {answer.setup.on}", ink.text),
            *((f"  {sentence(words)}", ink.own) for words in answer.setup.words),
            (f"  {number(answer.bars, ',.0f')} bars  {span}", ink.dim),
        ]
        seconds = (
            number(1000 * answer.seconds, ",.1f", " ms") if answer.seconds < 1 else number(answer.seconds, ".1f", " s")
        )
        return spread(left, [(f" {sentence(session.notice) or seconds} ", ink.dim)], width, ink.text)

    def _problem(self, width: int) -> list[str]:
        return textwrap.wrap(sentence(self.session.problem or ""), max(20, width - 4)) or [""]

    def _judgement(self, width: int) -> Line:
        ink, session = self.ink, self.session
        if session.problem is not None:
            more = " ".join(self._problem(width)[1:])
            words = more or ("Below is the run before." if session.answer is not None else "")
            return fit([(f"   {words}", ink.error if more else ink.dim)], width, ink.text)
        if session.answer is None:
            return fit([], width, ink.text)
        found = session.verdicts()
        if not found:
            return fit([(" ○ Is it luck? Being judged …", ink.dim)], width, ink.text)
        parts: list[Part] = []
        for verdict in found[:1]:
            style = maps.verdict_style(verdict, ink)
            parts += [
                (" ● ", style),
                (verdict.head + "  ", style + Style(bold=True)),
                (sentence(verdict.text) + "  ", ink.text),
            ]
        for verdict in found[1:]:
            parts += [("● ", maps.verdict_style(verdict, ink)), (verdict.head + "  ", ink.dim)]
        return fit(parts, width, ink.text)

    def _tabs(self, width: int) -> Line:
        ink = self.ink
        views, short = tabs_in(width, self.view)
        named = ((view, title_of(view, short)) for view in views)
        on = ink.on_accent if self.in_view else ink.strong + ink.on_cursor
        line, self._tab_places = tabs(named, self.view, width, ink, on, self.space.form + 1)
        return line

    def _table(self, width: int, height: int) -> list[Line]:
        ink, session = self.ink, self.session
        answer = session.answer
        active = self.in_view and self.has_focus
        if height <= 0 or answer is None or session.trades is None:
            return []
        top = self._tops.get(self.view, 0)
        match self.view:
            case "trades":
                top = self._keep_in_sight(session.trades.count, height - 1)
                return views.trades(session.trades, answer, width, height, ink, self.cursor, top, active)
            case "runs":
                top = self._keep_in_sight(len(session.stored), height - 1)
                return views.runs(session.stored, session, width, height, ink, self.cursor, top, active)
            case "figures" if session.compared:
                return views.compared(answer.metrics, session.compared, width, height, ink, top)
            case "figures":
                return views.figures(answer.metrics, width, height, ink, top)
            case "months":
                return views.months(answer, width, height, ink, top)
            case "splits":
                return explored.splits(session.splits, width, height, ink, top)
            case "search":
                rows = len(session.searched.listed()) if session.searched is not None else 0
                top = self._keep_in_sight(rows, explored.search_rows(session.searched, height))
                return explored.search(session, width, height, ink, self.cursor, top, active)
            case "band":
                return explored.band(session, width, height, ink, top)
            case "sweep":
                if session.sweep is None:
                    return self._sweep_hint(width)
                return maps.sweep_map(session.sweep, width, height, ink, self.cursor, active)
            case "luck":
                return maps.luck(session, width, height, ink, self._fan)
        return maps.walk(session, width, height, ink)

    def _sweep_hint(self, width: int) -> list[Line]:
        axes = self.axes
        if axes is None:
            words = "This strategy cannot be swept: it has no two parameters, or no signals of ours."
        else:
            across, down = (axis_name(axis, self.form.whole_rules) for axis in axes)
            words = (
                f"s runs every combination of {across} (↔) and {down} (↕); x and y in the form choose others: "
                "parameters, sizes, exits, protections."
            )
        return [fit([(f" {line}", self.ink.dim)], width, self.ink.text) for line in textwrap.wrap(words, width - 2)]

    def _keep_in_sight(self, rows: int, body: int) -> int:
        cursor = max(0, min(self.cursor, rows - 1))
        self._cursors[self.view] = cursor
        top = max(0, min(self._tops.get(self.view, 0), rows - body))
        top = min(top, cursor)
        top = max(top, cursor - body + 1)
        self._tops[self.view] = top
        return top

    # -- mouse and jump mode

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        found: list[tuple[int, int, Callable[[], object]]] = []
        for x, _, view in self._tab_places:
            found.append((x, self.space.tabs_at, lambda view=view: self._show_view(view)))  # type: ignore[misc]
        for y in range(min(len(self.form.fields()) - self._form_top, self.height)):
            found.append((0, y, lambda y=y: self._to_field(y + self._form_top)))  # type: ignore[misc]
        return found

    def _to_field(self, index: int) -> None:
        self.in_view = False
        self.form.cursor = min(index, len(self.form.fields()) - 1)

    def on_click(self, event: events.Click) -> None:
        if event.widget not in (None, self):
            return  # in a field that stands in the pane, with that field's coordinates
        space = self.space
        if event.x < space.form:
            index = self._form_top + event.y
            if index < len(self.form.fields()):
                self._to_field(index)
                if event.chain == 2:
                    self.action_choose()
        elif event.y == space.tabs_at:
            for first, last, view in self._tab_places:
                if first <= event.x <= last:
                    self._show_view(view)
        elif event.y > space.tabs_at + 1 and self.view == "trades":
            self.in_view = True
            self._cursors["trades"] = self._tops.get("trades", 0) + event.y - space.tabs_at - 2
            self._follow_trade()
            if event.chain == 2:
                self._choose_in_view()
        self.repaint()

    def _wheel(self, event: events.MouseScrollDown | events.MouseScrollUp, by: int) -> None:
        if event.x < self.space.form:
            self.form.move(by)
        else:
            self._move_in_view(3 * by)
        self.repaint()
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)


def _named(lines: list[Line], first: str, style: Style, second: str, other: Style) -> list[Line]:
    """The names of two lines over the first empty cells of a chart's first row."""
    if not lines:
        return lines
    text = "".join(part for part, _ in lines[0])
    names = first + second
    if text[: len(names)].strip():
        return lines
    rest: list[Part] = []
    skip = len(names)
    for part, painted in lines[0]:
        kept = part[skip:] if skip < len(part) else ""
        skip = max(0, skip - len(part))
        if kept:
            rest.append((kept, painted))
    return [((first, style), (second, other), *rest), *lines[1:]]
