"""How urgent a request to a venue is: told by who asks, heard by the queue in front of the venue.

It goes with the task (a context variable), so that all that the kill switch sets in motion is as urgent as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from enum import IntEnum


class Urgency(IntEnum):
    LINK = -1  # what keeps a link, and the dead man's switch that hangs on it, alive: seldom, and of one request
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


_why_not: ContextVar[Callable[[], str | None] | None] = ContextVar("why_not", default=None)


@contextmanager
def unless(why_not: Callable[[], str | None]) -> Iterator[None]:
    """Requests that are made within leave the queue only if `why_not` says nothing when their turn has come."""
    token = _why_not.set(why_not)
    try:
        yield
    finally:
        _why_not.reset(token)


def kept_back() -> str | None:
    """Why what this task asks may not leave any more, or None."""
    why_not = _why_not.get()
    return None if why_not is None else why_not()


def afresh() -> Context:
    """For work that goes on by itself: as urgent as who begins it, and bound to nothing else of his."""
    context = Context()
    context.run(_urgency.set, _urgency.get())
    return context
