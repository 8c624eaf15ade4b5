"""Many orders shown by few questions: those that work, and those that have ended since a time.

A list is behind the exchange's own mind, may be cut, and what changes while it is read may be missing: that it does not
show an order is a hint. Whoever has to know asks about that one by itself (`lookup`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from workstation.clock import MILLISECOND, SECOND
from workstation.venues.ccxt import account
from workstation.venues.ccxt.pages import to_the_end
from workstation.venues.ccxt.particulars import Lookup

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

type Orders = list[Mapping[str, Any]]

#: How far before the time the lists begin (clocks differ).
_MARGIN = 60 * SECOND
#: The most orders that Binance shows at once, and the fewest of a page elsewhere: a fuller one may have been cut.
_BINANCE, _LEAST = 1_000, 50
#: Exchanges whose lists are of all markets.
_TOGETHER = ("kraken", "coinbase")


async def orders_since(venue: CcxtVenue, exchange: Any, ts: int, symbols: Collection[str]) -> tuple[Orders, bool]:
    """ccxt's orders in these markets that work or were made since `ts` (UTC ns); whether those that have ended are all
    among them."""
    start = max(0, ts - _MARGIN - abs(venue.drift or 0)) // MILLISECOND
    if exchange.id in ("binance", "binanceusdm") and venue.lending is None:
        # the one list has both
        pages = await asyncio.gather(*(exchange.fetch_orders(each, start, _BINANCE) for each in symbols))
        return [order for page in pages for order in page], all(len(page) < _BINANCE for page in pages)
    working = await account.open_orders(venue, exchange)  # first: what ends meanwhile is in the other list
    if exchange.id == "bybit":
        return working + await _bybit(venue, exchange, start, symbols), True
    if venue.facts.lookup is Lookup.SCAN:
        ended, whole = await _scanned(exchange, start, symbols)
        return working + ended, whole
    return working, False  # elsewhere one question shows one order: most of what was lost was never had


async def _bybit(venue: CcxtVenue, exchange: Any, start: int, symbols: Collection[str]) -> Orders:
    async def ended(kind: Mapping[str, Any]) -> Orders:
        def page(params: Mapping[str, Any]) -> Any:
            return exchange.fetch_canceled_and_closed_orders(None, start, None, params)

        return await to_the_end(exchange.id, page, kind)

    lists = await asyncio.gather(*(ended(kind) for kind in account.kinds(venue, symbols)))
    return [order for each in lists for order in each]


async def _scanned(exchange: Any, start: int, symbols: Collection[str]) -> tuple[Orders, bool]:
    methods = {
        "fetchOrders": exchange.fetch_orders,
        "fetchClosedOrders": exchange.fetch_closed_orders,
        "fetchCanceledOrders": exchange.fetch_canceled_orders,
    }
    names = [name for name in methods if exchange.has.get(name) is True]
    if "fetchOrders" in names:
        names = ["fetchOrders"]
    asked = [None] if exchange.id in _TOGETHER else sorted(symbols)
    pages = [await methods[name](symbol, start) for name in names for symbol in asked]
    return [order for page in pages for order in page], bool(names) and all(len(page) < _LEAST for page in pages)
