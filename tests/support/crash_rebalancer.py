"""A script for `tws run --script`: rebalances to and fro until it is killed, and prints what it was promised.

Lines: `ready`, `rebalance ID` once a start has returned (so its intent is durable), `done ID` when it has ended.
"""

from __future__ import annotations

import asyncio
import os
import random
from decimal import Decimal

from tests.support.crash_trader import say
from workstation.engine import Engine
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.planning import Wish

NAMES = ("NOVA:BTC-USDT", "NOVA:ETH-USDT", "NOVA:SOL-USDT", "NOVA:LTC-USDT", "NOVA:XRP-USDT")


async def main(engine: Engine) -> None:
    chance = random.Random(os.environ["CRASH_SEED"])
    while any(engine.book(name).best_bid is None for name in NAMES):
        await asyncio.sleep(0.01)
    say("state", engine.trading_state)
    say("ready")
    while True:
        for rebalance in engine.rebalances():
            if rebalance.is_paused:
                await engine.resume_rebalance(rebalance.rebalance_id)
        if not engine.rebalances():
            parts = [chance.random() for _ in NAMES]
            weights = {
                name: Decimal(repr(round(part / sum(parts) * 0.95, 4))) for name, part in zip(NAMES, parts, strict=True)
            }
            try:
                started = await engine.start_rebalance(
                    Wish(targets=weights, patience=chance.choice((0, 200_000_000)), name="to and fro")
                )
                say("rebalance", started.rebalance_id)
            except Refused:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.01)
