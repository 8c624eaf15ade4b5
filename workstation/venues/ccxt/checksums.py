"""Kraken's checksum of a book, against the book that ccxt has made of its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workstation.venues.ccxt.books import BookReader
from workstation.venues.ccxt.continuity import kraken_crc32


class KrakenSums:
    """Of one exchange object."""

    def __init__(self, exchange: Any, readers: Mapping[str, BookReader]) -> None:
        self._exchange, self._readers = exchange, readers
        self._places: dict[str, tuple[int, int]] = {}

    def agree(self, symbol: str, checksum: int) -> bool:
        book, reader = self._exchange.orderbooks.get(symbol), self._readers.get(symbol)
        if book is None or reader is None:
            return True
        if symbol not in self._places:
            info = self._exchange.markets[symbol]["info"]
            self._places[symbol] = (int(info.get("pair_decimals", 0)), int(info.get("lot_decimals", 8)))
        ticks, lots = 1.0 / float(reader.instrument.tick), 1.0 / float(reader.instrument.lot)
        bids, asks = (
            [(int(level[0] * ticks + 0.5), int(level[1] * lots + 0.5)) for level in book[side][:10]]
            for side in ("bids", "asks")
        )
        return kraken_crc32(reader.instrument, bids, asks, *self._places[symbol]) == checksum
