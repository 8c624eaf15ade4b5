"""Sessions of a desk: from one start to its end, kept as a small list among the store's settings.

The journal says what happened; the list only says where in it each run of the desk began, and when it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

_KEY = "sessions"
#: A desk that is restarted every hour keeps a year of them.
_KEPT = 9_000


class _Settings(Protocol):
    def get_setting(self, key: str, default: Any = None) -> Any: ...
    def set_setting(self, key: str, value: object) -> Any: ...


class _Event(Protocol):
    @property
    def ts(self) -> int: ...


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Events number `first` to `first + count` of the journal. Times are UTC ns; `end` is the last sign of life of a
    session that was cut off, and None for the one that runs."""

    first: int
    count: int
    start: int
    end: int | None


class _Kept(msgspec.Struct, array_like=True):
    first: int
    start: int
    end: int | None = None


def _kept(store: _Settings) -> list[_Kept]:
    try:
        return msgspec.convert(store.get_setting(_KEY, []), list[_Kept])
    except msgspec.ValidationError:
        return []


def begin(store: _Settings, first: int, now: int) -> None:
    """A session begins with the event that will be number `first` of the journal."""
    store.set_setting(_KEY, [*_kept(store), _Kept(first, now)][-_KEPT:])


def finish(store: _Settings, now: int) -> None:
    """The running session ends here."""
    if kept := _kept(store):
        kept[-1].end = now
        store.set_setting(_KEY, kept)


def sessions(store: _Settings, journal: Sequence[_Event]) -> list[Session]:
    """All sessions, oldest first. What was journalled before sessions were kept is one of its own."""
    kept = _kept(store)
    total = len(journal)
    if total and (not kept or kept[0].first > 0):
        kept.insert(0, _Kept(0, journal[0].ts))
    found = []
    for number, one in enumerate(kept):
        last = number == len(kept) - 1
        after = total if last else kept[number + 1].first
        end = one.end
        if end is None and not last:
            end = max([one.start, *(event.ts for event in journal[one.first : after])])
        found.append(Session(first=one.first, count=max(0, after - one.first), start=one.start, end=end))
    return found
