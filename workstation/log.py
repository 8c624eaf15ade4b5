"""What the desk did and what went wrong, in sentences: a bounded ring that the log pane shows and the store keeps."""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec

from workstation.bus import Bus
from workstation.clock import Clock

#: Seconds that a line in passing may wait for its words: less than a frame.
_MOMENT = 0.01


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
        self._entries: deque[LogEntry] = deque(maxlen=size)
        self._unsaid: list[tuple[int, str, Callable[[], str]]] = []
        self.version = 0
        self.errors = 0
        self.on_entry: Callable[[LogEntry], None] | None = None

    @property
    def entries(self) -> deque[LogEntry]:
        """Oldest first."""
        self.settle()
        return self._entries

    def add(self, level: Level, source: str, text: str, detail: str = "") -> None:
        self.settle()
        self._enter(LogEntry(self._clock.now(), level, source, text, detail))

    def in_passing(self, source: str, words: Callable[[], str]) -> None:
        """A line of now that nobody waits for: it is put into words a moment later, when what does wait (an order's way
        to its venue) has had its turns of the loop; at the latest before the next line or when somebody reads."""
        self._unsaid.append((self._clock.now(), source, words))
        if len(self._unsaid) == 1:
            try:
                asyncio.get_running_loop().call_later(_MOMENT, self.settle)
            except RuntimeError:  # no loop here: nothing waits
                self.settle()

    def settle(self) -> None:
        """Put into words what waits for them. A line that has none is an error of its own: the others are kept."""
        unsaid, self._unsaid = self._unsaid, []
        for ts, source, words in unsaid:
            try:
                entry = LogEntry(ts, Level.INFO, source, words())
            except Exception as error:
                text = f"A line of {source} could not be put into words: {error!r}"
                entry = LogEntry(ts, Level.ERROR, "log", text, traceback.format_exc())
            self._enter(entry)

    def _enter(self, entry: LogEntry) -> None:
        last = self._entries[-1] if self._entries else None
        if last is not None and (last.level, last.source, last.text) == (entry.level, entry.source, entry.text):
            entry = msgspec.structs.replace(entry, count=last.count + 1)
            self._entries[-1] = entry
        else:
            self._entries.append(entry)
        self.version += 1
        if entry.level is Level.ERROR:
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
