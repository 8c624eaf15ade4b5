"""The place where the panes stand: pages, tabs, focus, maximise, title bars, and the containment of what fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from screens.error_card import ErrorCard
from screens.layout import PINNED, Node, Page, Place, Tabs, pane_of, place, slots_of
from screens.painted import Painted
from screens.pane import Desk, Pane

_LETTERS = "asdfghjklqwertyuiopzxcvbnm"


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
    """Holds the panes of all pages; mounts one when it is first shown and keeps it from then on."""

    DEFAULT_CSS = """
    Workspace { width: 1fr; height: 1fr; background: $background; }
    """

    def __init__(self, desk: Desk, pages: list[Page], classes: dict[str, type[Pane]]) -> None:
        super().__init__()
        self._desk_layout = _DeskLayout()
        self.desk = desk
        self.pages = pages
        self.page = 0
        self.pane_classes = classes
        self.panes: dict[str, Pane] = {}
        self.zoomed: str | None = None
        self.current: str | None = None  # the slot that has, or last had, the focus
        self.letters: dict[str, str] = {}  # jump mode: letter → slot
        self._recent: list[str] = []  # slots in the order in which they were brought to the front, newest last
        self._hits: list[tuple[Region, str]] = []

    # -- what stands where

    @property
    def layout(self) -> Layout:
        return self._desk_layout

    def node_for(self, size: Size) -> Node:
        if self.zoomed is not None:
            return Tabs((self.zoomed,))
        return self.pages[self.page].fitting(size.width, size.height)

    def places_in(self, size: Size) -> list[Place]:
        return place(self.node_for(size), Region(0, 0, size.width, size.height)) if self.pages else []

    def front_of(self, tabs: Tabs) -> str:
        """The slot of a Tabs that shows: the one last brought to the front."""
        for slot in reversed(self._recent):
            if slot in tabs.slots:
                return slot
        return tabs.slots[0]

    def slots(self) -> list[str]:
        """The slots of the page in reading order, hidden tabs included."""
        return list(slots_of(self.pages[self.page].fitting(*self._space()))) if self.pages else []

    def page_titles(self) -> tuple[list[str], int]:
        """The titles of the pages, and which of them shows."""
        return [page.title for page in self.pages], self.page

    def shown(self) -> list[Pane]:
        """The panes that can be seen."""
        return [pane for pane in self.panes.values() if pane.display and pane.is_attached]

    def _space(self) -> Size:
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
        return [self._pane(self.front_of(spot.tabs)) for spot in self.places_in(self._space())]

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
            if "instrument" not in settings and slot in PINNED and known:
                settings["instrument"] = known[PINNED[slot] % len(known)].id
            return cls(self.desk, slot)
        except Exception as error:
            self._report(cls.TITLE, error)
            return ErrorCard(self.desk, slot, cls.TITLE, error)

    def sync(self) -> None:
        """Show what the page, the tabs and the size ask for."""
        self.letters = {}
        fronts = [self.front_of(spot.tabs) for spot in self.places_in(self._space())]
        missing = [self._pane(slot) for slot in fronts if slot not in self.panes or not self.panes[slot].is_attached]
        for slot, pane in self.panes.items():
            pane.display = slot in fronts
        if missing:
            self.mount(*[pane for pane in missing if pane.parent is None])
        self.invalidate()
        self.refresh(layout=True)
        self.repaint()

    def show_page(self, index: int) -> None:
        if 0 <= index < len(self.pages) and (index != self.page or self.zoomed is not None):
            self.page, self.zoomed = index, None
            self.sync()
            self.focus_slot(self._remembered())

    def _remembered(self) -> str:
        """The slot of this page that was last in front, or its first."""
        slots = self.slots()
        return next((slot for slot in reversed(self._recent) if slot in slots), slots[0])

    def focus_slot(self, slot: str) -> None:
        """Bring a slot's pane to the front and give it the focus, on whichever page it stands."""
        if slot not in self.slots():
            for index, page in enumerate(self.pages):
                if slot in slots_of(page.fitting(*self._space())):
                    self.page, self.zoomed = index, None
        if self.zoomed is not None and self.zoomed != slot:
            self.zoomed = slot
        if slot in self._recent:
            self._recent.remove(slot)
        self._recent.append(slot)
        self.current = slot
        self.sync()
        self._focus(self.panes[slot])

    def _focus(self, pane: Pane) -> None:
        if pane.can_focus:
            self.screen.set_focus(pane)
        else:
            first = next((node for node in pane.query("*").results(Widget) if node.focusable), None)
            self.screen.set_focus(first)

    def slot_for(self, pane_name: str) -> str | None:
        """The slot of a pane of this kind: on this page if there is one, else on the first page that has one."""
        for slot in self.slots():
            if pane_of(slot) == pane_name:
                return slot
        for page in self.pages:
            for slot in slots_of(page.fitting(*self._space())):
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
        return f"{title} {self.symbol_of(slot).partition('-')[0]}"

    def symbol_of(self, slot: str) -> str:
        """The symbol that the slot's pane shows, or will show when it is opened; "" if it shows none."""
        if not self.pane_classes[pane_of(slot)].FOLLOWS:
            return ""
        known = self.desk.engine.instruments()
        settings = self.desk.pane_settings(slot)
        default = self.desk.selected
        if "instrument" not in settings and slot in PINNED and known:
            default = known[PINNED[slot] % len(known)].id
        return str(settings.get("instrument") or default or "").partition(":")[2]

    def every_slot(self) -> list[tuple[str, str]]:
        """(slot, words that tell it from the others) of every pane on every page."""
        found: dict[str, str] = {}
        for page in self.pages:
            for slot in slots_of(page.fitting(*self._space())):
                title = self.pane_classes[pane_of(slot)].TITLE
                words = [title, self.symbol_of(slot), f"({page.title})"]
                found.setdefault(slot, " ".join(word for word in words if word))
        return list(found.items())

    def start_jump(self) -> None:
        """Show a letter on each pane of the page; the pane's own default key where it is free."""
        taken: dict[str, str] = {}
        waiting = []
        for slot in self.slots():
            letter = self.pane_classes[pane_of(slot)].DEFAULT_KEY
            if letter and letter not in taken:
                taken[letter] = slot
            else:
                waiting.append(slot)
        for slot in waiting:
            letter = next(one for one in _LETTERS if one not in taken)
            taken[letter] = slot
        self.letters = taken
        self.repaint()

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

    # -- title bars and rules

    def repaint(self) -> None:
        if not self._row_keys:
            return
        rows: dict[int, list[tuple[int, list[tuple[str, Style]]]]] = {}
        self._hits = []
        spots = self.places_in(self.size)
        for spot in spots:
            rows.setdefault(spot.title.y, []).append((spot.title.x, self._title(spot)))
        rules = {spot.title.right for spot in spots if spot.title.right < self.width}
        for y in range(self.height):
            parts = list(rows.get(y, ()))
            for x in rules:
                if any(s.title.right == x and s.title.y <= y < s.body.bottom for s in spots):
                    beside = any(s.title.y == y and x in (s.title.right, s.title.x - 1) for s in spots)
                    parts.append((x, [("│", self.ink.line + self.ink.on_bar if beside else self.ink.line)]))
            parts.sort(key=lambda part: part[0])
            key = tuple((x, tuple(texts)) for x, texts in parts)
            self.put(y, key, lambda parts=parts: self._strip(parts))  # type: ignore[misc]
        self.flush()

    def _strip(self, parts: list[tuple[int, list[tuple[str, Style]]]]) -> list[Segment]:
        segments: list[Segment] = []
        at = 0
        for x, texts in parts:
            segments.append(Segment(" " * (x - at)))
            segments += [Segment(text, style) for text, style in texts]
            at = x + sum(cell_len(text) for text, _ in texts)
        return segments

    def _title(self, spot: Place) -> list[tuple[str, Style]]:
        """Tabs, subtitle, and at the right the state; exactly as wide as the place."""
        ink, width = self.ink, spot.title.width
        front = self.front_of(spot.tabs)
        focused = self.current == front and self.screen.focused is not None
        pane = self.panes.get(front)
        letters = {slot: letter for letter, slot in self.letters.items()}
        parts: list[tuple[str, Style]] = []
        used = 0
        for slot in spot.tabs.slots:
            title = self.title_of(slot, spot.tabs)
            if slot == front:
                style = ink.on_accent + Style(bold=True) if focused else ink.bar + Style(bold=True)
            else:
                style = ink.dim + ink.on_bar
            if slot in letters:
                parts.append((f" {letters[slot]} ", ink.badges["paper"]))
                used += 3
            text = f" {title} "
            self._hits.append((Region(spot.title.x + used, spot.title.y, cell_len(text), 1), slot))
            parts.append((text, style))
            used += cell_len(text)
        right: list[tuple[str, Style]] = []
        subtitle = ""
        if pane is not None and pane.is_attached:
            self.guard(pane, lambda: right.extend(self._state(pane)))
            texts: list[str] = []
            self.guard(pane, lambda: texts.append(pane.subtitle()))
            subtitle = texts[0] if texts else ""

        spare = width - used - sum(cell_len(text) for text, _ in right)
        if spare < 0:
            right, spare = [], width - used
        if subtitle and spare > 3:
            text = f" {subtitle}"
            if cell_len(text) > spare:
                text = set_cell_size(text, spare - 1) + "…"
            parts.append((text, (ink.text if focused else ink.dim) + ink.on_bar))
            spare -= cell_len(text)
        parts.append((" " * max(0, spare), ink.bar))
        parts += right
        return _cut(parts, width)

    def _state(self, pane: Pane) -> list[tuple[str, Style]]:
        ink = self.ink
        if pane.stale() is not None:
            return [(" STALE ", ink.warning + ink.on_bar + Style(bold=True))]
        status = pane.status()
        zoomed = [(" zoomed ", ink.accent + ink.on_bar)] if self.zoomed is not None else []
        return [(f" {status} ", ink.dim + ink.on_bar), *zoomed] if status else zoomed

    # -- events

    def resized(self) -> None:
        self.call_next(self.sync)

    def on_click(self, event: events.Click) -> None:
        for region, slot in self._hits:
            if region.contains(event.x, event.y):
                self.focus_slot(slot)
                if event.chain == 2:
                    self.zoom()
                return
        for spot in self.places_in(self.size):
            if spot.title.contains(event.x, event.y):
                self.focus_slot(self.front_of(spot.tabs))


def _take_off(pane: Pane) -> None:
    """Remove a pane from the screen. One that failed before its message loop began cannot take itself off."""
    if pane._mounted_event.is_set():
        pane.remove()
    else:
        pane.app.run_apart(_end(pane))  # type: ignore[attr-defined]


async def _end(pane: Pane) -> None:
    await pane._mounted_event.wait()
    await pane._message_loop_exit()


def _cut(parts: list[tuple[str, Style]], width: int) -> list[tuple[str, Style]]:
    """The parts in exactly `width` cells at most."""
    result, left = [], width
    for text, style in parts:
        kept = text if cell_len(text) <= left else set_cell_size(text, left)
        if kept:
            result.append((kept, style))
        left -= cell_len(kept)
    return result
