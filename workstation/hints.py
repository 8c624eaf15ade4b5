"""What a venue's streams of balances and positions tell, held against the desk's books; and orders that others make.

A difference that stays when all is quiet, or an order of others that is not the desk's own, is a reason to compare now,
and nothing else: the comparison asks the venue and books what it finds, and the desk trades on meanwhile. While these
streams stand and agree with the books, their venue is asked less often.
"""

from __future__ import annotations

from decimal import Decimal

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, subtract
from workstation.domain.order import OrderState
from workstation.trading.core import TradingCore
from workstation.venues.contract import KnowsStrangers, TellsAccount, Venue

#: Seconds without a word of the streams and without a change of the books after which both count as said.
_QUIET = 1.0
#: Seconds between two comparisons of a venue that hints have asked for, at least.
_FLOOR = 10.0
#: Where these streams stand and agree with the books, balances and positions are asked for at every second comparison.
_SELDOM = 1.5


class Hints:
    """Of all venues; asked a few times a second."""

    def __init__(self, core: TradingCore, least: Decimal) -> None:
        """`least`: a difference up to it is none."""
        self._core = core
        self._least = least
        self._seen: dict[str, tuple[int, tuple[Decimal, ...]]] = {}  # version of the streams' word, and the books then
        self._since: dict[str, float] = {}  # when they last changed, until they have been compared
        self._hinted: dict[str, float] = {}  # when a comparison was last asked for here
        self._met: dict[str, int] = {}  # `stirred` of a venue when a comparison with it last began
        self._asked: dict[str, tuple[int, float]] = {}  # epoch and time of the last question for balances and positions

    def due(self, venue: Venue, now: float) -> bool:
        """Whether a venue has told what the desk's books do not have. Says so once for each word, and not oftener than
        every ten seconds."""
        name = venue.name
        waits = name in self._hinted and now - self._hinted[name] < _FLOOR
        if isinstance(venue, KnowsStrangers) and venue.stirred != self._met.get(name, 0) and not waits:
            return self._ask_now(name, now)
        if not isinstance(venue, TellsAccount):
            return False
        told = venue.told
        if told.missed and venue.account_streams() and not waits:
            told.missed = False
            return self._ask_now(name, now)
        versions = told.version, self._books(venue)
        before = self._seen.get(name, (0, ()))
        if versions != before:
            self._seen[name] = versions
            if versions[0] != before[0] or name in self._since:
                self._since[name] = now
            return False
        if name not in self._since or now - self._since[name] < _QUIET or not self._settled(name):
            return False
        differs = self.differs(venue)
        if differs and waits:
            return False
        del self._since[name]
        return differs and self._ask_now(name, now)

    def _ask_now(self, venue: str, now: float) -> bool:
        self._asked.pop(venue, None)
        self._hinted[venue] = now
        return True

    def begun(self, venue: Venue) -> None:
        """A comparison begins: what others have done until now it will see."""
        if isinstance(venue, KnowsStrangers):
            self._met[venue.name] = venue.stirred

    def word(self, venue: Venue) -> int:
        """Which word of the streams is the newest: for `asked`, before the venue is asked."""
        return venue.told.version if isinstance(venue, TellsAccount) else 0

    def asked(self, venue: Venue, epoch: int, now: float, word: int) -> None:
        """Balances and positions were asked for, and are what the books hold by now. What was told otherwise, with no
        word since `word`, is let go: it was not the newest (of two messages that come together only one is handed on),
        or it is told again. The next comparison asks too, lest it was the answer that was old."""
        if isinstance(venue, TellsAccount) and venue.told.version == word and self._let_go(venue):
            self._asked.pop(venue.name, None)
        else:
            self._asked[venue.name] = epoch, now

    def vouch(self, venue: Venue, epoch: int, now: float, every: float) -> bool:
        """Whether balances and positions need not be asked for at this comparison: they were since the venue was last
        away, and their streams stand and have told nothing else since. `every`: seconds between two comparisons."""
        if not isinstance(venue, TellsAccount) or not venue.account_streams():
            return False
        if venue.told.missed or not venue.told.whole:
            return False
        before, when = self._asked.get(venue.name, (None, 0.0))
        return before == epoch and now - when < every * _SELDOM and not self.differs(venue)

    def _settled(self, venue: str) -> bool:
        unclear = (OrderState.SUBMITTED, OrderState.UNKNOWN)
        return not any(order.state in unclear for order in self._core.orders.open_at(venue))

    def differs(self, venue: TellsAccount) -> bool:
        """Whether what was told last is not what the books hold."""
        told = venue.told
        return any(self._money_differs(venue.name, *each) for each in told.balances.items()) or any(
            self._held(instrument) != quantity for instrument, quantity in told.positions.items()
        )

    def _let_go(self, venue: TellsAccount) -> bool:
        """Forget what was told and is not what the books hold; whether there was any."""
        told = venue.told
        money = [each[0] for each in told.balances.items() if self._money_differs(venue.name, *each)]
        held = [name for name, quantity in told.positions.items() if self._held(name) != quantity]
        for currency in money:
            del told.balances[currency]
        for instrument in held:
            del told.positions[instrument]
        return bool(money or held)

    def _books(self, venue: TellsAccount) -> tuple[Decimal, ...]:
        """What the books hold of all that was told."""
        money = (self._core.portfolio.balance(venue.name, currency) for currency in venue.told.balances)
        return (*money, *map(self._held, venue.told.positions))

    def _money_differs(self, venue: str, currency: str, amount: Decimal) -> bool:
        return abs(subtract(amount, self._core.portfolio.balance(venue, currency))) > self._least

    def _held(self, instrument: InstrumentId) -> Decimal:
        position = self._core.portfolio.positions.get(instrument)
        return position.quantity if position is not None else ZERO
