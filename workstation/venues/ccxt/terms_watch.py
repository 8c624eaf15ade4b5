"""An exchange's markets looked at time and again while the link stands: a desk that stays connected for weeks hears of
a changed tick, or of a market that is listed no more, before an order is refused for it.

The list is asked for and read beside the event loop, by an exchange object of its own: a large one takes the processor
for a good part of a second.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workstation.aside import aside
from workstation.venues.ccxt.client import close_exchange, open_exchange
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.particulars import Particulars
from workstation.venues.ccxt.settings import VenueSettings
from workstation.venues.contract import LinkState
from workstation.venues.patience import answer_within
from workstation.venues.urgency import Urgency, urgent

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: Seconds between two looks, and the share of it by which each may be later.
EVERY, _SPREAD = 3_600.0, 0.25
#: What a list of all markets costs in ccxt's units, about, and how long it may take.
_COST, _PATIENCE = 20.0, 60.0


async def keep(venue: CcxtVenue) -> None:
    """Look for ever, until cancelled."""
    while True:
        await asyncio.sleep(EVERY * (1.0 + _SPREAD * venue.jitter()))
        if venue.state is not LinkState.CONNECTED:
            continue  # the next connection looks by itself
        try:
            await _look(venue)
        except Exception as error:
            words = words_of(error) or type(error).__name__
            venue.on_notice("info", f"{venue.name} was asked in vain for its markets' terms ({words}): later again.")


async def _look(venue: CcxtVenue) -> None:
    exchange = venue.exchange
    if venue.gate is not None:
        with urgent(Urgency.BACKGROUND):
            await venue.gate.pass_through(_COST)
    listed = await answer_within(
        _PATIENCE, aside(lambda: asyncio.run(_listing(venue.facts, venue.settings)), "markets' terms")
    )
    if venue.state is not LinkState.CONNECTED or venue.exchange is not exchange:
        return  # whoever has connected meanwhile has looked
    venue.on_markets(listed)
    terms, before = venue.terms, dict(venue.terms.amiss)
    terms.compare(venue, listed)
    symbols = {each.id: symbol for symbol, each in venue.markets.items()}
    for name in before.keys() - terms.amiss.keys():  # as it was, but its book was not kept
        terms.amiss[name], terms.now[name] = before[name], venue.markets[symbols[name]]
    changed = {name for name, said in terms.amiss.items() if before.get(name) != said}
    if not changed:
        return
    venue.prepared.clear()
    for name in changed & terms.now.keys():  # what closes is written by the terms of now
        _take(exchange, listed.markets[symbols[name]])
    terms.blank(venue)


def _take(exchange: Any, market: Any) -> None:
    exchange.markets[market["symbol"]] = market
    others = [each for each in exchange.markets_by_id.get(market["id"], ()) if each["symbol"] != market["symbol"]]
    exchange.markets_by_id[market["id"]] = [*others, market]


async def _listing(facts: Particulars, settings: VenueSettings) -> Any:
    """An exchange object that has loaded its markets, and is closed."""
    exchange = open_exchange(facts, settings, None)
    try:
        await exchange.load_markets()
    finally:
        await close_exchange(exchange)
    return exchange
