"""Orders and fills between the desk and ccxt: what is asked for, and what ccxt's unified structures mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workstation.clock import MILLISECOND
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ONE, ZERO, divide, floor_to, multiply, plain
from workstation.domain.order import EXTERNAL, ClientOrderId, Order, OrderState, OrderType, Side, TimeInForce
from workstation.venues.ccxt.ids import to_desk, to_wire
from workstation.venues.ccxt.instruments import exact
from workstation.venues.ccxt.particulars import Counted, IdRule, Particulars
from workstation.venues.ccxt.venue_closes import closed_by_venue
from workstation.venues.contract import VenueOrder

#: How far through the book a market order to buy may reach where the exchange takes none of a quantity.
MARKET_REACH = Decimal("0.02")
#: Where raw messages of the exchanges call the client order id.
_CLIENT_IDS = (
    "clientOrderId",
    "c",
    "orderLinkId",
    "clOrdId",
    "cl_ord_id",
    "clientOid",
    "client_order_id",
    "cloid",
    "text",
)
_ENDS = {
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


class OrderRequest(msgspec.Struct, frozen=True):
    """The arguments of ccxt's createOrder but the symbol."""

    type: str
    side: str
    amount: str | int
    price: str | None
    params: dict[str, Any]


def request_of(
    order: Order,
    facts: Particulars,
    instrument: Instrument,
    market_price: Decimal | None = None,
    margin_mode: str = "cross",
    leverage: Decimal = ONE,
) -> OrderRequest:
    """What is sent for an order. With `market_price` a market order is sent as a limit order that takes at that price
    or better and does not rest; `leverage` is told where an exchange wants it with each order of a contract. Raises
    `VenueError` for a client id that does not fit."""
    params: dict[str, Any] = {facts.order_id_param: to_wire(order.client_id, facts.ids)}
    type_, price, tif = "limit", order.price, order.tif
    if order.type is OrderType.MARKET:
        type_, price = ("limit", market_price) if market_price is not None else ("market", None)
        tif = TimeInForce.IOC if market_price is not None else TimeInForce.GTC
    if order.post_only:
        params["postOnly"] = True
    elif tif is not TimeInForce.GTC and type_ == "limit":
        params["timeInForce"] = str(tif)
    if not instrument.is_spot:
        if order.reduce_only:
            params["reduceOnly"] = True
        if facts.order_margin_mode:
            params["marginMode"] = margin_mode
        if facts.order_leverage:
            params["leverage"] = int(leverage)
    if order.display is not None:
        params["icebergAmount"] = plain(order.display)
    amount: str | int = plain(order.quantity)
    if facts.counts_contracts and not instrument.is_spot and order.quantity == int(order.quantity):
        amount = int(order.quantity)
    return OrderRequest(type_, str(order.side), amount, None if price is None else plain(price), params)


def reaching(instrument: Instrument, side: Side, best: Decimal) -> Decimal:
    """The limit price of a market order that is sent as a limit order: `MARKET_REACH` beyond the best price."""
    factor = ONE + MARKET_REACH if side is Side.BUY else ONE - MARKET_REACH
    price = floor_to(multiply(best, factor), instrument.tick)
    return price + instrument.tick if side is Side.BUY else price


def wire_id_of(structure: Mapping[str, Any]) -> str | None:
    """The client order id in ccxt's order or trade, or in the raw message that it was made of. In Binance's answer to
    a cancel the id of that name is the cancel's own, and the order's is beside it."""
    info = structure.get("info")
    if isinstance(info, Mapping) and info.get("origClientOrderId"):
        return str(info["origClientOrderId"])
    if structure.get("clientOrderId"):
        return str(structure["clientOrderId"])
    for each in info if isinstance(info, list) else [info]:
        if isinstance(each, Mapping):
            for name in _CLIENT_IDS:
                if each.get(name):
                    return str(each[name])
    return None


def state_of(structure: Mapping[str, Any], quantity: Decimal, filled: Decimal) -> OrderState | None:
    """The state that ccxt's order shows; None where the exchange has not said (a bare acknowledgement)."""
    status = structure.get("status")
    if status == "open":
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    state = _ENDS.get(str(status))
    takes = structure.get("timeInForce") in ("IOC", "FOK") or structure.get("type") == "market"
    if state is OrderState.EXPIRED and takes:
        return OrderState.CANCELED  # what could not be taken is cancelled, it had no time to expire
    if state is OrderState.FILLED and filled < quantity:
        return OrderState.CANCELED
    return state


def order_of(structure: Mapping[str, Any], instrument: Instrument, rule: IdRule) -> VenueOrder | None:
    """ccxt's order as the desk shows it; None for one without a state."""
    quantity = exact(structure.get("amount")) or ZERO
    filled = exact(structure.get("filled")) or ZERO
    state = state_of(structure, quantity, filled)
    if state is None:
        return None
    price = exact(structure.get("price"))
    return VenueOrder(
        client_id=to_desk(wire_id_of(structure), str(structure.get("id") or ""), rule),
        venue_order_id=str(structure.get("id") or ""),
        instrument=instrument.id,
        state=state,
        quantity=on_lot(quantity, instrument),
        filled=on_lot(filled, instrument),
        price=None if structure.get("type") == "market" or not price else price,
        stop_price=_trigger(structure),
        reason=reason_of(structure),
    )


def _trigger(structure: Mapping[str, Any]) -> Decimal | None:
    """The price that a stop of others waits for, whichever of ccxt's words it stands under."""
    words = ("triggerPrice", "stopLossPrice", "takeProfitPrice")
    return next((price for word in words if (price := exact(structure.get(word)))), None)


def on_lot(quantity: Decimal, instrument: Instrument) -> Decimal:
    """The quantity freed of the dust of a float: the nearest whole lot if it is within a millionth of one."""
    lots = divide(quantity, instrument.lot, Decimal(1))
    nearest = multiply(lots, instrument.lot)
    return nearest if abs(nearest - quantity) <= instrument.lot * Decimal("1e-6") else quantity


def reason_of(structure: Mapping[str, Any]) -> str:
    """Why the exchange ended the order, as it says itself."""
    info = structure.get("info")
    if not isinstance(info, Mapping):
        return ""
    for name in ("rejectReason", "cancelType", "cancelSource", "cancelSourceReason", "r", "reason", "sMsg"):
        said = info.get(name)
        if said and str(said) not in ("NONE", "UNKNOWN", "EC_NoError", "EC_Others", "0"):
            return f"the venue says: {said}"
    return ""


def adopted(structure: Mapping[str, Any], shown: VenueOrder, now: int) -> Order:
    """An order that others made, as one of the desk's."""
    created = structure.get("timestamp")
    ts = int(created) * MILLISECOND if created else now
    return Order(
        client_id=shown.client_id,
        instrument=shown.instrument,
        side=Side.BUY if structure.get("side") == "buy" else Side.SELL,
        type=OrderType.MARKET if structure.get("type") == "market" else OrderType.LIMIT,
        quantity=shown.quantity,
        price=shown.price,
        stop_price=None,
        tif=TimeInForce.GTC,
        expire_at=None,
        post_only=bool(structure.get("postOnly")),
        reduce_only=bool(structure.get("reduceOnly")),
        origin=EXTERNAL,
        note=closed_by_venue(structure) or "made by others at the venue",
        created_at=ts,
        updated_at=now,
        venue_order_id=shown.venue_order_id,
        filled=shown.filled,
    )


def whole(order: Order) -> bool:
    """Whether all is known of an order of others that it takes to adopt it: some messages tell the change only."""
    return bool(order.quantity and order.venue_order_id) and (order.type is OrderType.MARKET or order.price is not None)


def trade_id_of(structure: Mapping[str, Any], market_id: str, per_symbol: bool) -> str:
    """The id of a fill, unique on its venue."""
    return f"{market_id}-{structure['id']}" if per_symbol else str(structure["id"])


def fill_of(
    structure: Mapping[str, Any],
    client_id: ClientOrderId,
    instrument: Instrument,
    trade_id: str,
    now: int,
    counted: Counted = Counted.NOT,
) -> Fill | None:
    """ccxt's trade of ours as a fill; None without price or quantity."""
    price, quantity = exact(structure.get("price")), exact(structure.get("amount"))
    if not price or not quantity:
        return None
    fee, currency = _fee(structure, instrument)
    return Fill(
        trade_id=trade_id,
        client_id=client_id,
        instrument=instrument.id,
        side=Side.BUY if structure.get("side") == "buy" else Side.SELL,
        quantity=on_lot(quantity, instrument),
        price=price,
        fee=fee,
        fee_currency=currency,
        liquidity=Liquidity.MAKER if structure.get("takerOrMaker") == "maker" else Liquidity.TAKER,
        ts=int(structure["timestamp"]) * MILLISECOND if structure.get("timestamp") else now,
        number=number_of(structure, counted),
    )


def number_of(structure: Mapping[str, Any], counted: Counted) -> int:
    """The exchange's own count of its fills in ccxt's trade of ours; 0 where it has none, or not for this one."""
    if not counted:
        return 0
    info = structure.get("info")
    said = structure.get("id") if counted is Counted.ID else info.get("seq") if isinstance(info, Mapping) else None
    return int(said) if said is not None and str(said).isascii() and str(said).isdigit() else 0


def _fee(structure: Mapping[str, Any], instrument: Instrument) -> tuple[Decimal, str]:
    fees = [fee for fee in (structure.get("fees") or [structure.get("fee")]) if fee and fee.get("cost") is not None]
    if not fees:
        return ZERO, instrument.settlement
    currencies = {str(fee.get("currency") or instrument.settlement).upper() for fee in fees}
    if len(currencies) > 1:  # never seen; the first is booked and the comparison of balances finds the rest
        fees = fees[:1]
    total = sum((exact(fee["cost"]) or ZERO for fee in fees), ZERO)
    return total, str(fees[0].get("currency") or instrument.settlement).upper()
