"""Raw Coinbase sessions (Exchange feed: level2, matches). The level2 channel has no numbers that could be checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, MarketEvent, Trade
from workstation.domain.numbers import ZERO
from workstation.market.recording.grids import Grids, Steps
from workstation.market.recording.lines import Line
from workstation.market.recording.parsing import Parser

VENUE = "COINBASE"
#: Fees of the first volume tier.
MAKER_FEE, TAKER_FEE = Decimal("0.004"), Decimal("0.006")
SURVEY_LINES = 300


class _Product(msgspec.Struct):
    id: str
    quote_increment: str
    base_increment: str
    base_min_size: str = "0"
    min_market_funds: str = "0"


class _Message(msgspec.Struct):
    type: str
    product_id: str = ""
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []
    changes: list[tuple[str, str, str]] = []
    side: str = ""
    price: str = ""
    size: str = ""
    trade_id: int = 0
    channels: list[dict[str, object]] = []


_products = msgspec.json.Decoder(list[_Product]).decode
_message = msgspec.json.Decoder(_Message).decode


class CoinbaseParser(Parser):
    """Coinbase spot."""

    venue = VENUE

    def __init__(self) -> None:
        self._info: dict[str, _Product] = {}
        self._steps: dict[str, Steps] = {}
        self._asked: set[str] = set()
        self._seen = 0
        self._grids: dict[str, tuple[str, Grids]] = {}  # instrument id and grids by product

    def survey(self, line: Line) -> None:
        self._seen += 1
        if line.url:
            if line.url.endswith("/products"):
                self._info = {product.id: product for product in _products(line.body)}
            return
        message = _message(line.body)
        if message.type == "snapshot":
            steps = self._steps.setdefault(message.product_id, Steps())
            steps.see(message.bids)
            steps.see(message.asks)
        elif message.type == "subscriptions":
            for channel in message.channels:
                products = channel.get("product_ids")
                if channel.get("name") == "level2" and isinstance(products, list):
                    self._asked.update(map(str, products))

    @property
    def surveyed(self) -> bool:
        return self._seen >= SURVEY_LINES and bool(self._steps) and set(self._steps) >= self._asked

    def instruments(self) -> Sequence[Instrument]:
        found = [self._instrument(product) for product in sorted(self._steps)]
        self._grids = {
            each.symbol: (each.id, Grids(each.tick, each.lot, between_ticks=each.symbol in self._info))
            for each in found
        }
        return found

    @property
    def notices(self) -> list[str]:
        return [notice for instrument, grids in self._grids.values() for notice in grids.notices(instrument)]

    def _instrument(self, product: str) -> Instrument:
        base, _, quote = product.partition("-")
        info, steps = self._info.get(product), self._steps[product]
        return Instrument(
            venue=VENUE,
            symbol=product,
            base=base,
            quote=quote,
            tick=Decimal(info.quote_increment).normalize() if info else steps.tick,
            lot=Decimal(info.base_increment).normalize() if info else steps.lot,
            min_quantity=Decimal(info.base_min_size) if info else ZERO,
            min_notional=Decimal(info.min_market_funds) if info else ZERO,
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
        )

    def parse(self, line: Line) -> Iterable[MarketEvent]:
        if line.url:
            return ()
        message = _message(line.body)
        if message.product_id not in self._grids:
            return ()
        instrument, grids = self._grids[message.product_id]
        if message.type == "l2update":
            bids = grids.levels([change[1:] for change in message.changes if change[0] == "buy"])
            asks = grids.levels([change[1:] for change in message.changes if change[0] != "buy"])
            return (BookDelta(instrument, line.ts, 0, 0, bids, asks),)
        if message.type == "snapshot":
            return (BookSnapshot(instrument, line.ts, 0, grids.bids(message.bids), grids.asks(message.asks)),)
        if message.type == "match":  # `side` is the resting order's
            price, quantity = grids.price[message.price], grids.quantity[message.size]
            return (Trade(instrument, line.ts, price, quantity, message.side == "sell", str(message.trade_id)),)
        return ()
