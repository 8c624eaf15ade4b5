"""A real venue's class on the loopback exchange: what each test module of the real venues builds on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from venue_desk import VenueDesk

from tests.support.exchange import LoopbackExchange
from tests.support.real_desk import keys_of, until, venue_settings
from workstation.clock import LiveClock
from workstation.venues.ccxt.listing import Listing, ask_listing
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState

SYMBOLS = ("BTC-USDT", "ETH-USDT")


_listings: dict[str, Listing] = {}


@asynccontextmanager
async def loopback_venue(
    exchange: LoopbackExchange,
    name: str = "binance",
    wait: bool = True,
    symbols: Sequence[str] = SYMBOLS,
    **terms: Any,
) -> AsyncIterator[tuple[CcxtVenue, VenueDesk]]:
    """A venue that is connected (if `wait`), and the desk that listens to it."""
    facts, settings = particulars(name), venue_settings(exchange, symbols, **terms)
    settings = msgspec.structs.replace(settings, exchange=name)
    listing = _listings.setdefault(name, Listing())
    if listing.missing(settings.symbols):
        assert not await ask_listing("LOOP", facts, settings, listing, settings.symbols)
    clock = LiveClock()
    instruments = listing.chosen(settings.symbols)
    venue = CcxtVenue("LOOP", facts, settings, instruments, clock, keys_of(exchange), jitter=lambda: 0.0)
    desk = VenueDesk(venue, clock)
    venue.known_order = desk.orders.get
    await desk.connect()
    try:
        if wait:
            await until(lambda: venue.link is LinkState.CONNECTED and all_up(venue))
        yield venue, desk
    finally:
        await venue.close()


def all_up(venue: CcxtVenue) -> bool:
    """Every book has come, and the exchange has heard that own orders are to be told."""
    states = {state.name: state for state in venue.stream_states()}
    return bool(states) and all(states[f"book {symbol}"].up for symbol in venue.markets)
