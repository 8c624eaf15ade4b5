"""What the actions of the layout mode do to the focused pane, its page and the layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from screens.actions import Action
from screens.arrangement import Direction, evened, gap_at, joined, neighbour, resized, split, swapped, tabbed
from screens.figures import refusal_text
from screens.keys import display
from screens.layout import Place, Tabs, pane_of, without
from screens.layouts import BUILT_IN
from screens.links import LINKS, link_of
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from screens.app import TwsApp
    from screens.finder import Entry
    from screens.layouts import Layouts
    from screens.workspace import Workspace


class LayoutCommands:
    """One method for each action of the layout mode: `do_<name>`."""

    def __init__(self, app: TwsApp) -> None:
        self._app = app
        self.active = False

    def run(self, action: Action) -> None:
        """Run an action, in the mode or from elsewhere; refusals become notices."""
        try:
            getattr(self, f"do_{action.verb}")()
        except Refused as refusal:
            self._app.toast(refusal_text(refusal), error=True)

    def enter(self) -> None:
        self.active = True

    def do_leave(self) -> None:
        self.active = False

    @property
    def _workspace(self) -> Workspace:
        return self._app.workspace

    @property
    def _layouts(self) -> Layouts:
        return self._app.layouts

    def slot(self) -> str:
        """The slot of the focused pane. Raises `Refused` where there is none."""
        slot = self._workspace.current
        if slot is None or slot not in self._workspace.slots():
            raise Refused("No pane has the focus on this page.")
        return slot

    def _place(self) -> Place:
        """Where the focused pane stands."""
        if self._workspace.zoomed is not None:
            self._workspace.zoom()
        place = self._workspace.place_of(self.slot())
        if place is None:
            raise Refused("The pane is not on the screen.")
        return place

    # -- going and moving

    def _go(self, direction: Direction) -> None:
        other = neighbour(self._workspace.places(), self._place(), direction)
        if other is not None:
            self._workspace.focus_slot(self._workspace.front_of(other.tabs))

    def do_left(self) -> None:
        self._go("left")

    def do_right(self) -> None:
        self._go("right")

    def do_up(self) -> None:
        self._go("up")

    def do_down(self) -> None:
        self._go("down")

    def _move(self, direction: Direction) -> None:
        slot, place = self.slot(), self._place()
        other = neighbour(self._workspace.places(), place, direction)
        if other is not None:
            self._layouts.edit(swapped(self._layouts.node(), slot, self._workspace.front_of(other.tabs)), slot)
            return
        space = self._workspace.space
        along = place.title.width == space.width if direction in ("up", "down") else (
            place.body.height + 1 == space.height
        )  # fmt: skip
        if along and len(place.tabs.slots) == 1:
            raise Refused("The pane stands along the whole edge of the page already.")
        self._layouts.to_edge(slot, direction)

    def do_move_left(self) -> None:
        self._move("left")

    def do_move_right(self) -> None:
        self._move("right")

    def do_move_up(self) -> None:
        self._move("up")

    def do_move_down(self) -> None:
        self._move("down")

    def do_zoom(self) -> None:
        self._workspace.zoom()

    # -- sizes

    def _resize(self, across: bool, by: int) -> None:
        place = self._place()
        gap = gap_at(self._workspace.gaps(), place, "right" if across else "down")
        if gap is None:
            raise Refused(f"The pane has the whole {'width' if across else 'height'} of the page.")
        grows = gap.before in place.tabs.slots or gap.region.x >= place.title.right
        if not across:
            grows = gap.region.y >= place.body.bottom
        node = self._layouts.node()
        changed = resized(node, gap, by if grows else -by)
        if changed == node:
            raise Refused("The panes at this border have no room to give.")
        self._layouts.edit(changed)

    def do_wider(self) -> None:
        self._resize(True, 1)

    def do_narrower(self) -> None:
        self._resize(True, -1)

    def do_taller(self) -> None:
        self._resize(False, 1)

    def do_shorter(self) -> None:
        self._resize(False, -1)

    def do_even(self) -> None:
        self._layouts.edit(evened(self._layouts.node()))

    # -- opening and closing

    def choose_pane(self, title: str, chosen: Callable[[str, str | None], None]) -> None:
        """Ask for a pane; `chosen` is told its name and, for another of the focused one, the slot that it is like."""
        from screens.finder import Entry

        app, entries = self._app, []
        here = self._workspace.current
        if here in self._workspace.slots():
            pane = self._workspace.pane_classes[pane_of(here)]
            symbol = self._workspace.symbol_of(here)
            entries.append(Entry("Same", f"{pane.TITLE} once more", lambda: chosen(pane_of(here), here), symbol))
        for info in sorted(app.pane_infos, key=lambda one: one.title):
            if info.cls is not None:
                entries.append(
                    Entry("Pane", info.title, lambda name=info.name: chosen(name, None), words=info.name)  # type: ignore[misc]
                )
        app.find(title, "Type a pane's name …", entries, " No such pane.")

    def add(self, pane: str, like: str | None, across: bool | None) -> None:
        """Open a pane beside (True) or below (False) the focused one, or as a tab of it (None)."""
        layouts = self._layouts
        if not self._workspace.slots():
            layouts.open_tab(pane)
            return
        at = self.slot()
        slot = layouts.new_slot(pane, like)
        node = layouts.node()
        layouts.edit(tabbed(node, at, slot) if across is None else split(node, at, slot, across), slot)

    def _ask(self, title: str, across: bool | None) -> None:
        self.choose_pane(title, lambda pane, like: self._guarded(lambda: self.add(pane, like, across)))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Refused as refusal:
            self._app.toast(refusal_text(refusal), error=True)

    def do_split_right(self) -> None:
        self._ask("Open at the right", True)

    def do_split_below(self) -> None:
        self._ask("Open below", False)

    def do_open(self) -> None:
        self._ask("Open as a tab", None)

    def do_close(self) -> None:
        slot = self.slot()
        rest = without(self._layouts.node(), lambda one: one == slot)
        if rest is None:
            if len(self._layouts.pages) == 1:
                raise Refused("This is the last pane of the only page; it stays.")
            self._layouts.delete_page()
            return
        self._layouts.edit(rest)

    def do_apart(self) -> None:
        slot, place, node = self.slot(), self._place(), self._layouts.node()
        others = [one for one in place.tabs.slots if one != slot]
        if others:
            rest = without(node, lambda one: one == slot)
            if rest is not None:
                self._layouts.edit(split(rest, others[0], slot, place.body.width > 2 * place.body.height), slot)
            return
        for direction in ("left", "right", "up", "down"):
            other = neighbour(self._workspace.places(), place, direction)
            if other is not None:
                self._layouts.edit(joined(node, other.tabs.slots[-1], slot), slot)
                return
        raise Refused("The pane stands alone on its page.")

    def do_to_page(self) -> None:
        from screens.finder import Entry

        slot = self.slot()
        layouts, here = self._layouts, self._workspace.page
        entries = [
            Entry("Page", page.title, lambda index=index: self._guarded(lambda: layouts.to_page(slot, index)),  # type: ignore[misc]
                  keys=str(index + 1))
            for index, page in enumerate(layouts.pages)
            if index != here
        ]  # fmt: skip
        if self._layouts.node() != Tabs((slot,)):
            entries.append(Entry("New", "A page of its own", lambda: layouts.to_page(slot, len(layouts.pages))))
        self._app.find("Move the pane to", "Type a page's name …", entries, " No such page.")

    # -- instruments

    def do_link(self) -> None:
        slot = self.slot()
        link = link_of(self._app.desk.pane_settings(slot))
        following = LINKS[0] if link is None else dict(zip(LINKS, (*LINKS[1:], None), strict=True))[link]
        self.set_link(slot, following)

    def set_link(self, slot: str, link: str | None) -> None:
        self._app.desk.link(slot, link)
        self._app.desk.save_settings()
        title = self._workspace.pane_classes[pane_of(slot)].TITLE
        symbol = self._workspace.symbol_of(slot)
        if link is None:
            self._app.toast(f"{title} follows the desk.")
        else:
            self._app.toast(f"{title} is in link group {link}{f': {symbol}' if symbol else ''}.")

    def do_instrument(self) -> None:
        from screens.finder import Entry

        slot, desk = self.slot(), self._app.desk
        if not self._workspace.pane_classes[pane_of(slot)].FOLLOWS:
            raise Refused("This pane shows no single instrument.")
        entries = [Entry("Desk", "Follow the desk", lambda: desk.show_in(slot, None), words="none unpin")]
        entries += [
            Entry(one.venue[:10], one.symbol, lambda one=one: desk.show_in(slot, one.id), words=one.id)  # type: ignore[misc]
            for one in self._app.engine.instruments()
        ]
        self._app.find("Instrument of this pane", "Type a venue or a symbol …", entries, " No such instrument.")

    # -- pages

    def do_page_new(self) -> None:
        def named(pane: str) -> None:
            self.ask("Name of the new page", "", lambda title: self._layouts.new_page(title, pane))

        self.choose_pane("First pane of the new page", lambda pane, _: named(pane))

    def ask(self, title: str, text: str, then: Callable[[str], None], most: int = 16) -> None:
        """Ask for a name; what is refused is said in a notice."""
        from screens.name_dialog import NameDialog

        def answered(name: str | None) -> None:
            if name is not None:
                self._guarded(lambda: then(name))

        self._app.push_screen(NameDialog(title, text, most=most), answered)

    def do_page_rename(self) -> None:
        page = self._layouts.pages[self._workspace.page]
        self.ask("Name of the page", page.title, self._layouts.rename_page)

    def do_page_earlier(self) -> None:
        self._layouts.move_page(-1)

    def do_page_later(self) -> None:
        self._layouts.move_page(1)

    def do_page_delete(self) -> None:
        title = self._layouts.pages[self._workspace.page].title
        self._layouts.delete_page()
        undo = self._app.table.get("layout.undo")
        key = display(undo.keys[0]) if undo is not None and undo.keys else ":layout undo"
        self._app.toast(f"The page {title} is gone; {key} in the layout mode brings it back.")

    # -- layouts

    def do_save(self) -> None:
        self.ask("Save the layout as", "", self.save_as, most=40)

    def save_as(self, name: str) -> None:
        self._layouts.save_as(name)
        self._app.toast(f"The layout is saved as {name}.")

    def open_entries(self) -> list[Entry]:
        """Every pane that is installed, to be opened beside the focused one: for the palette."""
        from screens.finder import Entry

        def open_pane(name: str) -> None:
            self._guarded(lambda: self.add(name, None, True))

        return [
            Entry("Open", f"Open {info.title} at the right", partial(open_pane, info.name),
                  words=f"new pane {info.name}", id=f"open {info.name}")
            for info in self._app.pane_infos
            if info.cls is not None
        ]  # fmt: skip

    def layout_entries(self) -> list[Entry]:
        """Every layout that can be loaded, for the palette and the list of layouts."""
        from screens.finder import Entry

        return [
            Entry("Layout", f"Layout {name}", lambda name=name: self._guarded(lambda: self._layouts.load(name)),  # type: ignore[misc]
                  "the pages of the first day" if name == BUILT_IN else kind, words="load layout restore",
                  id=f"layout {name}")
            for name, kind in self._layouts.names()
        ]  # fmt: skip

    def do_load(self) -> None:
        self._app.find("Load a layout", "Type a layout's name …", self.layout_entries(), " No such layout.")

    def do_delete(self) -> None:
        from screens.finder import Entry

        names = sorted(self._layouts.stored())
        if not names:
            raise Refused("No layout is saved.")
        entries = [
            Entry("Layout", name, lambda name=name: self._guarded(lambda: self._layouts.delete(name)))  # type: ignore[misc]
            for name in names
        ]
        self._app.find("Delete a layout", "Type a layout's name …", entries, " No such layout.")

    def do_export(self) -> None:
        self.ask("Export the layout as", "", self.export, most=40)

    def export(self, name: str) -> None:
        path = self._layouts.export(name)
        self._app.toast(f"The layout is in {path}.")

    def do_reset_page(self) -> None:
        self._layouts.reset_page()

    def do_reset(self) -> None:
        self._layouts.reset()

    def do_undo(self) -> None:
        self._layouts.undo()

    def do_redo(self) -> None:
        self._layouts.redo()
