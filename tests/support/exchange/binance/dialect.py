"""Binance spot: who may ask what, how often, and over which door."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.support.exchange.bars import Bars
from tests.support.exchange.binance.listing import SPOT
from tests.support.exchange.binance.margin import Margin
from tests.support.exchange.binance.private import Private
from tests.support.exchange.binance.public import Public
from tests.support.exchange.binance.refusals import Refused
from tests.support.exchange.binance.streams import Streams
from tests.support.exchange.binance.user import UserStreams
from tests.support.exchange.dialect import After, Answer, Talk, Wire, nothing
from tests.support.exchange.floor import Account, Record
from tests.support.exchange.limits import Window
from tests.support.exchange.socket import Socket
from workstation.domain.instrument import Instrument

if TYPE_CHECKING:
    from tests.support.exchange.server import LoopbackExchange


class Binance:
    instruments: Sequence[Instrument] = SPOT
    #: Requests that count as orders.
    ordering = frozenset(
        {("POST", "/api/v3/order"), ("POST", "/api/v3/order/cancelReplace"), ("POST", "/sapi/v1/margin/order")}
    )
    #: Requests that name the key and are not signed.
    keyed = frozenset({"/sapi/v1/userListenToken"})

    def start(self, exchange: LoopbackExchange) -> None:
        self.exchange, self.floor = exchange, exchange.floor
        bars = Bars(self.floor.instruments)
        bars.history = lambda *asked: exchange.walker.history(*asked) if exchange.walker is not None else ()
        self.floor.listeners.append(lambda event, changed: bars.take(event))
        self._furnish(bars)
        self._open, self._signed = self.public.routes(), self.private.routes()
        if (margin := getattr(self, "margin", None)) is not None:
            self._signed |= margin.routes()
        exchange.spawn(self.streams.run())
        self.weight, self.short, self.long = Window(60, 6000), Window(10, 100), Window(86_400, 200_000)
        self._over: dict[str, int] = {}  # requests sent in spite of a 429
        self._banned: dict[str, int] = {}  # until, ms

    def _furnish(self, bars: Bars) -> None:
        self.public = Public(self.floor, bars)
        self.private = Private(self.floor, self.public)
        self.margin = Margin(self.floor, self.public)
        self.streams = Streams(self.floor, self.public, self.exchange.depth_every)
        self.user = UserStreams(self)

    def config(self, address: str) -> dict[str, Any]:
        rest, ws = f"http://{address}", f"ws://{address}"
        api = {
            "public": f"{rest}/api/v3",
            "private": f"{rest}/api/v3",
            "v1": f"{rest}/api/v1",
            "sapi": f"{rest}/sapi/v1",
            "sapiV2": f"{rest}/sapi/v2",
            "sapiV3": f"{rest}/sapi/v3",
            "sapiV4": f"{rest}/sapi/v4",
            "dapiData": f"{rest}/futures/data",
            "fapiData": f"{rest}/futures/data",
            "papi": f"{rest}/papi/v1",
            "papiV2": f"{rest}/papi/v2",
        }
        for name in ("fapi", "dapi", "eapi"):
            api |= {f"{name}Public": f"{rest}/{name}/v1", f"{name}Private": f"{rest}/{name}/v1"}
            for version in ("V2", "V3"):
                path = f"{rest}/{name}/{version.lower()}"
                api |= {f"{name}Public{version}": path, f"{name}Private{version}": path}
        streams = dict.fromkeys(("spot", "margin"), f"{ws}/stream")
        elsewhere = ("linear", "inverse", "stock", "option", "optionMarket", "optionPrivate", "papi")
        streams |= dict.fromkeys(elsewhere, f"{ws}/none/ws")
        doors = {"spot": f"{ws}/ws-api/v3", "linear": f"{ws}/ws-fapi/v1", "inverse": f"{ws}/ws-dapi/v1"}
        return {
            "urls": {"api": api | {"ws": streams | {"ws-api": doors}}},
            "options": {
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }

    # REST

    def answer(self, wire: Wire, *, pretend: bool) -> tuple[Answer, After]:
        headers: dict[str, str] = {}
        try:
            result, after = self._handled(wire, pretend, headers)
            return Answer(json.dumps(result, separators=(",", ":")), 200, headers), after
        except Refused as refused:
            answer = refused.answer()
            return Answer(answer.text, answer.status, headers | answer.headers), nothing

    def _handled(self, wire: Wire, pretend: bool, headers: dict[str, str]) -> tuple[Any, After]:
        key = (wire.method, wire.path)
        if key in self._signed:
            handler, weight = self._signed[key]
            self.count(wire.peer, self._weighed(key, wire.params, weight), headers)
            by_key = wire.path in self.keyed
            account = self.key_holder(wire.header("X-MBX-APIKEY")) if by_key else self.signed_in(wire)
            if key in self.ordering:
                self.count_order(account, headers)
            found = self._named(account, wire.params) if pretend else None
            return handler(account, wire.params) if found is None else pretended(wire, found)
        if wire.method == "GET" and wire.path in self._open:
            opened, weight = self._open[wire.path]
            self.count(wire.peer, self._weighed(key, wire.params, weight), headers)
            return opened(wire.params), nothing
        if wire.path in self._open or any(path == wire.path for _, path in self._signed):
            raise Refused(-1014, "Unsupported order combination.", 405)
        raise Refused(-1000, f"The path {wire.path} is not served here.", 404)

    def _named(self, account: Account, params: dict[str, str]) -> Record | None:
        """The working order that a request names: no exchange says of another that it was cancelled."""
        number = params.get("orderId")
        instrument = self.public.instrument(params).id
        record = account.find(instrument, int(number) if number else None, params.get("origClientOrderId"))
        return record if record is not None and record.order.is_open else None

    @staticmethod
    def _weighed(key: tuple[str, str], params: dict[str, str], weight: int) -> int:
        match key:
            case (_, "/api/v3/depth"):
                limit = int(params.get("limit") or 100)
                return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
            case ("GET", "/api/v3/openOrders"):
                return weight if params.get("symbol") else 80
            case ("GET", "/api/v3/myTrades"):
                return 5 if params.get("orderId") else weight
            case (_, "/api/v3/ticker/24hr"):
                return weight if params.get("symbol") else 80
            case (_, "/api/v3/ticker/price" | "/api/v3/ticker/bookTicker"):
                return weight if params.get("symbol") else 4
        return weight

    def count(self, peer: str, weight: int, headers: dict[str, str]) -> None:
        """The weight of a request; refuses who has used more than a minute allows, and bans who goes on."""
        now = self.floor.now_ms()
        if (until := self._banned.get(peer, 0)) > now:
            raise self._ban(until, now)
        used = self.weight.take(peer, now, weight)
        headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = str(used)
        if not self.exchange.limits or used <= self.weight.limit:
            self._over.pop(peer, None)
            return
        self._over[peer] = self._over.get(peer, 0) + 1
        if self._over[peer] > 20:
            self._banned[peer] = now + 120_000
            raise self._ban(now + 120_000, now)
        text = (
            f"Too much request weight used; current limit is {self.weight.limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        raise Refused(-1003, text, 429, Retry_After=str(self.weight.again_in(now)))

    @staticmethod
    def _ban(until: int, now: int) -> Refused:
        text = (
            f"Way too much request weight used; IP banned until {until}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return Refused(-1003, text, 418, Retry_After=str(-(-(until - now) // 1000)))

    def count_order(self, account: Account, headers: dict[str, str]) -> None:
        now, who = self.floor.now_ms(), account.login.key
        for window, name, words in ((self.short, "10S", "10 SECONDS"), (self.long, "1D", "1 DAY")):
            used = window.take(who, now)
            headers[f"X-MBX-ORDER-COUNT-{name}"] = str(used)
            if self.exchange.limits and used > window.limit:
                text = f"Too many new orders; current limit is {window.limit} orders per {words}."
                raise Refused(-1015, text, 429, Retry_After=str(window.again_in(now)))

    def signed_in(self, wire: Wire) -> Account:
        """The account of a signed request. Raises `Refused` for a wrong key, signature or time."""
        payload, _, signature = (wire.query + wire.body).rpartition("&signature=")
        account = self.key_holder(wire.header("X-MBX-APIKEY"))
        if not signature:
            raise Refused(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        self.check(account, payload, signature, wire.params)
        return account

    def key_holder(self, key: str) -> Account:
        if not key:
            raise Refused(-2014, "API-key format invalid.", 401)
        if key not in self.floor.accounts:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return self.floor.accounts[key]

    def check(self, account: Account, payload: str, signature: str, params: dict[str, Any]) -> None:
        good = hmac.new(account.login.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(good, signature):
            raise Refused(-1022, "Signature for this request is not valid.")
        try:
            stamp, window = int(params["timestamp"]), int(params.get("recvWindow") or 5000)
        except (KeyError, ValueError):
            raise Refused(
                -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
            ) from None
        if window > 60_000:
            raise Refused(-1131, "recvWindow must be less than 60000.")
        now = self.floor.now_ms()
        if stamp > now + 1000:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if stamp < now - window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def route(self, method: str, path: str) -> Any:
        """(handler, weight) of a signed path, for the WebSocket API."""
        return self._signed[method, path]

    def trouble(self, status: int) -> Answer:
        match status:
            case 429:
                text = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
                return Refused(-1003, text, 429, Retry_After="1").answer()
            case 418:
                return self._ban(self.floor.now_ms() + 2000, self.floor.now_ms()).answer()
            case 403:
                return Answer("<html><body>403 Forbidden</body></html>", 403)
            case 503:
                text = "Unknown error, please check your request or try again later."
                return Answer(json.dumps({"code": -1000, "msg": text}), 503)
        return Answer("<html><body>Bad Gateway</body></html>", status)

    # Sockets

    def socket(self, path: str) -> Talk | None:
        if path.startswith("/stream"):
            return self.streams.talk
        if path.startswith("/ws-api/"):
            return self.user.talk
        return None

    def opened(self, socket: Socket) -> None:
        pass

    def gone(self, socket: Socket) -> None:
        self.streams.sockets.discard(socket)
        self.user.gone(socket)


def pretended(wire: Wire, record: Record) -> tuple[Any, After]:
    """An answer that says that an order was cancelled, though nothing was done."""
    return {
        "symbol": wire.params.get("symbol", ""),
        "origClientOrderId": record.link,
        "orderId": record.order_id,
        "orderListId": -1,
        "clientOrderId": "x-pretended",
        "status": "CANCELED",
        "type": "LIMIT",
        "side": "BUY",
        "timeInForce": "GTC",
        "price": "0.00000000",
        "origQty": "0.00000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
    }, nothing
