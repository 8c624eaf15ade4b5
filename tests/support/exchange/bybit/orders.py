"""An order as Bybit's clients write it → an order for the matching engine, or Bybit's refusal."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.support.exchange.bybit.refusals import Refused, bad
from tests.support.exchange.floor import Account
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import floor_to, is_multiple
from workstation.domain.order import OrderType, Side, TimeInForce

_LINK = re.compile(r"^[A-Za-z0-9_-]{1,36}$")
_TIFS = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK, "PostOnly": TimeInForce.GTC}
MAX_ORDERS = 500


def number(params: dict[str, Any], name: str) -> Decimal | None:
    text = params.get(name)
    if text in (None, ""):
        return None
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise bad(f"{name} invalid")
    return value


def link(params: dict[str, Any], account: Account, instrument: Instrument) -> str:
    """The client order id; Bybit takes one once."""
    text = str(params.get("orderLinkId") or "")
    if not text:
        return ""
    if not _LINK.match(text):
        raise bad("orderLinkId must be 36 characters at most, of letters, numbers, - and _")
    if account.by_link.get(text):
        if instrument.is_spot:
            raise Refused(170141, "Duplicate clientOrderId.")
        raise Refused(110072, "OrderLinkedID is duplicate")
    return text


def terms(account: Account, instrument: Instrument, params: dict[str, Any]) -> dict[str, Any]:
    """Checked terms for `Account.submit`."""
    side = {"Buy": Side.BUY, "Sell": Side.SELL}.get(str(params.get("side")))
    if side is None:
        raise bad("side invalid")
    limited = {"Limit": True, "Market": False}.get(str(params.get("orderType")))
    if limited is None:
        raise bad("orderType invalid")
    word = str(params.get("timeInForce") or ("GTC" if limited else "IOC"))
    if word not in _TIFS:
        raise bad("timeInForce invalid")
    price = number(params, "price") if limited else None
    trigger, quantity = number(params, "triggerPrice"), number(params, "qty")
    if limited and price is None:
        raise bad("price is required")
    if quantity is None:
        raise bad("qty is required")
    if not quantity and not instrument.is_spot and params.get("reduceOnly") and params.get("closeOnTrigger"):
        # close what there is
        quantity = abs(account.books.account.derivatives().get(instrument.id, quantity))
    if instrument.is_spot and not limited and _in_money(params, side):
        quantity = _for_money(account, instrument, side, quantity)
    kind = OrderType.LIMIT if limited else OrderType.MARKET
    if trigger is not None:
        kind = _conditional(account, instrument, side, limited, trigger, params)
    _check_steps(account, instrument, quantity, price, trigger)
    if len(account.working(instrument.id)) >= MAX_ORDERS:
        raise Refused(110020, "You have more than 500 active orders")
    return {
        "instrument": instrument.id,
        "side": side,
        "type": kind,
        "quantity": quantity,
        "price": price,
        "stop_price": trigger,
        "tif": _TIFS[word] if limited else TimeInForce.GTC,
        "post_only": word == "PostOnly",
        "reduce_only": not instrument.is_spot and params.get("reduceOnly") in (True, "true"),
    }


def _in_money(params: dict[str, Any], side: Side) -> bool:
    """Market buys of spot are in quote coins unless they say otherwise."""
    unit = params.get("marketUnit")
    return unit == "quoteCoin" or (unit in (None, "") and side is Side.BUY)


def _for_money(account: Account, instrument: Instrument, side: Side, money: Decimal) -> Decimal:
    book = account.books.engines[instrument.id].book
    quantity = Decimal(0)
    for ticks, lots in book.walk_asks() if side is Side.BUY else book.walk_bids():
        price, there = instrument.price(ticks), instrument.quantity(lots)
        taken = min(there, floor_to(money / price, instrument.lot))
        quantity, money = quantity + taken, money - taken * price
        if taken < there:
            break
    return quantity


def _conditional(
    account: Account, instrument: Instrument, side: Side, limited: bool, trigger: Decimal, params: dict[str, Any]
) -> OrderType:
    last = account.books.engines[instrument.id].last
    at = None if last is None else instrument.price(last)
    if instrument.is_spot:
        rises = at is None or trigger > at
    else:
        direction = str(params.get("triggerDirection") or "")
        if direction not in ("1", "2"):
            raise bad("triggerDirection invalid")
        rises = direction == "1"
        if at is not None and (trigger <= at if rises else trigger >= at):
            if rises:
                raise Refused(110092, "expect Rising, but trigger_price <= current")
            raise Refused(110093, "expect Falling, but trigger_price >= current")
    stops = rises == (side is Side.BUY)
    if limited:
        return OrderType.STOP_LIMIT if stops else OrderType.TAKE_PROFIT_LIMIT
    return OrderType.STOP if stops else OrderType.TAKE_PROFIT


def _check_steps(
    account: Account, instrument: Instrument, quantity: Decimal, price: Decimal | None, trigger: Decimal | None
) -> None:
    spot = instrument.is_spot
    for value in (price, trigger):
        if value is not None and (value <= 0 or not is_multiple(value, instrument.tick)):
            raise Refused(170134, "Order price has too many decimals.") if spot else bad("price invalid")
    if not is_multiple(quantity, instrument.lot):
        raise Refused(170137, "Order quantity has too many decimals.") if spot else bad("Qty invalid")
    if quantity < max(instrument.min_quantity, instrument.lot):
        raise (
            Refused(170136, "Order quantity exceeded lower limit.")
            if spot
            else bad("The number of contracts exceeds minimum limit allowed")
        )
    middle = account.books.mid(instrument.id)
    if price is not None and middle is not None and not middle / 2 <= price <= middle * 2:
        if spot:
            raise Refused(170193, "Buy order price cannot be higher or lower than the limit.")
        raise Refused(110003, "Order price exceeds the allowable range.")
    at = price or trigger or middle
    if at is not None and instrument.notional(quantity, at) < instrument.min_notional:
        if spot:
            raise Refused(170140, "Order value exceeded lower limit.")
        raise Refused(110094, "Order does not meet minimum order value 5USDT")
