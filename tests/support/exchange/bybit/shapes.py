"""Bybit's JSON of orders, executions, wallets and positions."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from tests.support.exchange.bybit.listing import category, wire_symbol
from tests.support.exchange.floor import CENT, Account, Record
from tests.support.exchange.lending import Charge
from workstation.domain import events as e
from workstation.domain import margin
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.margin import MarginMode
from workstation.domain.numbers import ZERO, divide, plain
from workstation.domain.order import Order, OrderState, OrderType

_SPACE = uuid.UUID("6f1f5b2a-7f0e-4c88-9a5e-1d3f2d6a9c11")
POST_ONLY = "Post-only"


def order_id(instrument: Instrument, number: int) -> str:
    """Numbers for spot, UUIDs for contracts, as on the venue."""
    if instrument.is_spot:
        return str(1_900_000_000_000_000_000 + sum(instrument.base.encode()) * 10**12 + number)
    return str(uuid.uuid5(_SPACE, f"order/{instrument.id}/{number}"))


def execution_id(instrument: Instrument, number: int) -> str:
    if instrument.is_spot:
        return str(2_100_000_000_000_000_000 + sum(instrument.base.encode()) * 10**12 + number)
    return str(uuid.uuid5(_SPACE, f"execution/{instrument.id}/{number}"))


def state(record: Record, order: Order, spot: bool) -> str:
    match order.state:
        case OrderState.PARTIALLY_FILLED:
            return "PartiallyFilled"
        case OrderState.FILLED:
            return "Filled"
        case OrderState.CANCELED | OrderState.EXPIRED | OrderState.REJECTED:
            if order.state is OrderState.REJECTED and not order.reason.startswith(POST_ONLY):
                return "Rejected"
            if order.type.has_trigger and not order.triggered:
                return "Deactivated"
            return "PartiallyFilledCanceled" if spot and order.filled else "Cancelled"
    return "Untriggered" if order.type.has_trigger and not order.triggered else "New"


def order_json(account: Account, record: Record, order: Order | None = None) -> dict[str, Any]:
    order = order or record.order
    floor, instrument = account.floor, account.floor.instruments[order.instrument]
    spot, words = instrument.is_spot, record.words
    status = state(record, order, spot)
    fee: dict[str, Decimal] = {}
    filled = ZERO
    for _, fill in record.fills:
        if filled < order.filled:
            fee[fill.fee_currency] = fee.get(fill.fee_currency, ZERO) + fill.fee
            filled += fill.quantity
    rests = order.is_open or order.state is OrderState.FILLED
    rise = order.type.has_trigger and (order.side == "buy") != order.type.takes_profit
    stop_kind = "" if not order.type.has_trigger else "tpslOrder" if words.get("orderFilter") == "tpslOrder" else "Stop"
    contract = {} if spot else {"tpslMode": "UNKNOWN"}  # its presence tells contracts from spot
    return contract | {
        "category": category(instrument),
        "symbol": wire_symbol(instrument),
        "orderId": order_id(instrument, record.order_id),
        "orderLinkId": record.link,
        "blockTradeId": "",
        "side": "Buy" if order.side == "buy" else "Sell",
        "orderType": "Limit" if order.type.has_limit else "Market",
        "price": plain(order.price or ZERO),
        "qty": plain(order.quantity),
        "marketUnit": words.get("marketUnit") or ("baseCoin" if spot and order.type is OrderType.MARKET else ""),
        "leavesQty": plain(order.leaves) if order.is_open else "0",
        "leavesValue": "0",
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.filled_value),
        "cumExecFee": plain(sum(fee.values(), ZERO)),
        "cumFeeDetail": {currency: plain(amount) for currency, amount in fee.items()},
        "feeCurrency": next(iter(fee), instrument.settlement) if spot else "",
        "avgPrice": plain(divide(order.filled_value, order.filled, Decimal("1e-8"))) if order.filled else "",
        "orderStatus": status,
        "timeInForce": words.get("timeInForce") or ("GTC" if order.type.has_limit else "IOC"),
        "rejectReason": _reason(order),
        "cancelType": "" if rests else "CancelByUser" if record.asked_to_cancel else "UNKNOWN",
        "stopOrderType": stop_kind,
        "triggerPrice": plain(order.stop_price or ZERO) if order.type.has_trigger else "",
        "triggerDirection": (1 if rise else 2) if order.type.has_trigger else 0,
        "triggerBy": "LastPrice" if order.type.has_trigger else "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "positionIdx": 0,
        "isLeverage": "0",
        "orderIv": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "lastPriceOnCreated": "",
        "createType": "CreateByUser",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "placeType": "",
        "createdTime": str(floor.ms(record.made)),
        "updatedTime": str(floor.ms(order.updated_at)),
    }


def _reason(order: Order) -> str:
    if order.state is OrderState.REJECTED:
        return "EC_PostOnlyWillTakeLiquidity" if order.reason.startswith(POST_ONLY) else "EC_Others"
    if order.state is OrderState.CANCELED:
        if order.tif == "FOK":
            return "EC_NoEnoughQtyToFill"
        return "EC_PerCancelRequest" if not order.reason else "EC_NoImmediateQtyToFill"
    return "EC_NoError"


def execution_json(
    account: Account, record: Record, number: int, fill: Fill, order: Order | None = None
) -> dict[str, Any]:
    order = order or record.order
    instrument = account.floor.instruments[fill.instrument]
    mark = account.books.mark(instrument.id)
    rate = instrument.maker_fee if fill.liquidity is Liquidity.MAKER else instrument.taker_fee
    liquidation = order.origin == e.LIQUIDATION
    return {
        "category": category(instrument),
        "symbol": wire_symbol(instrument),
        "orderId": order_id(instrument, record.order_id),
        "orderLinkId": "" if liquidation else record.link,
        "side": "Buy" if fill.side == "buy" else "Sell",
        "orderPrice": plain(order.price or fill.price),
        "orderQty": plain(order.quantity),
        "leavesQty": plain(order.leaves),
        "orderType": "Limit" if order.type.has_limit else "Market",
        "stopOrderType": "Stop" if order.type.has_trigger else "UNKNOWN",
        "createType": "CreateByLiq" if liquidation else "CreateByUser",
        "execId": execution_id(instrument, number),
        "execPrice": plain(fill.price),
        "execQty": plain(fill.quantity),
        "execValue": plain(instrument.notional(fill.quantity, fill.price)),
        "execType": "BustTrade" if liquidation else "Trade",
        "execFee": plain(fill.fee),
        "execFeeV2": "",
        "feeCurrency": fill.fee_currency,
        "feeRate": plain(rate),
        "execTime": str(account.floor.ms(fill.ts)),
        "isMaker": fill.liquidity is Liquidity.MAKER,
        "isLeverage": "0",
        "markPrice": "" if mark is None else plain(mark),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "0",
        "marketUnit": "",
        "execPnl": "0",
        "seq": number,
    }


def funding_json(account: Account, entry: e.FundingPaid) -> dict[str, Any]:
    """Funding stands among the executions, as a row of its own type that is no trade."""
    instrument = account.floor.instruments[entry.instrument]
    size = entry.quantity.copy_abs()
    return {
        "category": category(instrument),
        "symbol": wire_symbol(instrument),
        "orderId": str(uuid.uuid5(_SPACE, f"funding/{account.login.name}/{entry.entry_id}")),
        "orderLinkId": "",
        "side": "Buy" if entry.quantity < 0 else "Sell",
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "createType": "",
        "execId": str(uuid.uuid5(_SPACE, f"funded/{account.login.name}/{entry.entry_id}")),
        "execPrice": plain(entry.mark),
        "execQty": plain(size),
        "execValue": plain(instrument.notional(size, entry.mark)),
        "execType": "Funding",
        "execFee": plain(-entry.amount),
        "feeCurrency": entry.currency,
        "feeRate": plain(entry.rate),
        "execTime": str(account.floor.ms(entry.ts)),
        "isMaker": False,
        "markPrice": plain(entry.mark),
        "seq": 0,
    }


def interest_json(account: Account, charge: Charge) -> dict[str, Any]:
    """In the transaction log."""
    return {
        "id": f"interest-{charge.number}",
        "symbol": "",
        "category": "spot",
        "side": "None",
        "transactionTime": str(account.floor.ms(charge.ts)),
        "type": "INTEREST",
        "qty": "0",
        "size": plain(charge.principal),
        "currency": charge.coin,
        "tradePrice": "0",
        "funding": "",
        "fee": "0",
        "cashFlow": plain(-charge.amount),
        "change": plain(-charge.amount),
        "cashBalance": plain(account.total(charge.coin)),
        "feeRate": "0",
        "tradeId": "",
        "orderId": "",
        "orderLinkId": "",
    }


def wallet_json(account: Account) -> dict[str, Any]:
    """Money with eight decimals, as the wire has it."""
    coins = []
    worth = free_worth = ZERO
    for currency in account.currencies:
        total, free = (divide(each, Decimal(1), CENT) for each in (account.total(currency), account.free(currency)))
        owed = ZERO if account.loans is None else divide(account.loans.debt(currency), Decimal(1), CENT)
        profit = divide(_profit(account, currency), Decimal(1), CENT)
        coins.append(
            {
                "coin": currency,
                "equity": plain(total + profit),
                "walletBalance": plain(total + owed),
                "free": "",
                "locked": plain(max(ZERO, total + owed - free)) if currency != "USDT" else plain(_spot_locked(account)),
                "availableToWithdraw": plain(free),
                "totalOrderIM": plain(max(ZERO, total - free)),
                "totalPositionIM": "0",
                "totalPositionMM": "0",
                "unrealisedPnl": plain(profit),
                "cumRealisedPnl": "0",
                "borrowAmount": plain(owed),
                "spotBorrow": plain(owed),
                "accruedInterest": "0",
                "bonus": "0",
                "usdValue": plain(total),
                "collateralSwitch": True,
                "marginCollateral": True,
            }
        )
        if currency == "USDT":
            worth, free_worth = total + profit, free
    return {
        "accountType": "UNIFIED",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "accountLTV": "0",
        "totalEquity": plain(worth),
        "totalWalletBalance": plain(worth),
        "totalMarginBalance": plain(worth),
        "totalAvailableBalance": plain(free_worth),
        "totalPerpUPL": "0",
        "totalInitialMargin": "0",
        "totalMaintenanceMargin": "0",
        "coin": coins,
    }


def _profit(account: Account, currency: str) -> Decimal:
    profit = ZERO
    for instrument in account.floor.instruments.values():
        mark = account.books.mark(instrument.id)
        if not instrument.is_spot and instrument.settlement == currency and mark is not None:
            profit += account.books.account.position(instrument.id).unrealized(instrument, mark)
    return profit


def _spot_locked(account: Account) -> Decimal:
    """Quote that working purchases of spot hold."""
    locked = ZERO
    for order in account.books.open.values():
        instrument = account.floor.instruments[order.instrument]
        if instrument.is_spot and order.side == "buy" and order.price is not None:
            locked += order.leaves * order.price
    return locked


def position_json(account: Account, instrument: Instrument) -> dict[str, Any]:
    position = account.books.account.position(instrument.id)
    mark = account.books.mark(instrument.id)
    setting = account.books.account.margin.setting(instrument)
    size = position.quantity.copy_abs()
    value = ZERO if mark is None else instrument.notional(size, mark)
    average = divide(position.cost.copy_abs(), size, Decimal("1e-8")) if size else ZERO
    profit = ZERO if mark is None else position.unrealized(instrument, mark)
    now = account.floor.now_ms()
    return {
        "positionIdx": 0,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": wire_symbol(instrument),
        "side": "" if not size else "Buy" if position.quantity > 0 else "Sell",
        "size": plain(size),
        "avgPrice": plain(average),
        "entryPrice": plain(average),  # as the stream calls it
        "positionValue": plain(position.cost.copy_abs()),
        "tradeMode": 1 if setting.mode is MarginMode.ISOLATED else 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 0,
        "leverage": plain(setting.leverage),
        "positionBalance": "0",
        "markPrice": "" if mark is None else plain(mark),
        "liqPrice": plain(at) if (at := account.liquidation_prices.get(instrument.id)) else "",
        "bustPrice": "",
        "positionMM": "0",
        "positionIM": plain(margin.initial(position.cost.copy_abs(), setting.leverage)),
        "positionValueNow": plain(value),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": plain(profit),
        "curRealisedPnl": plain(position.realized),
        "cumRealisedPnl": plain(position.realized),
        "isReduceOnly": False,
        "createdTime": str(now),
        "updatedTime": str(now),
        "seq": 1,
        "category": "linear",
    }
