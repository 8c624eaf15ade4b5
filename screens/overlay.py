"""Widgets that come and go over the panes without the screen being laid out again."""

from __future__ import annotations

from textual._compositor import Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget


class OverlayCompositor(Compositor):
    """Textual's compositor, for which single widgets that stand in the layout may be there or not.

    To change `display` lays out and paints the whole screen, some 15 ms of a key's answer at 160×48. What a compositor
    paints, and where the mouse goes, comes from `visible_widgets` alone: a widget that is absent is left out there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.absent: set[Widget] = set()

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
