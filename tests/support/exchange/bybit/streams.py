"""Bybit's public streams: numbered books, trades, tickers, candles."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable
from typing import Any

from tests.support.exchange.bybit.listing import category, wire_symbol
from tests.support.exchange.bybit.public import INTERVALS, Public, levels, trade_row
from tests.support.exchange.floor import Floor, PublicBook
from tests.support.exchange.socket import Socket
from workstation.clock import MILLISECOND
from workstation.domain.instrument import InstrumentId
from workstation.domain.market import MarketEvent, Trade
from workstation.domain.spans import MINUTE

DEPTHS = (1, 50, 200, 1000)


def answer(socket: Socket, message: dict[str, Any]) -> None:
    socket.send("ws answer", json.dumps(message, separators=(",", ":")))


class _Shown:
    """One numbered book of a topic: its last levels, and the number of its last message."""

    def __init__(self, public: PublicBook, depth: int) -> None:
        self.public, self.depth = public, depth
        self.number = 1_000
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.read()

    def read(self) -> tuple[dict[int, int], dict[int, int]]:
        """The levels that changed within the depth since the last look."""
        book = self.public.book
        bids, asks = dict(book.bid_levels(self.depth)), dict(book.ask_levels(self.depth))
        changed = _changed(self.bids, bids), _changed(self.asks, asks)
        self.bids, self.asks = bids, asks
        return changed


def _changed(before: dict[int, int], now: dict[int, int]) -> dict[int, int]:
    return {t: now.get(t, 0) for t in before.keys() | now.keys() if before.get(t) != now.get(t)}


class Streams:
    def __init__(self, floor: Floor, public: Public, every: float) -> None:
        self.floor, self.public, self.every = floor, public, every
        self.sockets: dict[Socket, str] = {}  # with the category of its path
        self._shown: dict[tuple[InstrumentId, int], _Shown] = {}
        self._dirty: set[InstrumentId] = set()
        self._tickers: dict[InstrumentId, dict[str, Any]] = {}
        self._ticks = 0
        floor.listeners.append(self._on_market)

    def talk(self, kind: str, socket: Socket, text: str) -> None:
        self.sockets.setdefault(socket, kind)
        try:
            message = json.loads(text)
            operation, topics = message["op"], message.get("args") or []
        except (ValueError, KeyError, TypeError):
            answer(socket, {"success": False, "ret_msg": "error:invalid op", "conn_id": "", "request": text})
            return
        reply = {"success": True, "ret_msg": "", "conn_id": _conn(socket), "op": operation}
        if "req_id" in message:
            reply["req_id"] = message["req_id"]
        if operation == "ping":
            socket.send("ws pong", json.dumps(reply | {"ret_msg": "pong"}))
            return
        unknown = [topic for topic in topics if not self._known(kind, topic)]
        if unknown:
            answer(socket, reply | {"success": False, "ret_msg": f"error:handler not found,topic:{unknown[0]}"})
            return
        if operation == "subscribe":
            socket.subscribed |= set(topics)
            answer(socket, reply)
            for topic in topics:
                self._begin(kind, socket, topic)
        elif operation == "unsubscribe":
            socket.subscribed -= set(topics)
            answer(socket, reply)
        else:
            answer(socket, reply | {"success": False, "ret_msg": "error:invalid op"})

    def _known(self, kind: str, topic: str) -> bool:
        parts = topic.split(".")
        if (kind, parts[-1]) not in self.public.by_symbol:
            return False
        match parts[:-1]:
            case ["orderbook", depth]:
                return depth.isdigit() and int(depth) in DEPTHS
            case ["kline", interval]:
                return interval in INTERVALS
            case ["publicTrade"] | ["tickers"]:
                return True
        return False

    def _begin(self, kind: str, socket: Socket, topic: str) -> None:
        """What a new subscriber is sent first."""
        parts = topic.split(".")
        public = self.floor.public[self.public.by_symbol[kind, parts[-1]].id]
        if parts[0] == "orderbook":
            self.flush()  # whoever was there before is brought to the same number
            shown = self._shown.setdefault((public.instrument.id, int(parts[1])), _Shown(public, int(parts[1])))
            shown.read()
            bids, asks = sorted(shown.bids.items(), reverse=True), sorted(shown.asks.items())
            socket.send("ws orderbook", self._book(topic, "snapshot", shown, bids, asks))
        elif parts[0] == "tickers":
            ticker = self.public.ticker(public)
            self._tickers[public.instrument.id] = ticker
            socket.send("ws tickers", self._ticker(topic, "snapshot", ticker))

    def _book(
        self,
        topic: str,
        kind: str,
        shown: _Shown,
        bids: Iterable[tuple[int, int]],
        asks: Iterable[tuple[int, int]],
    ) -> str:
        instrument, now = shown.public.instrument, self.floor.now_ms()
        data = {
            "s": wire_symbol(instrument),
            "b": levels(instrument, list(bids)),
            "a": levels(instrument, list(asks)),
            "u": shown.number,
            "seq": shown.public.update,
        }
        message = {"topic": topic, "type": kind, "ts": now, "data": data, "cts": now}
        return json.dumps(message, separators=(",", ":"))

    def _ticker(self, topic: str, kind: str, ticker: dict[str, Any]) -> str:
        now = self.floor.now_ms()
        message = {"topic": topic, "type": kind, "ts": now, "cs": now, "data": ticker}
        return json.dumps(message, separators=(",", ":"))

    def _on_market(self, event: MarketEvent, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        public = self.floor.public[event.instrument]
        if isinstance(event, Trade):
            row = trade_row(self.floor, public, int(event.trade_id), event)
            topic = f"publicTrade.{row['s']}"
            message = {"topic": topic, "type": "snapshot", "ts": self.floor.now_ms(), "data": [row]}
            self._publish(category(public.instrument), topic, "publicTrade", json.dumps(message, separators=(",", ":")))
        elif any(changed):
            self._dirty.add(event.instrument)
        if not self.every:
            self.flush()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.every or 0.25)
            self.flush()
            self._ticks += 1
            if self._ticks % max(1, round(0.5 / (self.every or 0.25))) == 0:
                self._tick()

    def flush(self) -> None:
        """One message a topic, of what changed within its depth; its number follows the one before."""
        dirty, self._dirty = self._dirty, set()
        for (name, depth), shown in self._shown.items():
            if name not in dirty:
                continue
            bids, asks = shown.read()
            if not bids and not asks:
                continue
            shown.number += 1
            instrument = shown.public.instrument
            topic = f"orderbook.{depth}.{wire_symbol(instrument)}"
            kind = "snapshot" if depth == 1 else "delta"
            if depth == 1:
                bids, asks = shown.bids, shown.asks
            rows = sorted(bids.items(), reverse=True), sorted(asks.items())
            self._publish(category(instrument), topic, "orderbook", self._book(topic, kind, shown, *rows))

    def _tick(self) -> None:
        """Twice a second: tickers that changed, candles that form."""
        for (kind, symbol), instrument in self.public.by_symbol.items():
            public = self.floor.public[instrument.id]
            topic = f"tickers.{symbol}"
            if self._wanted(kind, topic):
                ticker, before = self.public.ticker(public), self._tickers.get(instrument.id, {})
                self._tickers[instrument.id] = ticker
                if kind == "spot":
                    self._publish(kind, topic, "tickers", self._ticker(topic, "snapshot", ticker))
                else:
                    news = {name: value for name, value in ticker.items() if before.get(name) != value}
                    self._publish(kind, topic, "tickers", self._ticker(topic, "delta", {"symbol": symbol} | news))
            for name in INTERVALS:
                topic = f"kline.{name}.{symbol}"
                if self._wanted(kind, topic):
                    self._kline(kind, topic, public, name)

    def _kline(self, kind: str, topic: str, public: PublicBook, name: str) -> None:
        interval, now = INTERVALS[name] * MINUTE, self.floor.clock.now()
        for bar in self.public.bars.last(public.instrument.id, interval, 1, now):
            row = {
                "start": bar.ts // MILLISECOND,
                "end": (bar.ts + interval) // MILLISECOND - 1,
                "interval": name,
                "open": repr(round(bar.open, 8)),
                "close": repr(round(bar.close, 8)),
                "high": repr(round(bar.high, 8)),
                "low": repr(round(bar.low, 8)),
                "volume": repr(round(bar.volume, 8)),
                "turnover": repr(round(bar.volume * bar.close, 4)),
                "confirm": False,
                "timestamp": self.floor.now_ms(),
            }
            message = {"topic": topic, "type": "snapshot", "ts": self.floor.now_ms(), "data": [row]}
            self._publish(kind, topic, "kline", json.dumps(message, separators=(",", ":")))

    def _wanted(self, kind: str, topic: str) -> bool:
        return any(where == kind and topic in socket.subscribed for socket, where in self.sockets.items())

    def _publish(self, kind: str, topic: str, place: str, text: str) -> None:
        for socket, where in list(self.sockets.items()):
            if where == kind and topic in socket.subscribed:
                socket.send(f"ws {place}", text)


def _conn(socket: Socket) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(id(socket))))
