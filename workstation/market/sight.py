"""Whether anything tells where a market is, for who holds stops over it: lost after a while only, and back for good.

A book that breaks is whole again within a second or two mostly.
"""

from __future__ import annotations

from workstation.clock import SECOND
from workstation.market.data import InstrumentMarket
from workstation.market.proof import believed, unseen

#: ns without a price after which it counts as lost; and of trades or marks alone after which they are relied on again:
#: where few come, each would end what the next pause begins.
_LASTS, _CALM = 2 * SECOND, 30 * SECOND


class Sight:
    """Of one instrument. `why`: what is the matter while its price is lost, "" otherwise."""

    __slots__ = ("_blind", "_seen", "why")

    def __init__(self) -> None:
        self.why = ""
        self._blind: int | None = None  # since when nothing tells it
        self._seen: int | None = None  # since when something does again, after it was lost

    def changes(self, market: InstrumentMarket, now: int) -> bool:
        """Look again (`now` in UTC ns). Whether the price was lost, or is back, at this very look."""
        return self.notes(unseen(market, now), believed(market, now), now)

    def notes(self, why: str, sure: bool, now: int) -> bool:
        """As `changes`, of whatever is looked at: `why` nothing tells it now, and whether what tells it will last."""
        if why:
            self._seen = None
            self._blind = now if self._blind is None else self._blind
            if self.why or now - self._blind < _LASTS:
                return False
            self.why = why
            return True
        self._blind = None
        if not self.why:
            return False
        self._seen = now if self._seen is None else self._seen
        if not sure and now - self._seen < _CALM:
            return False
        self.why, self._seen = "", None
        return True
