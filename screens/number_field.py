"""The text field for numbers that stands in panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from screens.kept_lines import KeptLines

#: What may be typed into a field for a number.
NUMBER = r"[\d.,'’\u00a0\u202f]{0,18}"


#: Enter is the pane's; ctrl+w, which deletes words elsewhere, the desk's: a number is no word.
_NOT_OURS = ("enter", "ctrl+w")


def _ours(bindings: Sequence[BindingType]) -> list[BindingType]:
    return [one for one in bindings if (one.key if isinstance(one, Binding) else one[0]) not in _NOT_OURS]


class NumberField(KeptLines, Input, inherit_bindings=False):
    """One line to type a number into. Enter is left to the pane, whose action knows whether the desk is armed."""

    BINDINGS: ClassVar[list[BindingType]] = _ours(Input.BINDINGS)
    DEFAULT_CSS = """
    NumberField, NumberField:focus { border: none; height: 1; padding: 0; width: 1fr; background: $surface; }
    NumberField:focus { background: $cursor-row; }
    NumberField > .input--selection { background: $block-cursor-background; color: $block-cursor-foreground; }
    NumberField:disabled { background: $background; opacity: 100%; }
    """

    def __init__(self, *, id: str, restrict: str = NUMBER, placeholder: str = "") -> None:
        super().__init__(id=id, restrict=restrict, placeholder=placeholder)
        self.cursor_blink = False  # a blinking cursor repaints an idle desk twice a second

    def put(self, text: str) -> None:
        """Show a text that the trader has not typed: no Changed message."""
        with self.prevent(Input.Changed):
            self.value = text
            self.cursor_position = len(text)
