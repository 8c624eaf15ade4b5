"""Answers that nothing of an account is left, though no fill says where it went.

Exchanges in trouble answer so, time and again, for positions and for money. To believe it at once would end the stops
of positions that are there; so it is believed when it has lasted, and no order opens anything there meanwhile. What a
fill explains, and what goes while something remains, is not doubted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from workstation.clock import MINUTE
from workstation.trading.core import TradingCore
from workstation.trading.risk_question import NEVER_COMPARED
from workstation.venues.contract import VenueError

#: ns for which a venue has to say so, and without a look after which it has to begin anew.
_LASTS, _PAUSE = MINUTE, MINUTE


class Vanished:
    """Of all venues."""

    def __init__(self, core: TradingCore, now: Callable[[], int]) -> None:
        self._core, self._now = core, now
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}  # since when and when last, by venue and kind

    def judge(self, venue: str, kind: str, gone: Collection[str]) -> None:
        """`gone`: all that the desk has of the kind there and that the venue does not show; empty where it shows some.
        Raises `VenueError` while that is not to be believed."""
        what = venue, kind
        if not gone:
            self._seen.pop(what, None)
            return
        now = self._now()
        since, last = self._seen.get(what, (now, now))
        since = since if now - last < _PAUSE else now
        if now - since >= _LASTS:
            del self._seen[what]
            return
        self._seen[what] = since, now
        names = ", ".join(sorted(gone)[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
        words = f"{venue} shows no {kind} at all, and no fill that says where {names} went"
        if self._core.unproven.get(venue) != NEVER_COMPARED:  # of which others make more
            self._core.unproven[venue] = words
        raise VenueError(
            f"{words}: exchanges in trouble answer so. This desk keeps what it has booked and the stops that it holds, "
            f"asks again, and takes it for gone after a minute. Unsure until then: look at {venue} itself"
        )
