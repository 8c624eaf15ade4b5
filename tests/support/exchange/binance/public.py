"""Binance's public REST: what the market is and does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support.exchange.bars import Bars
from tests.support.exchange.binance.listing import RATE_LIMITS, eight, symbol_info, wire_symbol
from tests.support.exchange.binance.orders import integer
from tests.support.exchange.binance.refusals import Refused, missing
from tests.support.exchange.floor import Floor, PublicBook
from workstation.clock import MILLISECOND
from workstation.domain.instrument import Instrument
from workstation.domain.market import Trade
from workstation.domain.spans import MINUTE

INTERVALS = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
}
DAY = 1440 * MINUTE


class Public:
    #: Where it is served, and whether it is of the spot markets.
    prefix = "/api/v3"
    spot = True

    def __init__(self, floor: Floor, bars: Bars) -> None:
        self.floor, self.bars = floor, bars
        self.by_symbol = {wire_symbol(i): i for i in floor.instruments.values() if i.is_spot is self.spot}

    def routes(self) -> dict[str, tuple[Callable[[dict[str, str]], Any], int]]:
        """path → (handler, weight)."""
        served: dict[str, tuple[Callable[[dict[str, str]], Any], int]] = {
            "ping": (lambda params: {}, 1),
            "time": (lambda params: {"serverTime": self.floor.now_ms()}, 1),
            "exchangeInfo": (self.exchange_info, 20),
            "depth": (self.depth, 5),
            "trades": (self.trades, 25),
            "historicalTrades": (self.trades, 25),
            "aggTrades": (self.agg_trades, 4),
            "klines": (self.klines, 2),
            "avgPrice": (self.average, 2),
            "ticker/24hr": (self.ticker_24h, 2),
            "ticker/price": (self.ticker_price, 2),
            "ticker/bookTicker": (self.ticker_book, 2),
        }
        return {f"{self.prefix}/{name}": way for name, way in served.items()}

    def instrument(self, params: dict[str, str]) -> Instrument:
        symbol = params.get("symbol")
        if not symbol:
            raise missing("symbol")
        if symbol not in self.by_symbol:
            raise Refused(-1121, "Invalid symbol.")
        return self.by_symbol[symbol]

    def public(self, params: dict[str, str]) -> PublicBook:
        return self.floor.public[self.instrument(params).id]

    def exchange_info(self, params: dict[str, str]) -> dict[str, Any]:
        wanted = [self.instrument(params)] if params.get("symbol") else list(self.by_symbol.values())
        return {
            "timezone": "UTC",
            "serverTime": self.floor.now_ms(),
            "rateLimits": RATE_LIMITS,
            "exchangeFilters": [],
            "symbols": [symbol_info(instrument) for instrument in wanted],
        }

    def depth(self, params: dict[str, str]) -> dict[str, Any]:
        public = self.public(params)
        limit = min(integer(params, "limit") or 100, 5000)
        bids, asks = depth(public, limit)
        return {"lastUpdateId": public.update, "bids": bids, "asks": asks}

    def trades(self, params: dict[str, str]) -> list[dict[str, Any]]:
        public = self.public(params)
        return [
            trade_row(self.floor, public, *row) for row in list(public.trades)[-(integer(params, "limit") or 500) :]
        ]

    def agg_trades(self, params: dict[str, str]) -> list[dict[str, Any]]:
        public = self.public(params)
        return [
            {
                "a": number,
                "p": eight(public.instrument.price(trade.price)),
                "q": eight(public.instrument.quantity(trade.quantity)),
                "f": number,
                "l": number,
                "T": self.floor.ms(trade.ts),
                "m": not trade.buyer_is_aggressor,
                "M": True,
            }
            for number, trade in list(public.trades)[-(integer(params, "limit") or 500) :]
        ]

    def klines(self, params: dict[str, str]) -> list[list[Any]]:
        instrument = self.instrument(params)
        name = params.get("interval", "")
        if name not in INTERVALS:
            raise Refused(-1120, "Invalid interval.")
        interval = INTERVALS[name] * MINUTE
        limit = min(integer(params, "limit") or 500, 1000)
        start, end = integer(params, "startTime"), integer(params, "endTime")
        now = self.floor.clock.now()
        count = limit
        if start is not None:
            count = min(10_000, max(1, (now - start * MILLISECOND) // interval + 2))
        bars = self.bars.last(instrument.id, interval, count, now)
        if start is not None:
            bars = [bar for bar in bars if bar.ts >= start * MILLISECOND]
        if end is not None:
            bars = [bar for bar in bars if bar.ts <= end * MILLISECOND]
        bars = bars[:limit] if start is not None else bars[-limit:]
        return [kline(instrument, bar, interval) for bar in bars]

    def average(self, params: dict[str, str]) -> dict[str, Any]:
        public = self.public(params)
        return {"mins": 5, "price": eight(self._mid(public)), "closeTime": self.floor.now_ms()}

    def ticker_24h(self, params: dict[str, str]) -> Any:
        return self._each(params, self.day)

    def ticker_price(self, params: dict[str, str]) -> Any:
        return self._each(
            params, lambda public: {"symbol": wire_symbol(public.instrument), "price": eight(self._last(public))}
        )

    def ticker_book(self, params: dict[str, str]) -> Any:
        return self._each(params, best)

    def _each(self, params: dict[str, str], show: Callable[[PublicBook], dict[str, Any]]) -> Any:
        if params.get("symbol"):
            return show(self.public(params))
        return [show(self.floor.public[instrument.id]) for instrument in self.by_symbol.values()]

    def _last(self, public: PublicBook) -> Decimal:
        return public.instrument.price(public.trades[-1][1].price) if public.trades else self._mid(public)

    @staticmethod
    def _mid(public: PublicBook) -> Decimal:
        mid = public.book.mid
        return Decimal(0) if mid is None else public.instrument.price(int(mid))

    def day(self, public: PublicBook) -> dict[str, Any]:
        """The 24 hour ticker, of hourly bars."""
        now = self.floor.clock.now()
        last = self._last(public)
        bars = self.bars.last(public.instrument.id, 60 * MINUTE, 24, now)
        first = Decimal(str(bars[0].open)) if bars else last
        volume = sum(bar.volume for bar in bars)
        ticker = best(public)
        number = public.trades[-1][0] if public.trades else -1
        return ticker | {
            "priceChange": eight(last - first),
            "priceChangePercent": f"{(last / first - 1) * 100 if first else 0:.3f}",
            "weightedAvgPrice": eight((last + first) / 2),
            "prevClosePrice": eight(first),
            "lastPrice": eight(last),
            "lastQty": eight(public.instrument.quantity(public.trades[-1][1].quantity) if public.trades else 0),
            "openPrice": eight(first),
            "highPrice": eight(max([float(last), *(bar.high for bar in bars)])),
            "lowPrice": eight(min([float(last), *(bar.low for bar in bars)])),
            "volume": eight(volume),
            "quoteVolume": eight(volume * float(last)),
            "openTime": self.floor.ms(now - DAY),
            "closeTime": self.floor.ms(now),
            "firstId": number,
            "lastId": number,
            "count": len(public.trades),
        }


def levels(instrument: Instrument, rows: list[tuple[int, int]]) -> list[list[str]]:
    return [[eight(instrument.price(ticks)), eight(instrument.quantity(lots))] for ticks, lots in rows]


def depth(public: PublicBook, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    book, instrument = public.book, public.instrument
    return levels(instrument, book.bid_levels(limit)), levels(instrument, book.ask_levels(limit))


def best(public: PublicBook) -> dict[str, Any]:
    (bid,) = depth(public, 1)[0] or [["0.00000000", "0.00000000"]]
    (ask,) = depth(public, 1)[1] or [["0.00000000", "0.00000000"]]
    return {
        "symbol": wire_symbol(public.instrument),
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
    }


def trade_row(floor: Floor, public: PublicBook, number: int, trade: Trade) -> dict[str, Any]:
    price, quantity = public.instrument.price(trade.price), public.instrument.quantity(trade.quantity)
    return {
        "id": number,
        "price": eight(price),
        "qty": eight(quantity),
        "quoteQty": eight(price * quantity),
        "time": floor.ms(trade.ts),
        "isBuyerMaker": not trade.buyer_is_aggressor,
        "isBestMatch": True,
    }


def kline(instrument: Instrument, bar: Any, interval: int) -> list[Any]:
    return [
        bar.ts // MILLISECOND,
        eight(round(bar.open, 8)),
        eight(round(bar.high, 8)),
        eight(round(bar.low, 8)),
        eight(round(bar.close, 8)),
        eight(round(bar.volume, 8)),
        (bar.ts + interval) // MILLISECOND - 1,
        eight(round(bar.volume * bar.close, 8)),
        100,
        eight(round(bar.volume / 2, 8)),
        eight(round(bar.volume * bar.close / 2, 8)),
        "0",
    ]
