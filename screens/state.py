"""What the desk remembers of its looks between starts: theme, selection, each pane's settings. A small JSON file."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from workstation.whole_file import in_place_of


class DeskState:
    """`values` is the whole; without a path nothing is kept. A file that cannot be read is left alone and reported."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.values: dict[str, Any] = {}
        self.problem: str | None = None
        self.dirty = False
        if path is None or not path.exists():
            return
        try:
            values = json.loads(path.read_text("utf-8"))
            if not isinstance(values, dict):
                raise ValueError("it holds no JSON object")
            self.values = values
        except (OSError, ValueError) as error:
            self.problem = f"The desk's looks cannot be read from {path}: {error}. They start afresh and are not saved."
            self.path = None

    def pane(self, slot: str) -> MutableMapping[str, Any]:
        panes = self.values.setdefault("panes", {})
        settings: dict[str, Any] = panes.setdefault(slot, {})
        return settings

    def save(self) -> str | None:
        """Write if something changed; a sentence if that failed."""
        if not self.dirty or self.path is None:
            return None
        self.dirty = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(self.path, durable=False) as part:
                part.write_text(json.dumps(self.values, indent=1), "utf-8")
        except (OSError, TypeError, ValueError) as error:
            return f"The desk's looks cannot be saved to {self.path}: {error}"
        return None
