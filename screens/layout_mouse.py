"""Layouts by the mouse: a border is dragged to resize, a tab onto another pane to change places or to join its tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

from screens.arrangement import Gap, joined, resized, swapped
from screens.layout import Node

if TYPE_CHECKING:
    from screens.layouts import Layouts
    from screens.workspace import Workspace


class LayoutMouse:
    """What the mouse has hold of, from its press to its release."""

    def __init__(self, workspace: Workspace, layouts: Layouts) -> None:
        self._workspace = workspace
        self._layouts = layouts
        self._gap: Gap | None = None
        self._tab: str | None = None
        self._from = (0, 0)
        self._node: Node | None = None  # the layout when the drag began
        self._dragged = False

    def down(self, event: events.MouseDown) -> None:
        workspace = self._workspace
        self._gap = self._tab = self._node = None
        self._dragged = False
        if event.button != 1 or workspace.zoomed is not None or not workspace.pages:
            return
        x, y = workspace.point(event)
        self._tab = workspace.titles.tab_at(x, y)
        if self._tab is None:
            self._gap = next((gap for gap in workspace.gaps() if gap.region.contains(x, y)), None)
        if self._tab is not None or self._gap is not None:
            self._from = (x, y)
            self._node = self._layouts.node()
            workspace.capture_mouse()

    def move(self, event: events.MouseMove) -> None:
        x, y = self._workspace.point(event)
        if self._node is None or ((x, y) == self._from and not self._dragged):
            return
        first = not self._dragged
        self._dragged = True
        if self._gap is not None:
            by = x - self._from[0] if self._gap.across else y - self._from[1]
            if first:
                self._layouts.remember()
            self._layouts.show(resized(self._node, self._gap, by))

    def up(self, event: events.MouseUp) -> None:
        if self._node is None:
            return
        self._workspace.release_mouse()
        if self._dragged and self._gap is not None:
            self._layouts.save()
        elif self._dragged and self._tab is not None:
            self._drop(self._tab, *self._workspace.point(event))
        self._gap = self._tab = self._node = None

    def _drop(self, slot: str, x: int, y: int) -> None:
        """A tab was let go: on a title bar it joins the tabs there, on a pane it changes places with it."""
        assert self._node is not None
        for spot in self._workspace.places():
            if slot in spot.tabs.slots:
                continue
            front = self._workspace.front_of(spot.tabs)
            if spot.title.contains(x, y):
                self._layouts.edit(joined(self._node, spot.tabs.slots[-1], slot), focus=slot)
            elif spot.body.contains(x, y):
                self._layouts.edit(swapped(self._node, slot, front), focus=slot)

    def swallow_click(self) -> bool:
        """Whether the click that ends a drag is only that."""
        dragged, self._dragged = self._dragged, False
        return dragged
