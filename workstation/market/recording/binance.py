"""Raw Binance sessions: spot, USD-margined and coin-margined futures.

Books follow Binance's documented procedure: diffs are kept until the REST snapshot (`lastUpdateId` L) has arrived;
those with u ≤ L are dropped; the first one used must span L; from then on every diff must follow the one before it
(spot: U = previous u + 1; futures: pu = previous u). One that does not makes the book stale until the next snapshot.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from workstation.clock import MILLISECOND
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Quote, Trade
from workstation.domain.market import MarkPrice as Mark
from workstation.domain.numbers import ONE, ZERO
from workstation.market.recording.grids import Grids, OffGrid, Steps
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

SPOT, USDM, COINM = "BINANCE", "BINANCE-USDM", "BINANCE-COINM"
#: Maker and taker fee of an account without discounts, by market.
FEES = {
    SPOT: (Decimal("0.001"), Decimal("0.001")),
    USDM: (Decimal("0.0002"), Decimal("0.0005")),
    COINM: (Decimal("0.0002"), Decimal("0.0005")),
}
#: A new futures account starts at this leverage.
LEVERAGE = Decimal(20)
#: Quote currencies, for splitting symbols such as BTCUSDT where a recording has no metadata.
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "BTC", "ETH", "BNB", "EUR", "GBP", "AUD", "TRY", "BRL", "JPY")
#: Lines seen at least before ticks and lots are inferred, and diffs kept at most while a snapshot is awaited.
SURVEY_LINES, KEPT_DIFFS = 300, 20_000

type Pairs = list[tuple[str, str]]


class _Depth(msgspec.Struct):
    s: str
    U: int
    u: int
    b: Pairs
    a: Pairs
    pu: int | None = None


class _DepthMessage(msgspec.Struct):
    data: _Depth


class _Ticker(msgspec.Struct):
    s: str
    u: int
    b: str
    B: str
    a: str
    A: str


class _TickerMessage(msgspec.Struct):
    data: _Ticker


class _Trade(msgspec.Struct):
    s: str
    p: str
    q: str
    m: bool
    t: int | None = None
    a: int | None = None  # id of an aggregated trade


class _TradeMessage(msgspec.Struct):
    data: _Trade


class _Mark(msgspec.Struct):
    s: str
    p: Decimal
    r: str = ""
    T: int = 0


class _MarkMessage(msgspec.Struct):
    data: _Mark


class _Rest(msgspec.Struct):
    lastUpdateId: int
    bids: Pairs
    asks: Pairs
    symbol: str = ""


class _Symbol(msgspec.Struct):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[dict[str, object]]
    contractType: str = ""
    contractSize: int = 1


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


_depth = msgspec.json.Decoder(_DepthMessage).decode
_ticker = msgspec.json.Decoder(_TickerMessage).decode
_trade = msgspec.json.Decoder(_TradeMessage).decode
_mark = msgspec.json.Decoder(_MarkMessage).decode
_rest = msgspec.json.Decoder(_Rest).decode
_info = msgspec.json.Decoder(_Info).decode


def market_of(line: Line) -> str | None:
    """Which Binance market a message is from, or None if the message does not tell: only futures diffs carry `pu`."""
    head = line.body[:400]
    if b"@depth" not in head[:80]:
        return None
    if b'"pu":' not in head:
        return SPOT
    return COINM if b'"ps":' in head else USDM


class BinanceParser(Parser):
    """One Binance market. `venue` is BINANCE, BINANCE-USDM or BINANCE-COINM."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self._info: dict[str, _Symbol] = {}
        self._steps: dict[str, Steps] = {}  # by symbol, of all that were seen
        self._snapshots: set[str] = set()
        self._nameless: list[_Rest] = []  # snapshots of a symbol that is not known yet
        self._seen = 0
        self._books: dict[str, _Book] = {}
        self._only: str | None = None

    # Survey

    def survey(self, line: Line) -> None:
        self._seen += 1
        kind = _kind(line)
        if kind == "info":
            self._info = {symbol.symbol: symbol for symbol in _info(line.body).symbols}
        elif kind == "depth":
            diff = _depth(line.body).data
            steps = self._steps.setdefault(diff.s, Steps())
            steps.see(diff.b)
            steps.see(diff.a)
        elif kind == "snapshot":
            rest = _rest(line.body)
            symbol = rest.symbol or _asked(line.url)
            if symbol:
                self._claim(symbol, rest)
            else:
                self._nameless.append(rest)
        elif kind == "trade":
            trade = _trade(line.body).data
            self._steps.setdefault(trade.s, Steps()).see([(trade.p, trade.q)])
        if self._nameless and len(self._steps) == 1:  # a session of one symbol need not name it in its snapshots
            nameless, self._nameless = self._nameless, []
            for rest in nameless:
                self._claim(next(iter(self._steps)), rest)

    def _claim(self, symbol: str, rest: _Rest) -> None:
        self._snapshots.add(symbol)
        steps = self._steps.setdefault(symbol, Steps())
        steps.see(rest.bids)
        steps.see(rest.asks)

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._snapshots) and self._snapshots >= set(self._steps)

    def instruments(self) -> Sequence[Instrument]:
        self._books = {}
        found = []
        for symbol in sorted(self._snapshots):
            instrument = self._instrument(symbol)
            self._books[symbol] = _Book(instrument, known=symbol in self._info)
            found.append(instrument)
        self._only = next(iter(self._books)) if len(self._books) == 1 else None
        return found

    def _instrument(self, symbol: str) -> Instrument:
        info = self._info.get(symbol)
        pair, _, contract = symbol.partition("_")
        base, quote = (info.baseAsset, info.quoteAsset) if info else _split(pair)
        steps = self._steps[symbol]
        terms: dict[str, Any] = dict(_terms(info)) if info else {"tick": steps.tick, "lot": steps.lot}
        spot = self.venue == SPOT
        suffix = "" if spot else f"-{contract or 'PERP'}"
        multiplier = ONE
        if self.venue == COINM:
            multiplier = Decimal(info.contractSize) if info else Decimal(100 if base == "BTC" else 10)
        maker, taker = FEES[self.venue]
        return Instrument(
            venue=self.venue,
            symbol=f"{base}-{quote}{suffix}",
            base=base,
            quote=quote,
            contract=_CONTRACTS[self.venue],
            multiplier=multiplier,
            maker_fee=maker,
            taker_fee=taker,
            leverage=ONE if spot else LEVERAGE,
            **terms,
        )

    @property
    def notices(self) -> list[str]:
        bookless = sorted(set(self._steps) - set(self._books))
        return [f"{symbol} has no order book snapshot in its session and is left out." for symbol in bookless] + [
            notice for book in self._books.values() for notice in book.grids.notices(book.id)
        ]

    # Events

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        kind = _kind(line)
        if kind == "ticker":
            ticker = _ticker(line.body).data
            book = self._books.get(ticker.s)
            return () if book is None else (book.quote(line.ts, ticker),)
        if kind == "depth":
            diff = _depth(line.body).data
            book = self._books.get(diff.s)
            return () if book is None else book.diff(line.ts, diff)
        if kind == "trade":
            trade = _trade(line.body).data
            book = self._books.get(trade.s)
            return () if book is None else book.trade(line.ts, trade)
        if kind == "snapshot":
            rest = _rest(line.body)
            book = self._books.get(rest.symbol or _asked(line.url) or self._only or "")
            return () if book is None else book.snapshot(line.ts, rest)
        if kind == "mark":
            mark = _mark(line.body).data
            book = self._books.get(mark.s)
            if book is None:
                return ()
            rate = Decimal(mark.r) if mark.r else None
            return (Mark(book.id, line.ts, mark.p, rate, mark.T * MILLISECOND if mark.T else None),)
        return ()


_CONTRACTS = {SPOT: ContractType.SPOT, USDM: ContractType.LINEAR, COINM: ContractType.INVERSE}


def _kind(line: Line) -> str:
    head = line.body[:120]
    if b'"stream"' in head:
        for name, kind in _STREAMS:
            if name in head:
                return kind
        return ""
    if b'"lastUpdateId"' in head:
        return "snapshot"
    return "info" if line.url and "exchangeInfo" in line.url else ""


_STREAMS = (
    (b"@bookTicker", "ticker"),
    (b"@depth", "depth"),
    (b"@trade", "trade"),
    (b"@aggTrade", "trade"),
    (b"@markPrice", "mark"),
)


def _asked(url: str) -> str | None:
    """The symbol that a REST request asked for."""
    return next(iter(parse_qs(urlsplit(url).query).get("symbol", [])), None)


def _split(pair: str) -> tuple[str, str]:
    """BTCUSDT → BTC, USDT."""
    for quote in QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    raise ValueError(f"the quote currency of {pair} is unknown")


def _terms(info: _Symbol) -> dict[str, Decimal]:
    filters = {str(entry["filterType"]): entry for entry in info.filters}
    lot = filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    least = notional.get("minNotional", notional.get("notional"))
    return {
        "tick": Decimal(str(filters["PRICE_FILTER"]["tickSize"])).normalize(),
        "lot": Decimal(str(lot["stepSize"])).normalize(),
        "min_quantity": Decimal(str(lot["minQty"])).normalize(),
        "min_notional": Decimal(str(least)).normalize() if least is not None else ZERO,
    }


class _Book:
    """The sequence rules of one instrument's book; the levels themselves are in the events."""

    def __init__(self, instrument: Instrument, *, known: bool) -> None:
        self.id: InstrumentId = instrument.id
        self.grids = Grids(instrument.tick, instrument.lot, between_ticks=known)
        self._sequence: int | None = None  # of the book, None until a snapshot
        self._fresh = False  # nothing followed the snapshot yet
        self._kept: list[_Depth] = []

    def snapshot(self, ts: int, rest: _Rest) -> Iterator[MarketEvent]:
        if self._sequence is not None and rest.lastUpdateId <= self._sequence:
            return
        bids, asks = self.grids.bids(rest.bids), self.grids.asks(rest.asks)
        self._sequence = rest.lastUpdateId
        self._fresh = True
        yield BookSnapshot(self.id, ts, rest.lastUpdateId, bids, asks)
        kept, self._kept = self._kept, []
        for diff in kept:
            yield from self.diff(ts, diff)

    def diff(self, ts: int, diff: _Depth) -> Iterator[MarketEvent]:
        sequence = self._sequence
        if sequence is None:
            if len(self._kept) < KEPT_DIFFS:
                self._kept.append(diff)
            return
        if diff.u <= sequence:
            return
        before = diff.U - 1 if diff.pu is None else diff.pu
        if before != sequence and not (self._fresh and before <= sequence):
            self._lose(diff)
            yield BookStale(self.id, ts, f"update {diff.u} does not follow {sequence}: updates are missing here")
            return
        try:
            bids, asks = self.grids.levels(diff.b), self.grids.levels(diff.a)
        except OffGrid as error:
            self._lose(None)
            yield BookStale(self.id, ts, f"update {diff.u} cannot be used: {error}")
            return
        self._sequence = diff.u
        self._fresh = False
        yield BookDelta(self.id, ts, diff.u, sequence, bids, asks)

    def _lose(self, diff: _Depth | None) -> None:
        self._sequence = None
        self._kept = [] if diff is None else [diff]

    def quote(self, ts: int, ticker: _Ticker) -> Quote:
        price, quantity = self.grids.price, self.grids.quantity
        return Quote(self.id, ts, ticker.u, price[ticker.b], quantity[ticker.B], price[ticker.a], quantity[ticker.A])

    def trade(self, ts: int, trade: _Trade) -> Iterator[MarketEvent]:
        quantity = self.grids.quantity[trade.q]
        if quantity:  # Binance reports insurance fund trades of nothing
            number = trade.a if trade.t is None else trade.t
            yield Trade(self.id, ts, self.grids.price[trade.p], quantity, not trade.m, str(number))
