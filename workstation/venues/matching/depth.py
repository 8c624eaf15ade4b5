"""The external book with what we took out of it: what an order of ours can still have, and what stands before it."""

from __future__ import annotations

from collections.abc import Iterator

from workstation.domain.instrument import InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot
from workstation.market.book import OrderBook


class VisibleDepth:
    """Depth is taken once: what we took is missing from a level until the feed changes that level."""

    __slots__ = ("_taken_asks", "_taken_bids", "book")

    def __init__(self, instrument: InstrumentId) -> None:
        self.book = OrderBook(instrument)
        self._taken_bids: dict[int, int] = {}  # ticks → lots
        self._taken_asks: dict[int, int] = {}

    def apply_delta(self, event: BookDelta) -> bool:
        """Every level that the delta names is new. False if the book did not take the delta."""
        if not self.book.apply(event):
            return False
        if self._taken_bids:
            for price, _ in event.bids:
                self._taken_bids.pop(price, None)
        if self._taken_asks:
            for price, _ in event.asks:
                self._taken_asks.pop(price, None)
        return True

    def apply_snapshot(self, event: BookSnapshot) -> None:
        """Of a snapshot only the levels are new that it shows otherwise than the book did."""
        book = self.book
        bids, asks = book.bids, book.asks
        book.apply(event)
        for taken, old, new in ((self._taken_bids, bids, book.bids), (self._taken_asks, asks, book.asks)):
            for price in [price for price in taken if old.get(price) != new.get(price)]:
                del taken[price]

    def available(self, buy: bool, limit: int | None) -> Iterator[tuple[int, int]]:
        """(ticks, lots) that an order may take now, best first; nothing while the book cannot be trusted."""
        if self.book.stale is not None:
            return
        taken = self._taken_asks if buy else self._taken_bids
        for price, lots in self.book.walk_asks() if buy else self.book.walk_bids():
            if limit is not None and (price > limit if buy else price < limit):
                return
            left = lots - taken.get(price, 0)
            if left > 0:
                yield price, left

    def can_take(self, buy: bool, limit: int | None) -> bool:
        return next(self.available(buy, limit), None) is not None

    def take(self, buy: bool, price: int, lots: int) -> None:
        taken = self._taken_asks if buy else self._taken_bids
        taken[price] = taken.get(price, 0) + lots

    def queue(self, buy: bool, price: int) -> int:
        """Lots of others that stand on our own side at the price."""
        visible, taken = (self.book.bids, self._taken_bids) if buy else (self.book.asks, self._taken_asks)
        return max(0, visible.get(price, 0) - taken.get(price, 0))
