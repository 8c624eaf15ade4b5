"""The desk's compositor: widgets come and go over the panes without the screen being laid out again, and of a widget
only the lines are rendered in which something has changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from textual._compositor import ChopsUpdate, Compositor, ReflowResult
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


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
        #: While a part of the screen is painted: for each row the first and the last changed cell of it (+1).
        self._changed: list[tuple[int, int]] | None = None

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        result = super().reflow(parent, size)
        self.moved = result.shown | result.resized
        return result

    def render_partial_update(self) -> ChopsUpdate | None:
        width, height = self.size
        changed = [(width, 0)] * height
        for x, y, region_width, region_height in self._dirty_regions:
            for row in range(max(0, y), min(height, y + region_height)):
                left, right = changed[row]
                changed[row] = (min(left, x), max(right, x + region_width))
        self._changed = changed
        try:
            return super().render_partial_update()
        finally:
            self._changed = None

    def rows(self, first: int, end: int) -> list[Strip]:
        """The lines `first` … `end`−1 as they are to be seen, whatever is marked as changed."""
        width, height = self.size
        self._changed = [(0, width) if first <= y < end else (width, 0) for y in range(height)]
        try:
            chops = self._render_chops(Region(0, first, width, end - first), lambda y: first <= y < end)
        finally:
            self._changed = None
        return [Strip.join(chops[y].values()) for y in range(first, min(end, height))]

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        changed = self._changed
        if changed is None:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            left, top, width, height = region.intersection(clip)
            right = left + width
            rows = [
                y for y, (first, end) in enumerate(changed[top : top + height], top) if first < right and left < end
            ]
            if rows and width:
                part = Region(left, rows[0], width, rows[-1] - rows[0] + 1)
                yield part, part, widget.render_lines(part.translate(-region.offset))

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        """As Textual's, but of a line only the parts are cut out that nothing in front covers: it cuts every line of
        every widget at the edges of all the others."""
        cuts = self.cuts
        chops: list[dict[int, Strip | None]] = [dict.fromkeys(line[:-1]) for line in cuts]
        for region, clip, strips in self._get_renders(crop):
            place = region.intersection(clip)
            left, right = place.column_span
            for y, strip in zip(place.line_range, strips, strict=False):
                if not is_rendered_line(y):
                    continue
                line, edges = chops[y], cuts[y]
                first, last = bisect_left(edges, left), bisect_left(edges, right)
                if last == first + 1:
                    if line[left] is None:
                        line[left] = strip
                    continue
                starts = edges[first:last]
                if any(line[start] is None for start in starts):
                    parts = strip.divide([end - left for end in edges[first + 1 : last + 1]])
                    for start, part in zip(starts, parts, strict=False):
                        if line[start] is None:
                            line[start] = part
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


def set_present(top: Widget, present: bool) -> None:
    """Show or hide a widget, and all that is in it, over its screen, which has an `OverlayCompositor`."""
    screen: Screen[object] = top.screen
    compositor = screen._compositor
    assert isinstance(compositor, OverlayCompositor)
    compositor.set_present(set(top.walk_children(Widget, with_self=True)), present)
    screen._dirty_widgets.add(top)
    screen.check_idle()
