"""The list of the page: what is installed and what runs, the cursor in it, the tables beside it, and its search."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from plugins.strategies.form import Field, RunForm
from plugins.strategies.layout import VIEWS
from plugins.strategies.rows import Heading, Installed, Row, RunRow, rows_of, source_of
from screens.finder import Entry, Finder
from screens.pane import Desk
from screens.table import TablePane
from workstation.domain.strategy_run import StrategyRun
from workstation.research.bench.messages import BenchError, ListRequest, Offer, StrategyChoice
from workstation.trading.errors import Refused

_CAPITAL = Decimal(5_000)


class StrategyList(TablePane[Row]):
    """The rows of the page, and the form of the one under the cursor."""

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__(desk, slot)
        self.offer: Sequence[StrategyChoice] | None = None
        self.problem = ""
        self.in_form = False
        view = self.settings.get("view")
        self.view: str = view if view in VIEWS else "orders"
        self.form_cursor = 0
        self.scrolled = 0
        self.touched = 0  # grows with everything that the trader changes here
        self._rows: Sequence[Row] = ()
        self._staged: dict[object, dict[str, Any]] = {}
        self._looking = False
        self._wanted: tuple[str, str] | None = None  # a row that is not there yet
        self._cursor = 1

    def touch(self) -> None:
        """Something of the trader's changed: a quiet desk paints once a second only, so paint it now."""
        self.touched += 1
        if self.is_attached and self.size:
            self.repaint()

    # -- what there is

    def look(self) -> None:
        """Read again what is installed; what was known when it was read last shows meanwhile."""
        if self.offer is None and (known := self.engine.bench.offer) is not None:
            self.offer = known.strategies
        if not self._looking:
            self._looking = True
            self.spawn(self._look())

    async def _look(self) -> None:
        try:
            offer: Offer = await self.engine.bench.ask(ListRequest())
            self.offer, self.problem = offer.strategies, ""
        except BenchError as error:
            self.problem = str(error)
        finally:
            self._looking = False
            self.touch()

    def read_rows(self) -> None:
        self._rows = rows_of(self.engine.strategies.runs(), self.offer, self.problem)

    def rows(self) -> Sequence[Row]:
        return self._rows

    def row_id(self, row: Row) -> object:
        match row:
            case RunRow(view=view):
                return "run", view.run.run_id
            case Installed(choice=choice):
                return "new", choice.name
            case Heading(text=text):
                return text

    def choice_of(self, name: str) -> StrategyChoice | None:
        return next((one for one in self.offer or () if one.name == name), None)

    @property
    def run(self) -> StrategyRun | None:
        """The run under the cursor."""
        row = self.selected_row
        return row.view.run if isinstance(row, RunRow) else None

    @property
    def form(self) -> RunForm | None:
        """The form of what is under the cursor."""
        row = self.selected_row
        if isinstance(row, RunRow):
            run, choice = row.view.run, self.choice_of(row.view.run.strategy)
            name = run.strategy
        elif isinstance(row, Installed) and row.choice.error is None and not row.choice.native:
            run, choice, name = None, row.choice, row.choice.name
        else:
            return None
        staged = self._staged.setdefault(self.row_id(row), {})
        start = {"instrument": self.desk.selected, "capital": self._usual_capital()}
        return RunForm(name, choice, run, staged, self.engine.risk.limits, start)

    def _usual_capital(self) -> Decimal:
        equity = self.engine.equity()
        return _CAPITAL if equity >= 10 * _CAPITAL else max(Decimal(10), (equity / 10).quantize(Decimal(1)))

    def _form(self) -> RunForm:
        form, row = self.form, self.selected_row
        if form is not None:
            return form
        if isinstance(row, Installed) and row.choice.error is not None:
            raise Refused(f"{row.choice.name} cannot be used: {row.choice.error}")
        if isinstance(row, Installed):
            raise Refused(f"{row.choice.title} was written for backtesting.py: it runs on the Backtest page only.")
        raise Refused("Choose a run or an installed strategy first.")

    @property
    def field(self) -> Field | None:
        """The form's row under its cursor."""
        form = self.form
        fields = form.fields() if form is not None else []
        self.form_cursor = max(0, min(self.form_cursor, len(fields) - 1))
        return fields[self.form_cursor] if fields else None

    def go_to(self, target: tuple[str, str]) -> None:
        """Put the cursor on a row, now or as soon as it is there."""
        self._wanted = target
        self.read_rows()
        self._seek()
        self.touch()

    def _seek(self) -> None:
        """The cursor goes to the row that is wanted, once that is there."""
        if self._wanted is None:
            return
        for index, row in enumerate(self._rows):
            if self.row_id(row) == self._wanted:
                self._shown, self._wanted, self.scrolled = self._rows, None, 0
                self.move_to(index)
                return

    # -- moving

    def _move(self, by: int) -> None:
        self._wanted = None
        if self.in_form:
            form = self.form
            self.form_cursor = max(0, min(self.form_cursor + by, len(form.fields()) - 1 if form else 0))
            self.touch()
        else:
            self._to(self._cursor + by, 1 if by > 0 else -1)

    def _to(self, index: int, way: int) -> None:
        """Headings are stepped over."""
        last = len(self._shown) - 1
        index = max(0, min(index, last))
        while 0 <= index <= last and isinstance(self._shown[index], Heading):
            index += way
        if not 0 <= index <= last:
            return
        self.scrolled = 0
        self.move_to(index)

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(-max(1, self.body_height - 1))

    def action_page_down(self) -> None:
        self._move(max(1, self.body_height - 1))

    def action_first(self) -> None:
        if self.in_form:
            self._move(-1_000)
        else:
            self._to(0, 1)

    def action_last(self) -> None:
        if self.in_form:
            self._move(1_000)
        else:
            self._to(len(self._shown) - 1, -1)

    def action_choose(self) -> None:
        """Enter: into the form, or into its field."""
        raise NotImplementedError

    def chosen(self, row: Row) -> None:
        if not isinstance(row, Heading):
            self.action_choose()

    def _show_view(self, view: str) -> None:
        self.view, self.scrolled = view, 0
        self.settings["view"] = view
        self.save_settings()
        self.touch()

    def action_view(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_view_back(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) - 1) % len(VIEWS)])

    def action_scroll_down(self) -> None:
        self.scrolled += 5
        self.touch()

    def action_scroll_up(self) -> None:
        self.scrolled = max(0, self.scrolled - 5)
        self.touch()

    def search(self) -> bool:
        """Find a run or a strategy by typing."""
        entries = []
        for row in self._rows:
            if isinstance(row, RunRow):
                run = row.view.run
                entries.append(Entry("Run", run.run_id, partial(self.go_to, ("run", run.run_id)), str(run.state)))
            elif isinstance(row, Installed):
                one = row.choice
                detail = one.error or (one.doc.splitlines()[0] if one.doc else source_of(one))
                entries.append(
                    Entry("Installed", one.title, partial(self.go_to, ("new", one.name)), detail, words=one.name)
                )
        dialog = Finder("Strategy", "a name, an idea …", entries, " Nothing of that name.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())
        return True
