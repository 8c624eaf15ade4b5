"""A live order book, built from snapshots and deltas whose sequence is checked on every update."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from itertools import islice

from workstation.domain.instrument import InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Levels

#: How many of the best levels a side keeps in order; the deep rest is put in order when somebody looks that far.
_NEAR = 256
_MOST = 4 * _NEAR


class _Side:
    """One side: all levels by price, and the prices of the near ones in order.

    A depth update names dozens of levels, most of them deep and many that come and go; only what is near the touch is
    worth a place in order. Prices are kept as keys (sign × price) so that the best key is the highest.
    """

    __slots__ = ("_edge", "_listed", "_near", "_sign", "best", "levels")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.replace(())

    def replace(self, levels: Levels) -> None:
        self.levels = dict(levels)
        self._order()

    def _order(self) -> None:
        """Put the best levels in order anew."""
        sign = self._sign
        keys = sorted([sign * price for price in self.levels])
        self._edge = keys[-_NEAR] if len(keys) > _NEAR else None
        self._near = keys[-_NEAR:]  # keys at or beyond the edge, ascending; emptied levels may linger, but not last
        self._listed = set(self._near)
        self.best = sign * keys[-1] if keys else None

    def update(self, levels: Levels) -> None:
        held, listed, near, edge, sign = self.levels, self._listed, self._near, self._edge, self._sign
        for price, quantity in levels:
            if quantity:
                if price not in held:
                    key = sign * price
                    if (edge is None or key >= edge) and key not in listed:
                        listed.add(key)
                        insort(near, key)
                held[price] = quantity
            else:
                held.pop(price, None)
        while near and sign * near[-1] not in held:
            listed.discard(near.pop())
        if near and len(near) < _MOST:
            self.best = sign * near[-1]
        else:
            self._order()

    def walk(self) -> Iterator[tuple[int, int]]:
        """(ticks, lots), best first."""
        levels, edge, sign = self.levels, self._edge, self._sign
        for key in reversed(self._near):
            price = sign * key
            if price in levels:
                yield price, levels[price]
        if edge is not None:
            for key in sorted([sign * price for price in levels if sign * price < edge], reverse=True):
                yield sign * key, levels[sign * key]


class OrderBook:
    """Both sides of one instrument, in whole ticks and lots.

    A delta whose `previous` does not equal the book's sequence makes the book stale (`stale` holds the sentence) and
    is not applied; only a snapshot makes it whole again. A `previous` of 0 means that the venue numbers nothing.
    Read it freely; only the market data path writes it.
    """

    __slots__ = ("_ask_side", "_bid_side", "asks", "bids", "instrument", "sequence", "stale", "ts", "version")

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self._bid_side = _Side(1)
        self._ask_side = _Side(-1)
        self.bids: dict[int, int] = self._bid_side.levels
        self.asks: dict[int, int] = self._ask_side.levels
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
            if event.bids:
                self._bid_side.update(event.bids)
            if event.asks:
                self._ask_side.update(event.asks)
        elif isinstance(event, BookSnapshot):
            self._bid_side.replace(event.bids)
            self._ask_side.replace(event.asks)
            self.bids, self.asks = self._bid_side.levels, self._ask_side.levels
            self.stale = None
        else:
            self.stale = event.reason
            self.version += 1
            return True
        self.sequence = event.sequence
        self.ts = event.ts
        self.version += 1
        return True

    @property
    def best_bid(self) -> int | None:
        return self._bid_side.best

    @property
    def best_ask(self) -> int | None:
        return self._ask_side.best

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
        return list(islice(self._bid_side.walk(), depth))

    def ask_levels(self, depth: int) -> list[tuple[int, int]]:
        return list(islice(self._ask_side.walk(), depth))

    def walk_bids(self) -> Iterator[tuple[int, int]]:
        """(ticks, lots), best first, one by one. The book must not change meanwhile."""
        return self._bid_side.walk()

    def walk_asks(self) -> Iterator[tuple[int, int]]:
        return self._ask_side.walk()

    def imbalance(self, depth: int = 5) -> float | None:
        """(bid − ask quantity) / (bid + ask quantity) over the best `depth` levels: −1 … 1."""
        bid = sum(quantity for _, quantity in self.bid_levels(depth))
        ask = sum(quantity for _, quantity in self.ask_levels(depth))
        return (bid - ask) / (bid + ask) if bid + ask else None

    def snapshot(self, depth: int = 1_000_000) -> BookSnapshot:
        return BookSnapshot(
            self.instrument, self.ts, self.sequence, tuple(self.bid_levels(depth)), tuple(self.ask_levels(depth))
        )
