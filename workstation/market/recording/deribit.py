"""Raw Deribit sessions: books whose `change_id` is checked on every change, trades, tickers.

Every change names the one before it (`prev_change_id`). Futures, perpetuals, spot pairs and options are read.
An option is a contract on its premium, which is quoted and settled in one currency (BTC for options on BTC): linear,
so what is paid, its profit and its loss are exact; its fees, the margin of a writer and its expiry are not modelled.
https://docs.deribit.com/#book-instrument_name-interval
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import ContractType, Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent, MarkPrice, Quote, Trade
from workstation.domain.numbers import ONE, ZERO, plain
from workstation.market.recording.grids import Grids, OffGrid, Steps
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "DERIBIT"
#: Of futures, where a recording has no metadata.
MAKER_FEE, TAKER_FEE, LEVERAGE = ZERO, Decimal("0.0005"), Decimal(50)
SURVEY_LINES = 300
#: BTC-PERPETUAL, BTC-24SEP21, ETH_USDC-PERPETUAL, ETH_USDC (spot), BTC-24SEP21-8000-P
NAME = re.compile(
    r"(?P<base>[A-Z\d]+)(?:_(?P<settled>[A-Z]+))?"
    r"(?:-(?P<until>PERPETUAL|(?P<day>\d{1,2})(?P<month>[A-Z]{3})(?P<year>\d\d))(?P<option>-[\dd]+-[PC])?)?"
)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class _Info(msgspec.Struct):
    instrument_name: str
    tick_size: Decimal
    contract_size: Decimal
    min_trade_amount: Decimal
    maker_commission: Decimal = MAKER_FEE
    taker_commission: Decimal = TAKER_FEE
    max_leverage: Decimal = LEVERAGE


class _Infos(msgspec.Struct):
    result: list[_Info]


class _Depth(msgspec.Struct):
    """The whole book (`type` snapshot) or what changed: ("new" | "change" | "delete", price, amount)."""

    instrument_name: str
    change_id: int
    bids: list[tuple[str, Decimal, Decimal]]
    asks: list[tuple[str, Decimal, Decimal]]
    type: str
    prev_change_id: int | None = None


class _Trade(msgspec.Struct):
    instrument_name: str
    trade_id: str
    price: Decimal
    amount: Decimal
    direction: str
    block_trade_id: str | None = None


class _Ticker(msgspec.Struct):
    instrument_name: str
    best_bid_price: Decimal | None = None
    best_bid_amount: Decimal | None = None
    best_ask_price: Decimal | None = None
    best_ask_amount: Decimal | None = None
    mark_price: Decimal | None = None
    current_funding: Decimal | None = None


class _Params(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct):
    params: _Params = msgspec.field(default_factory=_Params)
    result: msgspec.Raw = msgspec.Raw(b"null")


_infos = msgspec.json.Decoder(_Infos).decode
_message = msgspec.json.Decoder(_Message).decode
_channels = msgspec.json.Decoder(list[str] | None).decode
_depth = msgspec.json.Decoder(_Depth).decode
_trades = msgspec.json.Decoder(list[_Trade]).decode
_ticker = msgspec.json.Decoder(_Ticker).decode


class DeribitParser(Parser):
    """Deribit's futures (inverse in USD, linear in USDC or USDT), spot pairs and options."""

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Info] = {}
        self._steps: dict[str, Steps] = {}
        self._asked: set[str] = set()
        self._seen = 0
        self._books: dict[str, _Book] = {}

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if "get_instruments" in line.url:  # one answer a currency
                self._info.update({info.instrument_name: info for info in _infos(line.body).result})
            return
        message = _message(line.body)
        if _book_channel(message.params.channel):
            depth = _depth(message.params.data)
            if depth.type == "snapshot":
                steps = self._steps.setdefault(depth.instrument_name, Steps())
                steps.see([*_texts(depth.bids), *_texts(depth.asks)])
        elif not message.params.channel:
            channels = _channels(message.result) or []
            self._asked.update(channel.split(".")[1] for channel in channels if _book_channel(channel))

    @property
    def surveyed(self) -> bool:
        known = set(self._steps)
        return self._seen >= SURVEY_LINES and bool(known) and known >= self._asked and known <= set(self._info)

    def instruments(self) -> Sequence[Instrument]:
        self._books.clear()
        for name in sorted(self._steps):
            if NAME.fullmatch(name):
                self._books[name] = _Book(self._instrument(name), known=name in self._info)
        return [book.instrument for book in self._books.values()]

    def _instrument(self, name: str) -> Instrument:
        parts = NAME.fullmatch(name)
        if parts is None:
            raise ValueError(f"{name} is no single contract")
        info, steps = self._info.get(name), self._steps[name]
        base, settled, option = parts["base"], parts["settled"], parts["option"]
        spot, until = parts["until"] is None, "PERP"
        if parts["day"]:
            until = f"{parts['year']}{MONTHS.index(parts['month']) + 1:02}{int(parts['day']):02}"
        quote = settled or (base if option else "USD")
        contract = ContractType.LINEAR if settled or option else ContractType.INVERSE
        return Instrument(
            venue=VENUE,
            symbol=name if option else f"{base}-{quote}" if spot else f"{base}-{quote}-{until}",
            base=base,
            quote=quote,
            tick=info.tick_size.normalize() if info else steps.tick,
            # Amounts are in USD or in the base currency, never in contracts: the contract's size is their step.
            lot=Decimal(plain(min(info.contract_size, info.min_trade_amount))) if info else steps.lot,
            contract=ContractType.SPOT if spot else contract,
            min_quantity=info.min_trade_amount if info else ZERO,
            maker_fee=ZERO if option else info.maker_commission if info else MAKER_FEE,
            taker_fee=ZERO if option else info.taker_commission if info else TAKER_FEE,
            leverage=ONE if spot or option else info.max_leverage if info else LEVERAGE,
        )

    @property
    def notices(self) -> list[str]:
        combinations = sorted(set(self._steps) - set(self._books))
        options = sum(name.endswith(("-P", "-C")) for name in self._books)
        said = f"{options} options of {VENUE} are traded at their premium: their fees, the margin of a writer and "
        return (
            ([f"{said}their expiry are not modelled."] if options else [])
            + [f"{name} is a combination of contracts and is left out." for name in combinations]
            + [notice for book in self._books.values() for notice in book.grids.notices(book.id)]
        )

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        if line.url:
            return ()
        params = _message(line.body).params
        kind, _, rest = params.channel.partition(".")
        book = self._books.get(rest.partition(".")[0])
        if book is None:
            return ()
        if _book_channel(params.channel):
            return book.change(line.ts, _depth(params.data))
        if kind == "trades":
            return book.trades(line.ts, _trades(params.data))
        if kind == "ticker":
            return book.ticker(line.ts, _ticker(params.data))
        return ()


def _book_channel(channel: str) -> bool:
    """Whether the channel is of whole books with changes: book.BTC-PERPETUAL.raw, not its grouped and cut forms."""
    return channel.startswith("book.") and channel.count(".") == 2


def _texts(changes: Sequence[tuple[str, Decimal, Decimal]]) -> list[tuple[str, str]]:
    return [(str(price), "0" if action == "delete" else str(amount)) for action, price, amount in changes]


class _Book:
    """The sequence rules of one contract's book; the levels themselves are in the events."""

    def __init__(self, instrument: Instrument, *, known: bool) -> None:
        self.instrument = instrument
        self.id: InstrumentId = instrument.id
        self.grids = Grids(instrument.tick, instrument.lot, between_ticks=known)
        self._sequence: int | None = None  # of the book, None until a snapshot

    def change(self, ts: int, depth: _Depth) -> Iterator[MarketEvent]:
        sequence, number = self._sequence, depth.change_id
        whole = depth.type == "snapshot"
        if not whole:
            if sequence is None or number <= sequence:
                return
            if depth.prev_change_id != sequence:
                yield self._stale(ts, f"change {number} does not follow {sequence}: changes are missing here")
                return
        try:
            if whole:
                bids, asks = self.grids.bids(_texts(depth.bids)), self.grids.asks(_texts(depth.asks))
            else:
                bids, asks = self.grids.levels(_texts(depth.bids)), self.grids.levels(_texts(depth.asks))
        except OffGrid as error:
            yield self._stale(ts, f"change {number} cannot be used: {error}")
            return
        self._sequence = number
        if sequence is None or whole:
            yield BookSnapshot(self.id, ts, number, bids, asks)
        else:
            yield BookDelta(self.id, ts, number, sequence, bids, asks)

    def _stale(self, ts: int, reason: str) -> BookStale:
        self._sequence = None
        return BookStale(self.id, ts, reason)

    def trades(self, ts: int, trades: Sequence[_Trade]) -> Iterator[MarketEvent]:
        price, quantity = self.grids.price, self.grids.quantity
        for trade in trades:
            if trade.block_trade_id is None:  # block trades are made beside the book
                yield Trade(
                    self.id,
                    ts,
                    price[str(trade.price)],
                    quantity[str(trade.amount)],
                    trade.direction == "buy",
                    trade.trade_id,
                )

    def ticker(self, ts: int, ticker: _Ticker) -> Iterator[MarketEvent]:
        price, quantity = self.grids.price, self.grids.quantity
        bid, ask = ticker.best_bid_price, ticker.best_ask_price
        bid_size, ask_size = ticker.best_bid_amount, ticker.best_ask_amount
        if bid and bid_size and ask and ask_size:
            yield Quote(
                self.id, ts, 0, price[str(bid)], quantity[str(bid_size)], price[str(ask)], quantity[str(ask_size)]
            )
        if ticker.mark_price is not None:
            yield MarkPrice(self.id, ts, ticker.mark_price, ticker.current_funding)
