"""Cancelling everything while the event loop stands still: another connection, another signature, no asyncio.

ccxt's synchronous class is used, with the markets that are known already, so that nothing but cancels is asked for.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from workstation.domain.numbers import counted
from workstation.history.ccxt_class import exchange_class
from workstation.venues.ccxt.account import kinds
from workstation.venues.ccxt.client import configured, must_be_readable
from workstation.venues.ccxt.errors import not_found, translated
from workstation.venues.ccxt.pages import PAGING
from workstation.venues.contract import VenueError, VenueUnreachable

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue


def cancel_all(venue: CcxtVenue, timeout: float) -> str:
    """What the venue answered, as the rest of a sentence. Raises `VenueError`."""
    if venue.keys is None or venue.exchange is None:
        raise VenueUnreachable(f"{venue.name} was not connected.")
    deadline = time.monotonic() + timeout
    markets = dict(venue.exchange.markets or {})
    exchange = configured(exchange_class(venue.facts.ccxt), venue.facts, venue.settings, venue.keys)
    exchange.enableRateLimit = False  # nothing is more urgent, and the queue belongs to the loop
    exchange.timeout = int(timeout * 1_000)
    fetch = exchange.fetch

    def read(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        return must_be_readable(fetch(url, method, headers, body))

    exchange.fetch = read
    if markets:
        exchange.set_markets(markets)
    exchange.options["timeDifference"] = -(venue.drift or 0) // 1_000_000
    try:
        return _cancel(venue, exchange, deadline)
    except VenueError:
        raise
    except Exception as error:
        raise translated(error, venue.name, "cancel-all") from error


def _cancel(venue: CcxtVenue, exchange: Any, deadline: float) -> str:
    if venue.facts.cancel_all == "account":
        asked: list[dict[str, Any]] = [{}] if venue.facts.ccxt == "kraken" else kinds(venue)
        for kind in asked:
            _quietly(lambda kind=kind: exchange.cancel_all_orders(None, kind))
        return "took cancel-all"
    if venue.facts.cancel_all == "symbol":
        working = {track.instrument for track in list(venue.own.tracks.values()) if not track.ended}
        symbols = sorted(venue.symbols[each] for each in working) or sorted(venue.markets)
        _side_by_side([lambda symbol=symbol: exchange.cancel_all_orders(symbol) for symbol in symbols], deadline)
        return f"took cancel-all of {counted(len(symbols), 'instrument')}"
    paging = PAGING.get(exchange.id)
    pulled: set[str] = set()
    while True:
        pages = [exchange.fetch_open_orders(symbol) for symbol in venue.markets]
        orders = [order for page in pages for order in page if str(order["id"]) not in pulled]
        _side_by_side(
            [lambda order=order: exchange.cancel_order(order["id"], order["symbol"]) for order in orders], deadline
        )
        pulled |= {str(order["id"]) for order in orders}
        more = paging is not None and any(len(page) >= paging.size for page in pages)  # what was pulled makes room
        if not more or not orders or time.monotonic() >= deadline:
            return f"took {counted(len(pulled), 'cancel')}"


def _quietly(cancel: Any) -> None:
    """An exchange that has nothing to cancel may call that an error."""
    try:
        cancel()
    except Exception as error:
        if not not_found(error):
            raise


def _side_by_side(cancels: list[Any], deadline: float) -> None:
    pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="pull")
    try:
        for done in [pool.submit(_quietly, cancel) for cancel in cancels]:
            done.result(timeout=max(0.05, deadline - time.monotonic()))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
