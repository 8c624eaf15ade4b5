"""Link groups: panes that wear the same letter show the same instrument, whatever the rest of the desk shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.style import Style

from screens.theme import Ink

#: The groups, each with a colour of its own.
LINKS = ("A", "B", "C", "D", "E", "F")


def link_of(settings: Mapping[str, Any]) -> str | None:
    """The group that a pane's settings name, or None."""
    link = settings.get("link")
    return link if link in LINKS else None


def link_style(ink: Ink, link: str) -> Style:
    """The group's colour in the theme in force; the letter says the same where there are no colours."""
    if link in "ABC":
        return ink.badges[("demo", "replay", "paper")["ABC".index(link)]]
    return ink.filled(("bid", "ask", "dim")["DEF".index(link)]) + Style(bold=True)
