"""Live state is a fold over the journal: read back from the file it is the same, whatever was traded."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import GENEROUS, START, TestDesk, demo_desk
from workstation.clock import SECOND
from workstation.domain.numbers import add, subtract
from workstation.domain.order import OrderType, Side
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused


async def trade(desk: TestDesk, chance: random.Random, steps: int) -> None:
    """A session at random: every kind of order and command, the market going on between them."""
    engine = desk.engine
    for _ in range(steps):
        await desk.run(chance.random())
        instrument = chance.choice(engine.instruments()).id
        side = chance.choice(list(Side))
        try:
            match chance.randrange(8):
                case 0 | 1:
                    await desk.market(instrument, side, "0.4" if "BTC" in instrument else "3")
                case 2 | 3 | 4:
                    await desk.limit(
                        instrument, side, "0.3" if "BTC" in instrument else "2", away=chance.randint(-3, 20)
                    )
                case 5 if working := engine.open_orders():
                    await engine.cancel(chance.choice(working).client_id)
                case 6 if working := [o for o in engine.open_orders() if o.type is OrderType.LIMIT]:
                    order = chance.choice(working)
                    assert order.price is not None
                    tick = engine.instrument(order.instrument).tick
                    await engine.amend(order.client_id, price=order.price + tick * chance.randint(-3, 3))
                case 7:
                    await engine.close_position(instrument)
                case _:
                    pass
        except Refused:
            pass


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
async def test_the_journal_folds_to_the_live_state(tmp_path: Path, seed: int) -> None:
    async with demo_desk(tmp_path, seed=seed) as desk:
        await trade(desk, random.Random(seed), 110)
        engine = desk.engine
        assert len(engine.fills()) > 20
        store = engine._store
        assert store is not None
        store.flush()
        again = TradingCore(engine.instruments(), MarketData(engine.instruments()), GENEROUS)
        again.fold(store.journal())
        assert again.orders.orders == engine.core.orders.orders
        assert again.portfolio.positions == engine.core.portfolio.positions
        assert again.portfolio.accounts == engine.core.portfolio.accounts
        assert again.fills == engine.core.fills
        assert again.state_change == engine.core.state_change
        for venue in desk.venues.values():
            ours = engine.core.portfolio.accounts[venue.name]
            for currency, amount in (await venue.balances()).items():
                assert ours.balance(currency) == amount
        equity = engine.equity_detail()
        total = subtract(add(add(Decimal(2_000_000), equity.realized), equity.unrealized), equity.fees)
        assert equity.total == total, "cash + positions do not reconcile to the last digit"
        assert engine.log.errors == 0, [entry.text for entry in engine.log.entries if entry.level == "error"]
        before = engine.core
    async with demo_desk(tmp_path, seed=seed, start=START + 3_600 * SECOND) as desk:
        assert desk.engine.core.orders.orders.keys() == before.orders.orders.keys()
        assert desk.engine.log.errors == 0
