"""An order as Binance's clients write it → an order for the matching engine, or the refusal that Binance gives."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.support.exchange.binance.listing import MAX_ORDERS
from tests.support.exchange.binance.refusals import Refused, bad_filter, missing, rejected
from tests.support.exchange.floor import Account
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import floor_to, is_multiple
from workstation.domain.order import OrderType, Side, TimeInForce

_LINK = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}


def number(params: dict[str, str], name: str) -> Decimal | None:
    text = params.get(name)
    if text is None or text == "":
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise Refused(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.",
        )
    return value


def integer(params: dict[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None or text == "":
        return None
    if not text.isdigit():
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def link(params: dict[str, str], account: Account, instrument: Instrument) -> str:
    """The client order id. Binance only minds those of orders that still work."""
    text = params.get("newClientOrderId", "")
    if not text:
        return f"x-auto{account.floor.next_order(instrument.id)}"
    if not _LINK.match(text):
        raise Refused(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
        )
    record = account.find(instrument.id, None, text)
    if record is not None and record.order.is_open:
        raise rejected("Duplicate order sent.")
    return text


def terms(account: Account, instrument: Instrument, params: dict[str, str]) -> dict[str, Any]:
    """Checked terms for `Account.submit`."""
    side = _choice(params, "side", {"BUY": Side.BUY, "SELL": Side.SELL})
    kind = _choice(params, "type", _TYPES)
    name = params["type"]
    price, stop = number(params, "price"), number(params, "stopPrice")
    trail = integer(params, "trailingDelta")
    quantity = number(params, "quantity")
    if kind is OrderType.MARKET and quantity is None:
        quantity = _for_money(account, instrument, side, params)
    if quantity is None:
        raise missing("quantity")
    if kind.has_limit and price is None:
        raise missing("price")
    if not kind.has_limit and price is not None:
        raise Refused(-1106, "Parameter 'price' sent when not required.")
    if kind.has_trigger and stop is None and trail is None:
        raise missing("stopPrice")
    tif = TimeInForce.GTC
    if name in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        tif = _choice(
            params, "timeInForce", {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}, -1115
        )
    elif params.get("timeInForce"):
        raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
    _check_steps(account, instrument, quantity, price, stop, kind)
    if trail is not None:
        if kind not in (OrderType.STOP, OrderType.STOP_LIMIT):
            raise Refused(-2010, "This kind of trailing order is not served here.")
        kind = OrderType.TRAILING_STOP
    elif stop is not None:
        _check_trigger(account, instrument, side, kind, stop)
    if len(account.working(instrument.id)) >= MAX_ORDERS:
        raise bad_filter("MAX_NUM_ORDERS")
    return {
        "instrument": instrument.id,
        "side": side,
        "type": kind,
        "quantity": quantity,
        "price": price if kind.has_limit else None,
        "stop_price": stop if trail is None else None,
        "tif": tif,
        "post_only": name == "LIMIT_MAKER",
        "display": number(params, "icebergQty"),
        "trail_bps": None if trail is None else Decimal(trail),
    }


def _choice[T](params: dict[str, str], name: str, choices: dict[str, T], code: int = -1116) -> T:
    text = params.get(name)
    if not text:
        raise missing(name)
    if text not in choices:
        words = {-1116: "Invalid orderType.", -1115: "Invalid timeInForce."}
        raise Refused(-1117, "Invalid side.") if name == "side" else Refused(code, words[code])
    return choices[text]


def _check_steps(
    account: Account,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal | None,
    stop: Decimal | None,
    kind: OrderType,
) -> None:
    for value, name in ((price, "price"), (stop, "stopPrice"), (quantity, "quantity")):
        if value is not None and -int(value.normalize().as_tuple().exponent) > 8:
            raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    for value in (price, stop):
        if value is not None and (value <= 0 or value > 1_000_000 or not is_multiple(value, instrument.tick)):
            raise bad_filter("PRICE_FILTER")
    middle = account.books.mid(instrument.id)
    if price is not None and middle is not None and not middle / 5 <= price <= middle * 5:
        raise bad_filter("PERCENT_PRICE_BY_SIDE")
    least = max(instrument.min_quantity, instrument.lot)
    if not least <= quantity <= 9000 or not is_multiple(quantity, instrument.lot):
        raise bad_filter("LOT_SIZE")
    if kind is OrderType.MARKET and quantity > 120:
        raise bad_filter("MARKET_LOT_SIZE")
    value_at = price or stop or account.books.mid(instrument.id)
    if value_at is not None and instrument.notional(quantity, value_at) < instrument.min_notional:
        raise bad_filter("NOTIONAL")


def _check_trigger(account: Account, instrument: Instrument, side: Side, kind: OrderType, stop: Decimal) -> None:
    """A trigger that the market has passed already is refused."""
    engine = account.books.engines[instrument.id]
    last = engine.last
    if last is None:
        return
    rises = (side is Side.BUY) != kind.takes_profit
    at = instrument.price(last)
    if stop <= at if rises else stop >= at:
        raise rejected("Stop price would trigger immediately.")


def _for_money(account: Account, instrument: Instrument, side: Side, params: dict[str, str]) -> Decimal | None:
    """The quantity that `quoteOrderQty` buys or sells for."""
    money = number(params, "quoteOrderQty")
    if money is None:
        return None
    book = account.books.engines[instrument.id].book
    quantity = Decimal(0)
    for ticks, lots in book.walk_asks() if side is Side.BUY else book.walk_bids():
        price, there = instrument.price(ticks), instrument.quantity(lots)
        taken = min(there, floor_to(money / price, instrument.lot))
        quantity, money = quantity + taken, money - taken * price
        if taken < there:
            break
    return quantity


def refusal(reason: str) -> Refused:
    """Binance's words for what the matching engine would not take."""
    if reason.startswith("Post-only"):
        return rejected("Order would immediately match and take.")
    if reason.startswith("The order needs"):
        return rejected("Account has insufficient balance for requested action.")
    if "shown quantity" in reason or "iceberg" in reason:
        return bad_filter("ICEBERG_PARTS")
    return rejected(reason)
