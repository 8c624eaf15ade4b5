"""Raw BitMEX sessions: books from the tables orderBookL2 and orderBookL2_25, trades, quotes.

A table begins with a `partial`; then rows are inserted, updated and deleted by their key (id and side), and only a row
that is inserted says its price. BitMEX numbers nothing, but a row that is updated or deleted without being there, or
inserted twice, tells that something is missing: the book is stale until the next partial.
https://www.bitmex.com/app/wsAPI
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, Quote, Trade
from workstation.domain.numbers import ONE, ZERO, divide, multiply, plain
from workstation.market.recording.errors import RecordingError
from workstation.market.recording.grids import Grids, OffGrid
from workstation.market.recording.kraken import NAMES
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "BITMEX"
SURVEY_LINES = 300
BOOKS = ("orderBookL2", "orderBookL2_25")
#: Kinds of contracts: perpetual, dated.
PERPETUAL, DATED = "FFWCSX", "FFCCSX"
#: What contracts are settled in, as BitMEX counts it: currency and its smallest part.
SETTLEMENTS = {"XBt": ("BTC", Decimal("1e-8")), "USDt": ("USDT", Decimal("1e-6"))}


class _Contract(msgspec.Struct):
    symbol: str
    typ: str
    underlying: str
    quoteCurrency: str
    settlCurrency: str
    tickSize: Decimal
    lotSize: Decimal
    multiplier: Decimal
    isInverse: bool = False
    isQuanto: bool = False
    expiry: str | None = None
    initMargin: Decimal = ONE
    makerFee: Decimal = ZERO
    takerFee: Decimal = ZERO


class _Named(msgspec.Struct):
    symbol: str
    typ: str


class _Row(msgspec.Struct):
    symbol: str
    id: int
    side: str
    size: Decimal | None = None
    price: Decimal | None = None


class _Trade(msgspec.Struct):
    symbol: str
    side: str
    size: Decimal
    price: Decimal
    trdMatchID: str = ""
    trdType: str = "Regular"


class _Quote(msgspec.Struct):
    symbol: str
    bidPrice: Decimal | None = None
    bidSize: Decimal | None = None
    askPrice: Decimal | None = None
    askSize: Decimal | None = None


class _Filter(msgspec.Struct):
    symbol: str = ""


class _Message(msgspec.Struct):
    table: str = ""
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    filter: _Filter = msgspec.field(default_factory=_Filter)
    subscribe: str = ""


_active = msgspec.json.Decoder(list[msgspec.Raw]).decode
_named = msgspec.json.Decoder(_Named).decode
_contract = msgspec.json.Decoder(_Contract).decode
_message = msgspec.json.Decoder(_Message).decode
_rows = msgspec.json.Decoder(list[_Row]).decode
_trades = msgspec.json.Decoder(list[_Trade]).decode
_quotes = msgspec.json.Decoder(list[_Quote]).decode


class BitmexParser(Parser):
    """BitMEX's perpetuals and dated futures: inverse, linear and quanto.

    A quanto (priced in USDT, settled in BTC) is a linear contract whose `quote` is the currency of settlement and whose
    `multiplier` is what one point of its price is worth in it: so values, profit and fees are exact.
    """

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Contract] = {}
        self._partials: set[str] = set()
        self._asked: set[str] = set()
        self._seen = 0
        self._books: dict[str, _Book] = {}

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if "/instrument" in line.url:
                for raw in _active(line.body):
                    if _named(raw).typ in (PERPETUAL, DATED):
                        contract = _contract(raw)
                        self._info[contract.symbol] = contract
            return
        message = _message(line.body)
        table, _, symbol = message.subscribe.partition(":")
        if table in BOOKS:
            self._asked.add(symbol)
        elif message.table in BOOKS and message.action == "partial":
            self._partials.update(row.symbol for row in _rows(message.data))

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._partials) and self._partials >= self._asked

    def instruments(self) -> Sequence[Instrument]:
        """Raises `RecordingError` without metadata: what a contract is worth is not in its book."""
        if self._partials and not self._info:
            raise RecordingError(
                "A session of BITMEX needs its list of instruments (the HTTP answer of /instrument/active) beside it: "
                "what a contract is worth is told nowhere else."
            )
        self._books.clear()
        for symbol in sorted(self._partials & set(self._info)):
            contract = self._info[symbol]
            if contract.settlCurrency in SETTLEMENTS:
                self._books[symbol] = _Book(_instrument(contract))
        return [book.instrument for book in self._books.values()]

    @property
    def notices(self) -> list[str]:
        unknown = sorted(self._partials - set(self._books))
        notices = [f"{symbol} is a kind of contract that tws does not know, and is left out." for symbol in unknown]
        quantos: dict[str, list[str]] = {}  # by currency of settlement
        for symbol, book in self._books.items():
            if self._info[symbol].isQuanto:
                quantos.setdefault(book.instrument.settlement, []).append(book.instrument.symbol)
            notices += book.grids.notices(book.id)
        return notices + [
            f"Profit and loss of {', '.join(names)} are in {currency} (quanto)." for currency, names in quantos.items()
        ]

    def parse(self, line: Line) -> Iterator[MarketEvent]:
        if line.url:
            return
        message = _message(line.body)
        if message.table in BOOKS:
            rows: dict[str, list[_Row]] = {message.filter.symbol: []} if message.action == "partial" else {}
            for row in _rows(message.data):
                rows.setdefault(row.symbol, []).append(row)
            for symbol, each in rows.items():
                if (book := self._books.get(symbol)) is not None:
                    yield from book.change(line.ts, message.action, each)
        elif message.table == "trade" and message.action == "insert":  # its partial is of trades before the session
            for trade in _trades(message.data):
                book = self._books.get(trade.symbol)
                if book is not None and trade.trdType == "Regular":  # others are made beside the book
                    yield book.trade(line.ts, trade)
        elif message.table == "quote":
            for quote in _quotes(message.data):
                if (book := self._books.get(quote.symbol)) is not None:
                    yield from book.quote(line.ts, quote)


def _instrument(contract: _Contract) -> Instrument:
    base, priced = (NAMES.get(name, name) for name in (contract.underlying, contract.quoteCurrency))
    settlement, part = SETTLEMENTS[contract.settlCurrency]
    until = "PERP" if contract.typ == PERPETUAL else (contract.expiry or "")[2:10].replace("-", "")
    return Instrument(
        venue=VENUE,
        symbol=f"{base}-{priced}-{until}",
        base=base,
        quote=priced if contract.isInverse else settlement,
        tick=contract.tickSize.normalize(),
        lot=contract.lotSize,
        contract=ContractType.INVERSE if contract.isInverse else ContractType.LINEAR,
        multiplier=multiply(contract.multiplier.copy_abs(), part).normalize(),
        min_quantity=contract.lotSize,
        maker_fee=contract.makerFee,
        taker_fee=contract.takerFee,
        leverage=Decimal(plain(divide(ONE, contract.initMargin))),
    )


class _Book:
    """One contract's rows by key; prices as they were sent."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.id: InstrumentId = instrument.id
        self.grids = Grids(instrument.tick, instrument.lot, between_ticks=True)
        self._prices: dict[tuple[int, str], str] | None = None  # None until a partial

    def change(self, ts: int, action: str, rows: Sequence[_Row]) -> Iterable[MarketEvent]:
        if action == "partial":
            self._prices = {}
        prices = self._prices
        if prices is None:
            return ()
        bids: list[tuple[str, str]] = []
        asks: list[tuple[str, str]] = []
        for row in rows:
            key = row.id, row.side
            if (key in prices) is (action in ("partial", "insert")):
                return (self._stale(ts, _MISSING.format(action=_DONE[action], id=row.id)),)
            price = str(row.price) if row.price is not None else prices.get(key)
            size = ZERO if action == "delete" else row.size
            if price is None or size is None:
                return (self._stale(ts, f"level {row.id} is {_DONE[action]} without a price or size"),)
            if action == "delete":
                del prices[key]
            else:
                prices[key] = price
            (bids if row.side == "Buy" else asks).append((price, str(size)))
        try:
            if action == "partial":
                return (BookSnapshot(self.id, ts, 0, self.grids.bids(bids), self.grids.asks(asks)),)
            return (BookDelta(self.id, ts, 0, 0, self.grids.levels(bids), self.grids.levels(asks)),)
        except OffGrid as error:
            return (self._stale(ts, f"an update cannot be used: {error}"),)

    def _stale(self, ts: int, reason: str) -> BookStale:
        self._prices = None
        return BookStale(self.id, ts, reason)

    def trade(self, ts: int, trade: _Trade) -> Trade:
        price, quantity = self.grids.price[str(trade.price)], self.grids.quantity[str(trade.size)]
        return Trade(self.id, ts, price, quantity, trade.side == "Buy", trade.trdMatchID)

    def quote(self, ts: int, quote: _Quote) -> Iterator[Quote]:
        prices, quantities = self.grids.price, self.grids.quantity
        if quote.bidPrice and quote.bidSize and quote.askPrice and quote.askSize:
            bid, ask = prices[str(quote.bidPrice)], prices[str(quote.askPrice)]
            yield Quote(self.id, ts, 0, bid, quantities[str(quote.bidSize)], ask, quantities[str(quote.askSize)])


_DONE = {"partial": "sent", "insert": "inserted", "update": "updated", "delete": "deleted"}
_MISSING = "level {id} is {action}, which does not fit the book: updates are missing here"
