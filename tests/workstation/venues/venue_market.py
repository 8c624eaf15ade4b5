"""Two instruments of a made-up venue, and a hand that moves their market."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from workstation.clock import SimClock
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.market import BookDelta, BookSnapshot, Levels, MarketEvent, Trade

SPOT = Instrument(
    venue="NOVA",
    symbol="BTC-USDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    min_notional=Decimal(5),
    maker_fee=Decimal("0.0005"),
    taker_fee=Decimal("0.001"),
)
PERP = Instrument(
    venue="NOVA",
    symbol="BTC-PERP",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    contract=ContractType.LINEAR,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0004"),
    leverage=Decimal(10),
)
START = 1_700_000_000_000_000_000


class HandMarket:
    """Books and trades by hand, at the clock's time, in prices and quantities as a trader writes them."""

    def __init__(self, clock: SimClock, feed: Callable[[MarketEvent], None]) -> None:
        self.clock = clock
        self.feed = feed
        self._sequence = 0

    def book(self, instrument: Instrument, bids: dict[str, str], asks: dict[str, str]) -> None:
        self._sequence += 1
        levels = _levels(instrument, bids)[::-1], _levels(instrument, asks)
        self.feed(BookSnapshot(instrument.id, self.clock.now(), self._sequence, *levels))

    def delta(
        self, instrument: Instrument, bids: dict[str, str] | None = None, asks: dict[str, str] | None = None
    ) -> None:
        self._sequence += 1
        levels = _levels(instrument, bids or {}), _levels(instrument, asks or {})
        self.feed(BookDelta(instrument.id, self.clock.now(), self._sequence, 0, *levels))

    def sold(self, instrument: Instrument, quantity: str, price: str) -> None:
        """A public trade: a seller hit the bid."""
        self._trade(instrument, quantity, price, False)

    def bought(self, instrument: Instrument, quantity: str, price: str) -> None:
        self._trade(instrument, quantity, price, True)

    def _trade(self, instrument: Instrument, quantity: str, price: str, buyer: bool) -> None:
        ticks, lots = instrument.to_ticks(Decimal(price)), instrument.to_lots(Decimal(quantity))
        self.feed(Trade(instrument.id, self.clock.now(), ticks, lots, buyer))


def _levels(instrument: Instrument, side: dict[str, str]) -> Levels:
    return tuple(sorted((instrument.to_ticks(Decimal(p)), instrument.to_lots(Decimal(q))) for p, q in side.items()))
