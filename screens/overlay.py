"""The desk's compositor: widgets come and go over the panes, and pages take turns, without the screen being laid out
again, and of a widget only the lines are rendered in which something has changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import cast

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, CompositorMap, ReflowResult
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


class _Changes(ChopsUpdate):
    """As Textual's, which makes an object of Rich's for each move of the cursor, a third of its time."""

    def render_segments(self, console: Console) -> str:
        parts: list[str] = []
        for y, first, end in self.spans:
            for right, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x > end or right <= first:
                    continue
                whole = end > x >= first and right <= end
                seen = strip if whole else strip.crop(0, min(right, end) - x)
                parts.append(f"\x1b[{y + 1};{x + 1}H")
                parts.append(seen.render(console))
        return "".join(parts)


#: So many arrangements are kept: a screenful of pages at two sizes.
_KEPT = 16


class OverlayCompositor(Compositor):
    """Textual's compositor, for which single widgets that stand in the layout may be there or not.

    To change `display` lays out and paints the whole screen, some 15 ms of a key's answer at 160×48. What a compositor
    paints, and where the mouse goes, comes from `visible_widgets` alone: a widget that is absent is left out there.

    Where something has changed at the top and at the foot of the screen, Textual renders every line of every widget
    that stands anywhere between, in each frame. Here a widget gives only its lines from the first changed one to the
    last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.absent: set[Widget] = set()
        #: What the last layout has shown, or has given another size.
        self.moved: set[Widget] = set()
        #: Names what shows, so that its arrangement is used again when it shows again; None where nothing is kept.
        self.page: Hashable = None
        self._arranged: dict[Hashable, tuple[list[object], CompositorMap, set[Widget]]] = {}
        #: While a part of the screen is painted: for each row the first and the last changed cell of it (+1).
        self._changed: list[tuple[int, int]] | None = None

    def _arrange_root(self, root: Widget, size: Size, visible_only: bool = True) -> tuple[CompositorMap, set[Widget]]:
        """As Textual's, which goes through every widget and works out anew where each stands. What stood where on a
        page is used again when it is shown again, unless something in it has asked for another layout since."""
        if self.page is None or visible_only:
            return super()._arrange_root(root, size, visible_only)
        key = root, size, self.page
        if (known := self._arranged.get(key)) is not None and known[0] == _state_of(known[1]):
            return known[1], known[2]
        found, widgets = super()._arrange_root(root, size, visible_only)
        if len(self._arranged) >= _KEPT:
            self._arranged.clear()
        self._arranged[key] = _state_of(found), found, widgets
        return found, widgets

    def clear(self) -> None:
        super().clear()
        self._arranged.clear()

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        result = super().reflow(parent, size)
        self._full_map_invalidated = False
        self.moved = result.shown | result.resized
        return result

    def update_widgets(self, widgets: set[Widget]) -> None:
        """As Textual's, for which a changed widget that does not show makes the whole map old. Who then asks for the
        place of one that is being mounted has the map made anew with it, and at the layout that follows it is not among
        those that have come."""
        old = self._full_map_invalidated
        super().update_widgets(widgets)
        self._full_map_invalidated = old

    def render_partial_update(self) -> ChopsUpdate | None:
        width, height = self.size
        changed = [(width, 0)] * height
        for x, y, region_width, region_height in self._dirty_regions:
            for row in range(max(0, y), min(height, y + region_height)):
                left, right = changed[row]
                changed[row] = (min(left, x), max(right, x + region_width))
        self._changed = changed
        try:
            update = super().render_partial_update()
        finally:
            self._changed = None
        return None if update is None else _Changes(update.chops, update.spans, update.chop_ends)

    def rows(self, first: int, end: int) -> list[Strip]:
        """The lines `first` … `end`−1 as they are to be seen, whatever is marked as changed."""
        width, height = self.size
        self._changed = [(0, width) if first <= y < end else (width, 0) for y in range(height)]
        try:
            chops = self._render_chops(Region(0, first, width, end - first), lambda y: first <= y < end)
        finally:
            self._changed = None
        return [Strip.join(chops[y].values()) for y in range(first, min(end, height))]

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        """As Textual's, front to back; but a widget is asked only for lines of which something is to be seen, and of
        a line only the parts are cut out that nothing in front covers: Textual asks the screen and every container for
        all lines, and cuts every line of every widget at the edges of all the others."""
        cuts, changed = self.cuts, self._changed
        chops: list[dict[int, Strip | None]] = [dict.fromkeys(line[:-1]) for line in cuts]
        bare = [len(line) for line in chops]  # parts of each row that nothing covers yet
        for widget, (region, clip) in self.visible_widgets.items():
            left, top, width, height = region.intersection(clip)
            right = left + width
            if not width or not height:
                continue
            spans: list[tuple[int, int, int]] = []  # row, and of its cuts the first and the last +1
            for y in range(top, top + height):
                if not bare[y] or not is_rendered_line(y):
                    continue
                if changed is not None and not (changed[y][0] < right and left < changed[y][1]):
                    continue
                edges, line = cuts[y], chops[y]
                first, last = bisect_left(edges, left), bisect_left(edges, right)
                if any(line[start] is None for start in edges[first:last]):
                    spans.append((y, first, last))
            if not spans:
                continue
            start = spans[0][0]
            part = Region(left, start, width, spans[-1][0] - start + 1)
            strips = widget.render_lines(part.translate(-region.offset))
            for y, first, last in spans:
                if y - start >= len(strips):
                    break
                edges, line, strip = cuts[y], chops[y], strips[y - start]
                if last == first + 1:
                    line[left] = strip
                    bare[y] -= 1
                    continue
                starts = edges[first:last]
                parts = strip.divide([end - left for end in edges[first + 1 : last + 1]])
                for at, piece in zip(starts, parts, strict=False):
                    if line[at] is None:
                        line[at] = piece
                        bare[y] -= 1
        return cast("Sequence[Mapping[int, Strip]]", chops)

    @property
    def visible_widgets(self) -> dict[Widget, tuple[Region, Region]]:
        if self._visible_widgets is None:
            found = super().visible_widgets
            self._visible_widgets = {widget: place for widget, place in found.items() if widget not in self.absent}
        return self._visible_widgets

    def set_present(self, widgets: set[Widget], present: bool) -> None:
        """Let widgets appear or vanish; what they cover is painted at the next refresh."""
        if present:
            self.absent -= widgets
        else:
            self.absent |= widgets
        self._visible_widgets = self._layers_visible = self._cuts = None
        for widget in widgets:
            place = self._full_map.get(widget)
            if place is not None and (region := place.region.intersection(place.clip)):
                self._dirty_regions.add(region)


def _state_of(widgets: Iterable[Widget]) -> list[object]:
    """All on which an arrangement rests, and which therefore changes before it does: of each widget in it the layouts
    that it, its children and its styles have asked for, how far it is scrolled, and whether it is there."""
    state: list[object] = []
    for widget in widgets:
        state += (
            widget._layout_updates,
            widget._nodes._updates,
            widget.styles._cache_key,
            widget.__dict__.get("_reactive_scroll_x"),
            widget.__dict__.get("_reactive_scroll_y"),
            widget._is_mounted,
            widget._closing,
        )
    return state


def set_present(top: Widget, present: bool) -> None:
    """Show or hide a widget, and all that is in it, over its screen, which has an `OverlayCompositor`."""
    screen: Screen[object] = top.screen
    compositor = screen._compositor
    assert isinstance(compositor, OverlayCompositor)
    compositor.set_present(set(top.walk_children(Widget, with_self=True)), present)
    screen._dirty_widgets.add(top)
    screen.check_idle()
