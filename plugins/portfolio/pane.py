"""The portfolio page: pick assets, see the frontier, walk it, and send the orders that bring the weights about."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from textual import events

from plugins.portfolio.copying import TableCopying
from plugins.portfolio.dialog import PreviewDialog
from plugins.portfolio.views import VIEWS, percent
from screens.figures import refusal_text
from workstation.portfolio.methods import MEASURES
from workstation.portfolio.problem import PortfolioError
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.looking import RebalancePreview


class PortfolioPane(TableCopying):
    """Everything is worked out in the portfolio process; the page paints what has come back."""

    async def make_ready(self) -> None:
        """Start the process: to load what it works with takes longer than all else of the page's first picture."""
        with contextlib.suppress(PortfolioError):  # said when something is asked of it
            await self.engine.portfolio.warm()

    # -- tables

    def _show_view(self, view: str) -> None:
        self.view, self._top, self._cursor = view, 0, 0
        self.settings["view"] = view
        self.save_settings()

    def action_view(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_view_back(self) -> None:
        self._show_view(VIEWS[(VIEWS.index(self.view) - 1) % len(VIEWS)])

    def action_compare(self) -> None:
        self._show_view("compare")
        self.session.compare()

    def action_back(self) -> None:
        if not self.session.call_off():
            self.walking = False

    # -- the plan

    def action_send(self) -> None:
        if self._progress is not None:
            self.toast(f"{self._progress.rebalance.name} is under way: x cancels it.", error=True)
            return
        try:
            found = self.session.preview()
        except Refused as refused:
            self.toast(refusal_text(refused), error=True)
            return
        name = self.session.plan_name()
        choice, frontier = self.session.choice, self.session.frontier
        words = ""
        if choice is not None and frontier is not None and frontier.held is not None:
            rx, _ = self._scale()
            code = MEASURES[self.form["risk"]].code
            now = percent(frontier.held.risk * rx) if frontier.held.risk > 0 else "none, as nothing is held"
            words = f"Risk ({code}) now {now}, after {percent(choice.risk * rx)}."

        def answered(send: bool | None) -> None:
            if send:
                self._send(found)

        self.app.push_screen(PreviewDialog(name, found, self.currency, words), answered)

    def _send(self, found: RebalancePreview) -> None:
        if not self.armed:
            self.toast("DISARMED: nothing was sent. ctrl+l arms the desk.", error=True)
            return
        self._show_view("orders")
        self.spawn(self._start(found))

    async def _start(self, found: RebalancePreview) -> None:
        rebalance = await self.engine.start_rebalance(found.proposal.wish)
        self._sent = rebalance.rebalance_id
        self.toast(f"{rebalance.name}: {len(rebalance.trades)} trades are on their way, sales first.")
        self._remind()

    def action_pause(self) -> None:
        found = self._progress
        if found is None:
            self.toast("No rebalance is under way.", error=True)
            return
        name = found.rebalance.rebalance_id
        engine = self.engine
        self.spawn(engine.resume_rebalance(name) if found.rebalance.is_paused else engine.pause_rebalance(name))

    def action_cancel(self) -> None:
        found = self._progress
        if found is None:
            self.toast("No rebalance is under way.", error=True)
            return
        self.spawn(self.engine.cancel_rebalance(found.rebalance.rebalance_id))

    # -- kept portfolios

    def action_save(self) -> None:
        from screens.name_dialog import NameDialog

        def named(name: str | None) -> None:
            if not name:
                return
            try:
                self.session.keep(name)
            except Refused as refused:
                self.toast(refusal_text(refused), error=True)
                return
            self.toast(f"Kept as {name}.")
            self.session.bump()

        self.app.push_screen(
            NameDialog("Keep this portfolio as", "", self.session.plan_name().replace(" ", "_")), named
        )

    def action_forget(self) -> None:
        kept = list(self.session.kept())
        if self.view != "saved" or not kept:
            self.toast("v shows the saved portfolios; d deletes the one under the cursor.", error=True)
            return
        self.session.drop(kept[min(self._cursor, len(kept) - 1)])
        self.session.bump()

    # -- mouse and jump mode

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        found: list[tuple[int, int, Callable[[], object]]] = []
        at = 2 + self.space.above
        for x, _, view in self._tab_places:
            found.append((x, at, lambda view=view: self._show_view(view)))  # type: ignore[misc]
        return found

    def on_click(self, event: events.Click) -> None:
        if event.widget not in (None, self):
            return  # in a field that stands in the pane, with that field's coordinates
        space = self.space
        if event.y == 2 + space.above:
            for first, last, view in self._tab_places:
                if first <= event.x <= last:
                    self._show_view(view)
        elif event.x < space.form:
            self.walking = False
        elif event.y > 1 and event.x < space.form + 1 + space.plot:
            self.walking = True
            self.session.walk(0)
        self.repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseScrollDown | events.MouseScrollUp, by: int) -> None:
        if event.x < self.space.form:
            self.form.move(by)
        elif event.y < 2 + self.space.above and event.x < self.space.form + self.space.plot:
            self.walking = True
            self.session.walk(by)
        else:
            self._scroll(by)
        self.repaint()
        event.stop()
