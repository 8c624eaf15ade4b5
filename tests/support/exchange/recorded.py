"""A recorded session as an exchange: its HTTP answers are served, and its WebSocket messages are played to who asks.

Every address of the ccxt class is kept but for scheme and host, which become a folder of this server:
`https://api.binance.com/api/v3` is `http://127.0.0.1:PORT/api.binance.com/api/v3`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import WSMsgType, web


class Session:
    """The files of one recorded venue (cryptofeed's form: see `workstation.market.recording.lines`)."""

    def __init__(self, folder: Path, name: str) -> None:
        self.files = sorted(path for path in folder.glob(f"{name}.*") if path.name.split(".")[0] == name)
        self.answers: dict[str, str] = {}
        self.messages: list[str] = []
        told: list[tuple[float, str]] = []
        for path in self.files:
            for line in gzip.decompress(path.read_bytes()).decode().splitlines():
                if " -> " in line[:400] and line.startswith("http"):
                    url, _, rest = line.partition(" -> ")
                    self.answers[key_of(url)] = rest.partition(": ")[2]
                elif line[:1].isdigit():
                    at, _, text = line.partition(": ")
                    told.append((float(at), text))
        self.messages = [text for _, text in sorted(told, key=lambda row: row[0])]
        if name == "KRAKEN":
            self.messages = [dressed for text in self.messages if (dressed := _kraken_today(text)) is not None]
        self._as_asked_today()

    def _as_asked_today(self) -> None:
        """Addresses that have moved since, and lists of markets that are asked for in another shape now."""
        answers = self.answers
        for key in list(answers):
            if key.startswith("api.pro.coinbase.com"):
                answers[key.replace("api.pro.coinbase.com", "api.exchange.coinbase.com")] = answers[key]
        futures = "futures.kraken.com/derivatives/api/v3/instruments"
        if futures in answers:  # they are called in capitals now, as the streams always did
            told = json.loads(answers[futures])
            for row in told["instruments"]:
                row["symbol"] = row["symbol"].upper()
            answers[futures] = json.dumps(told)
        pairs = answers.get("www.bitstamp.net/api/v2/trading-pairs-info")
        if pairs is not None:
            answers["www.bitstamp.net/api/v2/markets"] = json.dumps(
                [_bitstamp_market(row) for row in json.loads(pairs)]
            )


def key_of(url: str) -> str:
    """An address without scheme, and of its query only what names a market."""
    parts = urlsplit(url)
    wanted = ("symbol", "currency", "instrument_name", "pair")
    query = [f"{name}={value}" for name, value in parse_qsl(parts.query) if name in wanted]
    return "?".join([f"{parts.netloc}{parts.path}".rstrip("/").lower(), *sorted(query)])


def _kraken_today(text: str) -> str | None:
    """A message of the first version of Kraken's streams in the shape of the second, which carries the same: the books
    with their checksums, and the trades. None for what is neither."""
    message = json.loads(text)
    if not isinstance(message, list):
        return None
    pair = message[-1].replace("XBT", "BTC").replace("XDG", "DOGE")
    if message[-2] == "trade":
        rows = [
            {"symbol": pair, "side": {"b": "buy", "s": "sell"}[side], "price": float(price), "qty": float(quantity)}
            | {"ord_type": "limit", "trade_id": number, "timestamp": _iso(at)}
            for number, (price, quantity, at, side, *_) in enumerate(message[1], 1)
        ]
        return json.dumps({"channel": "trade", "type": "update", "data": rows})
    if not message[-2].startswith("book"):
        return None
    parts: dict[str, Any] = {}
    for part in message[1:-2]:
        parts |= part
    whole = "as" in parts
    sides = {
        name: [{"price": float(level[0]), "qty": float(level[1])} for level in parts.get(key, ())]
        for name, key in (("bids", "bs" if whole else "b"), ("asks", "as" if whole else "a"))
    }
    book = {"symbol": pair, **sides}
    if "c" in parts:
        newest = max(float(level[2]) for key in ("a", "b") for level in parts.get(key, ()))
        book |= {"checksum": int(parts["c"]), "timestamp": _iso(newest)}
    return json.dumps({"channel": "book", "type": "snapshot" if whole else "update", "data": [book]})


def _iso(seconds: Any) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat().replace("+00:00", "Z")


def _bitstamp_market(row: dict[str, Any]) -> dict[str, Any]:
    base, quote = row["name"].split("/")
    return {
        "name": row["name"],
        "market_symbol": row["url_symbol"],
        "base_currency": base,
        "counter_currency": quote,
        "base_decimals": row["base_decimals"],
        "counter_decimals": row["counter_decimals"],
        "minimum_order_value": row["minimum_order"].split(" ")[0],
        "trading": row["trading"],
        "market_type": "SPOT",
    }


class RecordedExchange:
    """Serves one session. `play` sends all its messages, in their order, to every socket that has subscribed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.asked: list[str] = []
        #: Subscriptions that were asked for so far.
        self.subscriptions = 0
        self.port = 0
        self._sockets: set[web.WebSocketResponse] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> RecordedExchange:
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.result(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def redirect(self, exchange: Any) -> None:
        """Let an exchange object of ccxt talk to this server."""
        exchange.urls["api"] = self._moved(exchange.urls["api"], exchange)

    def _moved(self, value: Any, exchange: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._moved(each, exchange) for name, each in value.items()}
        parts = urlsplit(exchange.implode_hostname(value))
        scheme = "ws" if parts.scheme.startswith("ws") else "http"
        return f"{scheme}://127.0.0.1:{self.port}/{parts.hostname}{parts.path}"

    def play(self, pause: float = 0.0) -> int:
        """How many messages were sent, over all sockets, `pause` seconds apart."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._play(pause), self._loop).result(60)

    async def _play(self, pause: float) -> int:
        sent = 0
        for text in self.session.messages:
            for socket in list(self._sockets):
                await socket.send_str(text)
                sent += 1
            if pause:
                await asyncio.sleep(pause)
        return sent

    def _run(self, ready: Future[None]) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(self._start())
        ready.set_result(None)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._talk(request)
        key = key_of(f"http:/{request.raw_path}")
        self.asked.append(key)
        text = self.session.answers.get(key)
        if text is None:
            return web.json_response({"error": f"not recorded: {key}"}, status=404)
        return web.Response(text=text, content_type="application/json")

    async def _talk(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 22)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    asked = json.loads(message.data)
                    for reply in replies(asked):
                        await socket.send_str(json.dumps(reply))
                    self.subscriptions += asked.get("method") != "public/auth"
        finally:
            self._sockets.discard(socket)
        return socket


def replies(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each of the venues answers to a subscription (or, Deribit, to a login)."""
    if asked.get("method") == "SUBSCRIBE":  # Binance
        yield {"result": None, "id": asked["id"]}
    elif asked.get("event") == "bts:subscribe":  # Bitstamp
        yield {"event": "bts:subscription_succeeded", "channel": asked["data"]["channel"], "data": {}}
    elif asked.get("method") == "public/auth":  # Deribit
        yield {"jsonrpc": "2.0", "id": asked["id"], "result": {"access_token": "recorded", "expires_in": 900}}
    elif str(asked.get("method", "")).endswith("/subscribe"):
        yield {"jsonrpc": "2.0", "id": asked["id"], "result": asked["params"]["channels"]}
    elif asked.get("method") == "subscribe":  # Kraken
        for symbol in asked["params"]["symbol"]:
            result = {"channel": asked["params"]["channel"], "symbol": symbol}
            yield {"method": "subscribe", "req_id": asked.get("req_id"), "success": True, "result": result}
    elif asked.get("event") == "subscribe":  # Kraken Futures
        yield {"event": "subscribed", "feed": asked["feed"], "product_ids": asked.get("product_ids", [])}
    elif asked.get("type") == "subscribe":  # Coinbase
        yield {"type": "subscriptions", "channels": []}
