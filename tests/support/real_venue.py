"""A real venue's class on the loopback exchange: its settings, its keys, and waiting for it in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.server import Elsewhere
from workstation.clock import Clock
from workstation.domain.instrument import Instrument
from workstation.venues.ccxt.borrowing import pooled
from workstation.venues.ccxt.listing import Listing, ask_listing
from workstation.venues.ccxt.particulars import particulars
from workstation.venues.ccxt.settings import Credentials, CredentialSource, VenueSettings
from workstation.venues.ccxt.venue import CcxtVenue
from workstation.venues.contract import LinkState

NAME = "LOOP"


def settings_for(exchange: LoopbackExchange | Elsewhere, symbols: Sequence[str], **terms: Any) -> VenueSettings:
    """What a profile would say of it: an exchange like any other, at other addresses."""
    options = exchange.config()["options"]
    return VenueSettings(
        exchange=exchange.name, urls=exchange.places(), options=options, symbols=tuple(symbols), **terms
    )


def keys_of(exchange: LoopbackExchange | Elsewhere, login: str = "main") -> CredentialSource:
    config = exchange.config(login)
    return lambda _venue: Credentials(key=config["apiKey"], secret=config["secret"])


async def instruments_of(exchange: LoopbackExchange, symbols: Sequence[str]) -> dict[str, Instrument]:
    """As the exchange lists them, by ccxt's symbol."""
    listing, terms = Listing(), settings_for(exchange, symbols)
    problems = await ask_listing(NAME, particulars(exchange.name), terms, listing, terms.symbols)
    assert not problems, problems
    return listing.chosen(terms.symbols)


def on_margin(exchange: LoopbackExchange, instruments: dict[str, Instrument]) -> dict[str, Instrument]:
    """As a margin account trades them."""
    return pooled(particulars(exchange.name), instruments)


def venue_on(
    exchange: LoopbackExchange,
    instruments: dict[str, Instrument],
    clock: Clock,
    login: str = "main",
    **terms: Any,
) -> CcxtVenue:
    symbols = [instrument.symbol for instrument in instruments.values()]
    return CcxtVenue(
        NAME,
        particulars(exchange.name),
        settings_for(exchange, symbols, **terms),
        instruments,
        clock,
        keys_of(exchange, login),
        jitter=lambda: 0.0,
    )


def stands(venue: CcxtVenue) -> bool:
    """Whether it is connected, every book has come, and own orders are being told."""
    states = {state.name: state for state in venue.stream_states()}
    return venue.link is LinkState.CONNECTED and all(
        f"book {symbol}" in states and states[f"book {symbol}"].up for symbol in venue.markets
    )


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait in real time until the condition holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
