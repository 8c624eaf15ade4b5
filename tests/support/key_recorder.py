"""The desk in a terminal, which writes the name of every key that arrives into a file and does nothing else with it."""

from __future__ import annotations

import sys
from pathlib import Path

from textual import events

from screens.keyboard import Keyboard
from workstation.cli import main


def record(path: Path) -> None:
    def take(self: Keyboard, event: events.Key) -> bool:
        with path.open("a") as out:
            out.write(f"{event.key}\n")
        return True

    Keyboard.take = take  # type: ignore[method-assign]
    main(["--set", "demo.rate=0.2"])


if __name__ == "__main__":
    record(Path(sys.argv[1]))
