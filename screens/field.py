"""A text field of the desk."""

from __future__ import annotations

from typing import Any

from textual.widgets import Input


class Field(Input):
    """An input whose cursor stands still: a blinking one repaints an idle desk twice a second."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.cursor_blink = False
