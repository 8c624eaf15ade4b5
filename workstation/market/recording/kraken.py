"""Raw Kraken sessions (WebSocket v1): books whose checksum is verified on every update, trades, tickers.

The checksum is the CRC32 of the ten best asks and bids, each price and volume as sent, without the point and leading
zeros: https://docs.kraken.com/websockets/#book-checksum
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, Levels, MarketEvent, Quote, Trade
from workstation.domain.numbers import ONE, ZERO
from workstation.market.book import OrderBook
from workstation.market.recording.grids import Grids, OffGrid, Steps
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "KRAKEN"
#: Kraken's own names of currencies.
NAMES = {"XBT": "BTC", "XDG": "DOGE"}
#: Fees of the first volume tier, where a recording has no metadata.
MAKER_FEE, TAKER_FEE = Decimal("0.0025"), Decimal("0.004")
SURVEY_LINES = 300
PERCENT = Decimal("0.01")


class _Pair(msgspec.Struct):
    pair_decimals: int
    lot_decimals: int
    fees: list[tuple[int, Decimal]]
    fees_maker: list[tuple[int, Decimal]] = []
    ordermin: str = "0"
    wsname: str = ""


class _Pairs(msgspec.Struct):
    result: dict[str, _Pair]


_pairs = msgspec.json.Decoder(_Pairs).decode


class KrakenParser(Parser):
    """Kraken spot."""

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Pair] = {}
        self._steps: dict[str, Steps] = {}
        self._asked: set[str] = set()
        self._decimals: dict[str, tuple[int, int]] = {}  # of prices and volumes as they are sent
        self._seen = 0
        self._books: dict[str, _Book] = {}

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if "AssetPairs" in line.url:
                self._info = {pair.wsname: pair for pair in _pairs(line.body).result.values() if pair.wsname}
            return
        message = msgspec.json.decode(line.body)
        if isinstance(message, dict):
            if message.get("event") == "subscriptionStatus" and message.get("subscription", {}).get("name") == "book":
                self._asked.add(message["pair"])
        elif str(message[-2]).startswith("book") and "as" in message[1]:
            levels = [*message[1]["as"], *message[1]["bs"]]
            if levels:
                self._decimals[message[-1]] = _decimals(levels[0][0]), _decimals(levels[0][1])
                steps = self._steps.setdefault(message[-1], Steps())
                steps.see(levels)

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._steps) and set(self._steps) >= self._asked

    def instruments(self) -> Sequence[Instrument]:
        self._books.clear()
        for name in sorted(self._steps):
            instrument = self._instrument(name)
            self._books[name] = _Book(instrument, *self._decimals[name])
        return [book.instrument for book in self._books.values()]

    def _instrument(self, name: str) -> Instrument:
        base, quote = (NAMES.get(currency, currency) for currency in name.split("/"))
        info = self._info.get(name)
        maker, taker = MAKER_FEE, TAKER_FEE
        tick, lot = self._steps[name].tick, self._steps[name].lot
        if info is not None:
            tick, lot = ONE.scaleb(-info.pair_decimals), ONE.scaleb(-info.lot_decimals)
            taker = info.fees[0][1] * PERCENT
            maker = info.fees_maker[0][1] * PERCENT if info.fees_maker else taker
        return Instrument(
            venue=VENUE,
            symbol=f"{base}-{quote}",
            base=base,
            quote=quote,
            tick=tick,
            lot=lot,
            min_quantity=Decimal(info.ordermin) if info else ZERO,
            maker_fee=maker,
            taker_fee=taker,
        )

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        if line.url or not line.body.startswith(b"["):
            return ()
        message = msgspec.json.decode(line.body)
        book = self._books.get(message[-1])
        if book is None:
            return ()
        channel = message[-2]
        if channel.startswith("book"):
            return book.update(line.ts, message[1:-2], int(channel.partition("-")[2]))
        if channel == "trade":
            return book.trades(line.ts, message[1])
        if channel == "ticker":
            return (book.quote(line.ts, message[1]),)
        return ()


class _Book:
    """One pair's book, kept to the subscribed depth, and checked against every checksum."""

    def __init__(self, instrument: Instrument, price_decimals: int, volume_decimals: int) -> None:
        self.instrument = instrument
        self._id: InstrumentId = instrument.id
        self._grids = Grids(instrument.tick, instrument.lot)
        self._price_zeros = "0" * (price_decimals - instrument.price_places)
        self._volume_zeros = "0" * (volume_decimals - instrument.quantity_places)
        self._book = OrderBook(instrument.id)

    def update(self, ts: int, parts: Sequence[dict[str, Any]], depth: int) -> Iterator[MarketEvent]:
        try:
            if "as" in parts[0]:
                event: BookSnapshot | BookDelta = BookSnapshot(
                    self._id, ts, 0, self._grids.bids(parts[0]["bs"]), self._grids.asks(parts[0]["as"])
                )
                self._book.apply(event)
                yield event
                return
            if self._book.stale is not None:
                return
            bids = [level for part in parts for level in self._grids.levels(part.get("b", ()))]
            asks = [level for part in parts for level in self._grids.levels(part.get("a", ()))]
        except OffGrid as error:
            yield self._stale(ts, f"an update cannot be used: {error}")
            return
        self._book.apply(BookDelta(self._id, ts, 0, 0, tuple(bids), tuple(asks)))
        # Kraken does not say which levels have fallen out of the subscribed depth: they are removed here.
        out_bids = _outside(sorted(self._book.bids), depth)
        out_asks = _outside(sorted(self._book.asks, reverse=True), depth)
        if out_bids or out_asks:
            self._book.apply(BookDelta(self._id, ts, 0, 0, out_bids, out_asks))
        told = next((part["c"] for part in parts if "c" in part), None)
        if told is not None and int(told) != self.checksum():
            yield self._stale(ts, f"the book's checksum is {self.checksum()}, the venue says {told}")
            return
        yield BookDelta(self._id, ts, 0, 0, (*bids, *out_bids), (*asks, *out_asks))

    def checksum(self) -> int:
        text = "".join(
            f"{price}{self._price_zeros}{volume}{self._volume_zeros}"
            for price, volume in (*self._book.ask_levels(10), *self._book.bid_levels(10))
        )
        return zlib.crc32(text.encode())

    def _stale(self, ts: int, reason: str) -> BookStale:
        event = BookStale(self._id, ts, reason)
        self._book.apply(event)
        return event

    def trades(self, ts: int, trades: Sequence[Sequence[str]]) -> Iterator[MarketEvent]:
        price, quantity = self._grids.price, self._grids.quantity
        for trade in trades:
            yield Trade(self._id, ts, price[trade[0]], quantity[trade[1]], trade[3] == "b")

    def quote(self, ts: int, ticker: dict[str, Any]) -> Quote:
        price, quantity = self._grids.price, self._grids.quantity
        bid, ask = ticker["b"], ticker["a"]
        return Quote(self._id, ts, 0, price[bid[0]], quantity[bid[2]], price[ask[0]], quantity[ask[2]])


def _outside(worst_first: Sequence[int], depth: int) -> Levels:
    return tuple((price, 0) for price in worst_first[: max(0, len(worst_first) - depth)])


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
