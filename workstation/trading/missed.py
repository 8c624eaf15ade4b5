"""What was missed of a venue while it was away, and is not in the books yet: what they hold of spot may be gone, sold
by hand meanwhile. An exit would then sell the trader's own coins, for no exchange knows reduce-only there. So what
closes spot waits until the missed fills are booked; but not for ever, for the position may be there and fall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstation.clock import SECOND, Clock

if TYPE_CHECKING:
    from workstation.trading.core import TradingCore

#: For how long it is waited once the venue is connected.
_PATIENCE = 30 * SECOND


class Behind:
    """Venues of which fills may have been missed that are not booked yet, and by which of their cuts."""

    def __init__(self) -> None:
        self._cuts: dict[str, int] = {}
        self._count = 0

    def __contains__(self, venue: object) -> bool:
        return venue in self._cuts

    def add(self, venue: str) -> None:
        if venue not in self._cuts:
            self._count += 1
            self._cuts[venue] = self._count

    def discard(self, venue: str) -> None:
        self._cuts.pop(venue, None)

    def clear(self) -> None:
        self._cuts.clear()

    def cut(self, venue: str) -> int:
        """The number of the cut since which it is behind. Raises KeyError where it is not."""
        return self._cuts[venue]


class Missed:
    """For one who closes positions."""

    def __init__(self, core: TradingCore, clock: Clock) -> None:
        self._core, self._clock = core, clock
        self._since: dict[str, tuple[int, int]] = {}  # venue → the cut, and since when it is waited for

    def waits(self, venue: str, connected: bool) -> bool:
        """Whether what closes spot there, or is worked in slices, has to wait now."""
        if venue not in self._core.behind:
            self._since.pop(venue, None)
            return False
        if not connected:
            self._since.pop(venue, None)
            return True
        now, cut = self._clock.now(), self._core.behind.cut(venue)
        if self._since.get(venue, (cut, now))[0] != cut:
            del self._since[venue]  # of an earlier cut: who asked then did not come back
        return now - self._since.setdefault(venue, (cut, now))[1] <= _PATIENCE

    def given_up(self, venue: str) -> int | None:
        """Since when it was waited in vain for a venue, UTC ns; None where it was not."""
        if self.waits(venue, True) or venue not in self._since:
            return None
        return self._since[venue][1]
