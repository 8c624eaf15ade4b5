"""What the kill switch says of venues and orders, and how it names an order that this desk never made."""

from __future__ import annotations

import msgspec

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import counted, plain
from workstation.domain.order import Order, OrderDraft, OrderState, Side
from workstation.trading.core import TradingCore
from workstation.trading.order_lines import price_terms
from workstation.venues.contract import KnowsUnopened, Venue, VenueOrder


def untouched(venue: Venue, flatten: bool) -> str:
    """What the account has that this desk cannot close."""
    words = venue.unopened(flatten) if isinstance(venue, KnowsUnopened) else ""
    return f", but {words}" if words else ""


def not_asked(core: TradingCore, venue: str) -> str:
    """Of a venue that only prices are taken from: what the books of an earlier time say may stand there still."""
    orders = len(core.orders.open_at(venue))
    held = sum(one.instrument.startswith(f"{venue}:") for one in core.portfolio.open_positions())
    parts = [counted(n, what) for n, what in ((orders, "working order"), (held, "position")) if n]
    left = f"; {' and '.join(parts)} of this desk's may stand there" if parts else ""
    return f"cannot be asked: prices only{left}"


def label_of(order: Order, instrument: Instrument | None) -> str:
    return f"{order.side.upper()} {plain(order.leaves)} {price_terms(order, instrument)}"


def as_order(shown: VenueOrder) -> Order:
    """A venue's order that this desk never made, in the form in which it can be cancelled."""
    draft = OrderDraft(instrument=shown.instrument, side=Side.BUY, quantity=shown.quantity, price=shown.price)
    order = Order.from_draft(draft, shown.client_id, 0)
    return msgspec.structs.replace(order, venue_order_id=shown.venue_order_id, state=OrderState.ACCEPTED)
