"""The two dialogs of the risk pane: a limit's new value, and the name of the breaker that is to be reset."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from screens.dialog import Dialog, Line, Lines
from screens.field import Field


class TypedDialog(Dialog[str]):
    """A text, a field and what Enter would do; the answer is what was typed. `judge` gives (sentence, fine?)."""

    def __init__(
        self,
        title: str,
        text: str,
        value: str,
        judge: Callable[[str], tuple[str, bool]],
        confirm: bool,
        asked: bool = False,
    ) -> None:
        """With `confirm` the same value must be entered twice; `asked`: the value it begins with only once."""
        super().__init__()
        self.heading, self.text, self.value = title, text, value
        self.judge = judge
        self.confirm = confirm
        self._asked: str | None = value if asked else None
        self._again = "Enter does it." if asked else "Enter again does it."

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.heading
            box.border_subtitle = "Enter · Esc leaves it as it is"
            yield Lines(cursor=False)
            yield Field(value=self.value)
            yield Lines(cursor=False)

    def on_mount(self) -> None:
        text, answer = self.query(Lines)
        width = min(78, self.app.size.width - 6)
        lines = [line for part in self.text.split("\n") for line in textwrap.wrap(part, width) or [""]]
        text.styles.height = len(lines) + 1
        text.show([Line(((line, text.ink.text),)) for line in lines])
        answer.styles.height = 2
        self.query_one(Input).focus()
        self._say(self.value)

    def _say(self, value: str) -> None:
        sentence, fine = self.judge(value)
        if self._asked == value:
            sentence = f"{sentence} {self._again}"
        shown = self.query(Lines).last(Lines)
        style = shown.ink.warning if not fine or self._asked == value else shown.ink.text
        wrapped = textwrap.wrap(sentence, min(78, self.app.size.width - 6))
        shown.show([Line(((line, style),)) for line in wrapped])

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._asked:
            self._asked = None
        self._say(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.judge(event.value)[1]:
            return
        if self.confirm and self._asked != event.value:
            self._asked = event.value
            self._say(event.value)
            return
        self.dismiss(event.value)
