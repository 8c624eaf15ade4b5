"""A script for `tws run --script`: takes two positions and five working orders, says `ready`, then does as it is told.

Lines on standard input: `block SECONDS` blocks the event loop and submits an order the instant it is free again (`woke
STATE REASON` says what became of it); `submit` submits one now (`sent STATE REASON`); `files` uses up every file that
the system gives this process (`none left`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import time
from decimal import Decimal

from tests.support.crash_trader import say
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine

BTC, PERP = "NOVA:BTC-USDT", "ORCA:BTC-USDT-PERP"


def far_bid(engine: Engine, instrument: str, away: int) -> OrderDraft:
    terms, book = engine.instrument(instrument), engine.book(instrument)
    assert book.best_bid is not None
    price = terms.price(book.best_bid - away)
    return OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.01"), price=price)


def use_up_files() -> None:
    most = max(map(int, os.listdir("/dev/fd"))) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)


async def main(engine: Engine) -> None:
    while any(engine.book(instrument).best_bid is None for instrument in (BTC, PERP)):
        await asyncio.sleep(0.01)
    if engine.trading_state == "active":
        for instrument in (BTC, PERP):
            order = await engine.submit(
                OrderDraft(instrument=instrument, side=Side.BUY, quantity=Decimal("0.02"), type=OrderType.MARKET)
            )
            while order.is_open:
                await asyncio.sleep(0.01)
                order = engine.orders()[-1]
        for number in range(5):
            await engine.submit(far_bid(engine, (BTC, PERP)[number % 2], 2_000 + 10 * number))
        while any(order.state != "accepted" for order in engine.open_orders()):
            await asyncio.sleep(0.01)
    say("ready", len(engine.open_orders()), len(engine.positions()), engine.trading_state)
    while True:
        words = (await asyncio.to_thread(sys.stdin.readline)).split()
        if not words:
            return
        if words[0] == "files":
            use_up_files()
            say("none left")
            continue
        if words[0] == "block":
            time.sleep(float(words[1]))  # noqa: ASYNC251 - the fault itself
        order = await engine.submit(far_bid(engine, BTC, 2_500))
        say("woke" if words[0] == "block" else "sent", order.state, order.reason)
