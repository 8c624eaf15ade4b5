"""What stands in the place of a pane that failed."""

from __future__ import annotations

import textwrap

from rich.segment import Segment

from screens.painted import PaintedPane, cells
from screens.pane import Desk


class ErrorCard(PaintedPane):
    """Says what failed and how to start the pane again; the traceback is in the log."""

    PANE = "error_card"
    FOLLOWS = False

    def __init__(self, desk: Desk, slot: str, title: str, error: BaseException) -> None:
        super().__init__(desk, slot)
        self.TITLE = title  # type: ignore[misc]
        lines = str(error).strip().splitlines()
        self.message = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

    def paint(self, now: int) -> None:
        ink, width = self.ink, max(8, self.width - 4)
        first, *rest = textwrap.wrap(f"The {self.TITLE} pane has failed.", max(8, width - 2))
        lines: list[list[Segment]] = [[], cells(("  ✗ ", ink.error), (first, ink.strong))]
        lines += [cells((f"    {line}", ink.strong)) for line in rest]
        lines += [[], *(cells((f"  {line}", ink.error)) for line in textwrap.wrap(self.message, width)[:4]), []]
        first, *rest = textwrap.wrap("^R or a click starts it again.", width)
        lines += [cells(("  ^R", ink.accent), (first.removeprefix("^R"), ink.text))]
        lines += [cells((f"  {line}", ink.text)) for line in rest]
        lines += [
            cells((f"  {line}", ink.dim))
            for line in textwrap.wrap("The rest of the desk goes on; the traceback is in the log.", width)
        ]
        for y, line in enumerate(lines):
            self.put(y, (y, self.message), lambda line=line: line)  # type: ignore[misc]
        self.blank_from(len(lines))

    def status(self) -> str:
        return "failed"

    def on_click(self) -> None:
        self.desk.restart(self.slot)
