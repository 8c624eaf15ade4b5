"""The VaR pane. The report is worked out in the portfolio process, again whenever the book changes, and each minute."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events

from plugins.var.book import BARS, Book, book_of, question_of
from plugins.var.copying import Table, falls_table, table_of
from plugins.var.drawdown import drawdown_lines, drawdown_of
from plugins.var.lines import DRAWDOWN, TITLES, VIEWS, lines_of, tabs
from plugins.var.margin import Margins, margin_lines, margins_of
from screens.actions import Action
from screens.figures import local_time, sentence
from screens.painted import PaintedPane
from screens.pane import Desk
from screens.parts import Line, count, fit
from screens.table_copy import COPY_TABLE_ACTIONS, CopiesTable
from workstation.clock import SECOND
from workstation.portfolio.drawdown import Drawdown
from workstation.portfolio.problem import PortfolioError
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from workstation.portfolio.risk_report import RiskReport

_AGAIN = 60 * SECOND  # the book stands still: prices do not
_SOON = 5 * SECOND  # what could not be measured may have its prices and candles by then
_REST = 3 * SECOND  # the least time between two reports
_HORIZONS = (1, 5, 10, 20)


class VarPane(CopiesTable, PaintedPane):
    """Nothing here sends an order."""

    PANE = "var"
    TITLE = "VaR"
    DEFAULT_KEY = "v"
    FOLLOWS = False
    PACE = 4
    LEAST = (44, 8)
    ACTIONS = (
        Action("view", "VaR / parts / together / stress / exposure / drawdown", "Shows the next of the tables.", ("v",),
               footer=80, short="Table", group="View"),
        Action("view_back", "The table before", "Shows the table before.", ("V",), group="View"),
        Action("bars", "Candles that it is measured on", "1h, 4h or 1d candles of this desk's market.", ("i",),
               footer=75, short="Candles", group="View"),
        Action("horizon", "Longer or shorter horizon", "1, 5, 10 or 20 candles ahead.", ("n",), footer=70,
               short="Horizon", group="View"),
        Action("again", "Measure again now", "Measures the book as it is now.", ("r",), footer=60, short="Again",
               group="View"),
        Action("up", "Up", "Scrolls up.", ("up", "k"), group="Move", palette=False),
        Action("down", "Down", "Scrolls down.", ("down", "j"), group="Move", palette=False),
        Action("page_up", "Page up", "Scrolls a page up.", ("pageup",), group="Move", palette=False),
        Action("page_down", "Page down", "Scrolls a page down.", ("pagedown",), group="Move", palette=False),
        *COPY_TABLE_ACTIONS,
    )  # fmt: skip

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self._found: RiskReport | None = None
        self._problem = ""
        self._unpriced: tuple[str, ...] = ()
        self._fallen = Drawdown((), ())
        self._measured_at = 0
        self._asked: tuple[Hashable, int] | None = None  # what was asked last, and when
        self._working = False
        self._version = 0
        self._top = 0
        self._lines: list[Line] = []
        self._key: Hashable = None
        self._margins: Margins | None = None  # as they are at this look: they move between two reports

    # -- what is asked

    @property
    def view(self) -> str:
        chosen = self.settings.get("view")
        return chosen if chosen in VIEWS else VIEWS[0]

    @property
    def bars(self) -> str:
        chosen = self.settings.get("bars")
        return chosen if chosen in BARS else BARS[0]

    @property
    def horizon(self) -> int:
        chosen = self.settings.get("horizon")
        return chosen if chosen in _HORIZONS else 1

    @property
    def _scenarios(self) -> Path | None:
        folder = self.engine.strategies.folder
        return None if folder is None else folder.parent / "scenarios.toml"

    def _look(self, now: int) -> None:
        """Ask anew where the book, or what is wanted of it, has changed, or a minute has gone by."""
        if self._working or not self.engine.ready:
            return
        wanted = (self.engine.portfolio_version, self.bars, self.horizon)
        if self._asked is not None:
            same, ago = self._asked[0] == wanted, now - self._asked[1]
            again = _SOON if self._problem or self._unpriced else _AGAIN
            if 0 <= ago < (again if same else _REST if self._asked[0][1:] == wanted[1:] else 0):  # type: ignore[index]
                return
        self._asked = (wanted, now)
        self._working = True
        self.spawn(self._measure(now))

    async def _measure(self, now: int) -> None:
        try:
            book = book_of(self.engine, self.bars)
            self._unpriced = book.unpriced
            self._fallen = await drawdown_of(self.engine)
            found, problem = await self._report(book)
        finally:
            self._working = False
        self._found, self._problem, self._measured_at = found, problem, now
        self._version += 1

    async def _report(self, book: Book) -> tuple[RiskReport | None, str]:
        if not book.held and book.unpriced:
            return None, f"Nothing that is held has a price yet: {', '.join(book.unpriced)}."
        if not book.held:
            return None, "No position: there is nothing to lose but the account's own money."
        try:
            question = await asyncio.to_thread(question_of, book, self.bars, float(self.horizon), self._scenarios)
            return await self.engine.portfolio.risk(question), ""
        except PortfolioError as error:
            return None, str(error)

    # -- painting

    def paint(self, now: int) -> None:
        self._look(now)
        self._margins = margins_of(self.engine) if self.view == "exposure" and self._found is not None else None
        key = (
            self._version, self._working, self.view, self.bars, self.horizon, self._top, self.width, self.height,
            id(self.ink), self.engine.ready, self._margins,
        )  # fmt: skip
        if key == self._key and self.painted:
            return
        self._key = key
        ink, width = self.ink, self.width
        self.put_line(0, tabs(self.view, ink, width, f"{self.horizon} × {self.bars}"))
        self._lines = self._body()
        room = max(1, self.height - 2)
        self._top = max(0, min(self._top, len(self._lines) - room))
        for y in range(room):
            at = self._top + y
            self.put_line(1 + y, self._lines[at] if at < len(self._lines) else fit([], width, ink.base))
        self.put_line(self.height - 1, self._foot(room))

    def _body(self) -> list[Line]:
        ink, width = self.ink, self.width
        if self.view == DRAWDOWN and self._measured_at:
            return drawdown_lines(self._fallen, self._measured_at, ink, width)
        if self._found is not None:
            lines = lines_of(self.view, self._found, ink, width)
            return lines if self._margins is None else [*lines, *margin_lines(self._margins, ink, width)]
        if not self.engine.ready or (self._working and not self._problem):
            return [fit([(" Measuring the book…", ink.dim)], width, ink.base)]
        wrapped = textwrap.wrap(sentence(self._problem), max(8, width - 2))
        return [fit([(f" {line}", ink.dim)], width, ink.base) for line in wrapped]

    def _foot(self, room: int) -> Line:
        ink = self.ink
        parts = []
        if self.view == DRAWDOWN and self._measured_at:
            parts.append((f" the equity of every minute, deposits left out, {local_time(self._measured_at)}", ink.dim))
        elif self._found is not None:
            candles = f"{count(self._found.periods)} candles"
            parts.append((f" {candles}, measured {local_time(self._measured_at)}", ink.dim))
            notes = [*self._found.notes, *(f"{one} has no price." for one in self._unpriced)]
            if notes:
                parts.append((f"  {sentence(notes[0])}", ink.warning))
            if self._found.warning and self.view != "together":
                parts.append(("  one bet: see Together", ink.warning))
        if len(self._lines) > room:
            parts.append(
                (f"  {self._top + 1}-{min(self._top + room, len(self._lines))} of {len(self._lines)}", ink.dim)
            )
        return fit(parts, self.width, ink.base)

    def table_texts(self) -> Table:
        """The view that shows. Raises `Refused` where a sentence stands in its place."""
        if self.view == DRAWDOWN and self._measured_at:
            return falls_table(self._fallen)
        if self._found is None or self.view == DRAWDOWN:
            raise Refused(self._problem or "The book is still being measured: there is no table yet.")
        return table_of(self.view, self._found, margins_of(self.engine))

    def subtitle(self) -> str:
        return TITLES[self.view] if self.view != "var" else ""

    def status(self) -> str:
        return "measuring" if self._working and self._found is None else ""

    # -- keys

    def _turn(self, name: str, value: object) -> None:
        self.settings[name] = value
        self.save_settings()
        self._top = 0

    def action_view(self, step: int = 1) -> None:
        self._turn("view", VIEWS[(VIEWS.index(self.view) + step) % len(VIEWS)])

    def action_view_back(self) -> None:
        self.action_view(-1)

    def action_bars(self) -> None:
        self._turn("bars", BARS[(BARS.index(self.bars) + 1) % len(BARS)])

    def action_horizon(self) -> None:
        self._turn("horizon", _HORIZONS[(_HORIZONS.index(self.horizon) + 1) % len(_HORIZONS)])

    def action_again(self) -> None:
        self._asked = None

    def action_up(self) -> None:
        self._top = max(0, self._top - 1)

    def action_down(self) -> None:
        self._top += 1

    def action_page_up(self) -> None:
        self._top = max(0, self._top - max(1, self.height - 3))

    def action_page_down(self) -> None:
        self._top += max(1, self.height - 3)

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            x = 0
            for view in VIEWS:
                x += len(TITLES[view]) + 2
                if event.x < x:
                    self._turn("view", view)
                    return

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._top += 3

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._top = max(0, self._top - 3)
