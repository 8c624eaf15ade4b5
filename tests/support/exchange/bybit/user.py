"""Bybit's private socket (orders, executions, wallet, positions) and its trade socket (orders by message)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.support.exchange.bybit.refusals import Refused
from tests.support.exchange.bybit.shapes import execution_json, funding_json, order_json, position_json, wallet_json
from tests.support.exchange.bybit.streams import answer
from tests.support.exchange.dialect import After, nothing
from tests.support.exchange.faults import Kind
from tests.support.exchange.floor import Account, Update
from tests.support.exchange.socket import Socket
from workstation.domain import events as e

if TYPE_CHECKING:
    from tests.support.exchange.bybit.dialect import Bybit

TOPICS = ("order", "execution", "wallet", "position", "dcp")
#: Topic of disconnect-cancel-all → whose orders go.
_PRODUCTS = {"dcp.spot": "SPOT", "dcp.future": "DERIVATIVES"}
_TRADE = {"order.create": "/v5/order/create", "order.amend": "/v5/order/amend", "order.cancel": "/v5/order/cancel"}


class UserStreams:
    def __init__(self, dialect: Bybit) -> None:
        self.dialect = dialect
        self._owners: dict[Socket, Account] = {}
        self._dead_men: dict[tuple[str, str], asyncio.TimerHandle] = {}
        for account in dialect.floor.accounts.values():
            account.listeners.append(self._on_updates)

    def gone(self, socket: Socket) -> None:
        """A connection ended. Disconnect-cancel-all counts from when no socket with its topic is left."""
        account = self._owners.pop(socket, None)
        if account is None:
            return
        key = account.login.key
        windows = self.dialect.private.disconnect_after.get(key, {})
        for topic, product in _PRODUCTS.items():
            if topic not in socket.subscribed or product not in windows or self._guarded(account, topic):
                continue
            loop = asyncio.get_running_loop()
            self._dead_men[key, topic] = loop.call_later(windows[product], self._pull, account, product)

    def _guarded(self, account: Account, topic: str) -> bool:
        return any(owner is account and topic in socket.subscribed for socket, owner in self._owners.items())

    def _pull(self, account: Account, product: str) -> None:
        """Nobody has come back: what the dead man's switch promises."""
        instruments = self.dialect.floor.instruments
        gone = [each for each in account.working() if instruments[each.instrument].is_spot == (product == "SPOT")]
        account.tell([update for record in gone for update in account.cancel(record)])

    def told(self, account: Account) -> list[Socket]:
        """Who hears of the account's orders and fills."""
        wanted = {"order", "execution"}
        return [
            socket
            for socket, owner in self._owners.items()
            if owner is account and wanted <= {topic.split(".")[0] for topic in socket.subscribed}
        ]

    def talk(self, socket: Socket, text: str) -> None:
        try:
            message = json.loads(text)
            operation, arguments = message["op"], message.get("args") or []
        except (ValueError, KeyError, TypeError):
            answer(socket, {"success": False, "ret_msg": "error:invalid op", "conn_id": "", "request": text})
            return
        trades = socket.path.endswith("/trade")
        if operation == "ping":
            pong = {"op": "pong", "args": [str(self.dialect.floor.now_ms())], "conn_id": ""}
            socket.send("ws pong", json.dumps(pong | {"req_id": message.get("req_id", "")}))
        elif operation == "auth":
            self._auth(socket, arguments, trades)
        elif operation in _TRADE and trades:
            self._trade(socket, operation, message)
        elif operation in ("subscribe", "unsubscribe"):
            self._subscribe(socket, operation, arguments, message.get("req_id"))
        else:
            answer(socket, {"success": False, "ret_msg": "error:invalid op", "op": operation, "conn_id": ""})

    def _auth(self, socket: Socket, arguments: list[Any], trades: bool) -> None:
        problem = None
        account = self.dialect.floor.accounts.get(str(arguments[0])) if len(arguments) == 3 else None
        if account is None:
            problem = "error:USVC1111"
        else:
            expires, signature = str(arguments[1]), str(arguments[2])
            good = hmac.new(
                account.login.secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256
            ).hexdigest()
            if not hmac.compare_digest(good, signature) or int(float(expires)) < self.dialect.floor.now_ms():
                problem = "Params Error"
        fault = self.dialect.exchange.faults.strike("ws-api auth", (Kind.LOST, Kind.UNANSWERED, Kind.STATUS))
        if fault is not None:
            if fault.kind is not Kind.STATUS:
                return
            problem = "Internal error"
        if problem is None and account is not None:
            self._owners[socket] = account
        if trades:
            code = 0 if problem is None else 10003
            answer(socket, {"retCode": code, "retMsg": problem or "OK", "op": "auth", "connId": "loop"})
        else:
            answer(socket, {"success": problem is None, "ret_msg": problem or "", "op": "auth", "conn_id": "loop"})

    def _subscribe(self, socket: Socket, operation: str, topics: list[str], request: Any) -> None:
        reply: dict[str, Any] = {"success": True, "ret_msg": "", "op": operation, "conn_id": "loop"}
        if request is not None:
            reply["req_id"] = request
        unknown = [topic for topic in topics if topic.split(".")[0] not in TOPICS]
        if socket not in self._owners:
            answer(socket, reply | {"success": False, "ret_msg": "Request not authorized"})
        elif unknown:
            answer(socket, reply | {"success": False, "ret_msg": f"error:handler not found,topic:{unknown[0]}"})
        else:
            socket.subscribed = (
                socket.subscribed | set(topics) if operation == "subscribe" else socket.subscribed - set(topics)
            )
            for topic in socket.subscribed & set(_PRODUCTS):
                if (dead_man := self._dead_men.pop((self._owners[socket].login.key, topic), None)) is not None:
                    dead_man.cancel()
            answer(socket, reply)

    def _trade(self, socket: Socket, operation: str, message: dict[str, Any]) -> None:
        place = f"ws-api {operation}"
        faults = self.dialect.exchange.faults
        fault = faults.strike(place, (Kind.LOST, Kind.UNANSWERED, Kind.STATUS))
        if fault is not None and fault.kind is Kind.LOST:
            return
        reply: dict[str, Any] = {"reqId": message.get("reqId", ""), "op": operation, "connId": "loop", "data": {}}
        after: After = nothing
        params = (message.get("args") or [{}])[0]
        try:
            account = self._owners.get(socket)
            if account is None:
                raise Refused(10003, "API key is invalid.")
            if fault is not None and fault.kind is Kind.STATUS:
                raise Refused(10016, "Internal System Error.")
            handler, calls = self.dialect.route("POST", _TRADE[operation])
            headers = self.dialect.count_user(account, _TRADE[operation], calls)
            result, after = handler(account, params)
            reply |= {"retCode": 0, "retMsg": "OK", "data": result, "header": headers}
        except Refused as refused:
            reply |= {"retCode": refused.code, "retMsg": refused.text}
        self.dialect.exchange.done.append((place, {name: str(value) for name, value in params.items()}))
        if fault is None:
            socket.send("ws-api answer", json.dumps(reply, separators=(",", ":")))
        after()

    def _on_updates(self, account: Account, updates: list[Update]) -> None:
        listening = [socket for socket, owner in self._owners.items() if owner is account]
        if not listening:
            return
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        moved: set[str] = set()
        for update in updates:
            event, record, order = update.event, update.record, update.order
            if isinstance(event, e.BalanceAdjusted):
                rows["wallet"] = []
            if isinstance(event, e.FundingPaid):
                rows["execution"].append(funding_json(account, event))
                moved.add(event.instrument)
            if isinstance(event, e.LeverageChanged | e.MarginModeChanged):
                moved.add(event.instrument)
            if record is None or order is None or isinstance(event, e.OrderCancelRejected | e.OrderAmendRejected):
                continue
            if isinstance(event, e.OrderRejected) and not account.by_link.get(record.link):
                continue
            if isinstance(event, e.OrderFilled):
                rows["execution"].append(execution_json(account, record, update.trade, event.fill, order))
                moved.add(event.fill.instrument)
            rows["order"].append(order_json(account, record, order))
        for name in moved:
            instrument = account.floor.instruments[name]
            if not instrument.is_spot:
                rows["position"].append(position_json(account, instrument))
        if rows:  # whatever it was, the wallet is told with it
            rows["wallet"].append(wallet_json(account))
        now = account.floor.now_ms()
        for topic in ("order", "execution", "position", "wallet"):
            if not rows[topic]:
                continue
            head = {"id": str(uuid.uuid4()), "topic": topic, "creationTime": now}
            for socket in listening:
                for wanted in socket.subscribed:
                    if wanted.split(".")[0] == topic:
                        part = wanted.partition(".")[2]
                        data = [row for row in rows[topic] if not part or row.get("category") == part]
                        if data:
                            text = json.dumps(head | {"topic": wanted, "data": data}, separators=(",", ":"))
                            socket.send(f"ws {topic}", text)
