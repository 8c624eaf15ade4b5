"""Binance's market streams: depth updates in batches with their numbers, trades, best prices, candles, tickers."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from tests.support.exchange.binance.listing import eight, wire_symbol
from tests.support.exchange.binance.public import INTERVALS, Public, best, depth, levels
from tests.support.exchange.floor import Floor, PublicBook
from tests.support.exchange.socket import Socket
from workstation.clock import MILLISECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.spans import MINUTE

_STREAM = re.compile(
    r"^(?P<symbol>[a-z0-9]+)@(?P<kind>depth(5|10|20)?|trade|aggTrade|bookTicker|kline_\w+|ticker|miniTicker)(@\d+ms)?$"
)
_ALL = {"!miniTicker@arr", "!ticker@arr"}


class _Pending:
    """Changes of one book since its last message."""

    def __init__(self, public: PublicBook) -> None:
        self.public = public
        self.sent = public.update
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best: dict[str, Any] = {}


class Streams:
    def __init__(self, floor: Floor, public: Public, every: float) -> None:
        self.floor, self.public, self.every = floor, public, every
        self.sockets: set[Socket] = set()
        self._pending: dict[InstrumentId, _Pending] = {}
        self._symbols = {i.id: wire_symbol(i).lower() for i in public.by_symbol.values()}
        self._ticks = 0
        floor.listeners.append(self._on_market)

    def talk(self, socket: Socket, text: str) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS."""
        self.sockets.add(socket)
        try:
            message = json.loads(text)
            method, params, number = message["method"], message.get("params", []), message["id"]
        except (ValueError, KeyError, TypeError):
            socket.send("ws error", json.dumps({"error": {"code": 0, "msg": "Unknown property"}, "id": ""}))
            return
        result: Any = None
        if method == "LIST_SUBSCRIPTIONS":
            result = sorted(socket.subscribed)
        elif any(not self._known(stream) for stream in params):
            self._answer(socket, {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": number})
            return
        elif method == "SUBSCRIBE":
            socket.subscribed |= set(params)
        elif method == "UNSUBSCRIBE":
            socket.subscribed -= set(params)
        else:
            self._answer(socket, {"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})
            return
        self._answer(socket, {"result": result, "id": number})

    @staticmethod
    def _answer(socket: Socket, message: dict[str, Any]) -> None:
        socket.send("ws answer", json.dumps(message))

    def _known(self, stream: str) -> bool:
        if stream in _ALL:
            return True
        match = _STREAM.match(stream)
        if match is None or match["symbol"].upper() not in self.public.by_symbol:
            return False
        return not match["kind"].startswith("kline_") or match["kind"][6:] in INTERVALS

    def _on_market(self, event: MarketEvent, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        name = event.instrument
        if name not in self._symbols:
            return
        pending = self._pending.setdefault(name, _Pending(self.floor.public[name]))
        if isinstance(event, Trade):
            self._trade(pending.public, event)
        else:
            pending.bids |= changed[0]
            pending.asks |= changed[1]
            self._best(pending)
        if not self.every:
            self.flush()

    def _trade(self, public: PublicBook, trade: Trade) -> None:
        symbol, instrument = self._symbols[public.instrument.id], public.instrument
        common = {
            "E": self.floor.now_ms(),
            "s": symbol.upper(),
            "p": eight(instrument.price(trade.price)),
            "q": eight(instrument.quantity(trade.quantity)),
            "T": self.floor.ms(trade.ts),
            "m": not trade.buyer_is_aggressor,
            "M": True,
        }
        number = int(trade.trade_id)
        self._publish(f"{symbol}@trade", "trade", {"e": "trade", "t": number} | common)
        self._publish(
            f"{symbol}@aggTrade", "aggTrade", {"e": "aggTrade", "a": number, "f": number, "l": number} | common
        )

    def _best(self, pending: _Pending) -> None:
        symbol = self._symbols[pending.public.instrument.id]
        stream = f"{symbol}@bookTicker"
        if not any(stream in socket.subscribed for socket in self.sockets):
            return
        now = best(pending.public)
        if now != pending.best:
            pending.best = now
            message = {
                "u": pending.public.update,
                "s": now["symbol"],
                "b": now["bidPrice"],
                "B": now["bidQty"],
                "a": now["askPrice"],
                "A": now["askQty"],
            }
            self._publish(stream, "bookTicker", message)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.every or 0.25)
            self.flush()
            self._ticks += 1
            if self._ticks % max(1, round(1 / (self.every or 0.25))) == 0:
                self._tickers()

    def flush(self) -> None:
        """One depth update an instrument, of everything that changed since the last one."""
        for pending in self._pending.values():
            if not pending.bids and not pending.asks:
                continue
            public, instrument = pending.public, pending.public.instrument
            symbol = self._symbols[instrument.id]
            message = {
                "e": "depthUpdate",
                "E": self.floor.now_ms(),
                "s": symbol.upper(),
                "U": pending.sent + 1,
                "u": public.update,
                "b": levels(instrument, sorted(pending.bids.items(), reverse=True)),
                "a": levels(instrument, sorted(pending.asks.items())),
            } | self._also(pending.sent)
            pending.sent = public.update
            pending.bids, pending.asks = {}, {}
            self._publish(f"{symbol}@depth", "depthUpdate", message)
            for limit in (5, 10, 20):
                if any(s.startswith(f"{symbol}@depth{limit}") for socket in self.sockets for s in socket.subscribed):
                    bids, asks = depth(public, limit)
                    partial = {"lastUpdateId": public.update, "bids": bids, "asks": asks}
                    self._publish(f"{symbol}@depth{limit}", "depth", partial)

    def _also(self, sent: int) -> dict[str, Any]:
        """What futures tell besides in a depth update; `sent`: number of the update before it."""
        return {}

    def _tickers(self) -> None:
        """Once a second: candles that form, 24 hour tickers."""
        wanted = {stream for socket in self.sockets for stream in socket.subscribed}
        minis = []
        for name, symbol in self._symbols.items():
            public = self.floor.public[name]
            for stream in wanted:
                if stream.startswith(f"{symbol}@kline_"):
                    self._kline(public, stream)
            if wanted & {f"{symbol}@ticker", f"{symbol}@miniTicker", *_ALL}:
                day = self.public.day(public)
                mini = {
                    "e": "24hrMiniTicker",
                    "E": self.floor.now_ms(),
                    "s": day["symbol"],
                    "c": day["lastPrice"],
                    "o": day["openPrice"],
                    "h": day["highPrice"],
                    "l": day["lowPrice"],
                    "v": day["volume"],
                    "q": day["quoteVolume"],
                }
                minis.append(mini)
                self._publish(f"{symbol}@miniTicker", "miniTicker", mini)
                full = mini | {
                    "e": "24hrTicker",
                    "p": day["priceChange"],
                    "P": day["priceChangePercent"],
                    "w": day["weightedAvgPrice"],
                    "x": day["prevClosePrice"],
                    "Q": day["lastQty"],
                    "b": day["bidPrice"],
                    "B": day["bidQty"],
                    "a": day["askPrice"],
                    "A": day["askQty"],
                    "O": day["openTime"],
                    "C": day["closeTime"],
                    "F": day["firstId"],
                    "L": day["lastId"],
                    "n": day["count"],
                }
                self._publish(f"{symbol}@ticker", "ticker", full)
        if minis:
            self._publish("!miniTicker@arr", "miniTicker", minis)

    def _kline(self, public: PublicBook, stream: str) -> None:
        name = stream.partition("@kline_")[2]
        interval = INTERVALS[name] * MINUTE
        bars = self.public.bars.last(public.instrument.id, interval, 1, self.floor.clock.now())
        if not bars:
            return
        bar = bars[-1]
        symbol = wire_symbol(public.instrument)
        message = {
            "e": "kline",
            "E": self.floor.now_ms(),
            "s": symbol,
            "k": {
                "t": bar.ts // MILLISECOND,
                "T": (bar.ts + interval) // MILLISECOND - 1,
                "s": symbol,
                "i": name,
                "f": -1,
                "L": -1,
                "o": eight(round(bar.open, 8)),
                "c": eight(round(bar.close, 8)),
                "h": eight(round(bar.high, 8)),
                "l": eight(round(bar.low, 8)),
                "v": eight(round(bar.volume, 8)),
                "n": 1,
                "x": False,
                "q": eight(round(bar.volume * bar.close, 8)),
                "V": "0",
                "Q": "0",
                "B": "0",
            },
        }
        self._publish(stream, "kline", message)

    def _publish(self, stream: str, kind: str, message: Any) -> None:
        text = None
        for socket in self.sockets:
            if any(_is(stream, wanted) for wanted in socket.subscribed):
                text = text or json.dumps(message, separators=(",", ":"))
                socket.send(f"ws {kind}", text)


def _is(stream: str, wanted: str) -> bool:
    """Speeds (`@100ms`) are one speed here."""
    return wanted == stream or (wanted.startswith(stream) and wanted[len(stream)] == "@" and wanted.endswith("ms"))
