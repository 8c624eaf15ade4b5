"""A script for `tws run --script`: trades at random until it is killed, and prints what it was promised.

Lines: `order CLIENT_ID` once a submit has returned (so its intent is durable), `wants STATE` before a change of the
trading state is asked for, `state STATE` once it is durable.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from decimal import Decimal

from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.trading.errors import Refused


def say(*words: object) -> None:
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


async def main(engine: Engine) -> None:
    chance = random.Random(os.environ["CRASH_SEED"])
    if engine.trading_state != "active" and not engine._kill.running:
        say("wants", "active")
        await engine.rearm("demo")
    say("state", engine.trading_state)
    say("ready")
    while True:
        instrument = chance.choice(engine.instruments())
        book = engine.book(instrument.id)
        if book.best_bid is None or book.best_ask is None:
            await asyncio.sleep(0.01)
            continue
        side = chance.choice((Side.BUY, Side.BUY, Side.SELL))
        what = chance.random()
        try:
            if what < 0.6:
                best = book.best_bid if side is Side.BUY else book.best_ask
                value = Decimal(chance.randint(100, 3_000))
                quantity = value / instrument.price(best)
                quantity = quantity - quantity % instrument.lot
                kind = chance.choice((OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT))
                price = instrument.price(best - chance.randint(0, 30) * side.sign) if kind is OrderType.LIMIT else None
                draft = OrderDraft(instrument=instrument.id, side=side, quantity=quantity, type=kind, price=price)
                order = await engine.submit(draft)
                say("order", order.client_id)
            elif what < 0.75 and (working := engine.open_orders()):
                await engine.cancel(chance.choice(working).client_id)
            elif what < 0.9 and (working := engine.open_orders()):
                order = chance.choice(working)
                if order.price is not None:
                    await engine.amend(order.client_id, price=order.price + engine.instrument(order.instrument).tick)
            elif what < 0.97:
                for instrument_id in {order.instrument for order in engine.open_orders()}:
                    await engine.cancel_all(instrument_id)
            elif what < 0.985:
                reducing = engine.trading_state == "active"
                wanted = "reducing" if reducing else "active"
                say("wants", wanted)
                await engine.set_reducing(reducing)
                say("state", wanted)
            else:
                say("wants", "halted")
                engine.kill("the script")
                while engine._kill.running:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)
                say("wants", "active")
                await engine.rearm("demo")
                say("state", "active")
        except Refused:
            pass
        await asyncio.sleep(chance.random() * 0.01)
