"""Raw Kraken Futures sessions (WebSocket v1): books whose `seq` is checked on every update, trades, tickers.

Each product's book counts its updates from the snapshot on, one by one.
https://docs.kraken.com/api/docs/futures-api/websocket/book
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from workstation.clock import MILLISECOND
from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.domain.numbers import ONE, ZERO, divide, plain
from workstation.market.recording.grids import Grids, OffGrid, Steps
from workstation.market.recording.kraken import NAMES
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "KRAKEN-FUTURES"
#: Fees of the first volume tier.
MAKER_FEE, TAKER_FEE = Decimal("0.0002"), Decimal("0.0005")
#: The most that Kraken offers on its large contracts, where a recording has no metadata.
LEVERAGE = Decimal(50)
SURVEY_LINES = 300
#: The first letters of a product: perpetual or dated, and how it is settled.
CONTRACTS = {
    "PI": ContractType.INVERSE,
    "FI": ContractType.INVERSE,
    "PV": ContractType.LINEAR,
    "FV": ContractType.LINEAR,
    "PF": ContractType.LINEAR,
    "FF": ContractType.LINEAR,
}


class _Margin(msgspec.Struct):
    initialMargin: Decimal


class _Product(msgspec.Struct):
    symbol: str
    tickSize: Decimal | None = None
    contractSize: Decimal = ONE
    contractValueTradePrecision: int = 0
    marginLevels: list[_Margin] = []


class _Products(msgspec.Struct):
    instruments: list[_Product]


class _Level(msgspec.Struct):
    price: Decimal
    qty: Decimal

    @property
    def texts(self) -> tuple[str, str]:
        return str(self.price), str(self.qty)


class _Message(msgspec.Struct):
    feed: str = ""
    event: str = ""
    product_id: str = ""
    product_ids: list[str] = []
    # book_snapshot
    seq: int = 0
    bids: list[_Level] = []
    asks: list[_Level] = []
    # book, trade
    side: str = ""
    price: Decimal = ZERO
    qty: Decimal = ZERO
    uid: str = ""
    type: str = ""
    # ticker
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    markPrice: Decimal | None = None
    relative_funding_rate: Decimal | None = None
    next_funding_rate_time: int | None = None


_products = msgspec.json.Decoder(_Products).decode
_message = msgspec.json.Decoder(_Message).decode


class KrakenFuturesParser(Parser):
    """Kraken's perpetuals and dated futures: inverse (PI, FI), and linear in a currency (PV, FV, PF, FF)."""

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Product] = {}
        self._steps: dict[str, Steps] = {}
        self._asked: set[str] = set()
        self._seen = 0
        self._books: dict[str, _Book] = {}

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if line.url.endswith("/instruments"):
                products = _products(line.body).instruments
                self._info = {product.symbol.upper(): product for product in products if product.tickSize}
            return
        message = _message(line.body)
        if message.event == "subscribed" and message.feed == "book":
            self._asked.update(message.product_ids)
        elif message.feed == "book_snapshot":
            steps = self._steps.setdefault(message.product_id, Steps())
            steps.see([level.texts for level in (*message.bids, *message.asks)])

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._steps) and set(self._steps) >= self._asked

    def instruments(self) -> Sequence[Instrument]:
        self._books.clear()
        for product in sorted(self._steps):
            if product[:2] in CONTRACTS:
                self._books[product] = _Book(self._instrument(product), known=product in self._info)
        return [book.instrument for book in self._books.values()]

    def _instrument(self, product: str) -> Instrument:
        kind, pair, *expiry = product.split("_")  # FI_XBTUSD_210924
        base, quote = (NAMES.get(currency, currency) for currency in (pair[:-3], pair[-3:]))
        info, steps = self._info.get(product), self._steps[product]
        lot = steps.lot if info is None else ONE.scaleb(-info.contractValueTradePrecision)
        return Instrument(
            venue=VENUE,
            symbol=f"{base}-{quote}-{expiry[0] if expiry else 'PERP'}",
            base=base,
            quote=quote,
            tick=info.tickSize.normalize() if info and info.tickSize else steps.tick,
            lot=lot,
            contract=CONTRACTS[kind],
            multiplier=info.contractSize if info else ONE,
            min_quantity=lot,
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
            leverage=_leverage(info) if info and info.marginLevels else LEVERAGE,
        )

    @property
    def notices(self) -> list[str]:
        unknown = sorted(set(self._steps) - set(self._books))
        return [f"{product} is a kind of contract that tws does not know, and is left out." for product in unknown] + [
            notice for book in self._books.values() for notice in book.grids.notices(book.id)
        ]

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        if line.url:
            return ()
        message = _message(line.body)
        book = self._books.get(message.product_id)
        if book is None:
            return ()
        if message.feed == "book":
            return book.update(line.ts, message)
        if message.feed == "book_snapshot":
            return book.snapshot(line.ts, message)
        if message.feed == "trade":
            return book.trade(line.ts, message)
        if message.feed == "ticker":
            return book.ticker(line.ts, message)
        return ()  # trade_snapshot is of trades before the session; ticker_lite has no sizes


def _leverage(info: _Product) -> Decimal:
    return Decimal(plain(divide(ONE, info.marginLevels[0].initialMargin)))


class _Book:
    """The sequence rules of one product's book; the levels themselves are in the events."""

    def __init__(self, instrument: Instrument, *, known: bool) -> None:
        self.instrument = instrument
        self.id: InstrumentId = instrument.id
        self.grids = Grids(instrument.tick, instrument.lot, between_ticks=known)
        self._sequence: int | None = None  # of the book, None until a snapshot

    def snapshot(self, ts: int, whole: _Message) -> Iterator[MarketEvent]:
        try:
            bids = self.grids.bids([level.texts for level in whole.bids])
            asks = self.grids.asks([level.texts for level in whole.asks])
        except OffGrid as error:
            yield self._stale(ts, f"snapshot {whole.seq} cannot be used: {error}")
            return
        self._sequence = whole.seq
        yield BookSnapshot(self.id, ts, whole.seq, bids, asks)

    def update(self, ts: int, message: _Message) -> Iterator[MarketEvent]:
        sequence, number = self._sequence, message.seq
        if sequence is None or number <= sequence:
            return
        if number != sequence + 1:
            yield self._stale(ts, f"update {number} does not follow {sequence}: updates are missing here")
            return
        try:
            levels = self.grids.levels([(str(message.price), str(message.qty))])
        except OffGrid as error:
            yield self._stale(ts, f"update {number} cannot be used: {error}")
            return
        self._sequence = number
        bids, asks = (levels, ()) if message.side == "buy" else ((), levels)
        yield BookDelta(self.id, ts, number, sequence, bids, asks)

    def _stale(self, ts: int, reason: str) -> BookStale:
        self._sequence = None
        return BookStale(self.id, ts, reason)

    def trade(self, ts: int, trade: _Message) -> Iterator[MarketEvent]:
        if trade.type == "block":  # made beside the book
            return
        price, quantity = self.grids.price[str(trade.price)], self.grids.quantity[str(trade.qty)]
        yield Trade(self.id, ts, price, quantity, trade.side == "buy", trade.uid)

    def ticker(self, ts: int, ticker: _Message) -> Iterator[MarketEvent]:
        price, quantity = self.grids.price, self.grids.quantity
        if ticker.bid and ticker.bid_size and ticker.ask and ticker.ask_size:
            bid, ask = price[str(ticker.bid)], price[str(ticker.ask)]
            yield Quote(self.id, ts, 0, bid, quantity[str(ticker.bid_size)], ask, quantity[str(ticker.ask_size)])
        if ticker.markPrice is not None:
            next_funding = ticker.next_funding_rate_time
            due = next_funding * MILLISECOND if next_funding is not None else None
            yield MarkPrice(self.id, ts, ticker.markPrice, ticker.relative_funding_rate, due)
