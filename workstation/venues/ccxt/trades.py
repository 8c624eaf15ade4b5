"""The account's trades at an exchange since a moment: all of them, however many were made and however long ago.

An exchange gives a page at a time. Where that is a page of the oldest, the question goes on from its end; where it is
one of the newest, from its begin back (`pages.TRADES`). Some answer for a week from the given moment at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workstation.clock import DAY, MILLISECOND, MINUTE, SECOND
from workstation.domain.instrument import InstrumentId
from workstation.venues.ccxt.market_terms import if_listed
from workstation.venues.ccxt.pages import TRADES, to_the_end
from workstation.venues.contract import LinkState

if TYPE_CHECKING:
    from workstation.venues.ccxt.own import Track
    from workstation.venues.ccxt.venue import CcxtVenue

type Trades = list[Mapping[str, Any]]

#: The most pages of the oldest that one question reads, and what none of them has fewer of.
_PAGES, _LEAST = 50, 50
#: Exchanges that give the trades of all markets together, whichever is asked for.
_TOGETHER = ("kraken", "hyperliquid")
#: How much time one question is answered for, in ms, where that is bounded; further back than `_LONGEST` none is kept.
_SPANS = dict.fromkeys(("bybit", "binanceusdm", "kucoin"), 7 * DAY // MILLISECOND)
_LONGEST = 90 * DAY // MILLISECOND
#: Seconds before fills that are missing are asked for, and the longest pause before they are asked for again.
FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 20.0


async def my_trades(venue: CcxtVenue, exchange: Any, since: int, *, symbols: Collection[str] | None = None) -> Trades:
    """The account's trades since a time (UTC ms), of all markets or of these at least."""
    if exchange.id in _TOGETHER:
        return await _trades(venue, exchange, None, since)
    asked = venue.markets if symbols is None else symbols
    pages = await asyncio.gather(
        *(if_listed(venue, symbol, trades_of(venue, exchange, symbol, since)) for symbol in asked)
    )
    return [trade for page in pages for trade in page]


async def trades_of(
    venue: CcxtVenue, exchange: Any, symbol: str, since: int, enough: Callable[[Trades], bool] | None = None
) -> Trades:
    """The account's trades of one market since a time (UTC ms); with `enough`, which is handed each page (where the
    exchange gives all markets together, with trades of others in it), until that says so."""
    if exchange.id not in _TOGETHER:
        return await _trades(venue, exchange, symbol, since, enough)
    return [trade for trade in await _trades(venue, exchange, None, since, enough) if trade.get("symbol") == symbol]


async def _trades(
    venue: CcxtVenue,
    exchange: Any,
    symbol: str | None,
    since: int,
    enough: Callable[[Trades], bool] | None = None,
) -> Trades:
    now = (venue.clock.now() + (venue.drift or 0)) // MILLISECOND
    span = _SPANS.get(exchange.id)
    if span is None:
        return await _from(venue, exchange, symbol, since, enough)
    since = max(since, now - _LONGEST)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    done = False

    def took(page: Trades) -> bool:
        nonlocal done
        done = enough is not None and enough(page)
        return done

    for start in range(since, now + 1, span) or (since,):
        page = await _from(venue, exchange, symbol, start, None if enough is None else took)
        found |= {(str(each.get("symbol")), str(each["id"])): each for each in page}
        if done:
            break
    return list(found.values())


async def _from(
    venue: CcxtVenue, exchange: Any, symbol: str | None, since: int, enough: Callable[[Trades], bool] | None
) -> Trades:
    if exchange.id in TRADES:

        def page(params: dict[str, Any]) -> Any:
            return exchange.fetch_my_trades(symbol, since, None, params)

        took = None if enough is None else lambda found: enough(list(found))
        cut = partial(_cut, venue, symbol) if enough is None else None
        return await to_the_end(exchange.id, page, {}, TRADES, "trades", took, cut)
    return await _forwards(partial(exchange.fetch_my_trades, symbol), since, enough)


def _cut(venue: CcxtVenue, symbol: str | None, read: int) -> None:
    """A comparison goes on with the newest: what older ones have done to positions and money, it finds there."""
    where = f" of {symbol}" if symbol else ""
    venue.notice(
        "warning",
        f"{venue.name} lists more trades{where} since the last comparison than can be read: the newest {read:,} are "
        f"compared one by one, older ones by what they did to positions and money.",
    )


async def _forwards(ask: Any, since: int, enough: Callable[[Trades], bool] | None = None) -> Trades:
    """What a page leaves out comes next."""
    found: dict[str, Mapping[str, Any]] = {}
    start = since
    for _ in range(_PAGES):
        page = await ask(start)
        fresh = [trade for trade in page if str(trade["id"]) not in found]
        found.update({str(trade["id"]): trade for trade in fresh})
        if enough is not None and enough(list(page)):
            break
        newest = max((int(trade["timestamp"] or 0) for trade in page), default=0)
        if not fresh or len(page) < _LEAST or newest < start:
            break
        start = newest
    return list(found.values())


def margin(venue: CcxtVenue) -> int:
    """How far (ns) the exchange's times may lie before ours: what is wanted since a moment of this machine's clock is
    asked for since so much before it."""
    return abs(venue.drift or 0) + SECOND


async def fetch_missing(venue: CcxtVenue, instrument: InstrumentId, paused: float = FIRST_PAUSE) -> None:
    """Ask for the fills of orders that show more than was heard; again after growing pauses while that does not bring
    them all, until a comparison of the whole venue is due anyway."""
    own = venue.own

    def behind() -> list[Track]:
        return [track for track in own.tracks.values() if track.instrument == instrument and own.behind(track)]

    if not (waiting := behind()) or venue.state is not LinkState.CONNECTED:
        return
    orders = [venue.known_order(track.client_id) for track in waiting]
    since = min((order.created_at for order in orders if order is not None), default=venue.clock.now() - MINUTE)
    since = max(0, since - margin(venue)) // MILLISECOND
    try:

        def book(page: Trades) -> bool:
            """Each page as it comes: the newest may bring all that is missing, and the list be long."""
            for structure in page:
                own.on_trade(structure)
            return not behind()

        question = trades_of(venue, venue.exchange, venue.symbols[instrument], since, book)
        await venue.ask("the fills", question)
    finally:
        for track in waiting:
            own.settle(track)
        if behind() and paused < _LONGEST_PAUSE:
            venue.later(partial(fetch_missing, venue, instrument, paused * 2), paused * 2)
