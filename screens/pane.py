"""The pane contract: a Textual widget that the desk finds, places, paces and, when it fails, replaces by a card.

A pane never touches a venue, SQL or another pane. It reads and commands `self.engine`, and asks `self.desk` for what
belongs to the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual import events
from textual.widget import Widget

from screens.actions import Action
from screens.sight import age_words
from screens.theme import Ink
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import OrderDraft
from workstation.domain.strategy_run import RunDraft
from workstation.engine import Engine
from workstation.market.book import OrderBook

if TYPE_CHECKING:
    from screens.time_travel import TimeTravel
    from workstation.domain.plan import Plan
    from workstation.trading.order_defaults import OrderDefaults


class Desk(Protocol):
    """What a pane may ask of the shell."""

    @property
    def engine(self) -> Engine:
        """The engine; while the desk shows a moment of the past, what reads as the engine did then."""
        ...

    @property
    def travel(self) -> TimeTravel:
        """Through the sessions of the store."""
        ...

    @property
    def ink(self) -> Ink: ...
    @property
    def armed(self) -> bool:
        """Whether trading keys act."""
        ...

    @property
    def selected(self) -> InstrumentId | None:
        """The desk's selected instrument."""
        ...

    def select(self, instrument: InstrumentId) -> None:
        """Select an instrument for every pane that follows the desk."""
        ...

    def toast(self, text: str, *, error: bool = False) -> None:
        """A short notice; errors stay longer. Floods are folded into one."""
        ...

    def offer_draft(self, draft: OrderDraft) -> None:
        """Open the order ticket filled with the draft. Nothing is sent."""
        ...

    def offer_run(self, draft: RunDraft) -> None:
        """Show the page of strategies with its form filled. Nothing is started."""
        ...

    @property
    def exports(self) -> Path | None:
        """The folder into which tables are exported."""
        ...

    def begin_line(self, line: str) -> None:
        """Open the command line with a line that the trader may finish, change or leave."""
        ...

    def size(self, instrument: InstrumentId) -> Decimal:
        """The order size preset of the instrument that ladder, chart and ticket share, in its units."""
        ...

    def set_size(self, instrument: InstrumentId, quantity: Decimal) -> None: ...

    def step_size(self, instrument: InstrumentId, steps: int) -> Decimal:
        """Go to the next larger (+1) or smaller (−1) preset and return it."""
        ...

    def default_exits(self, instrument: InstrumentId) -> OrderDefaults:
        """The exits that an entry brings along, as the settings have them; without any while they are turned off."""
        ...

    def plan_of(self, draft: OrderDraft) -> Plan | None:
        """The draft with its instrument's default exits; None where it has none, or closes a position."""
        ...

    def instrument_in(self, slot: str) -> InstrumentId | None:
        """The instrument of a slot: its link group's, its own, or the desk's selected one."""
        ...

    def select_in(self, slot: str, instrument: InstrumentId) -> None:
        """Select an instrument from a slot's pane: for its link group if it is in one, else for the desk."""
        ...

    def restart(self, slot: str) -> None:
        """Start the pane of a slot afresh."""
        ...

    def spawn(self, pane: Pane, work: Coroutine[Any, Any, Any]) -> None: ...

    def pane_settings(self, slot: str) -> MutableMapping[str, Any]: ...

    def save_settings(self) -> None: ...


class Pane(Widget):
    """Base of every pane. Subclass this for panes made of widgets, `PaintedPane` for panes that draw their own lines.

    `PANE` is the name in layouts and settings, `TITLE` stands in the title bar, `DEFAULT_KEY` is the letter of the jump
    mode, `ACTIONS` the pane's own table (methods `action_<name>`, plain or async). A pane whose `FOLLOWS` is true
    shows the desk's selected instrument unless it is pinned to one.
    """

    PANE: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    DEFAULT_KEY: ClassVar[str] = ""
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    #: Painted at every n-th frame; 1 for what a trader acts on, more for what he only follows.
    PACE: ClassVar[int] = 1
    FOLLOWS: ClassVar[bool] = True
    #: Whether all that it shows comes from the engine, its clock and the trader's keys: where all three stand still (a
    #: paused replay), it need not be painted every second.
    FROM_ENGINE: ClassVar[bool] = False
    #: Least width and height in cells in which the pane is of use: with less room it becomes a tab of its neighbour.
    LEAST: ClassVar[tuple[int, int]] = (24, 5)

    can_focus = True

    DEFAULT_CSS = """
    Pane { width: 1fr; height: 1fr; background: $background; }
    """

    def __init__(self, desk: Desk, slot: str) -> None:
        super().__init__()
        self._stands = True
        self.desk = desk
        self.slot = slot  # "books" or, for a second one, "books:2"

    @property
    def display(self) -> bool:
        """Whether the pane stands on the page that shows.

        Textual's own is a style: to set it styles the pane and lays out every widget around it and in it anew, once at
        once and again when the messages of it have come. The workspace places what shows and nothing else, which is all
        that it takes.
        """
        return self._stands and super().display

    @display.setter
    def display(self, value: bool | str) -> None:
        self._stands = value is True or value == "block"
        if isinstance(self.parent, Widget):  # which remembers who is displayed
            nodes = self.parent._nodes
            nodes._displayed_nodes = nodes._displayed_visible_nodes = (-1, [])

    # -- what the pane may use

    @property
    def engine(self) -> Engine:
        """What to read and to command; ask for it anew each time (see `Desk.engine`)."""
        return self.desk.engine

    @property
    def ink(self) -> Ink:
        """The palette of the theme in force."""
        return self.desk.ink

    @property
    def settings(self) -> MutableMapping[str, Any]:
        """This pane's saved settings (JSON values). Call `save_settings` after a change."""
        return self.desk.pane_settings(self.slot)

    def save_settings(self) -> None:
        self.desk.save_settings()

    @property
    def instrument_id(self) -> InstrumentId | None:
        """The instrument of the pane's link group, the pinned one, or the one selected on the desk."""
        return self.desk.instrument_in(self.slot)

    @property
    def instrument(self) -> Instrument | None:
        return None if self.instrument_id is None else self.engine.instrument(self.instrument_id)

    @property
    def book(self) -> OrderBook | None:
        return None if self.instrument_id is None else self.engine.book(self.instrument_id)

    def select_instrument(self, instrument: InstrumentId) -> None:
        """Select an instrument for the panes of this one's link group, or for all that follow the desk."""
        self.desk.select_in(self.slot, instrument)

    def pin(self, instrument: InstrumentId | None) -> None:
        """Stay with one instrument, or with None follow the desk again; the pane leaves its link group."""
        before = self.instrument_id
        self.settings["instrument"] = instrument
        self.settings.pop("link", None)
        self.save_settings()
        if self.instrument_id != before:
            self.changed()

    @property
    def armed(self) -> bool:
        return self.desk.armed

    def toast(self, text: str, *, error: bool = False) -> None:
        self.desk.toast(text, error=error)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine beside the screen. It starts at once; a refusal becomes a notice, a bug the error card."""
        self.desk.spawn(self, work)

    # -- what the pane may say

    def paint(self, now: int) -> None:
        """Bring the screen up to date; `now` is the engine's UTC ns. Called at the frame rate while visible.

        Compare before you update: most calls find nothing changed.
        """

    def ahead(self) -> Iterator[Callable[[], object]]:
        """What the next `paint` needs and takes long the first time, in pieces: keys are taken between them."""
        return iter(())

    def instrument_changed(self) -> None:
        """The pane's instrument is another one now; `paint` follows."""

    def theme_changed(self) -> None:
        """The inks changed; `paint` follows."""

    def jump_targets(self) -> list[tuple[int, int, Callable[[], object]]]:
        """The pane's controls for the jump mode: where in the pane the letter stands (x, y), and what it does."""
        found: list[tuple[int, int, Callable[[], object]]] = []
        for node in self.query("*").results(Widget):
            if node.focusable and node.region:
                found.append((node.region.x - self.region.x, node.region.y - self.region.y, node.focus))
        return found

    def called(self) -> None:
        """The desk's key for this pane gave it the focus, to be filled in."""

    def field_for(self, event: events.Key) -> Widget | None:
        """The field that a key is typed into though another part of the pane has the focus; None for no such key."""
        return None

    def take_draft(self, draft: OrderDraft) -> bool:
        """Show a draft for sending (the order ticket does); True if this pane takes drafts."""
        return False

    def take_run(self, draft: RunDraft) -> bool:
        """Show a strategy that may be started (the page of strategies does); True if this pane takes such drafts."""
        return False

    def subtitle(self) -> str:
        """What stands after the title; the instrument for a pane that follows or is pinned to one."""
        if not self.FOLLOWS or self.instrument_id is None:
            return ""
        pinned = " ◆" if self.settings.get("instrument") else ""
        return f"{self.instrument_id}{pinned}"

    async def make_ready(self) -> None:
        """Get what the first picture would wait long for. Asked once of a pane that nobody has opened yet, when there
        is time for it after the desk's start; nothing here may hold up the event loop."""

    def search(self) -> bool:
        """The search key was pressed: open a search of the pane's own; False leaves the key to the desk's."""
        return False

    def move_within(self, by: int) -> bool:
        """Tab (+1) or shift+tab (−1) was pressed: move on within something open that keeps the focus; False leaves the
        key to the desk's."""
        return False

    def status(self) -> str:
        """A few words at the right end of the title bar."""
        return ""

    def stale(self) -> str | None:
        """Why what is shown cannot be trusted, or None: a gap in the book, or its age (12s). The title bar says so."""
        if not self.FOLLOWS or (name := self.instrument_id) is None:
            return None
        broken = self.engine.book(name).stale
        if broken is not None:
            return broken
        age = self.engine.stale_for(name)
        return None if age is None else age_words(age)

    @property
    def stale_age(self) -> str:
        """How old the pane's market data is where it is stale, else ""; it changes once a second at most."""
        age = None if self.instrument_id is None else self.engine.stale_for(self.instrument_id)
        return "" if age is None else age_words(age)

    # -- the shell's side

    def repaint(self) -> None:
        """Paint now instead of at the next frame."""
        self.paint(self.engine.clock.now())
        self.flush()

    def flush(self) -> None:
        """Hand what `paint` has changed to the screen."""

    def changed(self) -> None:
        """The instrument is another one."""
        self.instrument_changed()
        self.repaint()

    def themed(self) -> None:
        """The theme is another one."""
        self.theme_changed()
        self.repaint()
