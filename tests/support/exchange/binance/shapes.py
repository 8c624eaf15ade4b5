"""Binance's JSON of orders, trades and accounts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.support.exchange.binance.listing import eight, wire_symbol
from tests.support.exchange.floor import Account, Record, Update
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.numbers import ZERO
from workstation.domain.order import Order, OrderState, Side

_STATES = {
    OrderState.SUBMITTED: "NEW",
    OrderState.ACCEPTED: "NEW",
    OrderState.TRIGGERED: "NEW",
    OrderState.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
    OrderState.REJECTED: "REJECTED",
}


def state(record: Record, order: Order) -> str:
    """What the venue ends by itself (IOC, FOK, no depth) is EXPIRED with Binance."""
    if order.state is OrderState.CANCELED and not record.asked_to_cancel:
        return "EXPIRED"
    return _STATES[order.state]


def order_json(account: Account, record: Record) -> dict[str, Any]:
    """As GET order, openOrders and allOrders show it."""
    order, floor = record.order, account.floor
    return {
        "symbol": wire_symbol(floor.instruments[order.instrument]),
        "orderId": record.order_id,
        "orderListId": -1,
        "clientOrderId": record.link,
        "price": eight(order.price or ZERO),
        "origQty": eight(order.quantity),
        "executedQty": eight(order.filled),
        "cummulativeQuoteQty": eight(order.filled_value),
        "status": state(record, order),
        "timeInForce": record.words.get("timeInForce") or "GTC",
        "type": record.words["type"],
        "side": order.side.upper(),
        "stopPrice": eight(order.stop_price or ZERO),
        "icebergQty": eight(order.display or ZERO),
        "time": floor.ms(record.made),
        "updateTime": floor.ms(order.updated_at),
        "isWorking": order.triggered or not order.type.has_trigger,
        "workingTime": floor.ms(record.made),
        "origQuoteOrderQty": eight(Decimal(record.words.get("quoteOrderQty") or 0)),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def taken_json(account: Account, record: Record, kind: str) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    whole = order_json(account, record)
    answer = {name: whole[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId")}
    answer["transactTime"] = account.floor.ms(record.order.updated_at)
    if kind == "ACK":
        return answer
    names = ("price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status")
    names += ("timeInForce", "type", "side", "workingTime", "selfTradePreventionMode")
    answer |= {name: whole[name] for name in names}
    if record.order.type.has_trigger:
        answer["stopPrice"] = whole["stopPrice"]
    if kind == "FULL":
        answer["fills"] = [
            {
                "price": eight(fill.price),
                "qty": eight(fill.quantity),
                "commission": eight(fill.fee),
                "commissionAsset": fill.fee_currency,
                "tradeId": trade,
            }
            for trade, fill in record.fills
        ]
    return answer


def cancelled_json(account: Account, record: Record, link: str) -> dict[str, Any]:
    """The answer to a cancel: `clientOrderId` names the cancel itself, the order's own id stands in another field."""
    whole = order_json(account, record)
    names = ("symbol", "orderId", "orderListId", "price", "origQty", "executedQty", "origQuoteOrderQty")
    names += ("cummulativeQuoteQty", "status", "timeInForce", "type", "side", "selfTradePreventionMode")
    return {name: whole[name] for name in names} | {
        "origClientOrderId": record.link,
        "clientOrderId": link,
        "transactTime": account.floor.now_ms(),
    }


def trade_json(account: Account, record: Record, trade: int, fill: Fill) -> dict[str, Any]:
    return {
        "symbol": wire_symbol(account.floor.instruments[fill.instrument]),
        "id": trade,
        "orderId": record.order_id,
        "orderListId": -1,
        "price": eight(fill.price),
        "qty": eight(fill.quantity),
        "quoteQty": eight(fill.price * fill.quantity),
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_currency,
        "time": account.floor.ms(fill.ts),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "isBestMatch": True,
    }


def account_json(account: Account, *, zeros: bool = True) -> dict[str, Any]:
    rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates,
        "canTrade": account.login.may_trade,
        "canWithdraw": account.login.may_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.floor.now_ms(),
        "accountType": "SPOT",
        "balances": [
            {"asset": currency, "free": eight(free), "locked": eight(locked)}
            for currency, free, locked in balances(account, account.currencies)
            if zeros or free or locked
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def balances(account: Account, currencies: Iterable[str]) -> list[tuple[str, Decimal, Decimal]]:
    """(currency, free, locked)."""
    rows = []
    for currency in currencies:
        total, free = account.total(currency), account.free(currency)
        rows.append((currency, free, max(ZERO, total - free)))
    return rows


def execution_report(account: Account, update: Update) -> dict[str, Any] | None:
    """The user stream's message for one update; None for what Binance keeps to itself."""
    record, order, event, floor = update.record, update.order, update.event, account.floor
    if record is None or order is None:
        return None
    fill = event.fill if isinstance(event, e.OrderFilled) else None
    kinds: dict[type, str] = {
        e.OrderAccepted: "NEW",
        e.OrderFilled: "TRADE",
        e.OrderCanceled: "CANCELED",
        e.OrderExpired: "EXPIRED",
        e.OrderTriggered: "NEW",
        e.OrderAmended: "REPLACED",
    }
    kind = kinds.get(type(event))
    if kind is None:
        return None
    status = state(record, order)
    if kind == "CANCELED" and not record.asked_to_cancel:
        kind = "EXPIRED"
    cancelled = kind == "CANCELED"
    last, at = (ZERO, ZERO) if fill is None else (fill.quantity, fill.price)
    return {
        "e": "executionReport",
        "E": floor.now_ms(),
        "s": wire_symbol(floor.instruments[order.instrument]),
        "c": record.cancel_link if cancelled else record.link,
        "S": order.side.upper(),
        "o": record.words["type"],
        "f": record.words.get("timeInForce") or "GTC",
        "q": eight(order.quantity),
        "p": eight(order.price or ZERO),
        "P": eight(order.stop_price or ZERO),
        "F": eight(order.display or ZERO),
        "g": -1,
        "C": record.link if cancelled else "",
        "x": kind,
        "X": status,
        "r": "NONE",
        "i": record.order_id,
        "l": eight(last),
        "z": eight(order.filled),
        "L": eight(at),
        "n": "0" if fill is None else eight(fill.fee),
        "N": None if fill is None else fill.fee_currency,
        "T": floor.ms(event.ts),
        "t": update.trade if fill is not None else -1,
        "I": floor.ms(event.ts),
        "w": (order.triggered or not order.type.has_trigger) and order.is_open,
        "m": fill is not None and fill.liquidity is Liquidity.MAKER,
        "M": False,
        "O": floor.ms(record.made),
        "Z": eight(order.filled_value),
        "Y": eight(last * at),
        "Q": eight(Decimal(record.words.get("quoteOrderQty") or 0)),
        "W": floor.ms(record.made),
        "V": "EXPIRE_MAKER",
    }


def balance_update(account: Account, moved: e.BalanceAdjusted) -> dict[str, Any]:
    now = account.floor.now_ms()
    return {"e": "balanceUpdate", "E": now, "a": moved.currency, "d": eight(moved.amount), "T": now}


def account_position(account: Account, currencies: Iterable[str]) -> dict[str, Any]:
    now = account.floor.now_ms()
    return {
        "e": "outboundAccountPosition",
        "E": now,
        "u": now,
        "B": [{"a": c, "f": eight(free), "l": eight(locked)} for c, free, locked in balances(account, currencies)],
    }
