"""A difference of a position between venue and desk that nothing explains, booked as an order that was filled."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.desk_view import DeskView
from workstation.domain.events import OrderFilled
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, divide, multiply, subtract
from workstation.domain.order import RECONCILIATION, Order, OrderDraft, OrderType, Side
from workstation.trading.gateway import OrderGateway


def book_difference(
    desk: DeskView, gateway: OrderGateway, instrument: Instrument, shown: Decimal, ours: Decimal, entry: Decimal
) -> None:
    """An order of the reconciliation's that was filled for the difference. Where the position grows from what the
    desk knows, the price is such that its average becomes the venue's."""
    amount = subtract(shown, ours)
    side = Side.BUY if amount > 0 else Side.SELL
    price = entry
    average = desk.position(instrument.id).average_price(instrument)
    grows = ours != 0 and (shown > 0) == (ours > 0) and abs(shown) > abs(ours)
    if grows and average is not None and not instrument.is_inverse:
        cost = subtract(multiply(abs(shown), entry), multiply(abs(ours), average))
        implied = divide(cost, abs(amount))
        price = implied if implied > 0 else entry
    now = desk.clock.now()
    draft = OrderDraft(
        instrument=instrument.id,
        side=side,
        quantity=abs(amount),
        type=OrderType.MARKET,
        origin=RECONCILIATION,
        note="a difference between the venue and the desk's books",
    )
    order = Order.from_draft(draft, gateway.next_id(), now)
    order = msgspec.structs.replace(order, venue_order_id=f"reconciled-{order.client_id}")
    gateway.records.adopt(order)
    fill = Fill(
        trade_id=f"reconciled-{order.client_id}",
        client_id=order.client_id,
        instrument=instrument.id,
        side=side,
        quantity=abs(amount),
        price=price,
        fee=ZERO,
        fee_currency=instrument.settlement,
        liquidity=Liquidity.TAKER,
        ts=now,
    )
    gateway.report(instrument.venue, OrderFilled(client_id=order.client_id, ts=now, fill=fill))
