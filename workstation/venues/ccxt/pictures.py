"""The first picture of a book: waited for, and asked for again where it never comes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from workstation.venues.ccxt.gate import RequestGate

#: Seconds within which a book's first picture must come (or of the silence that is allowed, if that is longer).
_PICTURE = 15.0
#: Seconds that are waited for it at most while the queue in front of the exchange is long.
_QUEUED = 120.0
#: Seconds that an exchange has to take a subscription back.
_TAKEN_BACK = 5.0


class NoPicture(ConnectionError):
    """A book whose stream stands, but which never came, or was false."""


async def first_picture(
    exchange: Any, gate: RequestGate | None, symbol: str, depth: int | None, silence: float
) -> None:
    """Wait for a book to come. Raises `NoPicture` if it does not: what was to bring it may be lost."""
    first = asyncio.ensure_future(exchange.watch_order_book(symbol, depth))
    longest = max(_PICTURE, silence)
    patience, waited = longest, 0.0
    try:
        while not (await asyncio.wait({first}, timeout=patience))[0]:
            waited += patience
            # the question may wait in our own queue, or as long as the exchange wants silence
            patience = 0.0 if gate is None else min(gate.backlog, _QUEUED - waited)
            if gate is not None and gate.paused_for:
                patience = longest
            if patience <= 0:
                raise NoPicture(f"no picture of it came within {waited:.0f} s")
        await first
    finally:
        first.cancel()


async def take_back(exchange: Any, symbol: str) -> None:
    """Take one book's subscription back, where the exchange lets that be done, so that the next is a new one and the
    others on its connection go on."""
    if exchange.has.get("unWatchOrderBook"):
        with contextlib.suppress(Exception):
            await asyncio.wait_for(exchange.un_watch_order_book(symbol), _TAKEN_BACK)
