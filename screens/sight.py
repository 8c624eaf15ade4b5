"""What the trader has seen: which book a pane painted, and up to when that was the truth."""

from __future__ import annotations

from workstation.clock import SECOND
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.engine import Engine
from workstation.market.book import OrderBook
from workstation.trading.errors import Refused
from workstation.trading.risk_counts import painted_too_old


class Sight:
    """Kept by a pane that sends orders: they carry `seen_at`, and risk refuses one that came from an old picture."""

    __slots__ = ("_at", "_instrument", "_version")

    def __init__(self) -> None:
        self._instrument: InstrumentId | None = None
        self._at = 0
        self._version = -1

    def painted(self, now: int, instrument: InstrumentId, book: OrderBook) -> None:
        """The book as it is stands on the screen at `now` (UTC ns)."""
        self._instrument, self._at, self._version = instrument, now, book.version

    def lost(self) -> None:
        """Nothing that could be traded on stands on the screen."""
        self._instrument = None

    def seen_at(self, now: int, instrument: Instrument, book: OrderBook) -> int:
        """UTC ns up to which what is painted was true: `now`, as long as the book is the painted one. Raises `Refused`
        where another book or none is on the screen."""
        if self._instrument != instrument.id:
            raise Refused(f"Nothing was sent: the book of {instrument.symbol} is not on the screen yet.")
        return now if book.version == self._version else self._at

    def must_be_new(self, engine: Engine, instrument: Instrument) -> None:
        """For what goes to the venue by another way than an order of the pane's own. Raises `Refused`."""
        now = engine.clock.now()
        age = now - self.seen_at(now, instrument, engine.book(instrument.id))
        if sentence := painted_too_old(instrument.symbol, age, engine.risk.limits):
            raise Refused(sentence)


def age_words(nanoseconds: int) -> str:
    """How old a stale price is, in whole units so that it does not flicker: 12s, 3m, 2h."""
    seconds = nanoseconds // SECOND
    return f"{seconds}s" if seconds < 100 else f"{seconds // 60}m" if seconds < 6_000 else f"{seconds // 3_600}h"
