"""What was missed of a venue while it was away, and is not in the books yet: what they hold of spot may be gone, sold
by hand meanwhile. An exit would then sell the trader's own coins, for no exchange knows reduce-only there. So what
closes spot waits until the missed fills are booked; but not for ever, for the position may be there and fall.
"""

from __future__ import annotations

from workstation.clock import SECOND, Clock
from workstation.trading.core import TradingCore

#: For how long it is waited once the venue is connected.
_PATIENCE = 30 * SECOND


class Missed:
    """For one who closes positions."""

    def __init__(self, core: TradingCore, clock: Clock) -> None:
        self._core, self._clock = core, clock
        self._since: dict[str, int] = {}  # venue → since when it is waited for

    def waits(self, venue: str, connected: bool) -> bool:
        """Whether what closes spot there, or is worked in slices, has to wait now."""
        if venue not in self._core.behind:
            self._since.pop(venue, None)
            return False
        if not connected:
            self._since.pop(venue, None)
            return True
        now = self._clock.now()
        return now - self._since.setdefault(venue, now) <= _PATIENCE

    def given_up(self, venue: str) -> int | None:
        """Since when it was waited in vain for a venue, UTC ns; None where it was not."""
        return self._since.get(venue) if not self.waits(venue, True) else None
