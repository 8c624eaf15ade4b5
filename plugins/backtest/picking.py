"""What the keys do in the form: step and type values, pick candles and strategies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from plugins.backtest.candle_finder import CandleFinder
from plugins.backtest.charting import ChartControl
from screens.figures import refusal_text
from screens.finder import Entry, Finder
from screens.name_dialog import NameDialog
from workstation.trading.errors import Refused


class FormControl(ChartControl):
    """The form of the page."""

    def _move_in_view(self, down: int, across: int = 0) -> None:
        """Move the cursor of the table or map that shows."""
        raise NotImplementedError

    def _choose_in_view(self) -> None:
        """Take what is under the cursor of the table or map."""
        raise NotImplementedError

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
            most = 400 if field.key == "funding" else 40  # it may be a file
            dialog = NameDialog(f"{field.label}: {field.help}", field.typed, most=most)
            self.app.push_screen(dialog, partial(self._typed, field.typed))

    def _typed(self, before: str, text: str | None) -> None:
        if text is None or text == before:
            return
        try:
            changed = self.form.type(text)
        except Refused as refusal:
            self.toast(refusal_text(refusal), error=True)
        else:
            if changed:
                self._run()

    def _pick(self, heading: str, placeholder: str, entries: list[Any]) -> None:

        dialog = Finder(heading, placeholder, entries, " Nothing of that name.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _picked(self, key: str, name: str) -> Callable[[], None]:
        def pick() -> None:
            self.form.pick(key, name)
            self._run()

        return pick

    def action_candles(self) -> None:

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
                id=one.spec,
            )
            for one in self.form.offer.candles
        ]
        entries.append(Entry("file", "Open a file …", self.action_file, "CSV, Parquet, Feather or JSON"))
        marked = self.form.sets if self.form.beside else ()
        dialog = CandleFinder(entries, marked, self._several)
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _several(self, sets: tuple[str, ...]) -> None:
        self.form.pick_candles(sets)
        self._run()

    def action_strategy(self) -> None:

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

        def typed(path: str | None) -> None:
            if path:
                self.form.pick("candles", path)
                self._run()

        self.app.push_screen(NameDialog("Candle file", "", "/path/to/candles.csv, several with +", 400), typed)

    def action_default(self) -> None:
        if self.form.default():
            self._run()

    def action_again(self) -> None:
        self.session.look()
