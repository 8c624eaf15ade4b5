"""What the keys do in the tables and maps: walk them, search, judge, compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from plugins.backtest import views
from plugins.backtest.axes import axis_text, can_move, can_search, searched
from plugins.backtest.charting import LEAST_BARS
from plugins.backtest.layout import VIEWS
from plugins.backtest.picking import FormControl
from screens.browser import open_in_browser
from screens.finder import Entry
from workstation.clock import SECOND
from workstation.domain.strategy_run import RunDraft
from workstation.market.timeframes import BadTimeframe, Timeframe
from workstation.research.bench.messages import RunAnswer, SearchRequest
from workstation.research.verdicts import figure_words
from workstation.trading.errors import Refused

#: Trials of one search; asked for once more, as many again.
_TRIALS = 200


class SearchControl(FormControl):
    """Tables, maps and long work."""

    # -- the tables

    def _show_view(self, view: str) -> None:
        columns = self._columns
        self.view = view
        self.settings["view"] = view
        self.save_settings()
        if view == "runs":
            self.session.read_stored()
        self._ask_for_view()
        if self._columns != columns:
            self._show_stretch()

    def _ask_for_view(self) -> None:
        """What the table needs beside the run."""
        if self.view == "splits":
            self.session.read_splits()

    def _answered(self, answer: RunAnswer) -> None:
        self._ask_for_view()  # of the run before it is no longer true
        super()._answered(answer)

    def action_view(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_view_back(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) - 1) % len(VIEWS)])

    def action_enter_view(self) -> None:
        self.in_view = not self.in_view
        self._follow_trade()

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
            self._follow_trade()
            if self._stretch is not None:
                self._centre()
        elif self.view == "search" and session.searched is not None:
            most = len(session.searched.listed()) - 1
            self._cursors["search"] = max(0, min(self.cursor + down + across, most))
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
                self._zoom_to(max(LEAST_BARS, self._columns))
            else:
                self._centre()
        elif self.view == "runs" and self.cursor < len(session.stored):
            self._stretch = None
            session.run_stored(session.stored[self.cursor])
        elif self.view == "sweep" and session.sweep is not None:
            sweep = session.sweep
            if (sweep.request.setup.strategy, sweep.request.setup.sets) != (self.form.strategy, self.form.sets):
                self.toast("The map is of another strategy or other candles: s runs it again.", error=True)
                return
            self.form.restore(sweep.setup(self.cursor))
            self._run()
        elif self.view == "search" and session.searched is not None and session.searched.trials:
            setup = session.searched.request.setup
            if (setup.strategy, setup.sets) != (self.form.strategy, self.form.sets):
                self.toast("The search is of another strategy or other candles: O begins one.", error=True)
                return
            ranked = session.searched.listed()
            self.form.restore(session.searched.setup(ranked[min(self.cursor, len(ranked) - 1)].number))
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

    # -- the search

    def _mark_axis(self, place: int) -> None:
        field = self.form.field
        axes = self.axes
        if not can_move(field) or axes is None:
            self.toast("Put the form's cursor on a parameter, a size, an exit or a protection first.", error=True)
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

    def _one_instrument(self, what: str) -> None:
        """Raises `Refused` where several instruments share the account."""
        if self.form.shared:
            raise Refused(f"Several instruments share this account: {what} takes one set of candles (c picks it).")

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

    def action_searched(self) -> None:
        field = self.form.field
        if not can_search(field):
            self.toast("Put the form's cursor on a parameter, a size, an exit or a protection first.", error=True)
            return
        self.form.turn(field)
        self.settings["form"] = self.form.values
        self.save_settings()
        name, wanted = field.label.strip("· "), searched(self.form)[0].get(field.key)
        if not self.form.moves(field):
            self.toast(f"The search leaves {name} at {field.text}.")
        elif wanted is None:
            self.toast(f"The search moves {name}.")
        else:
            first, last = (axis_text(field.key, wanted[end], self.form.whole_rules) for end in (0, -1))
            self.toast(f"The search moves {name}, from {first} to {last}.")
        self.session.bump()

    def action_optuna(self) -> None:
        choice = self.form.choice
        if choice is None or choice.native or choice.error is not None:
            self.toast("Only strategies of ours can be searched.", error=True)
            return
        rank = views.RANKS[self._rank]
        wanted = "max_drawdown" if rank == "max_drawdown_pct" else rank
        label = figure_words(rank)
        entries = [
            Entry(kind, title, partial(self._search, sampler, objectives, pruned), detail, words=sampler)
            for kind, title, sampler, objectives, pruned, detail in (
                ("TPE", f"For {label}", "tpe", (wanted,), False, "the usual one: learns from what it has tried"),
                ("TPE", f"For {label}, pruned", "tpe", (wanted,), True, "leaves what is hopeless half way"),
                ("CMA-ES", f"For {label}", "cmaes", (wanted,), False, "numbers only; follows the slope"),
                ("NSGA-II", "For return and drawdown", "nsga2", ("return_pct", "max_drawdown"), False,
                 "several objectives: the front that nothing beats"),
                ("NSGA-II", "For Sharpe ratio, profit factor and drawdown", "nsga2",
                 ("sharpe", "profit_factor", "max_drawdown"), False, "several objectives"),
                ("TPE", "For all metrics together", "tpe", ("multi_metric",), False, "gain, quality, calm, evidence"),
                ("random", f"For {label}", "random", (wanted,), False, "to compare the others with"),
            )
        ]  # fmt: skip
        self._pick(f"Search {self.form.strategy} (m changes the figure)", "sampler, objective …", entries)

    def _search(self, sampler: str, objectives: tuple[str, ...], pruned: bool) -> None:
        before = self.session.searched
        request = SearchRequest(self.form.setup, objectives, sampler, _TRIALS, pruned, *searched(self.form))
        if before is not None and before.answer is not None and before.goes_on_as(request):
            request = replace(request, trials=before.request.trials + _TRIALS)  # once more: as many again
        self._show_view("search")
        self._cursors["search"] = 0
        self.in_view = True
        self.session.start_search(request)
        self.repaint()

    def action_band(self) -> None:
        self._one_instrument("the honesty band")
        self._show_view("band")
        self.session.start_band(self._columns)

    # -- taking it elsewhere

    def action_deploy(self) -> None:
        """The form of the Strategies page with what shows here."""
        choice = self.form.choice
        if choice is None or choice.error is not None:
            raise Refused("Choose a strategy that can be used first.")
        if choice.native:
            raise Refused(f"{choice.title} was written for backtesting.py: it runs on this page only.")
        setup = self.form.setup
        candles = self._candles_of_run()
        venue_symbol, _, _ = candles.rpartition(":")
        known = {instrument.id for instrument in self.engine.instruments()}
        instrument = venue_symbol if venue_symbol in known else None
        beside = [spec.rpartition(":")[0] for spec in setup.beside] if choice.pair else []
        further = {name: one for name, one in zip(choice.further, beside, strict=False) if one in known}
        interval = self._interval_of(candles)
        self.desk.offer_run(
            RunDraft(
                strategy=setup.strategy, instrument=instrument, interval=interval, params=dict(setup.params),
                capital=Decimal(f"{setup.cash:.2f}" if setup.cash % 1 else f"{setup.cash:.0f}"),
                rules=setup.rules, further=further,
            )
        )  # fmt: skip
        if unusual := setup.words:
            self.toast(f"{', '.join(unusual)}: of the backtest alone. On the desk the venue's and the account's count.")
        if instrument is None:
            self.toast(f"{candles} is not traded here: choose the instrument.", error=True)
        elif len(further) < len(choice.further):
            lacks = setup.beside[0] if setup.beside else "Its second instrument"
            self.toast(f"{lacks} is not traded here: choose the {choice.further[0]}.", error=True)

    def _candles_of_run(self) -> str:
        """Those that a run on the desk is to trade: of several the ones in the picture, if it is of the form's."""
        answer, sets = self.session.answer, self.form.sets
        shows = self.form.shared and answer is not None and answer.setup.sets == sets
        return sets[self.pictured if shows else 0]

    def _interval_of(self, candles: str) -> int | None:
        """The bars of these candles in ns, as their name says or else the run that shows; None for what no run has."""
        answer, setup = self.session.answer, self.form.setup
        try:
            interval = Timeframe.parse(candles.rpartition(":")[2]).ns
        except BadTimeframe:
            if answer is None or answer.setup.sets != setup.sets or answer.instruments:
                return None
            interval = answer.interval
        return None if interval % (5 * SECOND) else interval

    def _export_path(self, extension: str) -> Path:
        folder = self.desk.exports
        if folder is None:
            raise Refused("This desk has no folder for exports.")
        if self.session.answer is None:
            raise Refused("Nothing has been run yet.")
        stamp = datetime.fromtimestamp(self.engine.clock.now() / SECOND, UTC)
        return folder / f"backtest-{self.form.strategy}-{stamp:%Y%m%d-%H%M%S}.{extension}"

    def action_plot(self) -> None:
        self._one_instrument("the chart of backtesting.py")

        def done(path: str) -> None:
            opened = open_in_browser(path)
            self.toast(f"The chart is {'open in the browser and ' if opened else ''}in {path}")

        self.session.start_report("plot", str(self._export_path("html")), done)

    def action_report(self) -> None:
        forms = (
            ("html", "html", "Tearsheet", "the figures and charts of a fund's report, for the browser"),
            ("json", "json", "JSON", "setup, figures and trades, for programs"),
            ("csv", "csv", "CSV", "the trades, for a spreadsheet"),
            ("plot", "html", "Chart of backtesting.py", "interactive, for the browser"),
        )
        entries = [
            Entry(extension, title, partial(self._report, form, extension), detail)
            for form, extension, title, detail in forms
        ]
        self._pick("Save a report", "form …", entries)

    def _report(self, form: str, extension: str) -> None:
        self.session.start_report(
            form, str(self._export_path(extension)), lambda path: self.toast(f"Written to {path}")
        )

    def action_fan(self) -> None:
        self._fan += 1
        self._show_view("luck")
