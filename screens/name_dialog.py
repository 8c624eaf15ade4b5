"""A dialog that asks for one line of text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from screens.dialog import Dialog, Line, Lines
from screens.field import Field


class NameDialog(Dialog[str]):
    """Gives back the text that was typed, or None."""

    DEFAULT_CSS = """
    NameDialog > Vertical { width: 50; }
    NameDialog Input { margin: 0; }
    """

    def __init__(
        self,
        title: str,
        text: str = "",
        placeholder: str = "",
        most: int = 40,
        judge: Callable[[str], str] = lambda _: "",
        empty: bool = False,
    ) -> None:
        """`judge` says what is wrong with a text, "" for nothing: a wrong one stays in the dialog with its sentence.
        `empty`: an emptied field that is accepted is "", which is not the None of Esc."""
        super().__init__()
        self.empty = empty
        self.judge = judge
        self.heading = title
        self.text = text
        self.placeholder = placeholder
        self.most = most

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.heading
            box.styles.width = min(76, max(50, len(self.placeholder) + 8))  # the example is read whole
            box.border_subtitle = "Enter accepts · Esc close"
            yield Field(value=self.text, placeholder=self.placeholder, max_length=self.most)
            yield Lines(cursor=False)

    def on_mount(self) -> None:
        self.query_one(Lines).display = False

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one(Lines).display = False

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        if typed and (problem := self.judge(typed)):
            said = self.query_one(Lines)
            lines = textwrap.wrap(problem, 44)
            said.display, said.styles.height = True, len(lines)
            said.show([Line(((f" {line}", said.ink.error),)) for line in lines])
            return
        self.dismiss(typed if typed or self.empty else None)
