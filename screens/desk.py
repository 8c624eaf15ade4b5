"""What the shell gives its panes: the `Desk` of the pane contract."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, MutableMapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screens.figures import refusal_text
from screens.links import link_of
from screens.pane import Pane
from screens.sizes import Sizes
from screens.theme import Ink
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import OrderDraft, Side
from workstation.domain.plan import Plan
from workstation.domain.strategy_run import RunDraft
from workstation.trading.errors import Refused
from workstation.trading.order_defaults import NONE, OrderDefaults, defaults_of, with_exits
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from screens.app import TwsApp
    from screens.time_travel import TimeTravel
    from workstation.engine import Engine


class ShellDesk:
    """See `screens.pane.Desk`."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self._sizes = Sizes(app.desk_settings.size_presets, self.order_defaults)
        self._selected = self._first_instrument()

    def _first_instrument(self) -> InstrumentId | None:
        """The one of last time, else the first of the watchlist, else the first of all."""
        known = [instrument.id for instrument in self.engine.instruments()]
        wanted = [self._app.state.values.get("instrument"), *self._app.desk_settings.watchlist]
        return next((one for one in wanted if one in known), known[0] if known else None)

    @property
    def engine(self) -> Engine:
        return self._app.travel.engine

    @property
    def travel(self) -> TimeTravel:
        """Through the sessions of the store."""
        return self._app.travel

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

        def change() -> None:
            self._selected = instrument
            self._app.state.values["instrument"] = instrument

        self._changing(change)

    def _changing(self, change: Callable[[], None]) -> None:
        """Change what panes show, and tell those whose instrument is another one now."""
        workspace = self._app.workspace
        before = {pane: pane.instrument_id for pane in workspace.panes.values()}
        change()
        self._app.state.dirty = True
        for pane, old in before.items():
            if pane.instrument_id != old:
                workspace.guard(pane, pane.changed)
        self._app.refresh_bars()

    @property
    def instrument_at_hand(self) -> InstrumentId | None:
        """What the trader looks at and typed lines mean: the focused pane's instrument where it shows one of its own
        (pinned or linked), else the desk's selected one."""
        pane = self._pane_at_hand()
        return self._selected if pane is None else pane.instrument_id

    def select_at_hand(self, instrument: InstrumentId) -> None:
        """Select an instrument where the trader looks: for the focused pane's link group if it is in one, for itself if
        it is pinned, else for the desk."""
        pane = self._pane_at_hand()
        if pane is not None and self.pane_settings(pane.slot).get("instrument"):
            self.engine.instrument(instrument)  # KeyError for one that does not exist
            self.show_in(pane.slot, instrument)
        elif pane is not None:
            self.select_in(pane.slot, instrument)
        else:
            self.select(instrument)

    def _pane_at_hand(self) -> Pane | None:
        """The pane that has or, while a line is typed, had the focus, if it shows one instrument."""
        workspace = self._app.workspace
        pane = None if workspace.current is None else workspace.panes.get(workspace.current)
        return pane if pane is not None and pane.FOLLOWS else None

    # -- link groups and instruments of single panes

    def _links(self) -> dict[str, Any]:
        links = self._app.state.values.setdefault("links", {})
        if not isinstance(links, dict):  # a damaged file
            links = self._app.state.values["links"] = {}
        return links

    def instrument_in(self, slot: str) -> InstrumentId | None:
        settings = self.pane_settings(slot)
        if (link := link_of(settings)) is not None:
            linked = self._links().get(link)
            return linked if self._known(linked) else self._selected
        return settings.get("instrument") or self._selected

    def _known(self, instrument: object) -> bool:
        try:
            return isinstance(instrument, str) and self.engine.instrument(instrument) is not None
        except KeyError:
            return False

    def select_in(self, slot: str, instrument: InstrumentId) -> None:
        link = link_of(self.pane_settings(slot))
        if link is None:
            self.select(instrument)
            return
        self.engine.instrument(instrument)  # KeyError for one that does not exist
        self._changing(lambda: self._links().update({link: instrument}))

    def link(self, slot: str, link: str | None) -> None:
        """Put a slot's pane into a link group, or with None into none. A group without an instrument takes the pane's;
        a pane that leaves its group follows the desk."""
        instrument = self.instrument_in(slot)

        def change() -> None:
            settings = self.pane_settings(slot)
            settings["instrument"] = None
            if link is None:
                settings.pop("link", None)
            else:
                settings["link"] = link
                if not self._known(self._links().get(link)):
                    self._links()[link] = instrument

        self._changing(change)

    def show_in(self, slot: str, instrument: InstrumentId | None) -> None:
        """Give a slot's pane an instrument of its own, or with None let it follow the desk."""

        def change() -> None:
            settings = self.pane_settings(slot)
            settings.pop("link", None)
            settings["instrument"] = instrument

        self._changing(change)

    def toast(self, text: str, *, error: bool = False) -> None:
        self._app.toast(text, error=error)

    def offer_draft(self, draft: OrderDraft) -> None:
        workspace = self._app.workspace
        slot = self._app.layouts.bring("ticket")
        if slot is None:
            self.toast("There is no order ticket on this desk.", error=True)
            return
        if self.pane_settings(slot).get("instrument"):  # a ticket of one instrument shows the draft's from now on
            self.show_in(slot, draft.instrument)
        else:
            self.select_in(slot, draft.instrument)
        workspace.focus_slot(slot)
        pane = workspace.panes[slot]
        workspace.guard(pane, lambda: pane.take_draft(draft))

    def offer_run(self, draft: RunDraft) -> None:
        workspace = self._app.workspace
        slot = self._app.layouts.bring("strategies")
        if slot is None:
            self.toast("There is no page of strategies on this desk.", error=True)
            return
        workspace.focus_slot(slot)
        pane = workspace.panes[slot]
        workspace.guard(pane, lambda: pane.take_run(draft))
        workspace.guard(pane, pane.repaint)

    @property
    def exports(self) -> Path | None:
        return self._app.exports

    def begin_line(self, line: str) -> None:
        self._app.desk_screen.command_line.open(line)

    def size(self, instrument: InstrumentId) -> Decimal:
        return self._sizes.get(self.engine.instrument(instrument), self.engine.mark(instrument))

    def set_size(self, instrument: InstrumentId, quantity: Decimal) -> None:
        self._sizes.set(self.engine.instrument(instrument), quantity)

    def step_size(self, instrument: InstrumentId, steps: int) -> Decimal:
        return self._sizes.step(self.engine.instrument(instrument), self.engine.mark(instrument), steps)

    def order_defaults(self, instrument: InstrumentId) -> OrderDefaults:
        return defaults_of(self._app.desk_settings.order_defaults, instrument)

    def default_exits(self, instrument: InstrumentId) -> OrderDefaults:
        on = self._app.state.values.get("exits", True)
        return self.order_defaults(instrument) if on else NONE

    def plan_of(self, draft: OrderDraft) -> Plan | None:
        held = self.engine.position(draft.instrument).quantity
        if held and (held > 0) is not (draft.side is Side.BUY):
            return None  # it closes what is there
        instrument = self.engine.instrument(draft.instrument)
        book = self.engine.book(draft.instrument)
        ticks = book.best_ask if draft.side is Side.BUY else book.best_bid
        entry = draft.price or draft.stop_price or (None if ticks is None else instrument.price(ticks))
        return None if entry is None else with_exits(draft, self.default_exits(draft.instrument), instrument, entry)

    def defaults_changed(self) -> None:
        """Sizes begin with other defaults from now on."""
        self._sizes.begin_anew()

    def presets_changed(self, presets: Sequence[Decimal]) -> None:
        """The size keys step between other presets from now on; sizes that are set stay."""
        self._sizes.use(presets)

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
            self.toast(refusal_text(refusal), error=True)
        except Exception as error:
            workspace.fail(pane, error)
        else:
            if pane.is_attached and pane.display:
                workspace.guard(pane, pane.repaint)
