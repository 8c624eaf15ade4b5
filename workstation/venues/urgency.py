"""How urgent a request to a venue is: told by who asks, heard by the queue in front of the venue.

It goes with the task (a context variable), so that all that the kill switch sets in motion is as urgent as itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Urgency(IntEnum):
    KILL = 0
    CANCEL = 1
    ORDER = 2
    QUERY = 3
    BACKGROUND = 4


_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.QUERY)


def urgency_now() -> Urgency:
    """How urgent what this task asks is."""
    return _urgency.get()


@contextmanager
def urgent(urgency: Urgency) -> Iterator[None]:
    """Requests that are made within are as urgent as this (or as what is already more urgent around it)."""
    token = _urgency.set(min(urgency, _urgency.get()) if _urgency.get() is Urgency.KILL else urgency)
    try:
        yield
    finally:
        _urgency.reset(token)
