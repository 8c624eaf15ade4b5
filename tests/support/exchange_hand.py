"""A hand that moves the market of a loopback exchange whose own stands still (`seed=None`)."""

from __future__ import annotations

from decimal import Decimal

from tests.support.exchange import LoopbackExchange
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, Levels, Trade


def _levels(instrument: Instrument, side: dict[str, str]) -> Levels:
    return tuple(sorted((instrument.to_ticks(Decimal(p)), instrument.to_lots(Decimal(q))) for p, q in side.items()))


class Hand:
    """Moves the exchange's market: books of ten a side around a price, then a level or a trade at a time."""

    def __init__(self, exchange: LoopbackExchange) -> None:
        self.exchange = exchange
        self._number = 0
        listed = {each.symbol for each in exchange.floor.instruments.values()}
        for symbol, middle in (("BTC-USDT", 64_000), ("ETH-USDT", 3_000), ("BTC-USDT-PERP", 64_000)):
            if symbol in listed:
                self.around(middle, symbol)

    def around(self, middle: int, symbol: str = "BTC-USDT") -> None:
        """A new book, a unit between its levels."""
        bids = {str(middle - n): "1" for n in range(1, 11)}
        asks = {str(middle + n): "1" for n in range(1, 11)}
        self._number += 1
        found, now = self.instrument(symbol), self.exchange.clock.now()
        levels = _levels(found, bids)[::-1], _levels(found, asks)
        self.exchange.feed(BookSnapshot(found.id, now, self._number, *levels))

    def instrument(self, symbol: str = "BTC-USDT") -> Instrument:
        return next(each for each in self.exchange.floor.instruments.values() if each.symbol == symbol)

    def level(self, price: str, quantity: str, symbol: str = "BTC-USDT") -> None:
        """The bid at a price is of this size now."""
        self._number += 1
        found, now = self.instrument(symbol), self.exchange.clock.now()
        self.exchange.feed(BookDelta(found.id, now, self._number, 0, _levels(found, {price: quantity}), ()))

    def sold(self, quantity: str, price: str, symbol: str = "BTC-USDT") -> None:
        """A stranger sells so much at this price."""
        found, now = self.instrument(symbol), self.exchange.clock.now()
        ticks, lots = found.to_ticks(Decimal(price)), found.to_lots(Decimal(quantity))
        self.exchange.feed(Trade(found.id, now, ticks, lots, False))

    def book(self, symbol: str = "BTC-USDT") -> tuple[dict[int, int], dict[int, int]]:
        public = self.exchange.floor.public[self.instrument(symbol).id].book
        return self.exchange.do(lambda: (dict(public.bids), dict(public.asks)))
