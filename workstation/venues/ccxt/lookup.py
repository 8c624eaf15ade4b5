"""How one order is found again at its exchange, whatever is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workstation.clock import DAY, MILLISECOND, SECOND
from workstation.domain import events as e
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order, OrderState
from workstation.venues.ccxt.errors import not_found, translated
from workstation.venues.ccxt.ids import external_id, to_desk, to_wire
from workstation.venues.ccxt.orders import wire_id_of
from workstation.venues.ccxt.pages import to_the_end
from workstation.venues.ccxt.particulars import Lookup
from workstation.venues.contract import VenueError
from workstation.venues.order_terms import CHANGED_THERE, other_terms

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: How far before an order was made the lists of closed orders are searched (clocks differ).
_MARGIN = 60 * SECOND


async def find_order(
    venue: CcxtVenue, client_id: ClientOrderId, instrument: InstrumentId | None = None
) -> Mapping[str, Any] | None:
    """ccxt's order of a client id, closed ones included; None if the exchange says that it has none. `instrument` where
    neither desk nor venue have heard of the order.

    Raises the errors of the venue contract: a question that failed proves nothing.
    """
    exchange = venue.up()
    order, track = venue.known_order(client_id), venue.own.track(client_id)
    stranger = venue.strangers.get(client_id)
    instrument = track.instrument if track else stranger.instrument if stranger else instrument
    venue_id = (
        external_id(client_id) or (track.venue_id if track else "") or (stranger.venue_order_id if stranger else "")
    )
    symbol = None if instrument is None else venue.symbols.get(instrument)
    since = (order.created_at if order is not None else venue.clock.now() - DAY) - _MARGIN - abs(venue.drift or 0)
    if symbol is None:
        if venue.facts.lookup is Lookup.ORDER and len(venue.markets) == 1:
            symbol = next(iter(venue.markets))
        else:
            raise VenueError(f"{venue.name} cannot be asked about order {client_id}: its instrument is not known.")
    try:
        if venue_id and venue.facts.lookup is not Lookup.LISTS:
            return await _by(exchange, venue_id, symbol, {})
        if external_id(client_id):
            return await _search(venue, exchange, symbol, client_id, since)
        wire = to_wire(client_id, venue.facts.ids)
        match venue.facts.lookup:
            case Lookup.ORDER:
                given = wire if venue.facts.cancel_by == "id" else None
                return await _by(exchange, given, symbol, {venue.facts.lookup_param: wire})
            case Lookup.LISTS:
                return await _in_lists(venue, exchange, symbol, wire)
            case _:
                return await _search(venue, exchange, symbol, client_id, since)
    except VenueError:
        raise
    except Exception as error:
        venue.note_limit(error)
        if not_found(error):
            return None
        raise translated(error, venue.name, f"the look-up of order {client_id}") from error


def ask_for_terms(venue: CcxtVenue, client_id: ClientOrderId) -> None:
    """A message has shown other terms of an order than the desk's: the exchange is asked, for messages overtake each
    other. What it says is reported."""
    if client_id not in venue.differing:
        venue.differing.add(client_id)
        venue.later(partial(_report_terms, venue, client_id))


async def _report_terms(venue: CcxtVenue, client_id: ClientOrderId) -> None:
    before = venue.known_order(client_id)
    try:
        structure = await find_order(venue, client_id)
        shown = None if structure is None else venue.own.on_order(structure)
    finally:
        venue.differing.discard(client_id)
    now = venue.known_order(client_id)
    if shown is None or before is None or now is None or _terms(before) != _terms(now):
        return  # changed while it was asked: what comes next shows whether it is as the desk has it
    if terms := other_terms(now, shown):
        event = e.OrderAmended(client_id=client_id, ts=venue.clock.now(), **terms, reason=CHANGED_THERE)
        venue.report(event)


def _terms(order: Order) -> tuple[object, ...]:
    return order.state is OrderState.PENDING_AMEND, order.quantity, order.price, order.stop_price


async def _by(exchange: Any, venue_id: str | None, symbol: str, params: dict[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = await exchange.fetch_order(venue_id, symbol, params)
    return found if found and found.get("id") else None


async def _in_lists(venue: CcxtVenue, exchange: Any, symbol: str, wire: str) -> Mapping[str, Any] | None:
    """The lists take the client id as a filter: of open orders, then of closed ones."""
    params = {venue.facts.lookup_param: wire}
    for ask in (exchange.fetch_open_orders, exchange.fetch_canceled_and_closed_orders):
        found = [each for each in await ask(symbol, None, None, params) if wire_id_of(each) == wire]
        if found:
            return dict(found[-1])
    return None


async def _search(
    venue: CcxtVenue, exchange: Any, symbol: str, client_id: ClientOrderId, since: int
) -> Mapping[str, Any] | None:
    """Open orders, then those that ended since the order was made, looked through for it."""

    def match(orders: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        for each in orders:
            if to_desk(wire_id_of(each), str(each.get("id") or ""), venue.facts.ids) == client_id:
                return each
        return None

    async def working() -> list[Mapping[str, Any]]:
        return await to_the_end(exchange.id, lambda params: exchange.fetch_open_orders(symbol, None, None, params), {})

    if (found := match(await working())) is not None:
        return found
    start = max(0, since // MILLISECOND)
    for name, method in (
        ("fetchClosedOrders", exchange.fetch_closed_orders),
        ("fetchCanceledOrders", exchange.fetch_canceled_orders),
        ("fetchOrders", exchange.fetch_orders),
    ):
        if exchange.has.get(name) and (found := match(await method(symbol, start))) is not None:
            return found
    # between the two questions it may have gone from the open orders to the closed ones
    return match(await working())
