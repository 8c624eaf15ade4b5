"""The backtest page: pick candles and a strategy, hold a key on a parameter, and see what changes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events

from plugins.backtest import views
from plugins.backtest.drawing import AXIS, candles, column_of, curves, time_axis
from plugins.backtest.form import Field, Form, value_text
from plugins.backtest.keys import ACTIONS
from plugins.backtest.layout import VIEWS, Room, room
from plugins.backtest.parts import Line, Part, fit, number, spread, when
from plugins.backtest.session import Session
from screens.painted import PaintedPane
from screens.pane import Desk
from workstation.research.bench.messages import RunAnswer
from workstation.trading.errors import Refused

_LEAST_BARS = 10


class BacktestPane(PaintedPane):
    """Everything is worked out in the research process; the page paints what has come back."""

    PANE = "backtest"
    TITLE = "Backtest"
    DEFAULT_KEY = "k"
    FOLLOWS = False
    LEAST = (60, 14)
    ACTIONS = ACTIONS

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        saved = self.settings.get("form")
        self.form = Form(saved if isinstance(saved, dict) else None)
        self.session = Session(self.engine, self.form, self.spawn)
        self.session.on_answer = self._answered
        view = self.settings.get("view")
        self.view: str = view if view in VIEWS else "trades"
        self.in_view = False
        self._cursors: dict[str, int] = {}
        self._tops: dict[str, int] = {}
        self._axes: list[str] = []
        self._rank = 0
        self._fan = 0
        self._stretch: tuple[int, int] | None = None  # the bars that the chart shows; None for all
        self._key: Hashable = None
        self._tab_places: list[tuple[int, int, str]] = []
        self._form_top = 0
        self._begun = False

    # -- what is there

    @property
    def space(self) -> Room:
        return room(self.width, self.height, self.view)

    @property
    def cursor(self) -> int:
        return self._cursors.get(self.view, 0)

    @property
    def _columns(self) -> int:
        return max(10, self.space.right - AXIS)

    @property
    def axes(self) -> tuple[str, str] | None:
        """The two parameters of a sweep: those that were marked, else the first numbers of the form."""
        choice = self.form.choice
        if choice is None or not choice.sweeps:
            return None
        names = [spec.name for spec in choice.parameters if spec.kind in ("int", "float")]
        names += [spec.name for spec in choice.parameters if spec.kind not in ("int", "float")]
        chosen = [name for name in self._axes if name in names]
        chosen += [name for name in names if name not in chosen]
        return (chosen[0], chosen[1]) if len(chosen) >= 2 else None

    def subtitle(self) -> str:
        return f"{self.form.strategy} on {self.form.candles}"

    def status(self) -> str:
        session = self.session
        if session.busy == "Sweep" and session.sweep is not None:
            left = session.sweep.left
            rest = "" if left is None else f", {left:.0f} s left"
            return f"sweep {len(session.sweep.cells)} of {session.sweep.total}{rest} · Esc stops"
        if session.busy:
            return f"{session.busy} {len(session.walk_steps)} done · Esc stops"
        return "running" if session.running and session.answer is None else ""

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
        if key == self._key and self._row_keys and self._row_keys[0] is not None:
            return
        self._key = key
        space = self.space
        left, right = self._left(space), self._right(space)
        rule = ("│", self.ink.line)
        for y in range(self.height):
            parts = (*left[y], rule, *right[y])
            self.put(y, parts, lambda parts=parts: [Segment(*part) for part in parts])  # type: ignore[misc]

    def _filled(self, lines: list[Line], height: int, width: int) -> list[Line]:
        empty = fit([], width, self.ink.text)
        return [*lines[:height], *([empty] * (height - len(lines)))]

    def _left(self, space: Room) -> list[Line]:
        ink, width = self.ink, space.form
        fields = self.form.fields()
        figures = min(len(views.FIGURES), 20)
        listed = min(len(fields), max(6, self.height - 3 - min(figures, 8)))
        self._form_top = max(0, min(self._form_top, self.form.cursor, len(fields) - listed))
        self._form_top = max(self._form_top, self.form.cursor - listed + 1)
        lines: list[Line] = []
        for index in range(self._form_top, min(len(fields), self._form_top + listed)):
            lines.append(self._field_line(fields[index], index == self.form.cursor, width))
        helped = textwrap.wrap(self.form.field.help, width - 3)[:2]
        lines += [fit([(f"  {line}", ink.dim)], width, ink.text) for line in helped]
        lines += [fit([], width, ink.text)] * (2 - len(helped))
        answer = self.session.answer
        if answer is not None:
            lines.append(fit([("─" * width, ink.line)], width, ink.text))
            lines += views.figures(answer.metrics, width, max(0, self.height - len(lines)), ink)
        return self._filled(lines, self.height, width)

    def _field_line(self, field: Field, at: bool, width: int) -> Line:
        ink = self.ink
        active = at and self.has_focus and not self.in_view
        axes = self.axes
        mark = " "
        if field.parameter and axes is not None and field.key in axes:
            mark = "↔" if field.key == axes[0] else "↕"
        text = value_text(field)
        style = ink.strong if field.parameter or field.spec is None else ink.text
        arrows = ("◂", "▸") if active else (" ", " ")
        left: list[Part] = [(mark, ink.own), (field.label, ink.text if at else ink.dim)]
        room_left = width - len(field.label) - 5
        if len(text) > room_left:
            text = text[: max(1, room_left - 1)] + "…"
        right: list[Part] = [(f"{arrows[0]} ", ink.accent), (text, style), (f" {arrows[1]}", ink.accent)]
        return spread(left, right, width, ink.on_cursor if active else Style())

    def _right(self, space: Room) -> list[Line]:
        ink, width, session = self.ink, space.right, self.session
        lines: list[Line] = [self._head(width), self._judgement(width)]
        answer, picture = session.answer, session.picture
        if answer is not None and picture is not None and space.price:
            bar = self._chosen_bar()
            chart = candles(picture, width, space.price, ink, bar)
            lines += self._filled(chart, space.price, width)
            lines.append(time_axis(picture, answer.interval, width, ink))
            column = column_of(picture, bar, width - AXIS)
            if space.equity:
                account = curves(
                    [(picture.equity, ink.accent), (picture.hold, ink.faded("dim", 0.8))], width, space.equity, ink,
                    column=column,
                )  # fmt: skip
                lines += self._filled(_named(account, " account  ", ink.accent, "buy and hold", ink.dim), space.equity,
                                      width)  # fmt: skip
            if space.drawdown:
                fall = curves(
                    [(picture.drawdown, ink.faded("ask", 0.7))], width, space.drawdown, ink, "percent", column
                )
                lines += self._filled(fall, space.drawdown, width)
        lines = self._filled(lines, space.tabs_at, width)
        lines.append(self._tabs(width))
        lines += self._filled(self._table(width, space.view), space.view, width)
        return self._filled(lines, self.height, width)

    def _head(self, width: int) -> Line:
        ink, session = self.ink, self.session
        if session.problem is not None:
            return fit([(" ✖ ", ink.error), (self._problem(width)[0], ink.error)], width, ink.text)
        if session.answer is None:
            words = session.notice or ("Starting the research process …" if self._begun else "")
            return fit([(f" {words}", ink.dim)], width, ink.text)
        answer = session.answer
        span = f"{when(answer.start, answer.interval)} to {when(answer.end, answer.interval)}"
        left: list[Part] = [
            (f" {answer.title}", ink.strong),
            (f" on {answer.setup.candles}", ink.text),
            (f"  {number(answer.bars, ',.0f')} bars  {span}", ink.dim),
        ]
        seconds = (
            number(1000 * answer.seconds, ",.1f", " ms") if answer.seconds < 1 else number(answer.seconds, ".1f", " s")
        )
        return spread(left, [(f" {session.notice or seconds} ", ink.dim)], width, ink.text)

    def _problem(self, width: int) -> list[str]:
        return textwrap.wrap(self.session.problem or "", max(20, width - 4)) or [""]

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
            style = views.verdict_style(verdict, ink)
            parts += [(" ● ", style), (verdict.head + "  ", style + Style(bold=True)), (verdict.text + "  ", ink.text)]
        for verdict in found[1:]:
            parts += [("● ", views.verdict_style(verdict, ink)), (verdict.head + "  ", ink.dim)]
        return fit(parts, width, ink.text)

    def _tabs(self, width: int) -> Line:
        ink = self.ink
        parts: list[Part] = []
        places, x = [], self.space.form + 1
        for view in VIEWS:
            text = f" {view.title() if view != 'walk' else 'Walk-forward'} "
            chosen = view == self.view
            style = ink.on_accent if chosen and self.in_view else ink.strong + ink.on_cursor if chosen else ink.dim
            parts.append((text, style if chosen else style + ink.on_bar))
            places.append((x, x + len(text) - 1, view))
            x += len(text)
        self._tab_places = places
        return fit(parts, width, ink.on_bar)

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
            case "figures" if session.compared is not None:
                return views.compared(answer.metrics, session.compared, width, height, ink, top)
            case "figures":
                return views.figures(answer.metrics, width, height, ink, top)
            case "months":
                return views.months(answer, width, height, ink, top)
            case "sweep":
                if session.sweep is None:
                    return self._sweep_hint(width)
                return views.sweep_map(session.sweep, width, height, ink, self.cursor, active)
            case "luck":
                return views.luck(session, width, height, ink, self._fan)
        return views.walk(session, width, height, ink)

    def _sweep_hint(self, width: int) -> list[Line]:
        axes = self.axes
        words = (
            "This strategy cannot be swept: it has no two parameters, or no signals of ours."
            if axes is None
            else f"s runs every combination of {axes[0]} (↔) and {axes[1]} (↕); x and y in the form choose others."
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

    def _chosen_bar(self) -> int | None:
        trades = self.session.trades
        if trades is None or not trades.count or not (self.in_view and self.view == "trades"):
            return None
        return trades.entry_bar[min(self.cursor, trades.count - 1)]

    # -- running

    def _run(self) -> None:
        self._stretch = None
        self.settings["form"] = self.form.values
        self.save_settings()
        self.session.run(self._columns)

    def _answered(self, answer: RunAnswer) -> None:
        if self._stretch is not None:
            self._show_stretch()
        self.paint(self.engine.clock.now())
        self.flush()

    def _show_stretch(self) -> None:
        first, last = self._stretch or (0, 0)
        self.session.show(first, last, self._columns)

    # -- the form

    def _step(self, by: int) -> None:
        if self.in_view:
            self._move_in_view(0, by)
            return
        if self.form.step(by):
            self._run()

    def action_less(self) -> None:
        self._step(-1)

    def action_more(self) -> None:
        self._step(1)

    def action_far_less(self) -> None:
        self._step(-10)

    def action_far_more(self) -> None:
        self._step(10)

    def action_choose(self) -> None:
        if self.in_view:
            self._choose_in_view()
            return
        field = self.form.field
        if field.key == "candles" and not field.parameter:
            self.action_candles()
        elif field.key == "strategy" and not field.parameter:
            self.action_strategy()
        elif (field.spec is not None and field.spec.kind == "bool") or (
            field.spec is not None and field.spec.kind == "choice"
        ):
            self._step(1)
        else:
            from screens.name_dialog import NameDialog

            dialog = NameDialog(f"{field.label}: {field.help}", value_text(field).replace(",", ""))
            self.app.push_screen(dialog, self._typed)

    def _typed(self, text: str | None) -> None:
        if text is None:
            return
        try:
            changed = self.form.type(text)
        except Refused as refusal:
            self.toast(str(refusal), error=True)
        else:
            if changed:
                self._run()

    def _pick(self, heading: str, placeholder: str, entries: list[Any]) -> None:
        from screens.finder import Finder

        dialog = Finder(heading, placeholder, entries, " Nothing of that name.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _picked(self, key: str, name: str) -> Callable[[], None]:
        def pick() -> None:
            self.form.pick(key, name)
            self._run()

        return pick

    def action_candles(self) -> None:
        from screens.finder import Entry

        if self.form.offer is None:
            self.toast("The candles are not listed yet.")
            return
        entries = [
            Entry(
                one.kind[:10],
                one.spec,
                self._picked("candles", one.spec),
                one.title,
                words=f"{one.title} {one.timeframe}",
            )
            for one in self.form.offer.candles
        ]
        entries.append(Entry("file", "Open a file …", self.action_file, "CSV, Parquet, Feather or JSON"))
        self._pick("Candles", "GOOG, a venue, an interval …", entries)

    def action_strategy(self) -> None:
        from screens.finder import Entry

        if self.form.offer is None:
            self.toast("The strategies are not listed yet.")
            return
        entries = []
        for one in self.form.offer.strategies:
            kind = "broken" if one.error else "yours" if one.source.endswith(".py") else "tws"
            detail = one.error or (one.doc.splitlines()[0] if one.doc else "")
            entries.append(Entry(kind, one.title, self._picked("strategy", one.name), detail, words=one.name))
        self._pick("Strategy", "a name, an idea …", entries)

    def action_file(self) -> None:
        from screens.name_dialog import NameDialog

        def typed(path: str | None) -> None:
            if path:
                self.form.pick("candles", path)
                self._run()

        self.app.push_screen(NameDialog("Candle file", "", "/path/to/candles.csv", 400), typed)

    def action_default(self) -> None:
        if self.form.default():
            self._run()

    def action_again(self) -> None:
        self.session.look()

    # -- the tables

    def _show_view(self, view: str) -> None:
        columns = self._columns
        self.view = view
        self.settings["view"] = view
        self.save_settings()
        if view == "runs":
            self.session.read_stored()
        if self._columns != columns:
            self._show_stretch()

    def action_view(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_view_back(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) - 1) % len(VIEWS)])

    def action_enter_view(self) -> None:
        self.in_view = not self.in_view

    def action_back(self) -> None:
        if self.session.busy:
            self.session.call_off()
            return
        self.in_view = False
        if self._stretch is not None:
            self._stretch = None
            self._show_stretch()

    def _move_in_view(self, down: int, across: int = 0) -> None:
        session = self.session
        if self.view == "sweep" and session.sweep is not None:
            columns = len(session.sweep.request.across_values)
            row, column = divmod(self.cursor, columns)
            row = max(0, min(row + down, len(session.sweep.request.down_values) - 1))
            self._cursors["sweep"] = row * columns + max(0, min(column + across, columns - 1))
        elif self.view == "trades" and session.trades is not None:
            self._cursors["trades"] = max(0, min(self.cursor + down + across, session.trades.count - 1))
            if self._stretch is not None:
                self._centre()
        elif self.view == "runs":
            self._cursors["runs"] = max(0, min(self.cursor + down + across, len(session.stored) - 1))
        else:
            most = views.figure_rows(self.space.right) if self.view == "figures" else 60
            self._tops[self.view] = max(0, min(self._tops.get(self.view, 0) + down, most - 3))
            session.bump()

    def _choose_in_view(self) -> None:
        session = self.session
        if self.view == "trades" and session.trades is not None and session.trades.count:
            if self._stretch is None:
                self._zoom_to(max(_LEAST_BARS, self._columns))
            else:
                self._centre()
        elif self.view == "runs" and self.cursor < len(session.stored):
            self._stretch = None
            session.run_stored(session.stored[self.cursor])
        elif self.view == "sweep" and session.sweep is not None:
            sweep = session.sweep
            if (sweep.request.setup.strategy, sweep.request.setup.candles) != (self.form.strategy, self.form.candles):
                self.toast("The map is of another strategy or other candles: s runs it again.", error=True)
                return
            self.form.put_params(sweep.params(self.cursor))
            self._run()

    def _move(self, by: int) -> None:
        if self.in_view:
            self._move_in_view(by)
        else:
            self.form.move(by)

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(-max(1, self.space.view - 2))

    def action_page_down(self) -> None:
        self._move(max(1, self.space.view - 2))

    def action_first(self) -> None:
        self._move(-1_000_000)

    def action_last(self) -> None:
        self._move(1_000_000)

    def action_compare(self) -> None:
        if self.view != "runs" or self.cursor >= len(self.session.stored):
            self.toast("Choose a stored run in the table Runs first.", error=True)
            return
        self.session.compare(self.session.stored[self.cursor])

    def action_runs(self) -> None:
        self._show_view("runs")
        self.in_view = True

    # -- the chart

    def _bars(self) -> tuple[int, int, int]:
        total = self.session.answer.bars if self.session.answer is not None else 0
        first, last = self._stretch or (0, total)
        return first, last, total

    def _focus_bar(self) -> int:
        first, last, _ = self._bars()
        bar = self._chosen_bar()
        return bar if bar is not None else (first + last) // 2

    def _zoom_to(self, bars: int, middle: int | None = None) -> None:
        total = self._bars()[2]
        if not total:
            return
        if bars >= total:
            self._stretch = None
        else:
            middle = self._focus_bar() if middle is None else middle
            first = max(0, min(middle - bars // 2, total - bars))
            self._stretch = (first, first + bars)
        self._show_stretch()

    def _centre(self) -> None:
        first, last, _ = self._bars()
        bar = self._chosen_bar()
        if bar is not None and not first + (last - first) // 8 <= bar < last - (last - first) // 8:
            self._zoom_to(last - first, bar)

    def action_zoom_in(self) -> None:
        first, last, _ = self._bars()
        self._zoom_to(max(_LEAST_BARS, (last - first) // 2))

    def action_zoom_out(self) -> None:
        first, last, _ = self._bars()
        self._zoom_to((last - first) * 2)

    def _pan(self, direction: int) -> None:
        first, last, _ = self._bars()
        self._zoom_to(last - first, (first + last) // 2 + direction * (last - first) // 2)

    def action_earlier(self) -> None:
        self._pan(-1)

    def action_later(self) -> None:
        self._pan(1)

    # -- the search

    def _mark_axis(self, place: int) -> None:
        field = self.form.field
        axes = self.axes
        if not field.parameter or axes is None:
            self.toast("Put the form's cursor on a parameter first.", error=True)
            return
        chosen = list(axes)
        if field.key == chosen[1 - place]:
            chosen.reverse()
        else:
            chosen[place] = field.key
        self._axes = chosen

    def action_across(self) -> None:
        self._mark_axis(0)

    def action_down_axis(self) -> None:
        self._mark_axis(1)

    def action_rank(self) -> None:
        self._rank = (self._rank + 1) % len(views.RANKS)
        self.toast(f"The map ranks by {views.label_of(views.RANKS[self._rank])}.")
        if self.session.sweep is not None and self.view == "sweep":
            self.action_sweep()

    def action_sweep(self) -> None:
        axes = self.axes
        if axes is None:
            self.toast("Only strategies with signals and two parameters can be swept.", error=True)
            return
        self._show_view("sweep")
        self.session.start_sweep(self.session.sweep_request(*axes, views.RANKS[self._rank]))
        total = self.session.sweep.total if self.session.sweep is not None else 1
        self._cursors["sweep"] = min(self._cursors.get("sweep", 0), total - 1)
        self.in_view = True

    def action_best(self) -> None:
        sweep = self.session.sweep
        if sweep is None or sweep.answer is None or sweep.answer.best is None:
            self.toast("There is no finished sweep: s runs one.", error=True)
            return
        self._show_view("sweep")
        self._cursors["sweep"] = sweep.answer.best
        self.in_view = True

    def _walk(self, anchored: bool) -> None:
        axes = self.axes
        if axes is None:
            self.toast("Only strategies with signals and two parameters can walk forward.", error=True)
            return
        self._show_view("walk")
        self.session.start_walk(self.session.sweep_request(*axes, views.RANKS[self._rank]), anchored)

    def action_walk(self) -> None:
        self._walk(False)

    def action_walk_anchored(self) -> None:
        self._walk(True)

    def action_fan(self) -> None:
        self._fan += 1
        self._show_view("luck")

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
