"""The desk's pages as the trader has made them: changed, undone, kept for the next start, named, shared as files.

The pages that show are kept in two places: in the desk's state file, which can be read before the first frame, and in
the store, which has them if that file is lost. Named layouts are in the store; those in the folder `layouts` beside the
config file are files of traders, and every mode has them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from textual.geometry import Size

from screens.arrangement import at_edge, edited, split, tabbed
from screens.layout import PINNED, Node, Page, Tabs, pages_for, pane_of, place, slots_of, without
from screens.layout_file import TITLE_LENGTH, LayoutError, SavedLayout, as_data, from_data, read_file, write_file
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from screens.app import TwsApp

BUILT_IN = "built-in"
_UNDONE_MOST = 50
_FIRST_OWN = 11  # numbers of slots that the trader opens; those below are the built-in pages'
_NAME = re.compile(r"[^\W_][\w .-]{0,39}\Z")


class _Moment(msgspec.Struct, frozen=True):
    """What undo goes back to. Settings of panes only where the change replaced them."""

    pages: tuple[Page, ...]
    page: int
    settings: dict[str, Any] | None = None


class Layouts:
    """Pages and layouts of the desk. Changes raise `Refused` with a sentence where they cannot be made."""

    def __init__(self, app: TwsApp, panes: Iterable[str], folder: Path | None = None) -> None:
        """`panes`: the names of those that are installed; `folder`: where layouts are files."""
        self._app = app
        self.panes = frozenset(panes)
        self.folder = folder
        self.built_in = tuple(pages_for(self.panes))
        self.problems: list[str] = []
        self._undo: list[_Moment] = []
        self._redo: list[_Moment] = []
        self._from_state = False

    # -- at the start

    def first(self) -> tuple[list[Page], int]:
        """The pages of last time, or the built-in ones, and which of them shows."""
        values = self._app.state.values
        pages: Sequence[Page] = self.built_in
        if "layout" in values:
            try:
                saved = from_data(values["layout"], self.panes)
            except LayoutError as error:
                self.problems.append(f"The desk opens with the built-in pages. {error}")
            else:
                self._from_state = True
                self.problems += saved.problems
                pages = saved.pages
        page = values.get("page")
        return list(pages), page if isinstance(page, int) and 0 <= page < len(pages) else 0

    def store_opened(self) -> None:
        """The store can be read now: it has the pages if the state file was lost."""
        stored = self._app.engine.get_setting("layout")
        if self._from_state or stored is None or "layout" in self._app.state.values or self._undo:
            return
        try:
            saved = from_data(stored, self.panes)
        except LayoutError as error:
            self._app.engine.log.warning("desk", f"The stored layout was left alone: {error}")
            return
        self._app.state.values["layout"] = stored
        self._app.state.dirty = True
        self._app.workspace.set_pages(saved.pages, saved.page)

    def page_shown(self, page: int) -> None:
        """Remember which page the next start shows."""
        if self._app.state.values.get("page", 0) != page:
            self._app.state.values["page"] = page
            self._app.state.dirty = True

    # -- changing the pages

    @property
    def _workspace(self) -> Any:
        return self._app.workspace

    @property
    def pages(self) -> tuple[Page, ...]:
        return tuple(self._workspace.pages)

    def node(self) -> Node:
        """The layout of the page that shows, at this size of the terminal."""
        workspace = self._workspace
        node: Node = workspace.pages[workspace.page].fitting(*workspace.space)
        return node

    def remember(self, settings: bool = False) -> None:
        """The next undo comes back to how it is now."""
        self._undo = [*self._undo, self._moment(settings)][-_UNDONE_MOST:]
        self._redo = []

    def _moment(self, settings: bool) -> _Moment:
        panes = copy.deepcopy(self._app.state.values.get("panes", {})) if settings else None
        return _Moment(self.pages, self._workspace.page, panes)

    def show(self, node: Node, focus: str | None = None) -> None:
        """Show another layout of the page without remembering or saving: while a border is dragged."""
        workspace = self._workspace
        page = edited(workspace.pages[workspace.page], workspace.space, node)
        pages = [page if index == workspace.page else one for index, one in enumerate(workspace.pages)]
        workspace.set_pages(pages, workspace.page, focus)

    def edit(self, node: Node, focus: str | None = None) -> None:
        """Give the page another layout."""
        if node == self.node():
            return
        self.remember()
        self.show(node, focus)
        self.save()

    def set_pages(self, pages: Sequence[Page], page: int, focus: str | None = None) -> None:
        """Give the desk other pages."""
        self.remember()
        self._workspace.set_pages(pages, page, focus)
        self.save()

    def undo(self) -> None:
        self._go_to(self._undo, self._redo, "There is no change of the layout to take back.")

    def redo(self) -> None:
        self._go_to(self._redo, self._undo, "There is nothing to do again.")

    def _go_to(self, source: list[_Moment], other: list[_Moment], nothing: str) -> None:
        if not source:
            raise Refused(nothing)
        moment = source.pop()
        other.append(self._moment(moment.settings is not None))
        if moment.settings is not None:
            self._workspace.start_afresh()
            self._app.state.values["panes"] = copy.deepcopy(moment.settings)
        self._workspace.set_pages(moment.pages, moment.page)
        self.save()

    def save(self) -> None:
        """Keep the pages for the next start."""
        workspace = self._workspace
        data = as_data(SavedLayout(self.pages, workspace.page))
        self._app.state.values["layout"] = data
        self._app.state.dirty = True
        self.page_shown(workspace.page)
        self._app.engine.set_setting("layout", data)
        self._app.pages_changed()

    # -- panes

    def every_slot(self) -> set[str]:
        return {slot for page in self.pages for *_, node in page.variants for slot in slots_of(node)}

    def new_slot(self, pane: str, like: str | None = None) -> str:
        """A slot for another pane of this kind, with the settings of the slot `like` or with none."""
        taken = self.every_slot()
        slot = pane
        if pane in taken or like is not None:
            number = _FIRST_OWN
            while (slot := f"{pane}:{number}") in taken:
                number += 1
        panes = self._app.state.values.setdefault("panes", {})
        panes[slot] = copy.deepcopy(dict(self._app.state.pane(like))) if like is not None else {}
        if like is not None and like in PINNED:
            panes[slot].setdefault("instrument", self._app.desk.instrument_in(like))
        return slot

    def bring(self, pane: str) -> str | None:
        """The slot of a pane of this kind; one that stands on no page is opened as a tab. None if there is no such
        pane on this desk."""
        slot: str | None = self._workspace.slot_for(pane)
        if slot is None and pane in self.panes:
            slot = self.open_tab(pane)
        return slot

    def open_tab(self, pane: str) -> str:
        """Open a pane as a tab of the focused one, or on a page of its own where there is none."""
        workspace = self._workspace
        slot = self.new_slot(pane)
        if not workspace.pages:
            self.set_pages([Page(workspace.pane_classes[pane].TITLE, ((0, 0, Tabs((slot,))),))], 0, slot)
            return slot
        at = workspace.current if workspace.current in workspace.slots() else workspace.slots()[0]
        self.edit(tabbed(self.node(), at, slot), slot)
        return slot

    def to_page(self, slot: str, target: int) -> None:
        """Move a slot's pane to another page, beside its largest pane; `target` beyond the last is a new page."""
        workspace = self._workspace
        title = workspace.pane_classes[pane_of(slot)].TITLE
        home = workspace.page_of(slot)
        pages: list[Page | None] = list(self.pages)
        if home is None or home == target:
            raise Refused(f"The {title} pane is on that page already.")
        for index, page in enumerate(self.pages):
            pages[index] = _without(page, slot)
        if target >= len(self.pages):
            pages.append(Page(self._free_title(title), ((0, 0, Tabs((slot,))),)))
        else:
            there = pages[target] or self.pages[target]
            node = there.fitting(*workspace.space)
            pages[target] = edited(there, workspace.space, self._beside_largest(node, slot, workspace.space))
        left = [page for page in pages if page is not None]
        shown = next(index for index, page in enumerate(left) if slot in slots_of(page.variants[-1][2]))
        self.set_pages(left, shown, slot)

    def _beside_largest(self, node: Node, slot: str, space: Size) -> Node:
        spots = place(node, space.region)
        largest = max(spots, key=lambda spot: spot.body.area)
        return split(node, largest.tabs.slots[0], slot, largest.body.width > 2 * largest.body.height)

    def to_edge(self, slot: str, direction: Any) -> None:
        self.edit(at_edge(self.node(), slot, direction), slot)

    # -- pages

    def _free_title(self, title: str) -> str:
        taken = {page.title for page in self.pages}
        found, number = title[:TITLE_LENGTH], 2
        while found in taken:
            found, number = f"{title[: TITLE_LENGTH - 3]} {number}", number + 1
        return found

    def _checked(self, title: str, but: int | None = None) -> str:
        title = " ".join(title.split())
        if not title or not title.isprintable():
            raise Refused("Type a name for the page.")
        if len(title) > TITLE_LENGTH:
            raise Refused(f"A page's name has at most {TITLE_LENGTH} characters.")
        if any(page.title == title for index, page in enumerate(self.pages) if index != but):
            raise Refused(f"There is a page {title!r} already.")
        return title

    def new_page(self, title: str, pane: str) -> None:
        """Add a page with one pane of this kind."""
        title = self._checked(title)
        slot = self.new_slot(pane)
        self.set_pages([*self.pages, Page(title, ((0, 0, Tabs((slot,))),))], len(self.pages), slot)

    def rename_page(self, title: str) -> None:
        at = self._workspace.page
        title = self._checked(title, at)
        self.set_pages([replace(one, title=title) if i == at else one for i, one in enumerate(self.pages)], at)

    def delete_page(self) -> None:
        at = self._workspace.page
        if len(self.pages) == 1:
            raise Refused("This is the only page; it stays.")
        self.set_pages([page for index, page in enumerate(self.pages) if index != at], max(0, at - 1))

    def move_page(self, by: int) -> None:
        at = self._workspace.page
        if not 0 <= at + by < len(self.pages):
            raise Refused(f"The page is the {'first' if by < 0 else 'last'} already.")
        pages = list(self.pages)
        pages.insert(at + by, pages.pop(at))
        self.set_pages(pages, at + by)

    def page_named(self, word: str) -> int | None:
        """The page of a number or a title (or its beginning)."""
        if word.isdigit():
            return int(word) - 1 if 1 <= int(word) <= len(self.pages) else None
        titles = [page.title.casefold() for page in self.pages]
        word = word.casefold()
        fits = [i for i, title in enumerate(titles) if title == word] or [
            i for i, title in enumerate(titles) if title.startswith(word)
        ]
        return fits[0] if fits else None

    # -- back to the built-in pages

    def reset_page(self) -> None:
        """Give the page that shows its built-in layout; panes that the trader moved to other pages stay there."""
        at = self._workspace.page
        page = self.pages[at]
        original = next((one for one in self.built_in if one.title == page.origin), None)
        if original is None:
            raise Refused(f"The page {page.title} is your own: there is no built-in layout of it.")
        elsewhere = {
            slot
            for index, other in enumerate(self.pages)
            if index != at
            for *_, node in other.variants
            for slot in slots_of(node)
        }
        fresh: Page | None = replace(original, title=page.title)
        for slot in elsewhere:
            fresh = None if fresh is None else _without(fresh, slot)
        if fresh is None:
            raise Refused(f"All panes of the built-in page {page.origin} stand on other pages.")
        self.set_pages([fresh if index == at else one for index, one in enumerate(self.pages)], at)

    def reset(self) -> None:
        """The built-in pages, as on the first day; what the trader had can be undone to."""
        self._replace(SavedLayout(self.built_in), keep=())

    # -- named layouts

    def stored(self) -> dict[str, Any]:
        found = self._app.engine.get_setting("layouts")
        return dict(found) if isinstance(found, dict) else {}

    def files(self) -> list[str]:
        """The names of the layouts in the folder."""
        if self.folder is None or not self.folder.is_dir():
            return []
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def names(self) -> list[tuple[str, str]]:
        """(name, where it is kept) of every layout that can be loaded."""
        stored = self.stored()
        kept = [(name, "saved") for name in sorted(stored)]
        kept += [(name, "file") for name in self.files() if name not in stored]
        return [*kept, (BUILT_IN, "tws")]

    def as_layout(self, name: str = "") -> SavedLayout:
        """What shows now, whole: pages, settings of their panes, link groups."""
        values = self._app.state.values
        settings = {slot: dict(self._app.state.pane(slot)) for slot in sorted(self.every_slot())}
        links = values.get("links")
        return SavedLayout(
            self.pages,
            self._workspace.page,
            name,
            {slot: copy.deepcopy(one) for slot, one in settings.items() if one},
            dict(links) if isinstance(links, dict) else {},
        )

    def save_as(self, name: str) -> None:
        """Keep what shows under a name."""
        self._app.engine.set_setting("layouts", {**self.stored(), self._name(name): as_data(self.as_layout(name))})

    def _name(self, name: str) -> str:
        name = " ".join(name.split())
        if name == BUILT_IN or not _NAME.match(name):
            raise Refused("A layout's name has up to 40 letters, digits, spaces, dots and dashes.")
        return name

    def load(self, name: str) -> None:
        """Show a layout by its name: a saved one, else a file. Raises `Refused`."""
        if name == BUILT_IN:
            self.reset()
            return
        stored = self.stored()
        try:
            if name in stored:
                layout = from_data(stored[name], self.panes)
            elif name in self.files() and self.folder is not None:
                layout = read_file(self.folder / f"{name}.json", self.panes)
            else:
                raise Refused(f"There is no layout {name!r}.")
        except LayoutError as error:
            raise Refused(str(error)) from error
        self._replace(layout, keep=self.every_slot())
        for problem in layout.problems:
            self._app.toast(problem, error=True)

    def _replace(self, layout: SavedLayout, keep: Iterable[str]) -> None:
        """Show a whole layout with its panes' settings. Those of panes in `keep` stay where it says nothing."""
        self.remember(settings=True)
        values = self._app.state.values
        before = values.get("panes", {})
        kept = {slot: before[slot] for slot in keep if slot in before}
        self._workspace.start_afresh()
        values["panes"] = {**kept, **copy.deepcopy(dict(layout.settings))}
        values["links"] = {**(values.get("links") or {}), **layout.links}
        self._workspace.set_pages(layout.pages, layout.page)
        self.save()

    def delete(self, name: str) -> None:
        """Forget a saved layout; files are the trader's to delete."""
        stored = self.stored()
        if name not in stored:
            raise Refused(
                f"No layout {name!r} is saved." if name not in self.files() else f"{name} is a file: delete it."
            )
        del stored[name]
        self._app.engine.set_setting("layouts", stored)

    def export(self, name: str) -> Path:
        """Write what shows into a file of the layouts' folder; its path."""
        if self.folder is None:
            raise Refused("This desk has no folder for layouts.")
        path = self.folder / f"{self._name(name)}.json"
        try:
            write_file(path, self.as_layout(name))
        except LayoutError as error:
            raise Refused(str(error)) from error
        return path


def _without(page: Page, slot: str) -> Page | None:
    """The page without a slot; None if it was all there was."""
    kept = tuple(
        (width, height, rest)
        for width, height, node in page.variants
        if (rest := without(node, lambda one: one == slot)) is not None
    )
    return replace(page, variants=kept) if kept else None
