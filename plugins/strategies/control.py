"""What the keys of the page do: choose, fill the form, start, change, pause, stop and close runs."""

from __future__ import annotations

from functools import partial

from plugins.strategies.form import RULES, Field, RunForm, Terms
from plugins.strategies.keys import ACTIONS
from plugins.strategies.listing import StrategyList
from plugins.strategies.rows import RunRow
from screens.figures import refusal_text, sentence
from screens.finder import Entry, Finder
from screens.name_dialog import NameDialog
from workstation.domain.strategy_run import RunDraft, RunState, StrategyRun
from workstation.market.timeframes import Timeframe
from workstation.past.desk import REFUSAL
from workstation.strategies.elsewhere import OtherRun, counterpart
from workstation.strategies.making import run_id_of
from workstation.trading.errors import Refused

_WHO = "strategies page"


class StrategyControl(StrategyList):
    """The page without its looks."""

    ACTIONS = ACTIONS

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
        text = f"Start {form.strategy} on {terms.where} with {money} of real money?"

        def answered(yes: bool | None) -> None:
            if yes:
                self.spawn(self._start(form, terms))

        self.app.push_screen(Question(text, "start it", "not now"), answered)

    async def _start(self, form: RunForm, terms: Terms) -> None:
        self._present()
        await self._change_limits(form)
        run = await self.engine.strategies.start(
            form.strategy, terms.instrument, capital=terms.capital, interval=terms.interval, params=terms.params,
            rules=terms.rules, restarts=terms.restarts, further=terms.further,
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
        rules = form.rules_change()
        if params or others or rules is not None:
            await self.engine.strategies.revise(run_id, params=params, rules=rules, **others)
        await self._change_limits(form)
        form.staged.clear()
        self.toast(f"{run_id} goes on with {', '.join(f'{one.label} {one.text}' for one in changes)}.")

    async def action_stop(self) -> None:
        run = self._run()
        self._present()
        await self.engine.strategies.stop(run.run_id)
        held = self.engine.strategies.view(run.run_id).holds
        words = " and ".join(f"{quantity} {one.partition(':')[2]}" for one, quantity in held.items())
        left = f" and holds {words}: X closes {'them' if len(held) > 1 else 'it'}" if held else ""
        self.toast(f"{run.run_id} is stopped{left}.")

    async def action_close(self) -> None:
        run = self._run()
        self._present()
        orders = await self.engine.strategies.close_out(run.run_id)
        refused = [order for order in orders if order.reason and order.is_closed]
        if not orders:
            self.toast(f"{run.run_id} is stopped; it held nothing.")
        elif refused:
            what = " and ".join(f"its position in {order.instrument.partition(':')[2]}" for order in refused)
            reason = sentence(refused[0].reason)
            self.toast(f"{run.run_id} is stopped, but {what} was not closed: {reason}", error=True)
        else:
            what = "its position is" if len(orders) == 1 else "its positions are"
            self.toast(f"{run.run_id} is stopped, {what} being closed.")

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

    async def action_take(self) -> None:
        found = await self.engine.runs_elsewhere()
        if not found:
            raise Refused("No strategy has run on another desk of this machine.")
        entries = [
            Entry(
                one.desk, one.run.run_id, partial(self._take, one), f"{Timeframe.of(one.run.interval)} {one.run.state}"
            )
            for one in found
        ]
        dialog = Finder("Take over from another desk", "Type a desk or a strategy …", entries, " No such run.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _take(self, other: OtherRun) -> None:
        run = other.run
        here = counterpart(run.instrument, self.engine.instruments())
        further = {name: counterpart(one, self.engine.instruments()) for name, one in run.further.items()}
        lacks = [one for one, found in zip(run.instruments, (here, *further.values()), strict=True) if found is None]
        draft = RunDraft(
            strategy=run.strategy, instrument=here, interval=run.interval, params=run.params, capital=run.capital,
            rules=run.rules, further={name: one for name, one in further.items() if one is not None},
        )  # fmt: skip
        if not self.take_run(draft, stands_in=False):
            return
        whose = f"{run.run_id} of the {other.desk} desk stands in the form"
        if (form := self.form) is not None and form.active:
            self.toast(f"{whose} of the run: a sends what differs.")
        elif lacks:
            names = " and ".join(one.partition(":")[2] for one in lacks)
            self.toast(f"{whose}. {names} {'is' if len(lacks) == 1 else 'are'} not listed here: choose another.")
        else:
            self.toast(f"{whose}: S starts it here.")

    def take_run(self, draft: RunDraft, stands_in: bool = True) -> bool:
        """Fill the form of a strategy with what was found elsewhere; nothing is started. A draft without an instrument
        (candles that are not traded here) gets the selected one where that `stands_in` and has no run of it; else the
        form asks for one."""
        name, instrument = draft.strategy, draft.instrument
        self.read_rows()
        selected = self.desk.selected
        if instrument is None and stands_in and selected is not None and selected not in draft.further.values():
            instrument = None if self._runs(run_id_of(name, selected, draft.further)) else selected
        run_id = run_id_of(name, instrument, draft.further) if instrument is not None else ""
        active = self._runs(run_id)
        target: tuple[str, str] = ("run", run_id) if active else ("new", name)
        staged = self._staged.setdefault(target, {})
        if not active:
            staged.clear()
            staged["instrument"] = instrument
            staged |= {f"further:{key}": one for key, one in draft.further.items()}
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

    def _runs(self, run_id: str) -> bool:
        return any(
            isinstance(row, RunRow) and row.view.run.run_id == run_id and row.view.run.active for row in self._rows
        )

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
        if field.picked:
            self._pick_instrument()
        elif field.spec is not None and field.spec.kind in ("bool", "choice") and field.key != "interval":
            self._step(1)
        else:
            dialog = NameDialog(f"{field.label}: {field.help}"[:70], field.typed, empty=field.key.startswith("limit:"))
            self.app.push_screen(dialog, partial(self._typed, form, field))

    def _typed(self, form: RunForm, field: Field, text: str | None) -> None:
        if text is None or text == field.typed:
            return
        try:
            form.type(field, text or "none")
        except Refused as refusal:
            self.toast(refusal_text(refusal), error=True)
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
        dialog = Finder(field.label, "Type a venue or a symbol …", entries, " No such instrument.")
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
