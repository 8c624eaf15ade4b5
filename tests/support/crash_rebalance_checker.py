"""A script for `tws run --script`: was a rebalance overdone? Ends all by the kill switch, prints the desk as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.support.crash_checker import UNCLEAR
from workstation.engine import Engine


async def main(engine: Engine) -> None:
    known = {one.rebalance_id: str(one.state) for one in engine.all_rebalances()}
    engine.kill("the checker")
    async with asyncio.timeout(60):
        while engine._kill.running or any(order.state in UNCLEAR for order in engine.open_orders()):
            await asyncio.sleep(0.02)
    for venue in engine.venues.values():
        assert not await venue.open_orders(), "an order is left after the kill switch"
    overdone = [
        f"{one.rebalance_id} {trade.instrument}: {filled} of {trade.quantity}"
        for one in engine.all_rebalances()
        for trade in one.trades
        if (
            filled := sum(
                order.filled
                for order in engine.rebalance_orders(one.rebalance_id)
                if order.instrument == trade.instrument
            )
        )
        > trade.quantity
    ]
    await engine.rearm("demo")
    sent = len(engine.orders())
    await asyncio.sleep(0.5)
    assert len(engine.orders()) == sent, "a rebalance came back when the desk was re-armed"
    sys.stdout.write(
        json.dumps(
            {
                "rebalances": known,
                "overdone": overdone,
                "orders": {order.client_id: order.state for order in engine.orders()},
            }
        )
    )
    sys.stdout.flush()
