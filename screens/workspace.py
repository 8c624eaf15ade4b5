"""The place where the panes stand: pages, tabs, focus, maximise, and the containment of what fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence

from textual import events
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from screens.arrangement import Gap, fitted, gaps
from screens.error_card import ErrorCard
from screens.layout import PINNED, Node, Page, Place, Tabs, pane_of, place, slots_of
from screens.layout_mouse import LayoutMouse
from screens.overlay import OverlayCompositor
from screens.painted import Painted
from screens.pane import Desk, Pane
from screens.prompt import PromptScreen
from screens.title_bars import TitleBars


class _DeskLayout(Layout):
    """Puts each shown pane where the page's layout has it."""

    name = "desk"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        assert isinstance(parent, Workspace)
        bodies = {parent.front_of(spot.tabs): spot.body for spot in parent.places_in(size)}
        return [
            WidgetPlacement(bodies[child.slot], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Pane) and child.slot in bodies
        ]


class Workspace(Painted):
    """Holds the panes of all pages; mounts one when it is first shown, or before that when there is time for it, and
    keeps it from then on."""

    DEFAULT_CSS = """
    Workspace { width: 1fr; height: 1fr; background: $background; }
    """

    def __init__(self, desk: Desk, pages: list[Page], classes: Mapping[str, type[Pane]]) -> None:
        super().__init__()
        self._desk_layout = _DeskLayout()
        self.desk = desk
        self.pages = pages
        self.page = 0
        self.pane_classes = classes
        self.panes: dict[str, Pane] = {}
        self.zoomed: str | None = None
        self.current: str | None = None  # the slot that has, or last had, the focus
        self.titles = TitleBars(self)
        self.mouse: LayoutMouse | None = None  # what dragging borders and tabs does
        self._fitted: dict[tuple[Node, int, int], tuple[Node, tuple[Place, ...]]] = {}
        self._shape: list[tuple[Place, str]] = []  # what the last `sync` has shown
        #: How often it was worked out what shows. A pane that comes back has its old picture until it is painted.
        self.syncs = 0
        self._recent: list[str] = []  # slots in the order in which they were brought to the front, newest last

    # -- what stands where

    @property
    def layout(self) -> Layout:
        return self._desk_layout

    def node_for(self, size: Size) -> Node:
        return self._laid_out(size)[0]

    def _laid_out(self, size: Size) -> tuple[Node, tuple[Place, ...]]:
        """What shows at this size, and its places."""
        width, height = size
        page = Tabs((self.zoomed,)) if self.zoomed is not None else self.pages[self.page].fitting(width, height)
        key = (page, width, height)
        if (found := self._fitted.get(key)) is None:
            if len(self._fitted) > 50:
                self._fitted.clear()
            node = page if self.zoomed is not None else fitted(*key, self.least)
            found = self._fitted[key] = node, tuple(place(node, Region(0, 0, width, height)))
        return found

    def least(self, slot: str) -> tuple[int, int]:
        """The least cells, width and height, in which the slot's pane is of use."""
        return self.pane_classes[pane_of(slot)].LEAST

    def gaps(self) -> list[Gap]:
        """The borders between the panes that show."""
        size = self.space
        return gaps(self.node_for(size), Region(0, 0, size.width, size.height), self.least) if self.pages else []

    def places(self) -> list[Place]:
        """The places that show."""
        return self.places_in(self.space)

    def place_of(self, slot: str) -> Place | None:
        """Where a slot's place shows on this page."""
        return next((spot for spot in self.places() if slot in spot.tabs.slots), None)

    def places_in(self, size: Size) -> list[Place]:
        return list(self._laid_out(size)[1]) if self.pages else []

    def front_of(self, tabs: Tabs) -> str:
        """The slot of a Tabs that shows: the one last brought to the front."""
        for slot in reversed(self._recent):
            if slot in tabs.slots:
                return slot
        return tabs.slots[0]

    def slots(self) -> list[str]:
        """The slots of the page in reading order, hidden tabs included."""
        return list(slots_of(self.pages[self.page].fitting(*self.space))) if self.pages else []

    def page_titles(self) -> tuple[list[str], int]:
        """The titles of the pages, and which of them shows."""
        return [page.title for page in self.pages], self.page

    def shown(self) -> list[Pane]:
        """The panes that can be seen."""
        return [pane for pane in self.panes.values() if pane.display and pane.is_attached]

    @property
    def space(self) -> Size:
        """Our size; before the first layout, what the screen will leave us."""
        return self.size or Size(self.app.size.width, max(0, self.app.size.height - 2))

    def pane_with(self, widget: Widget | None) -> Pane | None:
        """The pane in which a widget stands."""
        node = widget
        while node is not None:
            if isinstance(node, Pane):
                return node
            node = node.parent  # type: ignore[assignment]
        return None

    @property
    def focused_pane(self) -> Pane | None:
        return self.pane_with(self.screen.focused)

    # -- bringing panes up

    def compose(self) -> Iterable[Widget]:
        """At first the panes that draw their own lines; those made of widgets, whose styles take longer to work out
        than all else of the first picture, come after it: see `resized`."""
        fronts = [self._pane(self.front_of(spot.tabs)) for spot in self.places_in(self.space)]
        return [pane for pane in fronts if type(pane).compose is Widget.compose] or fronts

    def _pane(self, slot: str) -> Pane:
        if slot not in self.panes:
            self.panes[slot] = self._new(slot)
        return self.panes[slot]

    def _new(self, slot: str) -> Pane:
        """A new pane for the slot, or the error card if it cannot even be made."""
        cls = self.pane_classes[pane_of(slot)]
        try:
            settings = self.desk.pane_settings(slot)
            known = self.desk.engine.instruments()
            if "instrument" not in settings and "link" not in settings and slot in PINNED and known:
                settings["instrument"] = known[PINNED[slot] % len(known)].id
            if known and settings.get("instrument") not in {None, *(one.id for one in known)}:
                settings["instrument"] = None  # of another venue or mode: the pane follows the desk
            return cls(self.desk, slot)
        except Exception as error:
            self._report(cls.TITLE, error)
            return ErrorCard(self.desk, slot, cls.TITLE, error)

    def sync(self) -> None:
        """Show what the page, the tabs and the size ask for."""
        self._shape = self._wanted_shape()
        fronts = [front for _, front in self._shape]
        missing = [self._pane(slot) for slot in fronts if slot not in self.panes or not self.panes[slot].is_attached]
        for slot, pane in self.panes.items():
            if pane.display is not (slot in fronts):
                pane.display = slot in fronts
        if missing:
            self.mount(*[pane for pane in missing if pane.parent is None])
        if isinstance(self.screen._compositor, OverlayCompositor):
            self.screen._compositor.page = (*((spot.body, front) for spot, front in self._shape),)
        self._clear_arrangement_cache()  # Textual keeps an arrangement as long as the same children show
        if isinstance(self.screen, PromptScreen):
            self.screen.lay_out()  # and a message that asks for it would have it done twice
        else:
            self.refresh(layout=True)
        self.syncs += 1

    def _wanted_shape(self) -> list[tuple[Place, str]]:
        """What stands where, and which of its tabs shows."""
        return [(spot, self.front_of(spot.tabs)) for spot in self.places()]

    def unseen(self) -> list[str]:
        """The slots that have no pane yet: first those that a page shows when it is opened, then the tabs behind."""
        fronts: list[str] = []
        behind: list[str] = []
        region = self.space.region
        for page in self.pages:
            for spot in place(page.fitting(*self.space), region):
                front = self.front_of(spot.tabs)
                fronts.append(front)
                behind += [slot for slot in spot.tabs.slots if slot != front]
        return [slot for slot in dict.fromkeys((*fronts, *behind)) if slot not in self.panes]

    async def prepare(self, slot: str) -> None:
        """Make a slot's pane before it is asked for: it is mounted, and neither laid out nor painted until it shows."""
        if slot not in self.panes and self.is_attached:
            pane = self._pane(slot)
            pane.display = False
            await self.mount(pane)

    def show_page(self, index: int) -> None:
        if 0 <= index < len(self.pages) and (index != self.page or self.zoomed is not None):
            self.page, self.zoomed = index, None
            self.sync()
            self.focus_slot(self._remembered())

    def first_slot(self) -> str | None:
        """The slot of this page that has the focus before any was chosen: its ladder, else its chart or its first."""
        slots = self.slots()
        return next((slot for slot in ("books", "chart") if slot in slots), slots[0]) if slots else None

    def _remembered(self) -> str:
        """The slot of this page that was last in front, or the one that has the focus at first."""
        slots = self.slots()
        return next((slot for slot in reversed(self._recent) if slot in slots), self.first_slot() or slots[0])

    def focus_slot(self, slot: str) -> None:
        """Bring a slot's pane to the front and give it the focus, on whichever page it stands."""
        if slot not in self.slots():
            home = self.page_of(slot)
            if home is None:
                return
            self.page, self.zoomed = home, None
        if self.zoomed is not None and self.zoomed != slot:
            self.zoomed = slot
        if slot in self._recent:
            self._recent.remove(slot)
        self._recent.append(slot)
        self.current = slot
        pane = self.panes.get(slot)
        if pane is None or not pane.is_attached or self._wanted_shape() != self._shape:
            self.sync()
        self._focus(self.panes[slot])

    def _focus(self, pane: Pane) -> None:
        if pane.can_focus:
            self.screen.set_focus(pane)
        else:
            first = next((node for node in pane.query("*").results(Widget) if node.focusable), None)
            self.screen.set_focus(first)

    def page_of(self, slot: str) -> int | None:
        """The page on which a slot stands at this size of the terminal."""
        fits = (slot in slots_of(page.fitting(*self.space)) for page in self.pages)
        return next((index for index, found in enumerate(fits) if found), None)

    def set_pages(self, pages: Sequence[Page], page: int, focus: str | None = None) -> None:
        """Show other pages or layouts. Panes that stand on none any more are closed."""
        self.pages, self.page, self.zoomed = list(pages), max(0, min(page, len(pages) - 1)), None
        alive = {slot for one in pages for *_, node in one.variants for slot in slots_of(node)}
        for slot in [slot for slot in self.panes if slot not in alive]:
            self._close(slot)
        self._recent = [slot for slot in self._recent if slot in alive]
        slots = self.slots()
        wanted = focus if focus in slots else self.current if self.current in slots else self._remembered()
        self.focus_slot(wanted)

    def start_afresh(self) -> None:
        """Close every pane: what shows next is made anew from its settings."""
        for slot in list(self.panes):
            self._close(slot)

    def afresh(self) -> None:
        """Make every pane anew; the focus stays where it is."""
        self.start_afresh()
        self.focus_slot(self.current if self.current in self.slots() else self._remembered())

    def _close(self, slot: str) -> None:
        pane = self.panes.pop(slot)
        if self.focused_pane is pane:
            self.screen.set_focus(None)  # or Textual would give the focus to whatever comes next
        pane.display = False
        if pane.is_attached:
            _take_off(pane)

    def slot_for(self, pane_name: str) -> str | None:
        """The slot of a pane of this kind: on this page if there is one, else on the first page that has one."""
        for slot in self.slots():
            if pane_of(slot) == pane_name:
                return slot
        for page in self.pages:
            for slot in slots_of(page.fitting(*self.space)):
                if pane_of(slot) == pane_name:
                    return slot
        return None

    def step(self, by: int) -> None:
        """Focus the next (+1) or previous (−1) pane of the page, tabs included."""
        slots = self.slots()
        if slots:
            at = slots.index(self.current) if self.current in slots else (-1 if by > 0 else 0)
            self.focus_slot(slots[(at + by) % len(slots)])

    def zoom(self) -> None:
        """Give the focused pane the whole page, or the page back to all."""
        if self.zoomed is None and self.current is not None:
            self.zoomed = self.current
        else:
            self.zoomed = None
        self.sync()
        if self.current in self.panes:
            self._focus(self.panes[self.current])

    def focus_moved(self) -> None:
        """The screen's focus is elsewhere now."""
        pane = self.focused_pane
        if pane is not None and pane.slot in self.panes:
            self.current = pane.slot
            if self._recent[-1:] != [pane.slot]:
                if pane.slot in self._recent:
                    self._recent.remove(pane.slot)
                self._recent.append(pane.slot)

    def title_of(self, slot: str, tabs: Tabs) -> str:
        """A tab's title; with its instrument where several tabs are of one kind."""
        title = self.pane_classes[pane_of(slot)].TITLE
        if sum(pane_of(other) == pane_of(slot) for other in tabs.slots) < 2:
            return title
        asset, *rest = self.symbol_of(slot).split("-")
        return f"{title} {'-'.join((asset, *rest[1:]))}"  # a perpetual is told from its spot

    def symbol_of(self, slot: str) -> str:
        """The symbol that the slot's pane shows, or will show when it is opened; "" if it shows none."""
        if not self.pane_classes[pane_of(slot)].FOLLOWS:
            return ""
        known = self.desk.engine.instruments()
        settings = self.desk.pane_settings(slot)
        instrument = self.desk.instrument_in(slot)
        if "instrument" not in settings and "link" not in settings and slot in PINNED and known:
            instrument = known[PINNED[slot] % len(known)].id
        return str(instrument or "").partition(":")[2]

    def every_slot(self) -> list[tuple[str, str]]:
        """(slot, words that tell it from the others) of every pane on every page."""
        found: dict[str, str] = {}
        for page in self.pages:
            for slot in slots_of(page.fitting(*self.space)):
                title = self.pane_classes[pane_of(slot)].TITLE
                words = [title, self.symbol_of(slot), f"({page.title})"]
                found.setdefault(slot, " ".join(word for word in words if word))
        return list(found.items())

    # -- what fails

    def guard(self, pane: Pane, work: Callable[[], object]) -> bool:
        """Run a piece of a pane's own code; if it raises, the pane becomes an error card. True if it did not."""
        try:
            work()
        except Exception as error:
            self.fail(pane, error)
            return False
        return True

    def fail(self, pane: Pane, error: BaseException) -> None:
        """Put an error card in the place of a pane."""
        if self.panes.get(pane.slot) is not pane:
            return  # it failed before and is on its way out
        self._report(pane.TITLE, error)
        self._replace(pane, ErrorCard(self.desk, pane.slot, pane.TITLE, error))

    def restart(self, slot: str) -> None:
        """Start the pane of a slot afresh."""
        if slot in self.panes:
            self._replace(self.panes[slot], self._new(slot))

    def _replace(self, old: Pane, new: Pane) -> None:
        focused = self.current == old.slot
        new.display = old.display
        self.panes[old.slot] = new
        old.display = False
        if self.is_attached:
            self.mount(new)
            if old.is_attached:
                _take_off(old)
            if focused:
                self.call_after_refresh(lambda: self._focus(new) if self.current == new.slot else None)

    def _report(self, title: str, error: BaseException) -> None:
        text = f"The {title} pane has failed: {type(error).__name__}: {error}"
        journal = self.desk.engine.log
        journal.error("desk", text, "".join(traceback.format_exception(error)))

    def repaint(self) -> None:
        if self._row_keys:
            self.titles.paint()

    # -- events

    def resized(self) -> None:
        self.call_next(self.sync)

    def point(self, event: events.MouseEvent) -> tuple[int, int]:
        """Where the mouse is in the workspace. What a pane has left to it has the coordinates of that pane's widget."""
        return event.screen_offset.x - self.region.x, event.screen_offset.y - self.region.y

    def on_click(self, event: events.Click) -> None:
        if self.mouse is not None and self.mouse.swallow_click():
            return
        x, y = self.point(event)
        slot = self.titles.tab_at(x, y)
        if slot is not None:
            self.focus_slot(slot)
            if event.chain == 2:
                self.zoom()
            return
        for spot in self.places_in(self.size):
            if spot.title.contains(x, y):
                self.focus_slot(self.front_of(spot.tabs))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self.mouse is not None:
            self.mouse.down(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.mouse is not None:
            self.mouse.move(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.mouse is not None:
            self.mouse.up(event)


def _take_off(pane: Pane) -> None:
    """Remove a pane from the screen. One that failed before its message loop began cannot take itself off."""
    if pane._mounted_event.is_set():
        pane.remove()
    else:
        pane.app.run_apart(_end(pane))  # type: ignore[attr-defined]


async def _end(pane: Pane) -> None:
    await pane._mounted_event.wait()
    await pane._message_loop_exit()
