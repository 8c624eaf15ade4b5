"""A text field of the desk."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.widgets import Input


class Field(Input):
    """An input whose cursor stands still: a blinking one repaints an idle desk twice a second."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cursor_blink = False

    def _on_hide(self, event: events.Hide) -> None:
        """Word of a hiding that is over by now must not take the focus away."""
        if all(node.display for node in self.ancestors_with_self):
            event.prevent_default()
