"""A script for `tws run --script`: waits until nothing is unclear any more, then prints the desk as one JSON line."""

from __future__ import annotations

import asyncio
import json
import sys

from workstation.domain.order import OrderState
from workstation.engine import Engine

UNCLEAR = {OrderState.INITIALIZED, OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.PENDING_CANCEL,
           OrderState.PENDING_AMEND}  # fmt: skip


async def main(engine: Engine) -> None:
    state = engine.trading_state
    async with asyncio.timeout(60):
        while engine._kill.running or any(order.state in UNCLEAR for order in engine.open_orders()):
            await asyncio.sleep(0.02)
    for venue in engine.venues.values():  # what fills while this looks is no matter: look at one instant
        for order in await venue.open_orders():
            assert engine.order(order.client_id) is not None, f"a stranger: {order.client_id}"
    sys.stdout.write(
        json.dumps(
            {
                "state": state,
                "orders": {order.client_id: order.state for order in engine.orders()},
                "warnings": [f"{e.source}: {e.text}" for e in engine.log.entries if e.level in ("warning", "error")],
            }
        )
    )
    sys.stdout.flush()
