"""fapi's user stream: a listen key by REST names the account, and its socket is told of orders, fills and positions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.support.exchange.binance_usdm.shapes import account_update, money_moved, order_update
from tests.support.exchange.dialect import nothing
from tests.support.exchange.floor import Account, Update
from tests.support.exchange.socket import Socket
from workstation.domain import events as e

if TYPE_CHECKING:
    from tests.support.exchange.binance_usdm.dialect import BinanceUsdm


class UsdmUserStreams:
    def __init__(self, dialect: BinanceUsdm) -> None:
        self.dialect = dialect
        self._owners: dict[Socket, Account] = {}
        self._keys: dict[str, Account] = {}
        for account in dialect.floor.accounts.values():
            account.listeners.append(self._on_updates)

    def key_for(self, account: Account, params: dict[str, str]) -> tuple[Any, Any]:
        """One key an account: asked for again it is the same, and lives on."""
        key = hashlib.sha256(account.login.key.encode()).hexdigest()
        self._keys[key] = account
        return {"listenKey": key}, nothing

    def opened(self, socket: Socket) -> None:
        account = self._keys.get(socket.query.get("listenKey", ""))
        if account is None:
            socket.cut()
        else:
            self._owners[socket] = account

    def gone(self, socket: Socket) -> None:
        self._owners.pop(socket, None)

    def told(self, account: Account) -> list[Socket]:
        """Who hears of the account's orders and fills."""
        return [socket for socket, owner in self._owners.items() if owner is account]

    def _on_updates(self, account: Account, updates: list[Update]) -> None:
        listening = self.told(account)
        if not listening:
            return
        instruments = self.dialect.floor.instruments
        messages: list[dict[str, Any]] = []
        for update in updates:
            event = update.event
            if isinstance(event, e.BalanceAdjusted):
                messages.append(money_moved(account, event))
            elif isinstance(event, e.FundingPaid):
                messages.append(account_update(account, [instruments[event.instrument]], "FUNDING_FEE"))
            elif isinstance(event, e.LeverageChanged):
                change = {"s": instruments[event.instrument].base + "USDT", "l": int(event.leverage)}
                now = account.floor.now_ms()
                messages.append({"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": change})
            elif isinstance(event, e.OrderFilled):
                messages.append(account_update(account, [instruments[event.fill.instrument]], "ORDER"))
            if (report := order_update(account, update)) is not None:
                messages.append(report)
        for socket in listening:
            for message in messages:
                socket.send(f"ws {message['e']}", json.dumps(message, separators=(",", ":")))
