"""Cancelling everything at a real venue: by its own call where it has one, else order by order, side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workstation.domain.instrument import InstrumentId
from workstation.venues.ccxt import account
from workstation.venues.ccxt.errors import not_found, translated
from workstation.venues.ccxt.ids import external_id
from workstation.venues.contract import VenueOrder

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


async def cancel_all(venue: CcxtVenue, exchange: Any, instrument: InstrumentId | None) -> None:
    """Every order of an instrument, or of the account. Raises the errors of the venue contract."""
    if venue.facts.cancel_all == "account" and instrument is None:
        await venue.ask("the cancel of all orders", account.cancel_account(venue, exchange))
        return
    wanted = [order for order in await venue.open_orders() if instrument in (None, order.instrument)]
    if venue.facts.cancel_all and venue.facts.ccxt != "kraken":  # Kraken's own call knows no instrument
        symbols = sorted({venue.symbols[order.instrument] for order in wanted})
        await asyncio.gather(*(_symbol(venue, exchange, symbol) for symbol in symbols))
        return
    await asyncio.gather(*(_order(venue, exchange, order) for order in wanted))


async def _symbol(venue: CcxtVenue, exchange: Any, symbol: str) -> None:
    try:
        answers = await exchange.cancel_all_orders(symbol)
    except Exception as error:
        venue.note_limit(error)
        if not_found(error):  # they ended meanwhile
            return
        raise translated(error, venue.name, f"the cancel of all orders of {symbol}") from error
    for answer in answers if isinstance(answers, list) else ():
        if isinstance(answer, dict) and answer.get("id") and answer.get("symbol"):
            venue.own.on_order(answer)


async def _order(venue: CcxtVenue, exchange: Any, shown: VenueOrder) -> None:
    """Cancel an order that the venue has shown; one that is gone meanwhile is none to worry about."""
    try:
        answer = await exchange.cancel_order(shown.venue_order_id, venue.symbols[shown.instrument])
    except Exception as error:
        venue.note_limit(error)
        if not not_found(error):
            raise translated(error, venue.name, "the cancel") from error
        answer = None
    if not external_id(shown.client_id):
        venue.took(shown.client_id, answer)
