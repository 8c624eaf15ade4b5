"""Binance's stream of a margin account, which is subscribed to with a token that is good for a time.

The exchange extends nothing by itself: before the time is over, another token is fetched and subscribed with on the
same connection (Binance: "listenToken Subscription Methods"). It says once that a subscription has ended, and then
nothing more. ccxt tries a single time, a minute before the end, and not at all where the time is short; of an end that
it is told of it tells nobody who waits. So it is done here, from the middle of the time on and until it succeeds; a
connection whose subscription has ended all the same is given up, and what was missed is then asked for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from workstation.clock import DAY, MILLISECOND
from workstation.venues.ccxt.errors import words_of
from workstation.venues.ccxt.gate import backoff

#: Seconds at most between two looks at how much of the time is left.
_LOOK = 60.0
#: Seconds after which a subscription that is not answered never will be, pauses for the exchange's sake included.
PATIENCE = 60.0
#: How long a token is good, in ms, if the exchange does not say.
_LIFE = DAY // MILLISECOND


class Ended(ConnectionError):
    """The exchange tells nothing more of the account on this connection."""


class Unanswered(ConnectionError):
    """Whether the exchange tells of the account on this connection is not known."""


def ended(client: Any) -> None:
    client.on_error(Ended("the exchange has ended its subscription"))


def _now(exchange: Any) -> int:
    """By the exchange's clock, UTC ms."""
    return int(exchange.milliseconds()) - int(exchange.options.get("timeDifference") or 0)


async def subscribe(
    exchange: Any,
    market: str,
    ask: Callable[[], Awaitable[None]],
    beside: Callable[[Coroutine[Any, Any, None]], None],
    trouble: Callable[[str], None],
) -> None:
    """Have the connection of now tell of the account, and go on telling. `ask`: ccxt's own way to subscribe, which it
    goes only if it takes the last time for long ago; `beside`: runs what lasts; `trouble`: told why it was in vain."""
    url = exchange.urls["api"]["ws"]["ws-api"]["spot"]
    connection = exchange.client(url)
    if getattr(connection, "told_until", None) is not None:
        return  # ccxt would ask again by its own clock

    async def once() -> None:
        # ccxt keeps with the exchange object, not with the connection, that it has subscribed
        exchange.options[market] = {**(exchange.options.get(market) or {}), "lastAuthenticatedTime": 0}
        began = _now(exchange)
        try:
            async with asyncio.timeout(PATIENCE):
                await _asked(connection, market, ask)
        except TimeoutError:
            connection.on_error(Unanswered("its subscription was not answered"))  # who else waits for it would for ever
            raise
        except Exception:
            if getattr(connection, "told_until", None) is not None:  # it stands yet: ccxt takes it for gone, and would
                connection.subscriptions.setdefault(market, True)  # then not know whose balances it is told of
            raise
        until = int(exchange.options[market].get("expirationTime") or began + _LIFE)
        connection.told_until, connection.told_for = until, max(1, until - began)

    await once()
    if not getattr(connection, "is_extended", False):
        connection.is_extended = True
        beside(_extend(exchange, url, connection, once, trouble))


async def _asked(connection: Any, market: str, ask: Callable[[], Awaitable[None]]) -> None:
    """ccxt has a future for who else asks meanwhile; that nobody does is no mistake to be logged."""
    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    others = connection.futures.get(f"authenticate:{market}:listenToken")
    if others is not None:
        others.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asking


async def _extend(
    exchange: Any, url: str, connection: Any, once: Callable[[], Awaitable[None]], trouble: Callable[[str], None]
) -> None:
    """For as long as the connection is the one that is used."""
    attempt = 0
    while exchange.clients.get(url) is connection and connection.error is None:
        left = connection.told_until - _now(exchange)
        early = left - connection.told_for // 2
        if left <= 0:
            ended(connection)
            return
        if early > 0:
            await asyncio.sleep(min(_LOOK, early / 1_000))
            continue
        try:
            await once()
            attempt = 0
        except Exception as error:
            if attempt == 0:
                trouble(f"the stream of own orders could not be extended yet ({words_of(error) or repr(error)})")
            await asyncio.sleep(min(backoff(attempt, random.random), left / 1_000))
            attempt += 1
