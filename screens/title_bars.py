"""The title bars of the panes, with their tabs, and the rules between columns."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from screens.layout import Place
from screens.links import link_of, link_style
from screens.pane import Pane
from screens.row import row_of
from screens.theme import Ink

if TYPE_CHECKING:
    from screens.workspace import Workspace

type _Parts = list[tuple[int, list[tuple[str, Style]]]]


#: So many rows are kept: those of some pages, whose titles change now and then.
_DRAWN = 500
#: Cells of an age (12s); what is longer is a sentence, which the pane itself shows.
_AGE = 4


class TitleBars:
    """Paints into the workspace what stands around its panes."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        #: Where the tabs stand, by what was painted last: (region in the workspace, slot).
        self.hits: list[tuple[Region, str]] = []
        self._ruled: tuple[list[Place], int, int] = ([], 0, 0)  # of which places, width and height `_rules` are
        self._rules: list[tuple[Hashable, _Parts]] = []  # of each row the rules in it
        self._titled: dict[int, _Parts] = {}  # what was painted last, and its inks
        self._ink: Ink | None = None
        self._drawn: dict[Hashable, Strip] = {}  # rows of this width and these inks
        self._pages: dict[Hashable, list[tuple[Hashable, _Parts]]] = {}  # the rules of each page, in these inks

    def tab_at(self, x: int, y: int) -> str | None:
        """The slot whose tab stands there."""
        return next((slot for region, slot in self.hits if region.contains(x, y)), None)

    def paint(self) -> None:
        workspace = self._workspace
        ink = workspace.ink
        spots = workspace.places_in(workspace.size)
        if ink is not self._ink or workspace.width != self._ruled[1] or len(self._drawn) > _DRAWN:
            self._drawn.clear()
            self._pages.clear()
            self._ruled = ([], 0, 0)
        if (spots, workspace.width, workspace.height) != self._ruled:
            self._ruled = (spots, workspace.width, workspace.height)
            self._rules = self._rules_of(spots)
            self._titled = {}
        titles: dict[int, _Parts] = {}
        self.hits = []
        for spot in spots:
            titles.setdefault(spot.title.y, []).append((spot.title.x, self._title(spot)))
        if titles == self._titled and ink is self._ink and workspace.painted:
            return  # as it nearly always is: once a second on a desk that stands still
        self._titled, self._ink = titles, ink
        rows = list(self._rules)
        for y, titled in titles.items():
            if y < len(rows):
                parts = sorted([*titled, *rows[y][1]], key=lambda part: part[0])
                rows[y] = _key(parts), parts
        for y, (key, parts) in enumerate(rows):
            workspace.put_strip(y, key, lambda key=key, parts=parts: self._strip(key, parts))  # type: ignore[misc]
        workspace.flush()

    def _rules_of(self, spots: list[Place]) -> list[tuple[Hashable, _Parts]]:
        """The rules of each row of the page; those of other pages are kept."""
        workspace, ink = self._workspace, self._workspace.ink
        page = (tuple(spots), workspace.height)
        if (known := self._pages.get(page)) is None:
            plain, beside_title = ("│", ink.line), ("│", ink.line + ink.on_bar)
            rows: list[_Parts] = [
                [(x, [beside_title if beside else plain]) for x, beside in rules]
                for rules in _rules(spots, workspace.width, workspace.height)
            ]
            known = self._pages[page] = [(_key(parts), parts) for parts in rows]
        return known

    def _strip(self, key: Hashable, parts: _Parts) -> Strip:
        """A row; those of other pages are kept, for most of them come again."""
        if (known := self._drawn.get(key)) is None:
            workspace = self._workspace
            known = self._drawn[key] = row_of(self._segments(parts), workspace.ink.base, workspace.width)
        return known

    def _segments(self, parts: _Parts) -> list[Segment]:
        segments: list[Segment] = []
        at = 0
        for x, texts in parts:
            segments.append(Segment(" " * (x - at)))
            segments += [Segment(text, style) for text, style in texts]
            at = x + sum(cell_len(text) for text, _ in texts)
        return segments

    def _title(self, spot: Place) -> list[tuple[str, Style]]:
        """Tabs, subtitle, and at the right the state; exactly as wide as the place."""
        workspace = self._workspace
        ink, width = workspace.ink, spot.title.width
        front = workspace.front_of(spot.tabs)
        focused = workspace.current == front and workspace.screen.focused is not None
        pane = workspace.panes.get(front)
        parts: list[tuple[str, Style]] = []
        used = 0
        for slot in spot.tabs.slots:
            title = workspace.title_of(slot, spot.tabs)
            if slot == front:
                style = ink.on_accent + Style(bold=True) if focused else ink.bar + Style(bold=True)
            else:
                style = ink.dim + ink.on_bar
            link = link_of(workspace.desk.pane_settings(slot))
            if link and (slot == front or len(spot.tabs.slots) > 1):
                parts.append((f" {link} ", link_style(ink, link)))
                used += 3
            text = f" {title} "
            self.hits.append((Region(spot.title.x + used, spot.title.y, cell_len(text), 1), slot))
            parts.append((text, style))
            used += cell_len(text)
        right: list[tuple[str, Style]] = []
        subtitle = ""
        if pane is not None and pane.is_attached:
            workspace.guard(pane, lambda: right.extend(self._state(pane)))
            texts: list[str] = []
            workspace.guard(pane, lambda: texts.append(pane.subtitle()))
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
        ink = self._workspace.ink
        if (why := pane.stale()) is not None:
            age = f"{why} " if len(why) <= _AGE else ""
            return [(f" STALE {age}", ink.warning + ink.on_bar + Style(bold=True))]
        status = pane.status()
        zoomed = [(" zoomed ", ink.accent + ink.on_bar)] if self._workspace.zoomed is not None else []
        return [(f" {status} ", ink.dim + ink.on_bar), *zoomed] if status else zoomed


def _key(parts: _Parts) -> Hashable:
    return tuple((x, tuple(texts)) for x, texts in parts)


def _rules(spots: list[Place], width: int, height: int) -> list[list[tuple[int, bool]]]:
    """Of each row the cells in which a rule stands between two columns, and whether a title stands beside it."""
    rows: list[list[tuple[int, bool]]] = [[] for _ in range(height)]
    for spot in spots:
        x = spot.title.right
        if x < width:
            for y in range(max(0, spot.title.y), min(height, spot.body.bottom)):
                beside = any(other.title.y == y and x in (other.title.right, other.title.x - 1) for other in spots)
                if (x, beside) not in rows[y]:
                    rows[y].append((x, beside))
    return [sorted(row) for row in rows]


def _cut(parts: list[tuple[str, Style]], width: int) -> list[tuple[str, Style]]:
    """The parts in exactly `width` cells at most."""
    result, left = [], width
    for text, style in parts:
        kept = text if cell_len(text) <= left else set_cell_size(text, left)
        if kept:
            result.append((kept, style))
        left -= cell_len(kept)
    return result
