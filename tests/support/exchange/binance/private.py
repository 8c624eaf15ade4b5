"""Binance's signed REST: orders, trades, the account."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tests.support.exchange.binance import orders
from tests.support.exchange.binance.orders import integer, number
from tests.support.exchange.binance.public import Public
from tests.support.exchange.binance.refusals import Refused, bad_filter, missing, no_such_order, unknown_order
from tests.support.exchange.binance.shapes import (
    account_json,
    cancelled_json,
    order_json,
    taken_json,
    trade_json,
)
from tests.support.exchange.dialect import After, nothing
from tests.support.exchange.floor import Account, Floor, Record
from workstation.domain import events as e
from workstation.domain.fill import Fill
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import is_multiple

#: What a signed request gives: its JSON, and what the streams are told after it.
type Result = tuple[Any, After]
type Handler = Callable[[Account, dict[str, str]], Result]

_DAY_MS = 86_400_000


class Private:
    def __init__(self, floor: Floor, public: Public) -> None:
        self.floor, self.public = floor, public
        self._cancels = itertools.count(1)

    def routes(self) -> dict[tuple[str, str], tuple[Handler, int]]:
        """(method, path) → (handler, weight)."""
        return {
            ("POST", "/api/v3/order"): (self.place, 1),
            ("POST", "/api/v3/order/test"): (self.test, 1),
            ("GET", "/api/v3/order"): (self.order, 4),
            ("DELETE", "/api/v3/order"): (self.cancel, 1),
            ("POST", "/api/v3/order/cancelReplace"): (self.cancel_replace, 1),
            ("PUT", "/api/v3/order/amend/keepPriority"): (self.keep_priority, 4),
            ("GET", "/api/v3/openOrders"): (self.open_orders, 6),
            ("DELETE", "/api/v3/openOrders"): (self.cancel_all, 1),
            ("GET", "/api/v3/allOrders"): (self.all_orders, 20),
            ("GET", "/api/v3/myTrades"): (self.my_trades, 20),
            ("GET", "/api/v3/account"): (self.account, 20),
            ("GET", "/api/v3/account/commission"): (self.commission, 20),
            ("GET", "/sapi/v1/account/apiRestrictions"): (self.restrictions, 1),
            ("GET", "/sapi/v1/asset/tradeFee"): (self.trade_fee, 1),
        }

    # Orders

    def place(self, account: Account, params: dict[str, str]) -> Result:
        record, after = self._take(account, params)
        default = "FULL" if params["type"] in ("MARKET", "LIMIT") else "ACK"
        return taken_json(account, record, params.get("newOrderRespType", default)), after

    def _take(self, account: Account, params: dict[str, str]) -> tuple[Record, After]:
        if not account.login.may_trade:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        instrument = self.public.instrument(params)
        link = orders.link(params, account, instrument)
        terms = orders.terms(account, instrument, params) | self._loans(account, params)
        record, updates = account.submit(link, dict(params), **terms)
        if not account.accepted(record):
            raise orders.refusal(record.order.reason)
        return record, lambda: account.tell(updates)

    def _loans(self, account: Account, params: dict[str, str]) -> dict[str, Any]:
        """What an order does with loans: nothing here. Spot has a wallet of its own, where a margin account has
        nothing."""
        if account.loans is not None:
            raise Refused(-2010, "Account has insufficient balance for requested action.")
        return {}

    def test(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        orders.link(params, account, instrument)
        orders.terms(account, instrument, params)
        return {}, nothing

    def order(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None:
            raise no_such_order()
        return order_json(account, record), nothing

    def cancel(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise unknown_order()
        link = params.get("newClientOrderId") or f"x-cancel{next(self._cancels)}"
        updates = account.cancel(record, link)
        return cancelled_json(account, record, link), lambda: account.tell(updates)

    def cancel_all(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        working = account.working(instrument.id)
        if not working:
            raise unknown_order()
        link, rows, updates = f"x-cancel{next(self._cancels)}", [], []
        for record in working:
            updates += account.cancel(record, link)
            rows.append(cancelled_json(account, record, link))
        return rows, lambda: account.tell(updates)

    def cancel_replace(self, account: Account, params: dict[str, str]) -> Result:
        named = {
            "orderId": params.get("cancelOrderId", ""),
            "origClientOrderId": params.get("cancelOrigClientOrderId", ""),
        }
        afters: list[After] = []
        cancelled: Any = None
        try:
            wanted = {"symbol": params.get("symbol", ""), "newClientOrderId": params.get("cancelNewClientOrderId", "")}
            cancelled, after = self.cancel(account, wanted | named)
            afters.append(after)
        except Refused as refused:
            if params.get("cancelReplaceMode") != "ALLOW_FAILURE":
                data = {
                    "cancelResult": "FAILURE",
                    "newOrderResult": "NOT_ATTEMPTED",
                    "cancelResponse": refused.body,
                    "newOrderResponse": None,
                }
                raise Refused(-2022, "Order cancel-replace failed.", 400, data) from refused
            cancelled = refused.body
        try:
            placed, after = self.place(account, params)
        except Refused as refused:
            for done in afters:
                done()  # the cancel stands, and the streams hear of it
            data = {
                "cancelResult": "SUCCESS" if afters else "FAILURE",
                "newOrderResult": "FAILURE",
                "cancelResponse": cancelled,
                "newOrderResponse": refused.body,
            }
            raise Refused(-2021, "Order cancel-replace partially failed.", 409, data) from refused
        afters.append(after)
        answer = {
            "cancelResult": "SUCCESS" if len(afters) > 1 else "FAILURE",
            "newOrderResult": "SUCCESS",
            "cancelResponse": cancelled,
            "newOrderResponse": placed,
        }
        return answer, lambda: [done() for done in afters]

    def keep_priority(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise no_such_order()
        instrument = self.floor.instruments[record.instrument]
        quantity = number(params, "newQty")
        if quantity is None:
            raise missing("newQty")
        if not is_multiple(quantity, instrument.lot):
            raise bad_filter("LOT_SIZE")
        if not record.order.filled < quantity < record.order.quantity:
            raise Refused(-2038, "The requested action would change no state; rejecting.")
        updates = account.amend(record, quantity, None)
        if isinstance(updates[0].event, e.OrderAmendRejected):
            raise Refused(-2038, updates[0].event.reason)
        answer = {
            "transactTime": self.floor.now_ms(),
            "executionId": record.order_id,
            "amendedOrder": order_json(account, record),
        }
        return answer, lambda: account.tell(updates)

    def _find(self, account: Account, params: dict[str, str]) -> Record | None:
        instrument = self.public.instrument(params)
        order_id, link = integer(params, "orderId"), params.get("origClientOrderId") or None
        if order_id is None and link is None:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        record = account.find(instrument.id, order_id, link)
        if record is not None and link is not None and record.link != link:
            return None
        return record

    def open_orders(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params).id if params.get("symbol") else None
        return [order_json(account, record) for record in account.working(instrument)], nothing

    def all_orders(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        rows = [r for r in account.records.values() if r.instrument == instrument.id and account.accepted(r)]
        from_id = integer(params, "orderId")
        if from_id is not None:
            rows = [r for r in rows if r.order_id >= from_id]
        rows = between(params, rows, lambda r: self.floor.ms(r.made), newest=from_id is None)
        return [order_json(account, record) for record in rows], nothing

    def my_trades(self, account: Account, params: dict[str, str]) -> Result:
        return [trade_json(account, *row) for row in self._own_trades(account, params)], nothing

    def _own_trades(self, account: Account, params: dict[str, str]) -> list[tuple[Record, int, Fill]]:
        instrument: Instrument = self.public.instrument(params)
        rows = [
            (record, trade, fill)
            for record in account.records.values()
            if record.instrument == instrument.id
            for trade, fill in record.fills
        ]
        rows.sort(key=lambda row: row[1])
        if (order_id := integer(params, "orderId")) is not None:
            rows = [row for row in rows if row[0].order_id == order_id]
        from_id = integer(params, "fromId")
        if from_id is not None:
            rows = [row for row in rows if row[1] >= from_id]
        return between(params, rows, lambda row: self.floor.ms(row[2].ts), newest=from_id is None)

    # The account

    def account(self, account: Account, params: dict[str, str]) -> Result:
        return account_json(account, zeros=params.get("omitZeroBalances") != "true"), nothing

    def commission(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        zero = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
        maker, taker = account.login.fees or (instrument.maker_fee, instrument.taker_fee)
        standard = zero | {"maker": f"{maker:.8f}", "taker": f"{taker:.8f}"}
        discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75"}
        answer = {
            "symbol": params["symbol"],
            "standardCommission": standard,
            "specialCommission": zero,
            "taxCommission": zero,
            "discount": discount,
        }
        return answer, nothing

    def restrictions(self, account: Account, params: dict[str, str]) -> Result:
        names = ("enableInternalTransfer", "enableMargin", "enableFutures", "permitsUniversalTransfer")
        names += ("enableVanillaOptions", "enableFixApiTrade", "enablePortfolioMarginTrading")
        answer = dict.fromkeys(names, False) | {
            "ipRestrict": False,
            "createTime": self.floor.now_ms() - 86_400_000,
            "enableReading": True,
            "enableFixReadOnly": True,
            "enableWithdrawals": account.login.may_withdraw,
            "enableSpotAndMarginTrading": account.login.may_trade,
        }
        return answer, nothing

    def trade_fee(self, account: Account, params: dict[str, str]) -> Result:
        rows = []
        for symbol, instrument in self.public.by_symbol.items():
            maker, taker = account.login.fees or (instrument.maker_fee, instrument.taker_fee)
            if params.get("symbol", symbol) == symbol:
                rows.append({"symbol": symbol, "makerCommission": str(maker), "takerCommission": str(taker)})
        return rows, nothing


def between[T](params: dict[str, str], rows: list[T], at: Callable[[T], int], *, newest: bool) -> list[T]:
    """Binance's window: startTime, endTime (a day apart at most), limit; the newest unless a start is given."""
    start, end = integer(params, "startTime"), integer(params, "endTime")
    limit = min(integer(params, "limit") or 500, 1000)
    if start is not None and end is not None and end - start > _DAY_MS:
        raise Refused(-1127, "More than 24 hours between startTime and endTime.")
    if start is not None:
        rows = [row for row in rows if at(row) >= start]
    if end is not None:
        rows = [row for row in rows if at(row) <= end]
    return rows[-limit:] if newest and start is None else rows[:limit]
