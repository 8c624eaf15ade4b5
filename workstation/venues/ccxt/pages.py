"""The list of an account's open orders, or of its trades, to its end: several exchanges give no more than a page of it
at a time, and of trades that page is the newest.

How a list goes on is each exchange's own: after an order's number, by the number of the page, or by a cursor that ccxt
leaves on one of the orders. An order that ends while the pages are read may push another one over the edge of a page:
whoever needs to know of one order for certain asks about it by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from workstation.venues.contract import VenueError

type Orders = Sequence[Mapping[str, Any]]

#: The most pages that are read: far more than any exchange lets work at a time, or than trades are made in a week.
_MOST = 100
#: Seconds after which a list that may be cut is: who asked for it waits for a minute.
_LONGEST = 40.0


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange's list goes on."""

    #: Orders (or trades) of a full page: after a shorter one there is no other.
    size: int
    #: What is asked for with every page.
    always: Mapping[str, Any] = {}
    #: What follows is asked for by: the page just read, and how many pages that makes → parameters; None: there is no
    #: other.
    following: Callable[[Orders, int], Mapping[str, Any] | None]


def _older_than(param: str, number: str = "") -> Callable[[Orders, int], Mapping[str, Any] | None]:
    """Numbers of orders grow, and a page begins with the newest. `number`: its word where that is not the id."""
    return lambda page, _read: {param: str(min(int(one["info"][number] if number else one["id"]) for one in page))}


def _cursor(received: str, param: str) -> Callable[[Orders, int], Mapping[str, Any] | None]:
    def following(page: Orders, _read: int) -> Mapping[str, Any] | None:
        found = [str(order["info"][received]) for order in page if order["info"].get(received)]
        return {param: found[0]} if found else None

    return following


def _numbered(param: str) -> Callable[[Orders, int], Mapping[str, Any] | None]:
    return lambda _page, read: {param: read + 1}


def _gate(_page: Orders, read: int) -> Mapping[str, Any] | None:
    return {"page": read + 1, "offset": read * 100}  # spot's word and that of the contracts


PAGING: dict[str, Paging] = {
    "bybit": Paging(size=50, always={"limit": 50}, following=_cursor("nextPageCursor", "cursor")),
    "okx": Paging(size=100, following=_older_than("after")),
    "coinbase": Paging(size=100, following=_cursor("cursor", "cursor")),
    "kucoin": Paging(size=200, always={"pageSize": 200}, following=_numbered("currentPage")),
    "bitget": Paging(size=100, following=_older_than("idLessThan")),
    "gate": Paging(size=100, following=_gate),
}


def _until(page: Orders, _read: int) -> Mapping[str, Any] | None:
    """By time: what was there already comes once more."""
    return {"until": min(int(one["timestamp"]) for one in page)}


#: Of trades, where a page is one of the newest. Those of Binance and Hyperliquid begin with the oldest (see `trades`).
TRADES: dict[str, Paging] = {
    "bybit": Paging(size=100, always={"limit": 100}, following=_cursor("nextPageCursor", "cursor")),
    "okx": Paging(size=100, following=_older_than("after", "billId")),
    "kraken": Paging(size=50, following=lambda _page, read: {"ofs": read * 50}),
    "coinbase": Paging(size=1, following=_cursor("cursor", "cursor")),
    "kucoin": Paging(size=100, always={"limit": 100, "pageSize": 200}, following=_until),
    "bitget": Paging(size=100, following=_older_than("idLessThan")),
    "gate": Paging(size=100, following=_gate),
}


async def to_the_end(
    exchange: str,
    ask: Callable[[dict[str, Any]], Awaitable[Orders]],
    params: Mapping[str, Any],
    pagings: Mapping[str, Paging] = PAGING,
    what: str = "open orders",
    enough: Callable[[Orders], bool] | None = None,
    cut: Callable[[int], None] | None = None,
) -> list[Mapping[str, Any]]:
    """All that `ask` (parameters → one page) gives; with `enough`, which is handed each page, until that says so.
    Raises `VenueError` for a list without an end; with `cut`, which is told how much there was so far, such a list, and
    one that takes too long, ends there."""
    paging = pagings.get(exchange)
    if paging is None:
        whole = list(await ask(dict(params)))
        if enough is not None:
            enough(whole)
        return whole
    found: dict[str, Mapping[str, Any]] = {}
    following: Mapping[str, Any] = {}
    loop = asyncio.get_running_loop()
    began = loop.time()
    for read in range(1, _MOST + 1):
        page = await ask({**params, **paging.always, **following})
        fresh = {str(order["id"]): order for order in page if str(order["id"]) not in found}
        found |= fresh
        if enough is not None and enough(page):
            return list(found.values())
        if len(page) < paging.size or not fresh:
            return list(found.values())
        after = paging.following(page, read)
        if after is None:
            return list(found.values())
        following = after
        if cut is not None and loop.time() - began > _LONGEST:
            break
    if cut is not None:
        cut(len(found))
        return list(found.values())
    if enough is not None:  # who takes it page by page has what there was
        return list(found.values())
    raise VenueError(f"{exchange} lists {what} without an end: {len(found)} so far.")
