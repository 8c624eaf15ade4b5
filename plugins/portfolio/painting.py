"""What the portfolio page shows: form, frontier, weights and tables, painted from what has come back."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable
from typing import Any

from rich.style import Style

from plugins.portfolio import order_views, views
from plugins.portfolio.form import OF_ORDERS, Field, Form
from plugins.portfolio.keys import ACTIONS
from plugins.portfolio.layout import Room, room_of
from plugins.portfolio.plot import Mark, plot
from plugins.portfolio.session import Session
from plugins.portfolio.views import SHORT, TITLES, VIEWS, percent
from screens.figures import money_text, sentence
from screens.painted import PaintedPane
from screens.pane import Desk
from screens.parts import Line, Part, count, fit, number, spread, tabs
from workstation.clock import SECOND
from workstation.domain.plan import PlanState
from workstation.portfolio.methods import MEASURES
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress
from workstation.trading.rebalancing.looking import RebalancePreview

#: How old the orders that show may be, ns: prices move.
_FRESH = 2 * SECOND


class PortfolioPainting(PaintedPane):
    """The page without its keys."""

    PANE = "portfolio"
    TITLE = "Portfolio"
    DEFAULT_KEY = "f"
    FOLLOWS = False
    PACE = 2
    LEAST = (60, 14)
    ACTIONS = ACTIONS

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        saved = self.settings.get("form")
        self.form = Form(saved if isinstance(saved, dict) else None)
        self.session = Session(lambda: self.engine, self.form, self.spawn)
        view = self.settings.get("view")
        self.view: str = view if view in VIEWS else "orders"
        self.walking = False  # the arrows walk along the frontier
        self._top = 0
        self._cursor = 0
        self._form_top = 0
        self._begun = False
        self._key: Hashable = None
        self._tab_places: list[tuple[int, int, str]] = []
        self._preview: RebalancePreview | None = None
        self._refused = ""
        self._preview_key: Hashable = None
        self._progress: Progress | None = None
        self._was_active = False
        self._sent = ""  # the id of the rebalance that was sent from here and whose end was not told yet
        self._held: dict[str, float] = {}
        self._figures_key: Hashable = None
        self._figures: Any = (None, None)

    # -- what is there

    @property
    def space(self) -> Room:
        return room_of(self.width, self.height)

    @property
    def currency(self) -> str:
        return self.engine.currency

    def subtitle(self) -> str:
        session = self.session
        count = len(session.assets)
        return f"{session.table.name}, {count} assets" if session.table is not None else ""

    def status(self) -> str:
        if self._progress is not None:
            return sentence(self._progress.sentence)
        return self.session.busy.lower() + (" · Esc stops" if "Walk" in self.session.busy else "")

    def _scale(self) -> tuple[float, float]:
        """What risk and return of one period are multiplied by to be those of a year."""
        table = self.session.table
        periods = table.periods_per_year if table is not None else 1.0
        return (math.sqrt(periods) if MEASURES[self.form["risk"]].annual else 1.0), periods

    # -- painting

    def paint(self, now: int) -> None:
        if not self._begun and self.width and self.height and self.engine.ready:
            self._begun = True
            self.session.look()
        self._look(now)
        key = (
            self.session.version, self.width, self.height, self.view, self.walking, self.has_focus, self.form.cursor,
            self._top, self._cursor, id(self.ink), self._form_top, id(self._preview), self._refused,
            None if self._progress is None else (self._progress.sentence, self._progress.trades),
            tuple(self._held.values()),
        )  # fmt: skip
        if key == self._key and self.painted:
            return
        self._key = key
        space = self.space
        self.put_columns(self._left(space), self._right(space))

    def _look(self, now: int) -> None:
        """The orders and the progress as they are now."""
        session, engine = self.session, self.engine
        if not engine.ready:
            return
        self._progress = session.active()
        if self._was_active and self._progress is None:
            session.refresh()  # what is held is another portfolio now
        self._was_active = self._progress is not None
        self._tell_end()
        choice = session.choice
        if choice is None:
            self._preview, self._preview_key = None, None
            return
        key = (
            session.version, session.place, now // _FRESH, engine.portfolio_version,
            tuple(self.form[one] for one in sorted(OF_ORDERS)),
        )  # fmt: skip
        if key == self._preview_key:
            return
        self._preview_key = key
        self._held = {asset: round(weight, 5) for asset, weight in session.held().items()}
        try:
            self._preview, self._refused = session.preview(), ""
        except Refused as refused:
            self._preview, self._refused = None, str(refused)

    def _tell_end(self) -> None:
        """What came of the rebalance that was sent from here: a plan that takes at once is over in a blink."""
        if not self._sent or (rebalance := self.engine.rebalance(self._sent)) is None or rebalance.is_active:
            return
        found, self._sent = self.engine.rebalance_progress(self._sent), ""
        good = rebalance.state is PlanState.DONE
        why = "" if good or not rebalance.reason else f" ({sentence(rebalance.reason)})"
        self.toast(f"{sentence(found.sentence)}{why}; fees {money_text(found.fees)} {self.currency}.", error=not good)

    def _left(self, space: Room) -> list[Line]:
        ink, width = self.ink, space.form
        fields = self.form.fields()
        at = self.form.field
        help_lines = textwrap.wrap(self._help(at), width - 3)[:4]
        listed = max(4, self.height - 1 - max(3, len(help_lines)))
        rows: list[tuple[str, Field | None]] = []
        group = ""
        for field in fields:
            if field.group != group:
                group = field.group
                rows.append((group, None))
            rows.append((field.key, field))
        cursor = next(i for i, (_, field) in enumerate(rows) if field is at)
        self._form_top = max(0, min(self._form_top, cursor - 1, len(rows) - listed))
        self._form_top = max(self._form_top, cursor - listed + 1)
        lines: list[Line] = []
        for name, row in rows[self._form_top : self._form_top + listed]:
            if row is None:
                lines.append(
                    fit(
                        [(f" {name} ", ink.faded("dim", 0.8)), ("─" * (width - len(name) - 2), ink.line)],
                        width,
                        ink.text,
                    )
                )
            else:
                lines.append(self._field_line(row, row is at, width))
        lines = self.filled(lines, self.height - max(3, len(help_lines)) - 1, width)
        lines.append(fit([("─" * width, ink.line)], width, ink.text))
        lines += [fit([(f" {line}", ink.dim)], width, ink.text) for line in help_lines]
        return self.filled(lines, self.height, width)

    def _help(self, field: Field) -> str:
        if field.key == "universe":
            return "Where prices come from: a venue, stored candles, a file (F), recorded shares."
        if field.key == "assets":
            lacking = self.session.unlisted()
            words = "Which assets take part; Enter picks."
            if lacking and self.session.table is not None:
                words += f" {len(lacking)} of them no venue here lists: they get weights, and no orders."
            return words
        text = self.form.help(field)
        if field.low != field.high:
            text += f" ({number(field.low, 'g')} to {number(field.high, ',g')})"
        return text

    def _field_line(self, field: Field, at: bool, width: int) -> Line:
        ink = self.ink
        active = at and self.has_focus and not self.walking
        if field.key == "universe":
            spec = str(self.form["universe"])
            found = next((one.title for one in self.session.universes if one.spec == spec), spec)
            text = found.rpartition("/")[2] or found
        elif field.key == "assets":
            table = self.session.table
            text = f"{len(self.session.assets)} of {len(table.assets)}" if table is not None else "–"
        else:
            text = self.form.shown(field)
        arrows = ("◂", "▸") if active else (" ", " ")
        room = width - len(field.label) - 5
        if len(text) > room:
            text = text[: max(1, room - 1)] + "…"
        left: list[Part] = [(f" {field.label}", ink.text if at else ink.dim)]
        right: list[Part] = [(f"{arrows[0]} ", ink.accent), (text, ink.strong), (f" {arrows[1]}", ink.accent)]
        return spread(left, right, width, ink.on_cursor if active else Style())

    def _right(self, space: Room) -> list[Line]:
        ink, width = self.ink, space.right
        lines: list[Line] = [self._head(width), self._second(width)]
        picture = self.filled(self._plot(space), space.above, space.plot) if space.plot else []
        choice = self.session.choice
        table: list[Line] = []
        if choice is not None:
            listed = self.session.instruments()
            table = views.weights(choice, self._held, listed, space.weights, space.above, ink, self._top_of("weights"))
        table = self.filled(table, space.above, space.weights)
        rule = ("│", ink.line)
        for y in range(space.above):
            lines.append((*picture[y], rule, *table[y]) if space.plot else table[y])
        lines.append(self._tabs(width))
        lines += self.filled(self._table(width, space.below), space.below, width)
        return self.filled(lines, self.height, width)

    def _top_of(self, what: str) -> int:
        return self._top if what == "weights" and self.walking else 0

    def _head(self, width: int) -> Line:
        ink, session = self.ink, self.session
        if session.problem:
            return fit([(" ✖ ", ink.error), (self._problem(width)[0], ink.error)], width, ink.text)
        choice = session.choice
        if choice is None:
            words = sentence(session.notice) or session.busy or "Starting the portfolio process"
            return fit([(f" {words} …" if not words.endswith("…") else f" {words}", ink.dim)], width, ink.text)
        rx, ry = self._scale()
        measure = MEASURES[self.form["risk"]]
        ratio = number(self._ratio(choice.expected, choice.risk))
        year = " a year" if measure.annual else ""
        if width < 84:
            risk = "vol" if measure.code == "MV" else measure.code
            left: list[Part] = [
                (f" {choice.name}", ink.strong), ("  return ", ink.dim), (percent(choice.expected * ry), ink.text),
                (f"  {risk} ", ink.dim), (percent(choice.risk * rx), ink.text), ("  ratio ", ink.dim),
                (ratio, ink.text), (year if width >= 60 else "", ink.dim),
            ]  # fmt: skip
        else:
            risk = "volatility" if measure.code == "MV" else measure.code
            left = [
                (f" {choice.name}", ink.strong), ("   return ", ink.dim), (percent(choice.expected * ry), ink.text),
                (f" a year   {risk} ", ink.dim), (percent(choice.risk * rx), ink.text), (year, ink.dim),
                ("   ratio ", ink.dim), (ratio, ink.text),
            ]  # fmt: skip
        right = sentence(session.notice)
        if not right and not session.busy and session.frontier is not None and width >= 90:
            seconds = session.frontier.seconds
            right = number(1000 * seconds, ",.0f", " ms") if seconds < 1 else number(seconds, ".1f", " s")
        return spread(left, [(f" {right} ", ink.dim)], width, ink.text)

    def _problem(self, width: int) -> list[str]:
        """What is wrong, in lines; with what can be done all the same where it fits into two of them."""
        words = sentence(self.session.problem)
        if self.session.choice is not None:
            longer = textwrap.wrap(f"{words} The frontier can be walked: f, then ← →.", width - 4)
            if 1 < len(longer) <= 2:
                return longer
        return textwrap.wrap(words, width - 4) or [""]

    def _ratio(self, expected: float, risk: float) -> float:
        """Of a year where the risk is one that scales with the square root of time, else of a period."""
        rx, ry = self._scale()
        rf = self.form["rf"] / 100 / ry
        times = ry / rx if MEASURES[self.form["risk"]].annual else 1.0
        return (expected - rf) / risk * times if risk > 0 else float("nan")

    def _second(self, width: int) -> Line:
        """Risk before and after, and what must not be missed."""
        ink, session = self.ink, self.session
        if session.problem:
            rest = " ".join(self._problem(width)[1:])
            if rest or session.choice is None:
                return fit([(f"   {rest}", ink.error)], width, ink.text)
            return fit([("   The frontier can be walked all the same: f, then ← →.", ink.dim)], width, ink.text)
        choice, frontier = session.choice, session.frontier
        if choice is None:
            return fit([], width, ink.text)
        rx, _ = self._scale()
        parts: list[Part] = []
        if frontier is not None and frontier.held is not None:
            before, after = frontier.held.risk * rx, choice.risk * rx
            if before > 0:
                parts += [
                    (" Risk now ", ink.dim), (percent(before), ink.text), (" → ", ink.dim),
                    (percent(after), ink.signed(round(before - after, 2)) + Style(bold=True)), ("   ", ink.dim),
                ]  # fmt: skip
            else:
                parts += [(" Nothing is held: risk 0.0% → ", ink.dim), (percent(after), ink.strong), ("   ", ink.dim)]
        lacking = session.unlisted()
        notes = session.allocation.notes if session.allocation is not None else ()
        if lacking:
            names = ", ".join(lacking[:4]) + (" …" if len(lacking) > 4 else "")
            whole = len(lacking) == len(session.assets)
            words = (
                "No venue of this desk lists these assets: weights only, no orders."
                if whole
                else f"Not listed here, so without orders: {names}."
            )
            if notes:  # what is wrong with the prices goes first
                words = "Not listed here: weights only." if whole else "Some are not listed here."
        if notes:
            parts.append((f" {sentence(notes[0])}", ink.warning))
        if lacking:
            parts.append((f" {words}", ink.warning))
        elif not notes and (reminder := self._reminder()):
            parts.append(reminder)
        elif frontier is not None and frontier.best is None and not notes:
            rows = 0 if session.table is None else len(session.table) - 1
            words = f"None of them beats the risk-free rate over {count(rows)} bars: there is no best ratio."
            parts.append((words if parts else f" {words}", ink.dim))
        return fit(parts, width, ink.text)

    def _reminder(self) -> Part | None:
        """When the calendar's next rebalance is due."""
        due = self.session.due()
        if due is None:
            return None
        if self.engine.clock.now() >= due:
            return ("The rebalance is due by the calendar: g shows and sends it.", self.ink.warning)
        return (f"Next rebalance {self.session.due_words(due)}.", self.ink.dim)

    def _plot(self, space: Room) -> list[Line]:
        session = self.session
        frontier, choice, allocation = session.frontier, session.choice, session.allocation
        if frontier is None or choice is None:
            words = sentence(session.notice) if session.notice.startswith("No frontier") else ""
            if len(self._problem(space.right)) > 2:  # there is more of the sentence than the head shows
                words = sentence(session.problem)
            wrapped = textwrap.wrap(words, max(10, space.plot - 4))
            return [fit([(f"  {line}", self.ink.dim)], space.plot, self.ink.text) for line in ["", *wrapped]]
        method = None
        if allocation is not None and allocation.problem.risk == frontier.problem.risk:
            method = Mark(allocation.risk_value, allocation.expected_return)
        held = None
        if frontier.held is not None and frontier.held.risk > 0:
            held = Mark(frontier.held.risk, frontier.held.expected_return)
        chosen = Mark(choice.risk, choice.expected) if session.place is not None else method
        return plot(frontier, self._scale(), chosen, method, space.plot, space.above, self.ink, held=held)

    def _tabs(self, width: int) -> Line:
        ink = self.ink
        titles = TITLES if width >= 80 else SHORT
        named, on = ((view, titles[view]) for view in VIEWS), ink.strong + ink.on_cursor
        line, self._tab_places = tabs(named, self.view, width, ink, on, self.space.form + 1)
        return line

    def _table(self, width: int, height: int) -> list[Line]:
        ink, session = self.ink, self.session
        choice = session.choice
        top = self._top
        if self.view == "orders":
            if self._progress is not None:
                return order_views.progress(self._progress, self.currency, width, height, ink, top)
            if self._preview is not None:
                return order_views.orders(self._preview, self.currency, width, height, ink, top)
            refused = textwrap.wrap(sentence(self._refused), max(10, width - 2)) or [""]
            return [fit([(f" {line}", ink.warning)], width, ink.text) for line in refused]
        if self.view == "saved":
            return views.saved(session.kept(), self._cursor, width, height, ink, self.has_focus)
        if self.view == "compare":
            cost = self.form["costs"] / 100 or session.usual_cost()
            busy = session.busy if "Walk" in session.busy else ""
            return views.compared(session.compared, cost, busy, width, height, ink)
        if choice is None:
            return []
        if self.view == "risk":
            measure = MEASURES[self.form["risk"]]
            return views.risk(choice, self._scale()[0], measure.name, width, height, ink, top)
        if self.view == "tree":
            return views.tree(session.allocation, width, height, ink)
        key = (session.version, session.place)
        if key != self._figures_key:
            self._figures_key, self._figures = key, session.in_and_out()
        inside, outside = self._figures
        return views.figures(inside, outside, width, height, ink)
