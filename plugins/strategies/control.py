"""What the keys of the page do: choose, fill the form, start, change, pause, stop and close runs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from plugins.strategies.form import RULES, Field, RunForm, Terms
from plugins.strategies.keys import ACTIONS
from plugins.strategies.layout import VIEWS
from plugins.strategies.rows import Heading, Installed, Row, RunRow, rows_of, source_of
from screens.finder import Entry, Finder
from screens.name_dialog import NameDialog
from screens.pane import Desk
from screens.table import TablePane
from workstation.domain.strategy_run import RunDraft, RunState, StrategyRun
from workstation.market.timeframes import Timeframe
from workstation.past.desk import REFUSAL
from workstation.research.bench.messages import BenchError, ListRequest, Offer, StrategyChoice
from workstation.strategies.runner import run_id_of
from workstation.trading.errors import Refused

_CAPITAL = Decimal(5_000)
_WHO = "strategies page"


class StrategyControl(TablePane[Row]):
    """The page without its looks."""

    ACTIONS = ACTIONS

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

    # -- commands

    def _present(self) -> None:
        if self.desk.travel.past is not None:
            raise Refused(REFUSAL)

    def _run(self) -> StrategyRun:
        if (run := self.run) is None:
            raise Refused("Put the cursor on a run first.")
        return run

    def action_start(self) -> None:
        form = self._form()
        if form.active:
            raise Refused(f"{form.run_id} is {form.run.state if form.run else 'active'} already; a sends changes.")
        terms = form.terms()
        if self.engine.mode != "live":
            self.spawn(self._start(form, terms))
            return
        from screens.dialog import Question

        money = f"{terms.capital:,f} {self.engine.currency}"
        text = f"Start {form.strategy} on {terms.instrument} with {money} of real money?"

        def answered(yes: bool | None) -> None:
            if yes:
                self.spawn(self._start(form, terms))

        self.app.push_screen(Question(text, "start it", "not now"), answered)

    async def _start(self, form: RunForm, terms: Terms) -> None:
        self._present()
        await self._change_limits(form)
        run = await self.engine.strategies.start(
            form.strategy, terms.instrument, capital=terms.capital, interval=terms.interval, params=terms.params,
            rules=terms.rules, restarts=terms.restarts,
        )  # fmt: skip
        form.staged.clear()
        self._staged.pop(("run", run.run_id), None)
        self.go_to(("run", run.run_id))
        self.in_form = False
        self.toast(f"{run.run_id} runs on bars of {Timeframe.of(run.interval)}.")

    async def _change_limits(self, form: RunForm) -> None:
        for path, text in form.limit_changes():
            await self.engine.risk.change_limit(path, text, _WHO)

    async def action_apply(self) -> None:
        form = self._form()
        self._present()
        changes = form.changes()
        if not changes:
            raise Refused("Nothing was changed in the form.")
        if not form.active:
            raise Refused("It does not run: S starts it with what the form says.")
        run_id = form.run_id
        params = {one.key.removeprefix("param:"): one.value for one in changes if one.key.startswith("param:")}
        others = {one.key: one.value for one in changes if one.key in ("capital", "restarts")}
        if params:
            await self.engine.strategies.change(run_id, **params)
        if others:
            await self.engine.strategies.adjust(run_id, **others)
        await self._change_limits(form)
        form.staged.clear()
        self.toast(f"{run_id} goes on with {', '.join(f'{one.label} {one.text}' for one in changes)}.")

    async def action_stop(self) -> None:
        run = self._run()
        self._present()
        await self.engine.strategies.stop(run.run_id)
        held = self.engine.strategies.view(run.run_id).position
        left = f" and holds {held}: X closes it" if held else ""
        self.toast(f"{run.run_id} is stopped{left}.")

    async def action_close(self) -> None:
        run = self._run()
        self._present()
        order = await self.engine.strategies.close_out(run.run_id)
        if order is None:
            self.toast(f"{run.run_id} is stopped; it held nothing.")
        elif order.reason and order.is_closed:
            self.toast(f"{run.run_id} is stopped, but its position was not closed: {order.reason}", error=True)
        else:
            self.toast(f"{run.run_id} is stopped, its position is being closed.")

    async def action_pause(self) -> None:
        run = self._run()
        self._present()
        if run.state is not RunState.PAUSED:
            await self.engine.strategies.pause(run.run_id)
            self.toast(f"{run.run_id} is paused: its orders are pulled.")
            return
        if not self.armed:
            raise Refused("DISARMED: it stays paused. Arm the desk first.")
        await self.engine.strategies.resume(run.run_id)
        self.toast(f"{run.run_id} goes on.")

    def action_instrument(self) -> None:
        self.select_instrument(self._run().instrument)

    def action_again(self) -> None:
        self.look()

    # -- from elsewhere

    def take_run(self, draft: RunDraft) -> bool:
        """Fill the form of a strategy with what was found elsewhere; nothing is started."""
        name, instrument = draft.strategy, draft.instrument or self.desk.selected
        self.read_rows()
        run_id = run_id_of(name, instrument) if instrument is not None else ""
        active = any(isinstance(one, RunRow) and one.view.run.run_id == run_id and one.view.run.active
                     for one in self._rows)  # fmt: skip
        target: tuple[str, str] = ("run", run_id) if active else ("new", name)
        staged = self._staged.setdefault(target, {})
        if not active:
            staged.clear()
            staged["instrument"] = instrument
            if draft.interval is not None:
                staged["interval"] = str(Timeframe.of(draft.interval))
            if draft.capital is not None:
                staged["capital"] = draft.capital
            if draft.rules.given:
                staged[RULES] = draft.rules
        staged |= {f"param:{key}": value for key, value in draft.params.items()}
        self.go_to(target)
        self.in_form, self.form_cursor = True, 0
        if self.offer is None or self.choice_of(name) is None:
            self.look()
        return True

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

    # -- the form

    def action_form(self) -> None:
        if not self.in_form:
            self._form()
        self.in_form = not self.in_form
        self.touch()

    def action_choose(self) -> None:
        if not self.in_form:
            self._form()
            self.in_form = True
            self.touch()
            return
        form, field = self._form(), self.field
        if field is None:
            return
        if field.fixed:
            raise Refused(f"{field.label} stays while it runs: stop it, then start it with another.")
        if field.key == "instrument":
            self._pick_instrument()
        elif field.spec is not None and field.spec.kind in ("bool", "choice") and field.key != "interval":
            self._step(1)
        else:
            words = field.text if field.value is not None else ""
            dialog = NameDialog(f"{field.label}: {field.help}"[:70], words.replace(",", ""))
            self.app.push_screen(dialog, partial(self._typed, form, field))

    def _typed(self, form: RunForm, field: Field, text: str | None) -> None:
        if text is None and not field.key.startswith("limit:"):
            return
        try:
            form.type(field, text or "none")
        except Refused as refusal:
            self.toast(str(refusal), error=True)
        self.touch()

    def _pick_instrument(self) -> None:
        form, field = self._form(), self.field
        assert field is not None

        def pick(name: str) -> None:
            form.put(field, name)
            self.touch()

        entries = [
            Entry(one.venue[:10], one.symbol, partial(pick, one.id), one.contract.value, words=one.id)
            for one in self.engine.instruments()
        ]
        dialog = Finder("Instrument", "Type a venue or a symbol …", entries, " No such instrument.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _step(self, by: int) -> None:
        if not self.in_form:
            return
        form, field = self.form, self.field
        if form is not None and field is not None:
            form.step(field, by, [one.id for one in self.engine.instruments()])
            self.touch()

    def action_less(self) -> None:
        self._step(-1)

    def action_more(self) -> None:
        self._step(1)

    def action_far_less(self) -> None:
        self._step(-10)

    def action_far_more(self) -> None:
        self._step(10)

    def action_default(self) -> None:
        self._form().defaults()
        self.touch()

    def action_back(self) -> None:
        form = self.form
        if self.in_form and form is not None and form.active and form.staged:
            form.staged.clear()
        else:
            self.in_form = False
        self.touch()

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
