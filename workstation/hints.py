"""What a venue's streams of balances and positions tell, held against the desk's books.

A difference that stays when all is quiet is a reason to compare now, and nothing else: the comparison asks the venue
and books what it finds. While these streams stand and agree with the books, their venue is asked less often.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.numbers import ZERO, subtract
from workstation.domain.order import OrderState
from workstation.trading.core import TradingCore
from workstation.venues.contract import TellsAccount, Venue

#: Seconds without a word of the streams and without a change of the books after which both count as said.
_QUIET = 1.0
#: Where these streams stand and agree with the books, balances and positions are asked for at every second comparison.
_SELDOM = 1.5


class Hints:
    """Of all venues; asked a few times a second."""

    def __init__(self, core: TradingCore, least: Decimal) -> None:
        """`least`: a difference up to it is none."""
        self._core = core
        self._least = least
        self._seen: dict[str, tuple[int, int]] = {}  # versions of the streams' word and of the books
        self._since: dict[str, float] = {}  # when they last changed, until they have been compared
        self._asked: dict[str, tuple[int, float]] = {}  # epoch and time of the last question for balances and positions

    def due(self, venue: Venue, now: float) -> bool:
        """Whether a venue has told what the desk's books do not have. Says so once for each word."""
        if not isinstance(venue, TellsAccount):
            return False
        told, name = venue.told, venue.name
        if told.missed and venue.account_streams():
            told.missed = False
            return self._ask_now(name)
        versions = told.version, self._core.portfolio.version
        before = self._seen.get(name, (0, 0))
        if versions != before:
            self._seen[name] = versions
            if versions[0] != before[0] or name in self._since:
                self._since[name] = now
            return False
        if name not in self._since or now - self._since[name] < _QUIET or not self._settled(name):
            return False
        del self._since[name]
        return self.differs(venue) and self._ask_now(name)

    def _ask_now(self, venue: str) -> bool:
        self._asked.pop(venue, None)
        return True

    def asked(self, venue: Venue, epoch: int, now: float) -> None:
        """Balances and positions were asked for, and are what the books hold by now."""
        self._asked[venue.name] = epoch, now

    def vouch(self, venue: Venue, epoch: int, now: float, every: float) -> bool:
        """Whether balances and positions need not be asked for at this comparison: they were since the venue was last
        away, and their streams stand and have told nothing else since. `every`: seconds between two comparisons."""
        if not isinstance(venue, TellsAccount) or not venue.account_streams() or venue.told.missed:
            return False
        before, when = self._asked.get(venue.name, (None, 0.0))
        return before == epoch and now - when < every * _SELDOM and not self.differs(venue)

    def _settled(self, venue: str) -> bool:
        unclear = (OrderState.SUBMITTED, OrderState.UNKNOWN)
        return not any(order.state in unclear for order in self._core.orders.open_at(venue))

    def differs(self, venue: TellsAccount) -> bool:
        """Whether what was told last is not what the books hold."""
        portfolio, told = self._core.portfolio, venue.told
        for currency, amount in told.balances.items():
            if abs(subtract(amount, portfolio.balance(venue.name, currency))) > self._least:
                return True
        for instrument, quantity in told.positions.items():
            position = portfolio.positions.get(instrument)
            if quantity != (position.quantity if position is not None else ZERO):
                return True
        return False
