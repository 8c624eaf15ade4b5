"""Raw Bitstamp sessions: books from a REST snapshot and the `diff_order_book` channel, trades.

Bitstamp numbers nothing, but stamps every snapshot and diff with the microsecond at which it was true, which is their
`sequence` here: diffs are kept until the snapshot has arrived, those not later than it are dropped, and from then on
time may not run backwards. A diff that never arrived cannot be noticed.
https://www.bitstamp.net/websocket/v2/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Trade
from workstation.domain.numbers import ONE, ZERO
from workstation.market.recording.grids import Grids, OffGrid, Steps
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "BITSTAMP"
#: Fees of the first volume tier.
MAKER_FEE, TAKER_FEE = Decimal("0.003"), Decimal("0.004")
#: Quote currencies, for splitting symbols such as ethusd where a recording has no metadata.
QUOTES = ("USDT", "USDC", "USD", "EUR", "GBP", "BTC", "ETH", "PAX")
#: Lines seen at least before ticks and lots are inferred, and diffs kept at most while a snapshot is awaited.
SURVEY_LINES, KEPT_DIFFS = 300, 20_000
DIFFS, TRADES = "diff_order_book_", "live_trades_"


class _Pair(msgspec.Struct):
    url_symbol: str
    name: str  # ETH/USD
    base_decimals: int
    counter_decimals: int
    minimum_order: str = ""  # 20.0 USD


class _Depth(msgspec.Struct):
    """A snapshot, or the levels that changed."""

    microtimestamp: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class _Trade(msgspec.Struct):
    id: int
    price_str: str
    amount_str: str
    type: int  # of the taker: 0 bought, 1 sold


class _Message(msgspec.Struct):
    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


_pairs = msgspec.json.Decoder(list[_Pair]).decode
# The time is sent as a text.
_depth = msgspec.json.Decoder(_Depth, strict=False).decode
_trade = msgspec.json.Decoder(_Trade).decode
_message = msgspec.json.Decoder(_Message).decode


class BitstampParser(Parser):
    """Bitstamp spot."""

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Pair] = {}
        self._steps: dict[str, Steps] = {}  # by symbol, of those with a snapshot
        self._asked: set[str] = set()
        self._seen = 0
        self._books: dict[str, _Book] = {}

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if "/trading-pairs-info" in line.url:
                self._info = {pair.url_symbol: pair for pair in _pairs(line.body)}
            elif symbol := _asked(line.url):
                snapshot = _depth(line.body)
                steps = self._steps.setdefault(symbol, Steps())
                steps.see(snapshot.bids)
                steps.see(snapshot.asks)
            return
        message = _message(line.body)
        if message.event == "bts:subscription_succeeded" and message.channel.startswith(DIFFS):
            self._asked.add(message.channel.removeprefix(DIFFS))

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._steps) and set(self._steps) >= self._asked

    def instruments(self) -> Sequence[Instrument]:
        self._books.clear()
        for symbol in sorted(self._steps):
            self._books[symbol] = _Book(self._instrument(symbol), known=symbol in self._info)
        return [book.instrument for book in self._books.values()]

    def _instrument(self, symbol: str) -> Instrument:
        info, steps = self._info.get(symbol), self._steps[symbol]
        base, quote = info.name.split("/") if info else _split(symbol.upper())
        least, _, currency = info.minimum_order.partition(" ") if info else ("", "", "")
        return Instrument(
            venue=VENUE,
            symbol=f"{base}-{quote}",
            base=base,
            quote=quote,
            tick=ONE.scaleb(-info.counter_decimals) if info else steps.tick,
            lot=ONE.scaleb(-info.base_decimals) if info else steps.lot,
            min_notional=Decimal(least) if currency == quote else ZERO,
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
        )

    @property
    def notices(self) -> list[str]:
        bookless = sorted(self._asked - set(self._books))
        return [f"{symbol} has no order book snapshot in its session and is left out." for symbol in bookless] + [
            notice for book in self._books.values() for notice in book.grids.notices(book.id)
        ]

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        if line.url:
            book = self._books.get(_asked(line.url))
            return () if book is None else book.snapshot(line.ts, _depth(line.body))
        message = _message(line.body)
        if message.event == "data" and message.channel.startswith(DIFFS):
            book = self._books.get(message.channel.removeprefix(DIFFS))
            return () if book is None else book.diff(line.ts, _depth(message.data))
        if message.event == "trade" and message.channel.startswith(TRADES):
            book = self._books.get(message.channel.removeprefix(TRADES))
            return () if book is None else (book.trade(line.ts, _trade(message.data)),)
        return ()


def _asked(url: str) -> str:
    """The symbol whose book a REST request asked for; "" if it asked for something else."""
    path = urlsplit(url).path.strip("/").split("/")
    return path[-1] if len(path) > 1 and path[-2] == "order_book" else ""


def _split(pair: str) -> tuple[str, str]:
    """ETHUSD → ETH, USD."""
    for quote in QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    raise ValueError(f"the quote currency of {pair} is unknown")


class _Book:
    """The order in time of one pair's book; the levels themselves are in the events."""

    def __init__(self, instrument: Instrument, *, known: bool) -> None:
        self.instrument = instrument
        self.id: InstrumentId = instrument.id
        self.grids = Grids(instrument.tick, instrument.lot, between_ticks=known)
        self._from = 0  # moment of the snapshot
        self._moment: int | None = None  # of the book, None until a snapshot
        self._kept: list[_Depth] = []

    def snapshot(self, ts: int, whole: _Depth) -> Iterator[MarketEvent]:
        moment = whole.microtimestamp
        if self._moment is not None and moment <= self._moment:
            return
        bids, asks = self.grids.bids(whole.bids), self.grids.asks(whole.asks)
        self._from = self._moment = moment
        yield BookSnapshot(self.id, ts, moment, bids, asks)
        kept, self._kept = self._kept, []
        for diff in sorted(kept, key=lambda diff: diff.microtimestamp):
            yield from self.diff(ts, diff)

    def diff(self, ts: int, diff: _Depth) -> Iterator[MarketEvent]:
        moment = diff.microtimestamp
        if self._moment is None:
            if len(self._kept) < KEPT_DIFFS:
                self._kept.append(diff)
            return
        if moment <= self._from:
            return
        if moment < self._moment:
            late = (self._moment - moment) / 1_000_000
            yield self._stale(ts, f"an update came {late:.6f} s late, after others of its book")
            return
        try:
            bids, asks = self.grids.levels(diff.bids), self.grids.levels(diff.asks)
        except OffGrid as error:
            yield self._stale(ts, f"update {moment} cannot be used: {error}")
            return
        self._moment = moment
        yield BookDelta(self.id, ts, moment, 0, bids, asks)

    def _stale(self, ts: int, reason: str) -> BookStale:
        self._moment = None
        return BookStale(self.id, ts, reason)

    def trade(self, ts: int, trade: _Trade) -> Trade:
        price, quantity = self.grids.price[trade.price_str], self.grids.quantity[trade.amount_str]
        return Trade(self.id, ts, price, quantity, trade.type == 0, str(trade.id))
