"""How long the event loop stood still, and what it was doing: the loop beats, a thread looks.

loop:   beat(now) … beat(now)                                a late beat ends a stall
thread:      look(now) … look(now) → "still standing"        once a stall, while it lasts: time to take the stack
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path

import msgspec

#: Seconds between two beats of the loop.
BEAT = 0.2
#: A loop that stands still for longer than this many seconds is a stall.
LIMIT = 1.0


class Stall(msgspec.Struct, frozen=True):
    """`ended` is UTC ns on the desk's clock; `where` a few words, `stack` the loop's calls, empty if not to be had."""

    ended: int
    seconds: float
    where: str
    stack: str

    @property
    def sentence(self) -> str:
        return f"The desk stood still for {self.seconds:.1f} s: {self.where}."


class LoopWatch:
    """Beats and looks in monotonic seconds. `beat` belongs to the loop, `look` to one other thread."""

    def __init__(self, now: float) -> None:
        self._last_beat = self._last_look = now
        self._told = 0.0  # the beat after which the present stall has been told
        self._stack = ""

    def age(self, now: float) -> float:
        """Seconds for which the loop has not come round though it should have."""
        return max(0.0, now - self._last_beat - BEAT)

    def look(self, now: float) -> float | None:
        """Seconds of a stall that goes on and has not been told yet, else None."""
        self._last_look = now
        age = self.age(now)
        if age <= LIMIT or self._told == self._last_beat:
            return None
        self._told = self._last_beat
        return age

    def saw(self, stack: str) -> None:
        """What the loop was doing in the stall that `look` has told."""
        self._stack = stack

    def beat(self, now: float, clock: int) -> Stall | None:
        """The loop has come round; the stall that ends with this beat, if there was one."""
        age, stack = self.age(now), self._stack
        unseen = now - self._last_look > LIMIT and not stack
        self._last_beat, self._stack = now, ""
        if age <= LIMIT:
            return None
        if stack:
            where = place(stack)
        elif unseen:
            where = "the whole process did (stopped, short of the processor, or a library let nothing else run)"
        else:
            where = "what it did could not be seen"
        return Stall(clock, age, where, stack)


def stack_of(thread: int) -> str:
    """The calls that a thread is in, outermost first; empty if there is no such thread."""
    frame = sys._current_frames().get(thread)
    return "" if frame is None else "".join(traceback.format_stack(frame))


_LIBRARIES = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def place(stack: str) -> str:
    """Where a formatted stack stands, in words: "in paint, spread.py line 12". The innermost call that is no library's
    counts, within what the event loop has called."""
    calls = [line.strip() for line in stack.splitlines() if line.startswith("  File ")]
    begin = max((number + 1 for number, call in enumerate(calls) if call.endswith(", in _run_once")), default=0)
    places = [_words(call) for call in reversed(calls[begin:])]
    return next((words for words, library in places if not library), places[0][0] if places else "in the event loop")


def _words(call: str) -> tuple[str, bool]:
    path, line, name = (part.strip() for part in call.split(",", 2))
    path = path.removeprefix("File ").strip('"')
    return f"{name}, {Path(path).name} {line}", path.startswith((*_LIBRARIES, "<"))
