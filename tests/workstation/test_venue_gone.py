"""A venue of which the store has orders, plans and fills is taken out of the config, or renamed: the desk trades at the
others, looks after what it holds there, and says what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import believe_soon, live_desk_on, paths_in, settings_of, until
from tests.support.real_venue import keys_of
from workstation.clock import LiveClock
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.log import Level
from workstation.real_desks import live_desk
from workstation.settings import Settings
from workstation.trading.plans import terms

TAKES = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
RESTS = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(60_000))
THERE = OrderDraft(instrument="OTHER:BTC-USDT", side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)


@asynccontextmanager
async def renamed(exchange: LoopbackExchange, folder: Path) -> AsyncIterator[Engine]:
    """The desk again, on the same store and exchange, which is called OTHER now."""
    before, keys = settings_of(exchange), keys_of(exchange)
    settings = Settings(mode="live", risk=before.risk, venues={"other": before.venues["loop"]}, live=before.live)
    engine = await asyncio.to_thread(
        live_desk, settings, paths_in(folder), None, LiveClock(), lambda _name: keys("LOOP")
    )
    believe_soon(engine)
    await engine.start()
    try:
        await engine.wait_ready()
        await until(lambda: "OTHER" not in engine.core.unproven, 60)
        yield engine
    finally:
        await engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["filled", "works", "plan"])
async def test_orders_and_held_stops_of_the_others_go_on(kind: str, tmp_path: Path) -> None:
    with LoopbackExchange("binance", logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            if kind == "plan":
                await engine.start_plan(terms.bracket(TAKES, stop=Decimal(63_500), target=Decimal(70_000)))
            else:
                await engine.submit(RESTS if kind == "works" else TAKES)
            await until(lambda: engine.open_orders() if kind == "works" else engine.positions())
        async with renamed(exchange, tmp_path) as engine:
            assert not engine.open_orders()
            said = [each.text for each in engine.log.entries if each.source == "position"]
            assert [text.startswith("LOOP is no part of this desk any more") for text in said] == [True] * (
                kind != "filled"
            )
            await engine.start_plan(terms.bracket(THERE, stop=Decimal(63_500), target=Decimal(70_000)))
            await until(engine.positions)
            hand.around(63_300)
            await until(lambda: not engine.positions())
            assert engine.open_orders() == []
            assert not [each.text for each in engine.log.entries if each.level is Level.ERROR and "Error" in each.text]
        async with live_desk_on(exchange, tmp_path) as engine:  # it is put back
            if kind == "works":
                assert [order.state for order in engine.open_orders()] == [OrderState.ACCEPTED]
            elif kind == "plan":
                await until(lambda: not engine.position("LOOP:BTC-USDT").quantity)
