"""A script for `tws run --script` on loopback exchanges: does one thing when it is told to, and says how far it is.

WIRE_DOES says what: `buy` (a limit order that rests), `take` (a market order), `cancel` and `amend` (enters one,
waits until it works, cancels it or moves it ten ticks down), `queue` (as `buy`, with the venue's queue stopped: says
`stored` when the intent is in the store and nothing has gone out), `route` (a market order over its asset's venues),
`flatten` (buys; then no file of this process may grow beyond WIRE_ROOM bytes, and the kill switch closes what was
bought: says `receipt`), `check` (nothing: shows what it found and ends). Lines: `found JSON` (once what an earlier desk
left is clear), `ready`, `going`, `order CLIENT_ID STATE`, `done`. It waits for a line after `ready`, and where it
enters an order first, before it does that.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from decimal import Decimal
from typing import Any

import msgspec

from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.trading.kill_status import KillPhase
from workstation.venues.urgency import Urgency

UNCLEAR = {
    OrderState.INITIALIZED,
    OrderState.SUBMITTED,
    OrderState.UNKNOWN,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_AMEND,
}


def say(*words: object) -> None:
    text = (" ".join(map(str, words)) + "\n").encode()
    while text:
        text = text[os.write(sys.stdout.fileno(), text) :]


async def told() -> None:
    """Wait for a line: the next step may be done."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def main(engine: Engine) -> None:
    for venue in engine.venues.values():
        venue.shows_after = 3.0  # type: ignore[attr-defined]  # nothing is longer on its way here
    async with asyncio.timeout(90):
        while not clear(engine):
            await asyncio.sleep(0.02)
    say("found", json.dumps(found(engine)))
    if (does := os.environ.get("WIRE_DOES", "check")) == "check":
        return
    instrument = engine.instruments()[0]
    async with asyncio.timeout(60):
        while any(_blind(engine, each.id) for each in engine.same_asset(instrument.id)):
            await asyncio.sleep(0.02)
    best_ask = engine.book(instrument.id).best_ask
    assert best_ask is not None
    price = instrument.price(best_ask - 2_000)
    resting = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.01"), price=price)
    taking = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
    order: Order | None = None
    if does == "flatten":
        await told()
        await bought(engine, taking)
        say("ready")
        await told()
        room = int(os.environ["WIRE_ROOM"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        say("going")
        engine.flatten("a test")
        while not engine.kill_status.receipt:
            await asyncio.sleep(0.01)
        say("receipt", engine.kill_status.receipt)
        await asyncio.sleep(3600)
    if does in ("cancel", "amend"):
        await told()  # who compares what was found has done so: from now on there is more
        order = await engine.submit(resting)
        while engine.order(order.client_id).state is not OrderState.ACCEPTED:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    say("ready")
    await told()
    if does == "route":
        draft = spread_over_all(engine, taking)
        say("going")
        route = await engine.route_order(draft)
        say("route", msgspec.json.encode(route).decode())
    elif does == "cancel" and order is not None:
        say("going")
        await engine.cancel(order.client_id)
    elif order is not None:
        say("going")
        await engine.amend(order.client_id, price=price - 10 * instrument.tick)
    else:
        watching = asyncio.create_task(stored(engine, instrument.venue)) if does == "queue" else None
        say("going")
        order = await engine.submit(taking if does == "take" else resting)
        if watching is not None:
            await watching
    if order is not None:
        say("order", order.client_id, order.state)
    await asyncio.sleep(0.2)
    say("done")
    await asyncio.sleep(3600)


async def bought(engine: Engine, draft: OrderDraft) -> None:
    order = await engine.submit(draft)
    while engine.order(order.client_id).state is not OrderState.FILLED:  # type: ignore[union-attr]
        await asyncio.sleep(0.01)


async def stored(engine: Engine, venue: str) -> None:
    """Let the next request wait in the venue's queue, and say when its order's intent is in the store."""
    gate: Any = engine.venues[venue].gate  # type: ignore[attr-defined]
    gate.pause(60)
    while not any(urgency == Urgency.ORDER for urgency, *_ in gate._waiting):
        await asyncio.sleep(0.001)
    say("stored")


def clear(engine: Engine) -> bool:
    """Whether the venues have been compared and the desk knows what became of each of its orders and routes."""
    return (
        not engine.core.unproven
        and not any(order.state in UNCLEAR for order in engine.open_orders())
        and not engine.core.routes.active()
        and engine.kill_status.phase in (KillPhase.IDLE, KillPhase.DONE)
    )


def found(engine: Engine) -> dict[str, Any]:
    return {
        "orders": {
            order.client_id: [order.instrument, order.state, str(order.filled), order.price and str(order.price)]
            for order in engine.orders()
        },
        "fills": [[fill.instrument, fill.client_id, str(fill.quantity), str(fill.price)] for fill in engine.fills()],
        "balances": {
            venue: {currency: str(amount) for currency, amount in account.balances.items() if amount}
            for venue, account in engine.core.portfolio.accounts.items()
        },
        "differences": [difference.kind for difference in engine.comparisons.differences],
        "routes": [json.loads(msgspec.json.encode(route)) for route in engine.core.routes.sets.values()],
    }


def spread_over_all(engine: Engine, draft: OrderDraft) -> OrderDraft:
    """The order made so large that every venue of its asset gets a part of it, wherever the books go next."""
    venues = len(engine.same_asset(draft.instrument))
    for _ in range(12):
        look = engine.preview_route(draft)
        if look.problem:
            raise AssertionError(look.problem)
        if len(look.drafts) == venues:
            return msgspec.structs.replace(draft, quantity=draft.quantity * 2)
        draft = msgspec.structs.replace(draft, quantity=draft.quantity * 2)
    raise AssertionError(f"one venue takes {draft.quantity} alone")


def _blind(engine: Engine, instrument: str) -> bool:
    book = engine.book(instrument)
    return book.stale is not None or book.best_ask is None
