"""fapi's signed REST: orders that may only reduce, positions, leverage, margin mode, funding, and the countdown that
cancels everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.exchange.binance import orders
from tests.support.exchange.binance.orders import integer, number
from tests.support.exchange.binance.private import Handler, Private, Result, between
from tests.support.exchange.binance.public import Public
from tests.support.exchange.binance.refusals import Refused, bad_filter, missing, no_such_order, unknown_order
from tests.support.exchange.binance_usdm.shapes import account_json, income_json, order_json, position_json, trade_json
from tests.support.exchange.dialect import nothing
from tests.support.exchange.floor import Account, Floor
from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import is_multiple
from workstation.venues.contract import VenueError

if TYPE_CHECKING:
    from tests.support.exchange.binance_usdm.user import UsdmUserStreams

_DONE = {"code": 200, "msg": "success"}


class UsdmPrivate(Private):
    def __init__(self, floor: Floor, public: Public, user: UsdmUserStreams) -> None:
        super().__init__(floor, public)
        self.user = user
        #: (key, symbol) → the timer of its countdown.
        self.countdowns: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def routes(self) -> dict[tuple[str, str], tuple[Handler, int]]:
        return {
            ("POST", "/fapi/v1/order"): (self.place, 1),
            ("GET", "/fapi/v1/order"): (self.order, 1),
            ("PUT", "/fapi/v1/order"): (self.modify, 1),
            ("DELETE", "/fapi/v1/order"): (self.cancel, 1),
            ("GET", "/fapi/v1/openOrders"): (self.open_orders, 1),
            ("DELETE", "/fapi/v1/allOpenOrders"): (self.cancel_all, 1),
            ("GET", "/fapi/v1/allOrders"): (self.all_orders, 5),
            ("GET", "/fapi/v1/userTrades"): (self.my_trades, 5),
            ("GET", "/fapi/v2/account"): (self.account, 5),
            ("GET", "/fapi/v3/account"): (self.account, 5),
            ("GET", "/fapi/v2/positionRisk"): (self.positions, 5),
            ("GET", "/fapi/v3/positionRisk"): (self.positions, 5),
            ("GET", "/fapi/v1/leverageBracket"): (self.brackets, 1),
            ("GET", "/fapi/v1/symbolConfig"): (self.symbol_config, 5),
            ("GET", "/fapi/v1/commissionRate"): (self.commission_rate, 20),
            ("GET", "/fapi/v1/income"): (self.income, 30),
            ("POST", "/fapi/v1/leverage"): (self.set_leverage, 1),
            ("POST", "/fapi/v1/marginType"): (self.set_margin_type, 1),
            ("GET", "/fapi/v1/positionSide/dual"): (lambda account, params: ({"dualSidePosition": False}, nothing), 30),
            ("POST", "/fapi/v1/countdownCancelAll"): (self.countdown, 10),
            ("POST", "/fapi/v1/listenKey"): (self.user.key_for, 1),
            ("PUT", "/fapi/v1/listenKey"): (self.user.key_for, 1),
            ("DELETE", "/fapi/v1/listenKey"): (lambda account, params: ({}, nothing), 1),
            ("GET", "/sapi/v1/account/apiRestrictions"): (self.restrictions, 1),
        }

    # Orders

    def place(self, account: Account, params: dict[str, str]) -> Result:
        if not account.login.may_trade:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        instrument = self.public.instrument(params)
        link = orders.link(params, account, instrument)
        record, updates = account.submit(link, dict(params), **terms(account, instrument, params))
        if not account.accepted(record):
            raise refusal(record.order.reason)
        return order_json(account, record), lambda: account.tell(updates)

    def order(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None:
            raise no_such_order()
        return order_json(account, record), nothing

    def modify(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise no_such_order()
        instrument = self.floor.instruments[record.instrument]
        quantity, price = number(params, "quantity"), number(params, "price")
        if quantity is None or price is None or not params.get("side"):
            raise missing("quantity" if quantity is None else "price" if price is None else "side")
        if not is_multiple(price, instrument.tick):
            raise bad_filter("PRICE_FILTER")
        if not is_multiple(quantity, instrument.lot) or quantity <= record.order.filled:
            raise bad_filter("LOT_SIZE")
        if (quantity, price) == (record.order.quantity, record.order.price):
            raise Refused(-5027, "No need to modify the order.")
        updates = account.amend(record, quantity, price)
        for update in updates:
            if isinstance(update.event, e.OrderAmendRejected):
                raise refusal(update.event.reason)
        return order_json(account, record), lambda: account.tell(updates)

    def cancel(self, account: Account, params: dict[str, str]) -> Result:
        record = self._find(account, params)
        if record is None or not record.order.is_open:
            raise unknown_order()
        updates = account.cancel(record)
        return order_json(account, record), lambda: account.tell(updates)

    def cancel_all(self, account: Account, params: dict[str, str]) -> Result:
        updates = [u for r in account.working(self.public.instrument(params).id) for u in account.cancel(r)]
        done = {"code": 200, "msg": "The operation of cancel all open order is done."}
        return done, lambda: account.tell(updates)

    def open_orders(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params).id if params.get("symbol") else None
        return [order_json(account, record) for record in account.working(instrument)], nothing

    def all_orders(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        rows = [r for r in account.records.values() if r.instrument == instrument.id and account.accepted(r)]
        rows = between(params, rows, lambda r: self.floor.ms(r.made), newest=True)
        return [order_json(account, record) for record in rows], nothing

    def my_trades(self, account: Account, params: dict[str, str]) -> Result:
        rows = self._own_trades(account, params)
        return [trade_json(account, *row) for row in rows], nothing

    def countdown(self, account: Account, params: dict[str, str]) -> Result:
        """Cancels the symbol's orders after so many ms unless it is called again; 0 lets it go."""
        symbol, after = params.get("symbol", ""), integer(params, "countdownTime")
        instrument = self.public.instrument(params)
        if after is None:
            raise missing("countdownTime")
        key = (account.login.key, symbol)
        if (running := self.countdowns.pop(key, None)) is not None:
            running.cancel()
        if after:
            loop = asyncio.get_running_loop()
            self.countdowns[key] = loop.call_later(after / 1_000, self._run_out, account, instrument)
        return {"symbol": symbol, "countdownTime": str(after)}, nothing

    def _run_out(self, account: Account, instrument: Instrument) -> None:
        account.tell([update for record in account.working(instrument.id) for update in account.cancel(record)])

    # The account

    def account(self, account: Account, params: dict[str, str]) -> Result:
        return account_json(account, list(self.public.by_symbol.values())), nothing

    def positions(self, account: Account, params: dict[str, str]) -> Result:
        wanted = [self.public.instrument(params)] if params.get("symbol") else list(self.public.by_symbol.values())
        return [row for each in wanted if (row := position_json(account, each))["positionAmt"] != "0"], nothing

    def symbol_config(self, account: Account, params: dict[str, str]) -> Result:
        rows = []
        for symbol, instrument in self.public.by_symbol.items():
            setting = account.books.account.margin.setting(instrument)
            isolated = setting.mode is MarginMode.ISOLATED
            row = {"symbol": symbol, "marginType": "ISOLATED" if isolated else "CROSSED", "isAutoAddMargin": "false"}
            rows.append({**row, "leverage": int(setting.leverage), "maxNotionalValue": "1000000"})
        return rows, nothing

    def brackets(self, account: Account, params: dict[str, str]) -> Result:
        rows = []
        for symbol, instrument in self.public.by_symbol.items():
            found, floor = [], Decimal(0)
            for rank, tier in enumerate(instrument.tiers, 1):
                found.append(
                    {
                        "bracket": rank,
                        "initialLeverage": int(tier.leverage),
                        "notionalCap": float(tier.limit) if tier.limit is not None else 1e12,
                        "notionalFloor": float(floor),
                        "maintMarginRatio": float(tier.rate),
                        "cum": float(tier.amount),
                    }
                )
                floor = tier.limit or floor
            rows.append({"symbol": symbol, "brackets": found})
        return rows, nothing

    def commission_rate(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        rates = account.login.fees or (instrument.maker_fee, instrument.taker_fee)
        names = ("makerCommissionRate", "takerCommissionRate")
        return {"symbol": params["symbol"]} | {n: f"{r:.6f}" for n, r in zip(names, rates, strict=True)}, nothing

    def income(self, account: Account, params: dict[str, str]) -> Result:
        rows = [entry for entry in account.books.ledger.entries_since(0) if isinstance(entry, e.FundingPaid)]
        rows = between(params, rows, lambda entry: self.floor.ms(entry.ts), newest=True)
        return [income_json(account, entry) for entry in rows], nothing

    def set_leverage(self, account: Account, params: dict[str, str]) -> Result:
        instrument, leverage = self.public.instrument(params), integer(params, "leverage")
        if leverage is None:
            raise missing("leverage")
        after = self._change(lambda now: account.books.set_leverage(instrument.id, Decimal(leverage), now), account)
        return {"leverage": leverage, "maxNotionalValue": "1000000", "symbol": params["symbol"]}, after

    def set_margin_type(self, account: Account, params: dict[str, str]) -> Result:
        instrument = self.public.instrument(params)
        mode = {"ISOLATED": MarginMode.ISOLATED, "CROSSED": MarginMode.CROSS}.get(params.get("marginType", ""))
        if mode is None:
            raise missing("marginType")
        if account.books.account.margin.setting(instrument).mode is mode:
            raise Refused(-4046, "No need to change margin type.")
        return _DONE, self._change(lambda now: account.books.set_margin_mode(instrument.id, mode, now), account)

    def _change(self, change: Callable[[int], Any], account: Account) -> Callable[[], None]:
        try:
            updates = account.took(change(self.floor.clock.now()))
        except VenueError as error:
            raise Refused(-4028, str(error)) from error
        return lambda: account.tell(updates)


def terms(account: Account, instrument: Instrument, params: dict[str, str]) -> dict[str, Any]:
    """Spot's terms: GTX is its LIMIT_MAKER, and a market order may name a time in force."""
    asked = dict(params)
    if asked.get("timeInForce") == "GTX":
        asked["type"] = "LIMIT_MAKER"
    if asked.get("type") in ("LIMIT_MAKER", "MARKET"):
        asked.pop("timeInForce", None)
    if asked.get("type") not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
        raise Refused(-4120, "Order type not supported for this endpoint.")
    return orders.terms(account, instrument, asked) | {"reduce_only": params.get("reduceOnly", "").lower() == "true"}


def refusal(reason: str) -> Refused:
    """Binance's words for what the matching engine would not take."""
    if reason.startswith("Post-only"):
        text = "Due to the order could not be executed as maker, the Post Only order will be rejected."
        return Refused(-5022, text)
    if "educe" in reason:
        return Refused(-2022, "ReduceOnly Order is rejected.")
    if "needs" in reason or "margin" in reason:
        return Refused(-2019, "Margin is insufficient.")
    return Refused(-4164, reason)
