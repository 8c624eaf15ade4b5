"""Bybit v5: who may ask what, how often, and over which door."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.support.exchange.bars import Bars
from tests.support.exchange.bybit.listing import LISTED
from tests.support.exchange.bybit.private import Private
from tests.support.exchange.bybit.public import Public
from tests.support.exchange.bybit.refusals import Refused
from tests.support.exchange.bybit.streams import Streams
from tests.support.exchange.bybit.user import UserStreams
from tests.support.exchange.dialect import After, Answer, Talk, Wire, nothing
from tests.support.exchange.floor import Account
from tests.support.exchange.limits import Window
from tests.support.exchange.socket import Socket

if TYPE_CHECKING:
    from tests.support.exchange.server import LoopbackExchange


class Bybit:
    instruments = LISTED

    def start(self, exchange: LoopbackExchange) -> None:
        self.exchange, self.floor = exchange, exchange.floor
        bars = Bars(self.floor.instruments)
        bars.history = lambda *asked: exchange.walker.history(*asked) if exchange.walker is not None else ()
        self.floor.listeners.append(lambda event, changed: bars.take(event))
        self.public = Public(self.floor, bars)
        self.private = Private(self.floor, self.public)
        self._open, self._signed = self.public.routes(), self.private.routes()
        self.streams = Streams(self.floor, self.public, exchange.depth_every)
        self.user = UserStreams(self)
        exchange.spawn(self.streams.run())
        self.requests = Window(5, 600)
        self.calls: dict[str, Window] = {}  # by path

    def config(self, address: str) -> dict[str, Any]:
        rest, ws = f"http://{address}", f"ws://{address}"
        api: dict[str, Any] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), rest)
        public = {name: f"{ws}/v5/public/{name}" for name in ("spot", "linear", "inverse", "option")}
        private = {
            "spot": {"unified": f"{ws}/v5/private", "nonUnified": f"{ws}/none"},
            "contract": f"{ws}/v5/private",
            "usdc": f"{ws}/none",
            "trade": f"{ws}/v5/trade",
        }
        return {
            "urls": {"api": api | {"ws": {"public": public, "private": private}}},
            "options": {"fetchMarkets": {"types": ["spot", "linear"]}, "defaultSettle": "USDT"},
        }

    # REST

    def answer(self, wire: Wire, *, pretend: bool) -> tuple[Answer, After]:
        headers: dict[str, str] = {}
        after: After = nothing
        code, text, status, result = 0, "OK", 200, {}
        try:
            result, after = self._handled(wire, pretend, headers)
        except Refused as refused:
            code, text, status = refused.code, refused.text, refused.status
            headers |= refused.headers
        if status == 403:
            return Answer("access too frequent", 403), nothing
        return self._said(code, text, result, status, headers), after

    def _said(
        self, code: int, text: str, result: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> Answer:
        body = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": self.floor.now_ms()}
        return Answer(json.dumps(body, separators=(",", ":")), status, headers or {})

    def _handled(self, wire: Wire, pretend: bool, headers: dict[str, str]) -> tuple[Any, After]:
        used = self.requests.take(wire.peer, self.floor.now_ms())
        if self.exchange.limits and used > self.requests.limit:
            raise Refused(10018, "access too frequent", 403)
        key = (wire.method, wire.path)
        if key in self._signed:
            handler, calls = self._signed[key]
            account = self.signed_in(wire)
            headers |= self.count_user(account, wire.path, calls)
            params = self._params(wire)
            if pretend:
                return {"orderId": params.get("orderId", ""), "orderLinkId": params.get("orderLinkId", "")}, nothing
            return handler(account, params)
        if wire.method == "GET" and wire.path in self._open:
            return self._open[wire.path](wire.params), nothing
        raise Refused(10001, f"The path {wire.path} is not served here.", 404)

    @staticmethod
    def _params(wire: Wire) -> dict[str, Any]:
        if wire.method == "GET":
            return dict(wire.params)
        try:
            body = json.loads(wire.body or "{}")
        except ValueError:
            raise Refused(10001, "params error: the body is no JSON") from None
        return body if isinstance(body, dict) else {}

    def signed_in(self, wire: Wire) -> Account:
        """The account of a signed request. Raises `Refused` for a wrong key, signature or time."""
        key, stamp = wire.header("X-BAPI-API-KEY"), wire.header("X-BAPI-TIMESTAMP")
        window = wire.header("X-BAPI-RECV-WINDOW") or "5000"
        account = self.floor.accounts.get(key)
        if account is None:
            raise Refused(10003, "API key is invalid.")
        payload = stamp + key + window + (wire.query if wire.method == "GET" else wire.body)
        good = hmac.new(account.login.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(good, wire.header("X-BAPI-SIGN")):
            raise Refused(10004, "error sign! origin_string[hidden]")
        now = self.floor.now_ms()
        sent = int(stamp) if stamp.isdigit() else 0
        if not now - int(window) <= sent < now + 1000:
            raise Refused(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{sent}],server_timestamp[{now}],recv_window[{window}]",
            )
        return account

    def count_user(self, account: Account, path: str, calls: int) -> dict[str, str]:
        """A call of an account at one path; the headers that tell of it. Raises `Refused` beyond `calls` a second."""
        window = self.calls.setdefault(path, Window(1, calls))
        now = self.floor.now_ms()
        used = window.take(account.login.key, now)
        headers = {
            "X-Bapi-Limit": str(window.limit),
            "X-Bapi-Limit-Status": str(max(0, window.limit - used)),
            "X-Bapi-Limit-Reset-Timestamp": str(now - now % 1000 + 1000),
        }
        if self.exchange.limits and used > window.limit:
            raise Refused(10006, "Too many visits. Exceeded the API Rate Limit.", **headers)
        return headers

    def route(self, method: str, path: str) -> Any:
        return self._signed[method, path]

    def trouble(self, status: int) -> Answer:
        match status:
            case 429:
                return self._said(10429, "System level frequency protection, please retry later.", {})
            case 418 | 403:
                return Answer("access too frequent", 403)
            case 500:
                return self._said(10016, "Server error.", {})
            case 503:
                return self._said(10000, "Server Timeout", {}, 503)
        return Answer("<html><body>Bad Gateway</body></html>", status)

    # Sockets

    def socket(self, path: str) -> Talk | None:
        if path.startswith("/v5/public/"):
            return partial(self.streams.talk, path.rpartition("/")[2])
        if path in ("/v5/private", "/v5/trade"):
            return self.user.talk
        return None

    def opened(self, socket: Socket) -> None:
        pass

    def gone(self, socket: Socket) -> None:
        self.streams.sockets.pop(socket, None)
        self.user.gone(socket)
