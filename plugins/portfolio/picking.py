"""The hands on form and frontier: stepping, typing, picking from lists, and walking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plugins.portfolio.dialog import AssetsDialog
from plugins.portfolio.form import OF_ORDERS, Field
from plugins.portfolio.painting import PortfolioPainting
from screens.figures import refusal_text
from workstation.trading.errors import Refused


class FormControl(PortfolioPainting):
    """The page with the keys of its form and its frontier."""

    def _changed(self, key: str) -> None:
        self.settings["form"] = dict(self.form.values)
        self.save_settings()
        if key in OF_ORDERS and key != "budget":
            if key == "calendar":
                self._remind()
            self.session.bump()
        else:
            if key not in ("universe", "assets", "bars"):
                self.session.place = self.session.place if self.walking else None
            self.session.refresh()

    def _remind(self) -> None:
        try:
            self.session.remind()
        except Refused as refused:
            self.toast(refusal_text(refused), error=True)

    def _step(self, by: int) -> None:
        if self.walking:
            self.session.walk(by)
            return
        field = self.form.field
        if self.form.step(by, [one.spec for one in self.session.universes]):
            self._changed(field.key)

    def action_less(self) -> None:
        self._step(-1)

    def action_more(self) -> None:
        self._step(1)

    def action_far_less(self) -> None:
        self._step(-5)

    def action_far_more(self) -> None:
        self._step(5)

    def action_frontier(self) -> None:
        self.walking = not self.walking
        if self.walking and self.session.place is None:
            self.session.walk(0)

    def action_best(self) -> None:
        self.session.go_to("best")
        self.walking = True

    def action_least_risk(self) -> None:
        self.walking = True
        self.session.go_to("least")

    def action_own(self) -> None:
        self.walking = False
        self.session.place = None
        self.session.bump()

    def action_choose(self) -> None:
        if self.view == "saved" and (kept := self.session.kept()) and self.walking:
            name = list(kept)[min(self._cursor, len(kept) - 1)]
            self.session.restore(kept[name])
            self.toast(f"{name} is taken up again.")
            return
        if self.walking:
            self.action_send()
            return
        field = self.form.field
        if field.key == "universe":
            self.action_universe()
        elif field.key == "assets":
            self.action_assets()
        elif field.choices is not None:
            self._pick(field)
        else:
            self._type(field)

    def _type(self, field: Field) -> None:
        from screens.name_dialog import NameDialog

        def typed(text: str | None) -> None:
            if text is None:
                return
            try:
                if self.form.type(text):
                    self._changed(field.key)
            except Refused as refused:
                self.toast(refusal_text(refused), error=True)

        self.app.push_screen(NameDialog(field.label, self.form.typed(field), field.help, 200), typed)

    def _find(self, heading: str, entries: list[Any]) -> None:
        from screens.finder import Finder

        dialog = Finder(heading, "Type to narrow the list", entries, " Nothing of that name.")
        self.app.push_screen(dialog, lambda entry: None if entry is None else entry.run())

    def _pick(self, field: Field) -> None:
        from screens.finder import Entry

        def taker(code: str) -> Callable[[], None]:
            def take() -> None:
                if self.form.put(field.key, code):
                    self._changed(field.key)

            return take

        entries = [
            Entry(code, name, taker(code), detail=text, words=code)
            for code, (name, text) in (field.choices or {}).items()
        ]
        self._find(field.label, entries)

    def action_universe(self) -> None:
        from screens.finder import Entry

        def taker(spec: str) -> Callable[[], None]:
            def take() -> None:
                if self.form.put("universe", spec):
                    self._changed("universe")

            return take

        entries = [
            Entry(one.spec.partition(":")[0], one.title, taker(one.spec), detail=", ".join(one.assets)[:80])
            for one in self.session.universes
        ]
        self._find("Universe", entries)

    def action_file(self) -> None:
        from screens.name_dialog import NameDialog

        def typed(text: str | None) -> None:
            if text and self.form.put("universe", text.strip()):
                self._changed("universe")

        self.app.push_screen(NameDialog("Price table", "", "/path/to/prices.csv", 400), typed)

    def action_assets(self) -> None:
        table = self.session.table
        if table is None:
            self.toast("The prices are not read yet.", error=True)
            return
        known = self.engine.instruments()
        spec = str(self.form["universe"])

        def listed(asset: str) -> str:
            from plugins.portfolio.universe import instrument_of

            return instrument_of(asset, spec, known) or ""

        def done(picked: list[str]) -> None:
            everything = len(picked) == len(table.assets)
            if self.form.put("assets", [] if everything else picked):
                self._changed("assets")

        self.app.push_screen(AssetsDialog(table.assets, self.session.assets, listed, done))

    def action_again(self) -> None:
        self.session._loaded = None
        self.session.refresh()

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if not self.walking:
            self.form.move(by)
        elif self.view == "saved":
            self._cursor = max(0, min(self._cursor + by, len(self.session.kept()) - 1))
        else:
            self._scroll(by)

    def _scroll(self, by: int) -> None:
        most = max(0, len(self.session.assets) - 1)
        self._top = max(0, min(self._top + by, most))

    def action_page_up(self) -> None:
        self._scroll(-5)

    def action_page_down(self) -> None:
        self._scroll(5)

    def action_send(self) -> None:
        """Enter on the frontier: the orders of the weights that are walked to."""
        raise NotImplementedError
