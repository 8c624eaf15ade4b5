"""What the desk remembers of its looks between starts: theme, selection, each pane's settings. A small JSON file."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from workstation.aside import InTurn
from workstation.whole_file import in_place_of


class DeskState:
    """`values` is the whole; without a path nothing is kept. A file that cannot be read is left alone and reported."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.values: dict[str, Any] = {}
        self.problem: str | None = None
        self.dirty = False
        self._writing = InTurn("the desk's looks", most=1)  # the newest alone is wanted
        self._failed: deque[str] = deque(maxlen=1)
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
        """Have it written, if something changed; a sentence if that has failed. It is written beside: on a disk that
        hangs the whole desk would stand still, its kill switch too."""
        if self.dirty and self.path is not None:
            self.dirty = False
            try:
                text = json.dumps(self.values, indent=1)
            except (TypeError, ValueError) as error:
                return self._said(error)
            self._writing.do(partial(self._write, self.path, text))
        return self._failed.popleft() if self._failed else None

    def settle(self) -> None:
        """Wait until what is to be saved is written: a second at most."""
        self._writing.settle(1.0)

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(path, durable=False) as part:
                part.write_text(text, "utf-8")
        except OSError as error:
            self._failed.append(self._said(error))

    def _said(self, error: Exception) -> str:
        return f"The desk's looks cannot be saved to {self.path}: {error}"
