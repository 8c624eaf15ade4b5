"""Textual's own widgets as parts of a pane: what they show is kept until it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.strip import Strip

from screens.theme import Ink

if TYPE_CHECKING:
    from textual.widget import Widget as _Widget
else:  # Textual takes a widget's styles, bindings and focus from its first base that is a widget
    _Widget = object


class KeptLines(_Widget):
    """Mix this in before a widget of Textual's that shows the same most of the time.

    Textual works out the colours beneath a widget, and whether its scroll bars are still right, whenever it is painted
    or laid out: the fields and labels of a form are a tenth of what a page takes to be painted when it is opened.
    """

    _kept: tuple[Region, Ink, list[Strip]] | None = None
    _laid_out: tuple[Size, Size, Size, Size] | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        ink: Ink = self.app.ink  # type: ignore[attr-defined]
        kept = self._kept
        if kept is None or kept[0] != crop or kept[1] is not ink:
            kept = self._kept = crop, ink, super().render_lines(crop)
        return kept[2]

    def _set_dirty(self, *regions: Region) -> None:
        self._kept = None
        super()._set_dirty(*regions)

    def notify_style_update(self) -> None:
        self._kept = None
        super().notify_style_update()

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        if (size, virtual_size, container_size, self.virtual_size) == self._laid_out and size == self._size:
            return False
        changed = super()._size_updated(size, virtual_size, container_size, layout)
        self._laid_out = size, virtual_size, container_size, self.virtual_size
        return changed
