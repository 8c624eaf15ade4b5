"""How much is told and when: a rate limit and quiet hours, as a pure state that is told the time.

Nothing is lost without a word: what was held back is counted, and the next note that may go says how much it was.
Urgent notes (the kill switch, breakers, trouble) go at once, always.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from workstation.clock import MINUTE
from workstation.notify.messages import URGENT, Message, Topic, in_words

_PLURAL = {
    Topic.FILL: ("fill", "fills"),
    Topic.REJECT: ("refused order", "refused orders"),
    Topic.DISCONNECT: ("note of a link", "notes of links"),
    Topic.STRATEGY: ("stopped strategy", "stopped strategies"),
    Topic.ALERT: ("alert", "alerts"),
}


class Outbox:
    """`offer` what happens, `take` what may go now. `local_minute` gives the minute of the trader's day of a time."""

    def __init__(
        self,
        *,
        per_minute: int,
        quiet: tuple[int, int] | None,
        local_minute: Callable[[int], int],
        templates: dict[str, str] | None = None,
    ) -> None:
        """`quiet`: first and last minute of the day (the last one not in it; it may be past midnight)."""
        self._per_minute = per_minute
        self._quiet = quiet
        self._local_minute = local_minute
        self._templates = templates or {}
        self._ready: deque[str] = deque()
        self._sent: deque[int] = deque()  # times of the last minute
        self._held: Counter[Topic] = Counter()

    def offer(self, message: Message, now: int) -> None:
        text = in_words(message, self._templates.get(message.topic))
        if message.topic in URGENT:
            self._ready.append(text)
        elif self._is_quiet(now) or self._held or not self._has_room(now):
            self._held[message.topic] += 1
        else:
            self._sent.append(now)
            self._ready.append(text)

    def take(self, now: int) -> list[str]:
        """The notes that go now, oldest first; what was held back comes as one note once there is room."""
        if self._held and not self._is_quiet(now) and self._has_room(now):
            self._sent.append(now)
            self._ready.append(f"Held back: {_counted(self._held)}.")
            self._held.clear()
        notes = list(self._ready)
        self._ready.clear()
        return notes

    @property
    def waits(self) -> bool:
        """Whether something is held back, so that `take` must be asked again later."""
        return bool(self._held)

    def _has_room(self, now: int) -> bool:
        while self._sent and self._sent[0] <= now - MINUTE:
            self._sent.popleft()
        return len(self._sent) < self._per_minute

    def _is_quiet(self, now: int) -> bool:
        if self._quiet is None:
            return False
        start, end = self._quiet
        minute = self._local_minute(now)
        return start <= minute < end if start <= end else minute >= start or minute < end


def _counted(held: Counter[Topic]) -> str:
    return ", ".join(f"{count} {_PLURAL[topic][count > 1]}" for topic, count in held.most_common())


def quiet_hours(text: str) -> tuple[int, int] | None:
    """ "22:00-07:00" as minutes of the day; None for the empty text. The text has been checked."""
    if not text:
        return None
    start, end = (int(part[:2]) * 60 + int(part[3:5]) for part in text.split("-"))
    return start, end
