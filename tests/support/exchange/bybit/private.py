"""Bybit's signed REST: orders, executions, the wallet, positions."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.support.exchange.bybit import orders
from tests.support.exchange.bybit.listing import category, wire_symbol
from tests.support.exchange.bybit.orders import number
from tests.support.exchange.bybit.public import Params, Public
from tests.support.exchange.bybit.refusals import Refused, bad, gone, gone_to_amend, refused
from tests.support.exchange.bybit.shapes import (
    POST_ONLY,
    execution_json,
    funding_json,
    interest_json,
    order_id,
    order_json,
    position_json,
    wallet_json,
)
from tests.support.exchange.dialect import After, nothing
from tests.support.exchange.floor import Account, Floor, Record, Update
from workstation.domain import events as e
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import is_multiple, plain
from workstation.venues.contract import VenueError

type Result = tuple[Any, After]
type Handler = Callable[[Account, Params], Result]

_DAY_MS = 86_400_000


class Private:
    def __init__(self, floor: Floor, public: Public) -> None:
        self.floor, self.public = floor, public
        self._by_id: dict[str, Record] = {}
        self.disconnect_after: dict[str, dict[str, int]] = {}  # key → product → seconds until its orders go

    def routes(self) -> dict[tuple[str, str], tuple[Handler, int]]:
        """(method, path) → (handler, calls a second)."""
        return {
            ("POST", "/v5/order/create"): (self.create, 20),
            ("POST", "/v5/order/amend"): (self.amend, 20),
            ("POST", "/v5/order/cancel"): (self.cancel, 20),
            ("POST", "/v5/order/cancel-all"): (self.cancel_all, 10),
            ("POST", "/v5/order/cancel-batch"): (self.cancel_batch, 20),
            ("POST", "/v5/order/disconnected-cancel-all"): (self.disconnected, 5),
            ("GET", "/v5/order/realtime"): (self.realtime, 50),
            ("GET", "/v5/order/history"): (self.history, 50),
            ("GET", "/v5/execution/list"): (self.executions, 50),
            ("GET", "/v5/account/wallet-balance"): (self.wallet, 50),
            ("GET", "/v5/account/info"): (self.info, 50),
            ("GET", "/v5/account/fee-rate"): (self.fee_rate, 10),
            ("GET", "/v5/account/transaction-log"): (self.transactions, 30),
            ("POST", "/v5/account/set-margin-mode"): (self.set_margin_mode, 5),
            ("GET", "/v5/user/query-api"): (self.query_api, 10),
            ("GET", "/v5/position/list"): (self.positions, 50),
            ("POST", "/v5/position/set-leverage"): (self.set_leverage, 10),
            ("POST", "/v5/position/switch-isolated"): (self.switch_isolated, 10),
            ("POST", "/v5/position/switch-mode"): (self.switch_mode, 10),
            ("GET", "/v5/asset/coin/query-info"): (self.coins, 5),
        }

    # Orders

    def create(self, account: Account, params: Params) -> Result:
        _may_trade(account)
        instrument = self.public.instrument(params)
        link = orders.link(params, account, instrument)
        terms = orders.terms(account, instrument, params)
        if instrument.is_spot and account.loans is not None:  # what comes in pays back by itself
            terms |= {"borrows": str(params.get("isLeverage", 0)) == "1", "repays": True}
        record, updates = account.submit(link, dict(params), **terms)
        if not account.accepted(record):
            if not record.order.reason.startswith(POST_ONLY):
                raise refused(record.order.reason, instrument.is_spot)
            # Bybit takes such an order first and says on the stream that it is gone.
            account.by_link[link].append(record)
            account.by_number[instrument.id, record.order_id] = record
        wire_id = order_id(instrument, record.order_id)
        self._by_id[wire_id] = record
        return {"orderId": wire_id, "orderLinkId": link}, lambda: account.tell(updates)

    def amend(self, account: Account, params: Params) -> Result:
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise gone_to_amend()
        instrument = self.floor.instruments[record.instrument]
        quantity, price, trigger = (number(params, name) for name in ("qty", "price", "triggerPrice"))
        order = record.order
        same = all(
            new is None or new == old
            for new, old in ((quantity, order.quantity), (price, order.price), (trigger, order.stop_price))
        )
        if same:
            raise Refused(10001, "The order remains unchanged as the parameters entered match the existing ones.")
        for value in (price, trigger):
            if value is not None and not is_multiple(value, instrument.tick):
                raise bad("price invalid")
        if quantity is not None and (not is_multiple(quantity, instrument.lot) or quantity <= order.filled):
            raise bad("Qty invalid")
        updates = account.amend(record, quantity, price, trigger)
        for update in updates:
            if isinstance(update.event, e.OrderAmendRejected):
                raise refused(update.event.reason, instrument.is_spot)
        return self._named(record), lambda: account.tell(updates)

    def cancel(self, account: Account, params: Params) -> Result:
        spot = self.public.category(params) == "spot"
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise gone(spot)
        updates = account.cancel(record)
        return self._named(record), lambda: account.tell(updates)

    def cancel_all(self, account: Account, params: Params) -> Result:
        wanted = self.public.category(params)
        if wanted != "spot" and not any(params.get(name) for name in ("symbol", "baseCoin", "settleCoin")):
            raise bad("symbol, baseCoin or settleCoin is required")
        updates: list[Update] = []
        rows = []
        for record in account.working():
            instrument = self.floor.instruments[record.instrument]
            if category(instrument) != wanted or params.get("symbol") not in (None, "", wire_symbol(instrument)):
                continue
            stop = record.order.type.has_trigger and not record.order.triggered
            if params.get("orderFilter") == "Order" and stop:
                continue
            if params.get("orderFilter") in ("StopOrder", "tpslOrder") and not stop:
                continue
            updates += account.cancel(record)
            rows.append(self._named(record))
        return {"list": rows, "success": "1"}, lambda: account.tell(updates)

    def cancel_batch(self, account: Account, params: Params) -> Result:
        rows, afters = [], []
        for wanted in params.get("request") or []:
            try:
                row, after = self.cancel(account, wanted | {"category": params.get("category")})
                afters.append(after)
                rows.append(row | {"category": params.get("category"), "symbol": wanted.get("symbol", "")})
            except Refused as problem:
                rows.append({"orderId": wanted.get("orderId", ""), "orderLinkId": "", "code": problem.code})
        return {"list": rows}, lambda: [after() for after in afters]

    def disconnected(self, account: Account, params: Params) -> Result:
        """Disconnect-cancel-all: orders go when the account's private sockets have been gone for so long."""
        window = int(params.get("timeWindow") or 0)
        if not 3 <= window <= 300:
            raise bad("timeWindow invalid")
        product = params.get("product") or "OPTIONS"
        if product not in ("OPTIONS", "DERIVATIVES", "SPOT"):
            raise bad("product invalid")
        self.disconnect_after.setdefault(account.login.key, {})[product] = window
        return {}, nothing

    def _find(self, account: Account, params: Params) -> Record | None:
        instrument = self.public.instrument(params)
        wire_id, link = params.get("orderId"), params.get("orderLinkId")
        if not wire_id and not link:
            raise bad("orderId or orderLinkId is required")
        if wire_id:
            record = self._by_id.get(str(wire_id))
            mine = record is not None and account.records.get(record.order.client_id) is record
            return record if mine and record is not None and record.instrument == instrument.id else None
        return account.find(instrument.id, None, str(link))

    def _named(self, record: Record) -> dict[str, Any]:
        instrument = self.floor.instruments[record.instrument]
        return {"orderId": order_id(instrument, record.order_id), "orderLinkId": record.link}

    def _records(self, account: Account, params: Params) -> list[Record]:
        """The account's orders of this category and symbol, newest first."""
        wanted = self.public.category(params)
        rows = []
        for record in account.records.values():
            instrument = self.floor.instruments[record.instrument]
            known = order_id(instrument, record.order_id)
            if known not in self._by_id and not record.link.startswith("autoclose-"):
                continue  # refused: the venue does not keep it
            if category(instrument) == wanted and params.get("symbol") in (None, "", wire_symbol(instrument)):
                if params.get("orderId") and str(params["orderId"]) != known:
                    continue
                if params.get("orderLinkId") and str(params["orderLinkId"]) != record.link:
                    continue
                rows.append(record)
        return rows[::-1]

    def realtime(self, account: Account, params: Params) -> Result:
        """Working orders; closed ones too (the newest 500) where one is asked for by its id or with openOnly=1."""
        if self.public.category(params) == "linear" and not any(
            params.get(name) for name in ("symbol", "baseCoin", "settleCoin", "orderId", "orderLinkId")
        ):
            raise bad("symbol, baseCoin or settleCoin is required")
        by_id = params.get("orderId") or params.get("orderLinkId")
        only_closed = str(params.get("openOnly") or "0") == "1"
        rows = self._records(account, params)
        if not by_id:
            rows = [record for record in rows if record.order.is_open != only_closed]
        return self._page(params, [order_json(account, record) for record in rows[:500]], 20), nothing

    def history(self, account: Account, params: Params) -> Result:
        rows = [record for record in self._records(account, params) if not record.order.is_open]
        rows = _between(params, rows, lambda record: self.floor.ms(record.made))
        return self._page(params, [order_json(account, record) for record in rows], 20), nothing

    def executions(self, account: Account, params: Params) -> Result:
        wanted = self.public.category(params)
        rows = [
            execution_json(account, record, trade, fill)
            for record in account.records.values()
            for trade, fill in record.fills
            if category(self.floor.instruments[record.instrument]) == wanted
        ]
        if wanted == "linear":
            entries = account.books.ledger.entries_since(0)
            rows += [funding_json(account, entry) for entry in entries if isinstance(entry, e.FundingPaid)]
        for name in ("symbol", "orderId", "orderLinkId", "execType"):
            if params.get(name):
                rows = [row for row in rows if row[name] == str(params[name])]
        rows.sort(key=lambda row: int(row["execTime"]), reverse=True)
        rows = _between(params, rows, lambda row: int(row["execTime"]))
        return self._page(params, rows, 50), nothing

    def _page(self, params: Params, rows: list[dict[str, Any]], default: int) -> dict[str, Any]:
        limit = min(int(params.get("limit") or default), 100 if default == 50 else 50)
        start = int(base64.urlsafe_b64decode(str(params["cursor"]).replace("%3D", "=")) if params.get("cursor") else 0)
        page = rows[start : start + limit]
        more = start + limit < len(rows)
        cursor = base64.urlsafe_b64encode(str(start + limit).encode()).decode() if more else ""
        return {"category": self.public.category(params), "list": page, "nextPageCursor": cursor}

    # The account

    def wallet(self, account: Account, params: Params) -> Result:
        if params.get("accountType") not in (None, "", "UNIFIED"):
            raise Refused(10001, "accountType only support UNIFIED.")
        return {"list": [wallet_json(account)]}, nothing

    def info(self, account: Account, params: Params) -> Result:
        mode = "ISOLATED_MARGIN" if self._isolated(account) else "REGULAR_MARGIN"
        answer = {
            "marginMode": mode,
            "updatedTime": str(self.floor.now_ms()),
            "unifiedMarginStatus": 6,
            "dcpStatus": "ON" if account.login.key in self.disconnect_after else "OFF",
            "timeWindow": min(self.disconnect_after.get(account.login.key, {"": 10}).values()),
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }
        return answer, nothing

    @staticmethod
    def _isolated(account: Account) -> bool:
        book = account.books.account.margin
        return any(book.is_isolated(i) for i in account.floor.instruments.values() if not i.is_spot)

    def fee_rate(self, account: Account, params: Params) -> Result:
        rows = []
        for instrument in self.public.listed(params):
            maker, taker = account.login.fees or (instrument.maker_fee, instrument.taker_fee)
            rates = {"takerFeeRate": plain(taker), "makerFeeRate": plain(maker)}
            rows.append({"symbol": wire_symbol(instrument)} | rates)
        return {"list": rows}, nothing

    def transactions(self, account: Account, params: Params) -> Result:
        rows = []
        for entry in account.books.ledger.entries_since(0):
            if isinstance(entry, e.FundingPaid):
                row = funding_json(account, entry)
                rows.append(
                    {
                        "id": row["execId"],
                        "symbol": row["symbol"],
                        "category": "linear",
                        "side": row["side"],
                        "transactionTime": row["execTime"],
                        "type": "SETTLEMENT",
                        "qty": row["execQty"],
                        "size": row["execQty"],
                        "currency": entry.currency,
                        "tradePrice": row["execPrice"],
                        "funding": plain(entry.amount),
                        "fee": "0",
                        "cashFlow": "0",
                        "change": plain(entry.amount),
                        "cashBalance": plain(account.total(entry.currency)),
                        "feeRate": row["feeRate"],
                        "tradeId": row["execId"],
                        "orderId": row["orderId"],
                        "orderLinkId": "",
                    }
                )
        rows += [] if account.loans is None else [interest_json(account, each) for each in account.loans.charges]
        rows = [row for row in rows if params.get("type") in (None, "", row["type"])]
        rows = _between(params, rows, lambda row: int(row["transactionTime"]))
        rows.sort(key=lambda row: int(row["transactionTime"]), reverse=True)
        limit, start = min(int(params.get("limit") or 20), 50), int(params.get("cursor") or 0)
        more = start + limit < len(rows)
        return {"list": rows[start : start + limit], "nextPageCursor": str(start + limit) if more else ""}, nothing

    def query_api(self, account: Account, params: Params) -> Result:
        login = account.login
        trades = login.may_trade
        permissions = {
            "ContractTrade": ["Order", "Position"] if trades else [],
            "Spot": ["SpotTrade"] if trades else [],
            "Wallet": ["AccountTransfer", "SubMemberTransfer", "Withdraw"]
            if login.may_withdraw
            else ["AccountTransfer"],
            "Options": [],
            "Derivatives": [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
        }
        answer = {
            "id": "13770661",
            "note": login.name,
            "apiKey": login.key,
            "readOnly": int(not trades),
            "secret": "",
            "permissions": permissions,
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 83,
            "expiredAt": "2027-05-15T03:21:05Z",
            "createdAt": "2022-10-16T02:24:40Z",
            "unified": 0,
            "uta": 1,
            "userID": 24617703,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
        }
        return answer, nothing

    def coins(self, account: Account, params: Params) -> Result:
        return {"rows": []}, nothing

    # Positions

    def positions(self, account: Account, params: Params) -> Result:
        wanted = self.public.category(params)
        if wanted == "spot":
            raise bad("Category is invalid")
        if wanted == "linear" and not params.get("symbol") and not params.get("settleCoin"):
            raise bad("Missing some parameters that must be filled in, symbol or settleCoin")
        rows = []
        for instrument in self.public.listed(params):
            row = position_json(account, instrument)
            if params.get("symbol") or row["size"] != "0":
                rows.append(row)
        return {"category": wanted, "list": rows, "nextPageCursor": ""}, nothing

    def set_leverage(self, account: Account, params: Params) -> Result:
        instrument = self.public.instrument(params)
        leverage = number(params, "buyLeverage")
        if leverage is None or leverage != number(params, "sellLeverage"):
            raise bad("buy leverage not equal sell leverage")
        if account.books.account.margin.leverage(instrument) == leverage:
            raise Refused(110043, "leverage not modified")
        return self._change(account, lambda now: account.books.set_leverage(instrument.id, leverage, now))

    def set_margin_mode(self, account: Account, params: Params) -> Result:
        """The margin mode of a unified account is one for all its contracts."""
        modes = {"REGULAR_MARGIN": MarginMode.CROSS, "ISOLATED_MARGIN": MarginMode.ISOLATED}
        mode = modes.get(str(params.get("setMarginMode")))
        if mode is None:
            raise Refused(3400045, "Set margin mode failed")
        afters = []
        for instrument in self.floor.instruments.values():
            if not instrument.is_spot and account.books.account.margin.setting(instrument).mode is not mode:
                name = instrument.id
                _, after = self._change(account, lambda now, name=name: account.books.set_margin_mode(name, mode, now))
                afters.append(after)
        return {"reasons": []}, lambda: [after() for after in afters]

    def switch_isolated(self, account: Account, params: Params) -> Result:
        raise Refused(100028, "unified account is forbidden")

    def switch_mode(self, account: Account, params: Params) -> Result:
        raise Refused(110025, "Position mode is not modified")

    def _change(self, account: Account, change: Callable[[int], Any]) -> Result:
        try:
            updates = account.took(change(self.floor.clock.now()))
        except VenueError as error:
            raise Refused(110012, str(error)) from error
        return {}, lambda: account.tell(updates)


def _may_trade(account: Account) -> None:
    if not account.login.may_trade:
        raise Refused(10005, "Permission denied, please check your API key permissions.")


def _between[T](params: Params, rows: list[T], at: Callable[[T], int]) -> list[T]:
    """Bybit's window: a week at most, from seven days before the end unless a start is given."""
    start = None if params.get("startTime") in (None, "") else int(params["startTime"])
    end = None if params.get("endTime") in (None, "") else int(params["endTime"])
    if start is not None and end is not None and end - start > 7 * _DAY_MS:
        raise bad("The time range between startTime and endTime cannot exceed 7 days")
    if start is not None and end is None:
        end = start + 7 * _DAY_MS
    if start is not None:
        rows = [row for row in rows if at(row) >= start]
    if end is not None:
        rows = [row for row in rows if at(row) <= end]
    return rows
