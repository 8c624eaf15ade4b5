"""Cancelling everything while the event loop stands still: another connection, another signature, no asyncio.

ccxt's synchronous class is used, with the markets that are known already, so that nothing but cancels is asked for.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from workstation.domain.numbers import counted
from workstation.history.ccxt_class import exchange_class
from workstation.venues.ccxt.account import kinds
from workstation.venues.ccxt.client import configured, must_be_readable
from workstation.venues.ccxt.errors import not_found, translated, words_of
from workstation.venues.ccxt.pages import PAGING
from workstation.venues.contract import VenueError, VenueUnreachable

if TYPE_CHECKING:
    from workstation.venues.ccxt.venue import CcxtVenue

#: How often the cancel of one order is tried: the loop, when it wakes, asks the venue again.
_TRIES = 3


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
    exchange.options["timeDifference"] = venue.signs_ahead
    try:
        return _cancel(venue, exchange, deadline)
    except VenueError:
        raise
    except Exception as error:
        raise translated(error, venue.name, "cancel-all") from error


def _cancel(venue: CcxtVenue, exchange: Any, deadline: float) -> str:
    if venue.facts.cancel_all == "account":
        asked: list[dict[str, Any]] = [{}] if venue.facts.ccxt == "kraken" else kinds(venue)
        failed = _side_by_side([lambda kind=kind: exchange.cancel_all_orders(None, kind) for kind in asked], deadline)
        return _said("took cancel-all", len(asked), list(failed.values()))
    if venue.facts.cancel_all == "symbol":
        working = {track.instrument for track in list(venue.own.tracks.values()) if not track.ended}
        symbols = sorted(venue.symbols[each] for each in working) or sorted(venue.markets)
        failed = _side_by_side(
            [lambda symbol=symbol: exchange.cancel_all_orders(symbol) for symbol in symbols], deadline
        )
        taken = counted(len(symbols) - len(failed), "instrument")
        return _said(f"took cancel-all of {taken}", len(symbols), list(failed.values()))
    return _one_by_one(venue, exchange, deadline)


def _one_by_one(venue: CcxtVenue, exchange: Any, deadline: float) -> str:
    """What works is asked for and cancelled until nothing new shows; what fails is tried a few times."""
    paging = PAGING.get(exchange.id)
    pulled: set[str] = set()
    failures: dict[str, Exception] = {}
    tries: Counter[str] = Counter()
    while True:
        try:
            pages = [exchange.fetch_open_orders(symbol) for symbol in venue.markets]
        except Exception as error:
            if not pulled:
                raise
            failures.setdefault("", error)  # what else may work there is not known
            break
        orders = [order for page in pages for order in page if str(order["id"]) not in pulled]
        orders = [order for order in orders if tries[str(order["id"])] < _TRIES]
        failed = _side_by_side(
            [lambda order=order: exchange.cancel_order(order["id"], order["symbol"]) for order in orders], deadline
        )
        for number, order in enumerate(orders):
            name = str(order["id"])
            tries[name] += 1
            if number in failed:
                failures[name] = failed[number]
            else:
                pulled.add(name)
                failures.pop(name, None)
        more = paging is not None and any(len(page) >= paging.size for page in pages)  # what was pulled makes room
        if not orders or not (more or failed) or time.monotonic() >= deadline:
            break
    return _said(f"took {counted(len(pulled), 'cancel')}", len(pulled) + len(failures), list(failures.values()))


def _said(taken: str, asked: int, failures: list[Exception]) -> str:
    """How far it came, in words; raises the first failure where nothing was taken."""
    if failures and len(failures) == asked:
        raise failures[0]
    return f"{taken}; {len(failures)} failed: {words_of(failures[0])}" if failures else taken


def _quietly(cancel: Any) -> None:
    """An exchange that has nothing to cancel may call that an error."""
    try:
        cancel()
    except Exception as error:
        if not not_found(error):
            raise


def _side_by_side(cancels: list[Any], deadline: float) -> dict[int, Exception]:
    """Each of them, whatever becomes of the others; those that failed or had no answer by the deadline, and why."""
    pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="pull")
    failed: dict[int, Exception] = {}
    try:
        asked = [pool.submit(_quietly, cancel) for cancel in cancels]
        wait(asked, timeout=max(0.05, deadline - time.monotonic()))
        for number, one in enumerate(asked):
            if not one.done():
                failed[number] = TimeoutError("no answer in time")
            elif isinstance(error := one.exception(), Exception):
                failed[number] = error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return failed
