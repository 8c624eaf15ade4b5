"""A script for `tws run --script` after a crash: waits until the desk knows what became of each order, and shows it."""

from __future__ import annotations

import asyncio
import json
import sys

from workstation.domain.order import OrderState
from workstation.engine import Engine

UNCLEAR = {
    OrderState.INITIALIZED,
    OrderState.SUBMITTED,
    OrderState.UNKNOWN,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_AMEND,
}


async def main(engine: Engine) -> None:
    async with asyncio.timeout(90):
        while engine.core.unproven or any(order.state in UNCLEAR for order in engine.open_orders()):
            await asyncio.sleep(0.02)
    found = {
        "orders": {
            order.client_id: [order.state, str(order.filled), order.price and str(order.price)]
            for order in engine.orders()
        },
        "fills": [[fill.client_id, str(fill.quantity), str(fill.price)] for fill in engine.fills()],
        "balances": {
            currency: str(amount)
            for account in engine.core.portfolio.accounts.values()
            for currency, amount in account.balances.items()
            if amount
        },
        "differences": [difference.kind for difference in engine.comparisons.differences],
    }
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
