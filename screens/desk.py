"""What the shell gives its panes: the `Desk` of the pane contract."""

from __future__ import annotations

from collections.abc import Coroutine, MutableMapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from screens.pane import Pane
from screens.sizes import Sizes
from screens.theme import Ink
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import OrderDraft
from workstation.trading.errors import Refused
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from screens.app import TwsApp


class ShellDesk:
    """See `screens.pane.Desk`."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self.engine = app.engine
        self._sizes = Sizes(app.desk_settings.size_presets)
        self._selected = self._first_instrument()

    def _first_instrument(self) -> InstrumentId | None:
        """The one of last time, else the first of the watchlist, else the first of all."""
        known = [instrument.id for instrument in self.engine.instruments()]
        wanted = [self._app.state.values.get("instrument"), *self._app.desk_settings.watchlist]
        return next((one for one in wanted if one in known), known[0] if known else None)

    @property
    def ink(self) -> Ink:
        return self._app.ink

    @property
    def armed(self) -> bool:
        return self._app.armed

    @property
    def selected(self) -> InstrumentId | None:
        return self._selected

    def select(self, instrument: InstrumentId) -> None:
        if instrument == self._selected:
            return
        self.engine.instrument(instrument)  # KeyError for one that does not exist
        workspace = self._app.workspace
        before = {pane: pane.instrument_id for pane in workspace.panes.values()}
        self._selected = instrument
        self._app.state.values["instrument"] = instrument
        self._app.state.dirty = True
        for pane, old in before.items():
            if pane.instrument_id != old:
                workspace.guard(pane, pane.changed)
        self._app.refresh_bars()

    def toast(self, text: str, *, error: bool = False) -> None:
        self._app.toast(text, error=error)

    def offer_draft(self, draft: OrderDraft) -> None:
        self.select(draft.instrument)
        workspace = self._app.workspace
        slot = workspace.slot_for("ticket")
        if slot is None:
            self.toast("There is no order ticket on this desk.", error=True)
            return
        workspace.focus_slot(slot)
        pane = workspace.panes[slot]
        workspace.guard(pane, lambda: pane.take_draft(draft))

    def size(self, instrument: InstrumentId) -> Decimal:
        return self._sizes.get(self.engine.instrument(instrument), self.engine.mark(instrument))

    def set_size(self, instrument: InstrumentId, quantity: Decimal) -> None:
        self._sizes.set(self.engine.instrument(instrument), quantity)

    def step_size(self, instrument: InstrumentId, steps: int) -> Decimal:
        return self._sizes.step(self.engine.instrument(instrument), self.engine.mark(instrument), steps)

    def pane_settings(self, slot: str) -> MutableMapping[str, Any]:
        return self._app.state.pane(slot)

    def save_settings(self) -> None:
        self._app.state.dirty = True

    def restart(self, slot: str) -> None:
        self._app.workspace.restart(slot)

    def spawn(self, pane: Pane, work: Coroutine[Any, Any, Any]) -> None:
        self._app.run_apart(self._guarded(pane, work))

    async def _guarded(self, pane: Pane, work: Coroutine[Any, Any, Any]) -> None:
        workspace = self._app.workspace
        try:
            await work
        except (Refused, VenueError) as refusal:
            self.toast(str(refusal), error=True)
        except Exception as error:
            workspace.fail(pane, error)
        else:
            if pane.is_attached and pane.display:
                workspace.guard(pane, pane.repaint)
