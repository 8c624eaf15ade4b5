"""The desk's commands to a real venue: send an order, change it, cancel it. Each is sent once, and what the exchange
did with it is never guessed: a refusal is certain, anything else is asked about.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from workstation.domain import events as e
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderType, Side
from workstation.venues.ccxt.errors import translated
from workstation.venues.ccxt.ids import external_id, to_wire
from workstation.venues.ccxt.lookup import find_order
from workstation.venues.ccxt.orders import OrderRequest, reaching, request_of
from workstation.venues.ccxt.prepared import Prepared, create
from workstation.venues.contract import NoAnswer, VenueError, VenueUnreachable
from workstation.venues.matching.rules import malformed
from workstation.venues.urgency import Urgency, urgent

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

_KILL = "kill"


def expect(venue: CcxtVenue, order: Order) -> None:
    """The order will probably be submitted in a moment: its request is made now. Sends nothing, raises nothing; what
    is wrong with the order is told when it is submitted."""
    exchange = venue.exchange
    if exchange is None or not getattr(exchange, "holds_requests", False) or not venue.facts.ahead:
        return
    if order.client_id in venue.own.tracks:
        return
    try:
        symbol = venue.symbol_of(order.instrument)
        if _problem(venue, order, symbol) is None:
            request = _request(venue, order, symbol)
            venue.prepared.keep(Prepared(order, exchange, symbol, request, venue.facts.ahead))
    except VenueError:
        return


def _problem(venue: CcxtVenue, order: Order, symbol: str) -> str | None:
    """Why the order is not sent, a sentence."""
    now = venue.clock.now()
    if order.instrument in venue.terms.amiss and not _closes_rest(venue, order, symbol):
        said = venue.terms.refusal(order, now)
        listed = order.instrument in venue.terms.now or symbol not in venue.markets
        if said is None or listed or not (order.origin == _KILL and order.reduce_only):
            return said  # what the kill closes is tried at a market that is listed no more: the exchange says no itself
    return None if _closes_rest(venue, order, symbol) else malformed(order, venue.markets[symbol], now)


def _closes_rest(venue: CcxtVenue, order: Order, symbol: str) -> bool:
    """Whether the kill closes what is left of a position and is less than the exchange trades, where it takes that."""
    if order.origin != _KILL or not order.reduce_only or order.type is not OrderType.MARKET:
        return False
    terms = venue.terms.now.get(order.instrument) or venue.markets[symbol]
    return bool(venue.facts.whole_close) and not terms.is_spot and order.quantity < max(terms.lot, terms.min_quantity)


def _request(venue: CcxtVenue, order: Order, symbol: str) -> OrderRequest:
    """What ccxt is asked for. Raises `VenueError`."""
    instrument, limit = venue.markets[symbol], None
    by_cost = order.side is Side.BUY and instrument.is_spot and _buys_by_cost(venue)
    if order.type is OrderType.MARKET and (by_cost or venue.facts.market_by_limit):
        limit = _market_limit(venue, instrument, order.side)
    leverage = venue.leverage_of(instrument)
    request = request_of(order, venue.facts, instrument, limit, venue.settings.margin_mode, leverage)
    if venue.lending is not None:
        request.params.update(venue.lending.order(order))
    if _closes_rest(venue, order, symbol):
        return msgspec.structs.replace(request, amount="0", params=request.params | venue.facts.whole_close)
    return request


async def submit(venue: CcxtVenue, order: Order) -> None:
    """Send it once. Raises `NoAnswer` where it may have arrived, `VenueUnreachable` where it has not."""
    exchange = venue.up()
    if venue.own.tracks.get(order.client_id) is not None:
        raise VenueError(f"{venue.name} has had order {order.client_id} before; it is not sent again.")
    prepared = venue.prepared.take(order, exchange)
    symbol = venue.symbol_of(order.instrument) if prepared is None else prepared.symbol
    if prepared is None:
        problem = _problem(venue, order, symbol)
        if problem is not None:  # ccxt would round it in silence
            venue.own.sent(order)
            venue.own.reject(order.client_id, problem)
            return
        request = _request(venue, order, symbol)
    venue.own.sent(order)
    venue.dead_man.order_sent(symbol)
    try:
        with urgent(_urgency(order, Urgency.ORDER)):
            if prepared is not None:
                answer = await prepared.send(venue.gate)
            else:
                answer = await create(exchange, symbol, request)
    except Exception as error:
        venue.note_limit(error)
        wrong = translated(error, venue.name, "the order")
        if isinstance(wrong, VenueUnreachable):
            venue.own.forget(order.client_id)
        elif type(wrong) is VenueError:
            venue.own.reject(order.client_id, str(wrong))
            return
        raise wrong from error
    if not isinstance(answer, dict) or not answer.get("id"):
        raise NoAnswer(f"{venue.name} answered on the order in a way that cannot be read.")
    venue.took(order.client_id, answer)


async def amend(venue: CcxtVenue, order: Order, quantity: Decimal | None, price: Decimal | None) -> None:
    """Change it in place; it keeps its ids."""
    exchange, symbol = venue.up(), venue.symbol_of(order.instrument)
    if not venue.facts.amend:
        raise VenueError(f"{venue.name} cannot change orders: cancel it and enter a new one.")
    venue_id = order.venue_order_id or ""
    total = order.quantity if quantity is None else quantity
    at = order.price if price is None else price
    wanted = msgspec.structs.replace(order, quantity=total, price=at)
    problem = venue.terms.amiss.get(order.instrument) or malformed(wanted, venue.markets[symbol], venue.clock.now())
    if problem is not None:
        venue.report(e.OrderAmendRejected(client_id=order.client_id, ts=venue.clock.now(), reason=problem))
        return
    try:
        with urgent(Urgency.ORDER):
            answer = await exchange.edit_order(
                venue_id,
                symbol,
                "limit",
                str(order.side),
                format(total, "f"),
                None if at is None else format(at, "f"),
            )
    except Exception as error:
        venue.note_limit(error)
        wrong = translated(error, venue.name, "the change")
        if type(wrong) is VenueError:
            event = e.OrderAmendRejected(client_id=order.client_id, ts=venue.clock.now(), reason=str(wrong))
            venue.report(event)
            venue.later(partial(venue.look_again, order.client_id))
            return
        raise wrong from error
    if isinstance(answer, dict):  # a change keeps the order's id; what Kraken answers is the change's own
        answer = {**answer, "id": venue_id}
    venue.took(order.client_id, answer)  # the change is made when the exchange shows it: many only say that they heard


async def cancel(venue: CcxtVenue, order: Order) -> None:
    """By the exchange's own id where it is known, else by the client id."""
    exchange, symbol = venue.up(), venue.symbol_of(order.instrument)
    track = venue.own.track(order.client_id)
    venue_id = external_id(order.client_id) or (track.venue_id if track else "") or order.venue_order_id
    params: dict[str, str] = {}
    if not venue_id:
        by, wire = venue.facts.cancel_by, to_wire(order.client_id, venue.facts.ids)
        if not by:
            found = await find_order(venue, order.client_id)
            if found is None:
                reason = f"{venue.name} has no order {order.client_id}."
                venue.report(e.OrderCancelRejected(client_id=order.client_id, ts=venue.clock.now(), reason=reason))
                return
            venue_id = str(found["id"])
        elif by == "id":
            venue_id = wire
        else:
            params[by] = wire
    if track is not None:
        # it works, as far as the desk knows: whatever end was told before, this one is told
        track.ended, track.shown = False, None if track.ended else track.shown
    try:
        with urgent(_urgency(order, Urgency.CANCEL)):
            answer = await exchange.cancel_order(venue_id or None, symbol, params)
    except Exception as error:
        venue.note_limit(error)
        wrong = translated(error, venue.name, "the cancel")
        if type(wrong) is not VenueError:
            raise wrong from error
        event = e.OrderCancelRejected(client_id=order.client_id, ts=venue.clock.now(), reason=str(wrong))
        venue.report(event)
        venue.later(partial(venue.look_again, order.client_id))
        return
    if not external_id(order.client_id):
        venue.took(order.client_id, answer)


def _urgency(order: Order, usual: Urgency) -> Urgency:
    return Urgency.KILL if order.origin == _KILL else usual


def _buys_by_cost(venue: CcxtVenue) -> bool:
    """Whether the exchange takes market orders to buy only as an amount of money."""
    options = venue.exchange.options
    own = options.get("createOrder") if isinstance(options.get("createOrder"), dict) else {}
    name = "createMarketBuyOrderRequiresPrice"
    return bool(own.get(name, options.get(name, False)))


def _market_limit(venue: CcxtVenue, instrument: Instrument, side: Side) -> Decimal:
    """By the best price; by the last trade while the book is not to be believed, as a held stop may fire then."""
    exchange, symbol = venue.exchange, venue.symbols[instrument.id]
    book, trades = (exchange.orderbooks or {}).get(symbol), list((exchange.trades or {}).get(symbol, ()))
    levels = [] if not book else book["asks" if side is Side.BUY else "bids"]
    if not levels and not trades:
        raise VenueError(f"{venue.name} shows no price of {instrument.symbol} for a market order now.")
    best = levels[0][0] if levels else trades[-1]["price"]
    return reaching(instrument, side, instrument.price(int(best / float(instrument.tick) + 0.5)))
