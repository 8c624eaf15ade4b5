"""A script for `tws run --script` on a loopback exchange: does one thing when it is told to, and says how far it is.

WIRE_DOES says what: `buy` (a limit order that rests), `take` (a market order), `cancel` and `amend` (enters one,
waits until it works, cancels it or moves it ten ticks down). Lines: `ready`, `going`, `order CLIENT_ID STATE`, `done`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from decimal import Decimal

from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine


def say(*words: object) -> None:
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


async def main(engine: Engine) -> None:
    instrument = engine.instruments()[0]
    book = engine.book(instrument.id)
    async with asyncio.timeout(60):
        while engine.core.unproven or book.stale is not None or book.best_ask is None:
            await asyncio.sleep(0.02)
    does = os.environ["WIRE_DOES"]
    price = instrument.price(book.best_ask - 2_000)
    resting = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.01"), price=price)
    taking = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
    say("ready")
    order: Order | None = None
    if does in ("cancel", "amend"):
        order = await engine.submit(resting)
        while engine.orders()[-1].state is not OrderState.ACCEPTED:
            await asyncio.sleep(0.01)
    sys.stdin.readline()
    say("going")
    if does == "cancel" and order is not None:
        await engine.cancel(order.client_id)
    elif order is not None:
        await engine.amend(order.client_id, price=price - 10 * instrument.tick)
    else:
        order = await engine.submit(taking if does == "take" else resting)
    say("order", order.client_id, order.state)
    await asyncio.sleep(0.2)
    say("done")
    await asyncio.sleep(3600)
