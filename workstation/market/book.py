"""A live order book, built from snapshots and deltas whose sequence is checked on every update."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from workstation.domain.instrument import InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Levels


class OrderBook:
    """Both sides of one instrument, in whole ticks and lots.

    A delta whose `previous` does not equal the book's sequence makes the book stale (`stale` holds the sentence) and
    is not applied; only a snapshot makes it whole again. A `previous` of 0 means that the venue numbers nothing.
    Read it freely; only the market data path writes it.
    """

    __slots__ = ("_ask_prices", "_bid_prices", "asks", "bids", "instrument", "sequence", "stale", "ts", "version")

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self._bid_prices: list[int] = []  # ascending: the best bid is last
        self._ask_prices: list[int] = []  # ascending negatives: the best ask is last
        self.sequence = 0
        self.ts = 0
        self.stale: str | None = "no book yet"
        self.version = 0  # grows with every change

    def apply(self, event: BookSnapshot | BookDelta | BookStale) -> bool:
        """Take one event; False if the book did not take it (it is stale, or the delta is older than the book)."""
        if isinstance(event, BookDelta):
            if self.stale is not None:
                return False
            if event.previous and event.previous != self.sequence:
                if event.sequence <= self.sequence:
                    return False
                self.stale = f"update {event.sequence} does not follow {self.sequence}: waiting for a new snapshot"
                self.version += 1
                return False
            self._update(self.bids, self._bid_prices, event.bids, 1)
            self._update(self.asks, self._ask_prices, event.asks, -1)
        elif isinstance(event, BookSnapshot):
            self.bids = dict(event.bids)
            self.asks = dict(event.asks)
            self._bid_prices = sorted(self.bids)
            self._ask_prices = sorted(-price for price in self.asks)
            self.stale = None
        else:
            self.stale = event.reason
            self.version += 1
            return True
        self.sequence = event.sequence
        self.ts = event.ts
        self.version += 1
        return True

    @staticmethod
    def _update(side: dict[int, int], prices: list[int], levels: Levels, sign: int) -> None:
        for price, quantity in levels:
            if quantity:
                if price not in side:
                    insort(prices, sign * price)
                side[price] = quantity
            elif side.pop(price, None) is not None:
                key = sign * price
                if prices[-1] == key:
                    prices.pop()
                else:
                    del prices[bisect_left(prices, key)]

    @property
    def best_bid(self) -> int | None:
        return self._bid_prices[-1] if self._bid_prices else None

    @property
    def best_ask(self) -> int | None:
        return -self._ask_prices[-1] if self._ask_prices else None

    @property
    def spread(self) -> int | None:
        """Best ask − best bid in ticks."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask - bid

    @property
    def mid(self) -> float | None:
        """Middle of the best prices in ticks (a half tick is possible)."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    def bid_levels(self, depth: int) -> list[tuple[int, int]]:
        """Up to `depth` (ticks, lots), best first."""
        bids = self.bids
        return [(price, bids[price]) for price in reversed(self._bid_prices[-depth:])]

    def ask_levels(self, depth: int) -> list[tuple[int, int]]:
        asks = self.asks
        return [(-key, asks[-key]) for key in reversed(self._ask_prices[-depth:])]

    def walk_bids(self) -> Iterator[tuple[int, int]]:
        """(ticks, lots), best first, one by one. The book must not change meanwhile."""
        bids = self.bids
        return ((price, bids[price]) for price in reversed(self._bid_prices))

    def walk_asks(self) -> Iterator[tuple[int, int]]:
        asks = self.asks
        return ((-key, asks[-key]) for key in reversed(self._ask_prices))

    def imbalance(self, depth: int = 5) -> float | None:
        """(bid − ask quantity) / (bid + ask quantity) over the best `depth` levels: −1 … 1."""
        bid = sum(quantity for _, quantity in self.bid_levels(depth))
        ask = sum(quantity for _, quantity in self.ask_levels(depth))
        return (bid - ask) / (bid + ask) if bid + ask else None

    def snapshot(self, depth: int = 1_000_000) -> BookSnapshot:
        return BookSnapshot(
            self.instrument, self.ts, self.sequence, tuple(self.bid_levels(depth)), tuple(self.ask_levels(depth))
        )
