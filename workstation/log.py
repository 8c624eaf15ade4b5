"""What the desk did and what went wrong, in sentences: a bounded ring that the log pane shows and the store keeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from workstation.bus import Bus
from workstation.clock import Clock


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """`detail` holds what a sentence cannot (a traceback); `count` how often the same entry came in a row."""

    ts: int
    level: Level
    source: str
    text: str
    detail: str = ""
    count: int = 1


class DeskLog:
    """The last `size` entries. An entry that repeats the one before only raises its count, so floods stay readable."""

    def __init__(self, clock: Clock, bus: Bus, size: int = 5_000) -> None:
        self._clock = clock
        self._bus = bus
        self.entries: deque[LogEntry] = deque(maxlen=size)
        self.version = 0
        self.errors = 0
        self.on_entry: Callable[[LogEntry], None] | None = None

    def add(self, level: Level, source: str, text: str, detail: str = "") -> None:
        entry = LogEntry(self._clock.now(), level, source, text, detail)
        last = self.entries[-1] if self.entries else None
        if last is not None and (last.level, last.source, last.text) == (level, source, text):
            entry = msgspec.structs.replace(entry, count=last.count + 1)
            self.entries[-1] = entry
        else:
            self.entries.append(entry)
        self.version += 1
        if level is Level.ERROR:
            self.errors += 1
        self._bus.publish(entry)
        if self.on_entry is not None:
            self.on_entry(entry)

    def info(self, source: str, text: str) -> None:
        self.add(Level.INFO, source, text)

    def warning(self, source: str, text: str, detail: str = "") -> None:
        self.add(Level.WARNING, source, text, detail)

    def error(self, source: str, text: str, detail: str = "") -> None:
        self.add(Level.ERROR, source, text, detail)
