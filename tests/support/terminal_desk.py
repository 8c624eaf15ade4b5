"""The whole desk on a real terminal, with a pane that blocks its event loop on demand."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.terminal import Terminal
from workstation.domain import events as e
from workstation.store import StoreError, reader

PANE = Path(__file__).with_name("sleeping_pane.py")
TWS = [sys.executable, "-m", "workstation.cli"]


class Desk:
    """`tws` on a terminal, with the pane that blocks."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = home / "data" / "demo.sqlite"
        (home / "plugins").mkdir()
        shutil.copy(PANE, home / "plugins" / "sleeping.py")
        self.env = {**os.environ, "TWS_HOME": str(home), "TERM": "xterm-256color"}
        self.terminal = Terminal(TWS, self.env)

    def logged(self, words: str) -> bool:
        try:
            return any(words in entry.message for entry in reader.log(self.store, 10_000))
        except StoreError:
            return False

    def journal(self) -> list[object]:
        return list(reader.journal(self.store, 0))

    def orders(self) -> int:
        return sum(isinstance(event, e.OrderInitialized) for event in self.journal())

    def dropped(self) -> int:
        """How many keys the log says were dropped because the desk stood still."""
        return sum("was dropped: it was pressed while" in entry.message for entry in reader.log(self.store, 10_000))

    def trade(self, keys: str) -> None:
        """Type what makes one order; typed again where the machine's own load made the desk stand still."""
        orders = self.orders() + 1
        while self.orders() < orders:
            dropped = self.dropped()
            self.terminal.type(keys)
            self.terminal.wait_for(lambda seen=dropped: self.orders() >= orders or self.dropped() > seen)

    def block(self, seconds: float, held: bool = False) -> None:
        """The loop stands still from here for so long; `held`: at least so long, until `release`."""
        (self.home / "release").unlink(missing_ok=True)
        if not held:
            self.release()
        (self.home / "woke").unlink(missing_ok=True)
        (self.home / "blocked").unlink(missing_ok=True)
        (self.home / "block.new").write_text(str(seconds))
        (self.home / "block.new").rename(self.home / "block")
        self.terminal.wait_for((self.home / "blocked").exists)

    def release(self) -> None:
        (self.home / "release").touch()

    @property
    def woke(self) -> bool:
        return (self.home / "woke").exists()


@contextmanager
def terminal_desk(home: Path) -> Iterator[Desk]:
    """The desk on its Trade page, ready."""
    running = Desk(home)
    try:
        terminal = running.terminal
        terminal.wait_for(lambda: running.logged("Ready"))
        terminal.type("\x10")  # the palette goes to the page of panes which stand on no other
        terminal.wait_for(lambda: b"Command palette" in terminal.written)
        terminal.type("sleeping\r")
        terminal.wait_for((home / "mounted").exists)
        terminal.type("1")
        terminal.wait_for(lambda: b"Ladder" in terminal.written)
        yield running
    finally:
        running.terminal.close()
