"""A dialog that asks for one line of text."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from screens.dialog import Dialog
from screens.field import Field


class NameDialog(Dialog[str]):
    """Gives back the text that was typed, or None."""

    DEFAULT_CSS = """
    NameDialog > Vertical { width: 50; }
    NameDialog Input { margin: 0; }
    """

    def __init__(self, title: str, text: str = "", placeholder: str = "", most: int = 40) -> None:
        super().__init__()
        self.heading = title
        self.text = text
        self.placeholder = placeholder
        self.most = most

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.heading
            box.border_subtitle = "Enter accepts · Esc close"
            yield Field(value=self.text, placeholder=self.placeholder, max_length=self.most)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
