"""fapi's JSON of orders, trades, positions and accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.exchange.binance.listing import eight, wire_symbol
from tests.support.exchange.binance.shapes import state
from tests.support.exchange.floor import Account, Record, Update
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ZERO, divide, plain
from workstation.domain.order import Side


def order_json(account: Account, record: Record) -> dict[str, Any]:
    order, floor = record.order, account.floor
    average = divide(order.filled_value, order.filled, Decimal("1e-8")) if order.filled else ZERO
    return {
        "orderId": record.order_id,
        "symbol": wire_symbol(floor.instruments[order.instrument]),
        "status": state(record, order),
        "clientOrderId": record.link,
        "price": plain(order.price or ZERO),
        "avgPrice": plain(average),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQuote": plain(order.filled_value),
        "timeInForce": record.words.get("timeInForce") or "GTC",
        "type": record.words.get("type", "LIMIT"),
        "origType": record.words.get("type", "LIMIT"),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.upper(),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "time": floor.ms(record.made),
        "updateTime": floor.ms(order.updated_at),
    }


def trade_json(account: Account, record: Record, trade: int, fill: Fill) -> dict[str, Any]:
    return {
        "symbol": wire_symbol(account.floor.instruments[fill.instrument]),
        "id": trade,
        "orderId": record.order_id,
        "side": fill.side.upper(),
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "quoteQty": plain(fill.price * fill.quantity),
        "realizedPnl": "0",
        "commission": eight(fill.fee),
        "commissionAsset": fill.fee_currency,
        "time": account.floor.ms(fill.ts),
        "positionSide": "BOTH",
        "buyer": fill.side is Side.BUY,
        "maker": fill.liquidity is Liquidity.MAKER,
    }


def position_json(account: Account, instrument: Instrument) -> dict[str, Any]:
    position = account.books.account.position(instrument.id)
    mark = account.books.mark(instrument.id)
    setting = account.books.account.margin.setting(instrument)
    size = position.quantity.copy_abs()
    entry = divide(position.cost.copy_abs(), size, Decimal("1e-8")) if size else ZERO
    profit = ZERO if mark is None else position.unrealized(instrument, mark)
    value = ZERO if mark is None else position.quantity * mark
    return {
        "symbol": wire_symbol(instrument),
        "positionSide": "BOTH",
        "positionAmt": plain(position.quantity),
        "entryPrice": plain(entry),
        "breakEvenPrice": plain(entry),
        "markPrice": plain(mark or ZERO),
        "unRealizedProfit": plain(profit),
        "liquidationPrice": plain(account.liquidation_prices.get(instrument.id, ZERO)),
        "isolatedMargin": "0",
        "isolatedWallet": "0",
        "isolated": setting.mode is MarginMode.ISOLATED,
        "leverage": plain(setting.leverage),
        "notional": plain(value),
        "marginAsset": instrument.quote,
        "initialMargin": plain(divide(abs(value), setting.leverage, Decimal("1e-8"))),
        "maintMargin": "0",
        "updateTime": account.floor.now_ms(),
    }


def account_json(account: Account, instruments: list[Instrument]) -> dict[str, Any]:
    positions = [position_json(account, each) for each in instruments]
    profits: dict[str, Decimal] = {}
    for row in positions:
        asset = row["marginAsset"]
        profits[asset] = profits.get(asset, ZERO) + Decimal(row["unRealizedProfit"])
    now = account.floor.now_ms()
    assets = []
    for currency in account.currencies:
        cash, profit = account.total(currency), profits.get(currency, ZERO)
        assets.append(
            {
                "asset": currency,
                "walletBalance": eight(cash),
                "unrealizedProfit": eight(profit),
                "marginBalance": eight(cash + profit),
                "availableBalance": eight(account.free(currency)),
                "initialMargin": eight(max(ZERO, cash - account.free(currency))),
                "maintMargin": "0.00000000",
                "updateTime": now,
            }
        )
    return {"canTrade": account.login.may_trade, "assets": assets, "positions": positions}


def income_json(account: Account, entry: e.FundingPaid) -> dict[str, Any]:
    return {
        "symbol": wire_symbol(account.floor.instruments[entry.instrument]),
        "incomeType": "FUNDING_FEE",
        "income": eight(entry.amount),
        "asset": entry.currency,
        "time": account.floor.ms(entry.ts),
        "tranId": abs(hash(entry.entry_id)) % 10**15,
        "tradeId": "",
        "info": "",
    }


_KINDS: dict[type, str] = {
    e.OrderAccepted: "NEW",
    e.OrderFilled: "TRADE",
    e.OrderCanceled: "CANCELED",
    e.OrderExpired: "EXPIRED",
    e.OrderAmended: "AMENDMENT",
}


def order_update(account: Account, update: Update) -> dict[str, Any] | None:
    """ORDER_TRADE_UPDATE of one report; None for what Binance keeps to itself."""
    record, order, event, floor = update.record, update.order, update.event, account.floor
    if record is None or order is None or (kind := _KINDS.get(type(event))) is None:
        return None
    fill = event.fill if isinstance(event, e.OrderFilled) else None
    if kind == "CANCELED" and not record.asked_to_cancel:
        kind = "EXPIRED"
    average = divide(order.filled_value, order.filled, Decimal("1e-8")) if order.filled else ZERO
    row: dict[str, Any] = {
        "s": wire_symbol(floor.instruments[order.instrument]),
        "c": record.link,
        "S": order.side.upper(),
        "o": record.words.get("type", "LIMIT"),
        "f": record.words.get("timeInForce") or "GTC",
        "q": plain(order.quantity),
        "p": plain(order.price or ZERO),
        "ap": plain(average),
        "sp": "0",
        "x": kind,
        "X": state(record, order),
        "i": record.order_id,
        "l": "0" if fill is None else plain(fill.quantity),
        "z": plain(order.filled),
        "L": "0" if fill is None else plain(fill.price),
        "T": floor.ms(event.ts),
        "t": update.trade if fill is not None else 0,
        "b": "0",
        "a": "0",
        "m": fill is not None and fill.liquidity is Liquidity.MAKER,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": record.words.get("type", "LIMIT"),
        "ps": "BOTH",
        "cp": False,
        "rp": "0",
    }
    if fill is not None:
        row |= {"N": fill.fee_currency, "n": eight(fill.fee)}
    return {"e": "ORDER_TRADE_UPDATE", "E": floor.now_ms(), "T": floor.ms(event.ts), "o": row}


def account_update(account: Account, instruments: list[Instrument], reason: str) -> dict[str, Any]:
    """ACCOUNT_UPDATE: the money and the positions that something has changed."""
    now = account.floor.now_ms()
    money = [
        {"a": each, "wb": eight(account.total(each)), "cw": eight(account.total(each)), "bc": "0"}
        for each in sorted({instrument.quote for instrument in instruments})
    ]
    rows = [position_json(account, each) for each in instruments]
    positions = [
        {
            "s": row["symbol"],
            "pa": row["positionAmt"],
            "ep": row["entryPrice"],
            "bep": row["breakEvenPrice"],
            "cr": "0",
            "up": row["unRealizedProfit"],
            "mt": "isolated" if row["isolated"] else "cross",
            "iw": "0",
            "ps": "BOTH",
        }
        for row in rows
    ]
    return {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": {"m": reason, "B": money, "P": positions}}


def money_moved(account: Account, moved: e.BalanceAdjusted) -> dict[str, Any]:
    """ACCOUNT_UPDATE of a transfer: the money alone."""
    now, cash = account.floor.now_ms(), eight(account.total(moved.currency))
    money = {"a": moved.currency, "wb": cash, "cw": cash, "bc": eight(moved.amount)}
    reason = "DEPOSIT" if moved.amount > 0 else "WITHDRAW"
    return {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": {"m": reason, "B": [money], "P": []}}
