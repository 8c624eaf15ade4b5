"""Binance's WebSocket API: requests over a socket, and the stream of one's own orders and balances."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from tests.support.exchange.binance.listing import RATE_LIMITS
from tests.support.exchange.binance.refusals import Refused
from tests.support.exchange.binance.shapes import account_position, balance_update, execution_report
from tests.support.exchange.dialect import After, nothing
from tests.support.exchange.faults import Kind
from tests.support.exchange.floor import Account, Update
from tests.support.exchange.socket import Socket
from workstation.clock import MILLISECOND
from workstation.domain import events as e

if TYPE_CHECKING:
    from tests.support.exchange.binance.dialect import Binance

#: Requests over the socket that are requests of REST in other words.
_AS_REST = {
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "order.amend.keepPriority": ("PUT", "/api/v3/order/amend/keepPriority"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.status": ("GET", "/api/v3/account"),
}
_OPEN = {
    "ping": "/api/v3/ping",
    "time": "/api/v3/time",
    "exchangeInfo": "/api/v3/exchangeInfo",
    "depth": "/api/v3/depth",
    "ticker.price": "/api/v3/ticker/price",
    "ticker.book": "/api/v3/ticker/bookTicker",
    "klines": "/api/v3/klines",
}


class UserStreams:
    def __init__(self, dialect: Binance) -> None:
        self.dialect = dialect
        self._numbers = itertools.count()
        self._streams: dict[Socket, dict[int, Account]] = {}
        self._until: dict[int, int] = {}  # ms at which a subscription by token ends, by its number
        for account in dialect.floor.accounts.values():
            account.listeners.append(self._on_updates)

    def gone(self, socket: Socket) -> None:
        self._streams.pop(socket, None)

    def _expire(self, socket: Socket, number: int) -> None:
        """The time of a subscription is over, unless it was extended: a last word, and nothing more."""
        streams = self._streams.get(socket, {})
        if number in streams and self._until[number] <= self.dialect.floor.now_ms():
            self._end(socket, number)

    def _end(self, socket: Socket, number: int) -> None:
        del self._streams[socket][number]
        ended = {"e": "eventStreamTerminated", "E": self.dialect.floor.now_ms()}
        self._send(socket, "ws eventStreamTerminated", {"subscriptionId": number, "event": ended})

    def end(self, account: Account) -> None:
        """Nothing more is told of the account, but for a last word."""
        for socket, number in self.told(account):
            self._end(socket, number)

    def told(self, account: Account) -> list[tuple[Socket, int]]:
        """Who hears of the account's orders: (socket, number of the subscription)."""
        return [
            (socket, number)
            for socket, streams in self._streams.items()
            for number, owner in streams.items()
            if owner is account
        ]

    def talk(self, socket: Socket, text: str) -> None:
        """One request. Its answer goes out before what the streams are told of it, as it mostly does."""
        try:
            message = json.loads(text)
            method, number = message["method"], message["id"]
            params = {name: str(value) for name, value in (message.get("params") or {}).items()}
        except (ValueError, KeyError, TypeError):
            self._send(socket, "ws-api", {"id": None, "status": 400, "error": {"code": -1000, "msg": "Bad request"}})
            return
        place = f"ws-api {method}"
        fault = self.dialect.exchange.faults.strike(place, (Kind.LOST, Kind.UNANSWERED, Kind.STATUS))
        if fault is not None and fault.kind is Kind.LOST:
            return
        after: After = nothing
        try:
            if fault is not None and fault.kind is Kind.STATUS:
                raise Refused(-1000, "The exchange is in trouble.", fault.status)
            result, after = self._handled(socket, method, params)
            answer = {"id": number, "status": 200, "result": result, "rateLimits": RATE_LIMITS[:1]}
        except Refused as refused:
            answer = {"id": number, "status": refused.status, "error": refused.body, "rateLimits": RATE_LIMITS[:1]}
        self.dialect.exchange.done.append((place, params))
        if fault is None or fault.kind is not Kind.UNANSWERED:
            self._send(socket, "ws-api answer", answer)
        after()

    def _handled(self, socket: Socket, method: str, params: dict[str, str]) -> tuple[Any, After]:
        if method in _OPEN:
            handler, weight = self.dialect.public.routes()[_OPEN[method]]
            self.dialect.count("127.0.0.1", weight, {})
            return handler(params), nothing
        if method == "userDataStream.subscribe.signature":
            account = self._signed(params)
            number = next(self._numbers)
            self._streams.setdefault(socket, {})[number] = account
            return {"subscriptionId": number}, nothing
        if method == "userDataStream.subscribe.listenToken":
            account, until = self.dialect.margin.holder(params.get("listenToken", ""))
            mine = self._streams.setdefault(socket, {})
            number = next((known for known, owner in mine.items() if owner is account), None)
            number = next(self._numbers) if number is None else number  # a new token extends what it has
            mine[number], self._until[number] = account, until
            when = (until + 1) * MILLISECOND - account.floor.drift
            account.floor.clock.call_at(when, lambda: self._expire(socket, number))
            return {"subscriptionId": number, "expirationTime": until * 1_000}, nothing
        if method == "userDataStream.unsubscribe":
            self._streams.pop(socket, None)
            return {}, nothing
        if method not in _AS_REST:
            raise Refused(-1000, f"The method {method} is not served here.")
        rest, weight = self.dialect.route(*_AS_REST[method])
        self.dialect.count("127.0.0.1", weight, {})
        account = self._signed(params)
        if method in ("order.place", "order.cancelReplace"):
            self.dialect.count_order(account, {})
        result, after = rest(account, params)
        return result, after

    def _signed(self, params: dict[str, str]) -> Account:
        account = self.dialect.key_holder(params.get("apiKey", ""))
        signature = params.get("signature", "")
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        self.dialect.check(account, payload, signature, params)
        return account

    def _on_updates(self, account: Account, updates: list[Update]) -> None:
        listening = self.told(account)
        if not listening:
            return
        messages: list[tuple[str, dict[str, Any]]] = []
        touched: set[str] = set()
        for update in updates:
            if isinstance(update.event, e.BalanceAdjusted):
                messages.append(("balanceUpdate", balance_update(account, update.event)))
                touched.add(update.event.currency)
            report = execution_report(account, update)
            if report is not None:
                messages.append(("executionReport", report))
            if update.order is not None and not isinstance(update.event, e.OrderTriggered):
                instrument = account.floor.instruments[update.order.instrument]
                touched |= {instrument.base, instrument.quote}
        if touched:
            messages.append(("outboundAccountPosition", account_position(account, sorted(touched))))
        for socket, number in listening:
            for kind, message in messages:
                self._send(socket, f"ws {kind}", {"subscriptionId": number, "event": message})

    @staticmethod
    def _send(socket: Socket, place: str, message: dict[str, Any]) -> None:
        socket.send(place, json.dumps(message, separators=(",", ":")))
