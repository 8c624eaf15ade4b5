"""How long an exchange wants to hear nothing: it was asked too often.

That belongs to the venue. A connection and its queue may end meanwhile; who asks on in a ban whose end was told makes
it longer, and a kill switch may then never get through.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from workstation.clock import SECOND
from workstation.venues.ccxt.errors import is_limit

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Seconds of silence where the exchange does not tell how long.
_UNTOLD = 1.0
#: The longest that is believed: what is beyond Binance's longest ban is a slip.
_LONGEST = 3 * 86_400.0
_NUMBER = re.compile(r"\d{1,9}(\.\d+)?")


class Silence:
    """Until when nothing is sent."""

    def __init__(self) -> None:
        self._until = 0.0  # by the event loop's clock
        self._told = False
        self._ends = 0  # UTC ns

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    @property
    def told(self) -> bool:
        """Whether the exchange itself has said when the silence that is kept now ends."""
        return self._told and self.left > 0

    @property
    def words(self) -> str:
        """For the screen; empty where no silence is kept, or none worth a word."""
        if not self.told:
            return ""
        return f"it asked for silence until {datetime.fromtimestamp(self._ends // SECOND, UTC):%H:%M:%S} UTC"

    def note(self, venue: CcxtVenue, error: BaseException) -> None:
        """Where the exchange says that it was asked too often, be silent for as long as it wants."""
        if not is_limit(error):
            return
        told = _retry_after(venue)
        seconds = _UNTOLD if told is None else told
        longer = seconds - self.left
        if longer > 0:
            self._until += longer if self.left else asyncio.get_running_loop().time() + seconds - self._until
            self._told = told is not None
            self._ends = venue.clock.now() + round(seconds * SECOND)
        if venue.gate is not None:
            venue.gate.pause(self.left)
        if longer > 1.5 or (told is None and longer > 0):
            until = f", until {self.words.rpartition('until ')[2]}" if self.told else ""
            venue.on_notice(
                "warning", f"{venue.name} says that it was asked too often: silent for {seconds:.0f} s{until}."
            )


def _retry_after(venue: CcxtVenue) -> float | None:
    """Seconds that the answer asks for (RFC 9110, 10.2.3): so many, or until a moment by the exchange's clock."""
    headers = getattr(venue.exchange, "last_response_headers", None) or {}
    wait = str(next((value for name, value in headers.items() if name.lower() == "retry-after"), "")).strip()
    if _NUMBER.fullmatch(wait):
        seconds = float(wait)
    else:
        try:
            until = parsedate_to_datetime(wait)
        except ValueError:
            return None
        there = (venue.clock.now() + (venue.drift or 0)) / SECOND
        # such a date has no fractions: what is over a moment too early makes a ban longer
        seconds = until.replace(tzinfo=until.tzinfo or UTC).timestamp() - there + 1.0
    return min(max(seconds, _UNTOLD), _LONGEST)
