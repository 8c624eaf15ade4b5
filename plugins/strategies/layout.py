"""How the page divides its room: the list above; below it the form at the left, the tables at the right."""

from __future__ import annotations

from dataclasses import dataclass

VIEWS = ("orders", "signals", "result", "log", "about")


@dataclass(frozen=True, slots=True)
class Room:
    """`below`: lines under the list, of which the first two say what it is about; `form`, `right`: widths."""

    below: int
    form: int
    right: int


def room(width: int, height: int) -> Room:
    """The division of a page of this size."""
    form = 44 if width >= 130 else 36 if width >= 95 else 33
    below = max(0, height - max(6, height * 2 // 5))
    return Room(below, form, max(10, width - form - 1))
