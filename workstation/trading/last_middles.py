"""What lasts of an instrument's price: the middle of the last looks at it.

A book of which one side is gone for a moment has a middle far from where the market is.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.instrument import InstrumentId

#: Looks of which the middle one counts, how many there must be, and ns after which a look says nothing of now.
_LOOKS, _FEWEST, _LIVES = 5, 3, 5 * SECOND


class LastMiddles:
    """Of all instruments. Times in UTC ns."""

    def __init__(self) -> None:
        self._looks: dict[InstrumentId, deque[tuple[int, Decimal]]] = {}

    def add(self, instrument: InstrumentId, now: int, price: Decimal) -> Decimal | None:
        """Take the price of a look in; what lasts, None while too little was seen to say."""
        looks = self._looks.setdefault(instrument, deque(maxlen=_LOOKS))
        while looks and now - looks[0][0] > _LIVES:
            looks.popleft()
        looks.append((now, price))
        if len(looks) < _FEWEST:
            return None
        return sorted(each for _, each in looks)[len(looks) // 2]

    def clear(self) -> None:
        self._looks.clear()
