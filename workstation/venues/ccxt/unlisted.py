"""Orders in a market that the exchange lists no more: it, or ccxt, refuses every question that names the market. What
the list of all open orders of the account says of such an order decides then: it asks for no market.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workstation.domain.order import Order, OrderState
from workstation.venues.ccxt import account
from workstation.venues.ccxt.ids import to_wire
from workstation.venues.ccxt.orders import wire_id_of
from workstation.venues.contract import VenueError, VenueOrder

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


async def status(venue: CcxtVenue, exchange: Any, order: Order, refused: VenueError) -> VenueOrder | None:
    """What became of an order whose look-up was `refused`. One that is not in the list works no more: what of it was
    filled beyond what is known shows in the balances. None for one that was never seen there. Raises `VenueError` where
    the list does not tell, or shows it as working."""
    symbol = order.instrument.partition(":")[2]
    if not account.lists_all(venue, exchange):
        raise VenueError(
            f"{venue.name} no longer lists {symbol}, and cannot be asked for its orders: look at the exchange itself "
            "whether this one works."
        ) from refused
    wire = to_wire(order.client_id, venue.facts.ids)
    for each in await venue.ask("the open orders", account.open_orders(venue, exchange)):
        if wire_id_of(each) == wire or (order.venue_order_id and str(each.get("id")) == order.venue_order_id):
            raise VenueError(
                f"{venue.name} no longer lists {symbol} and shows this order as working: pull it at the exchange "
                "itself."
            ) from refused
    if order.venue_order_id is None and not order.filled:
        return None
    return VenueOrder(
        client_id=order.client_id,
        venue_order_id=order.venue_order_id or "",
        instrument=order.instrument,
        state=OrderState.CANCELED,
        quantity=order.quantity,
        filled=order.filled,
        price=order.price,
        stop_price=order.stop_price,
        reason=f"{venue.name} no longer lists {symbol} and shows no such order",
    )
