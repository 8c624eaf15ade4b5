"""Spot that a strategy holds and that the trader protects too: the market passes both stops in one moment."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.clock import SECOND
from workstation.domain.order import Side
from workstation.trading.plans import terms

BTC = "LOOP:BTC-USDT"
CODE = """
from workstation.strategies.contract import Strategy
from workstation.domain.order import Side
from decimal import Decimal

class Stopped(Strategy):
    def on_start(self):
        self.trader.order(Side.BUY, Decimal("0.1"), tag="entry")
    def on_fill(self, fill):
        if self.trader.position > 0:
            self.trader.order(Side.SELL, self.trader.position, stop=Decimal(63500), reduce_only=True, tag="stop")
"""


async def test_the_coins_are_sold_once(tmp_path: Path) -> None:
    """No exchange knows reduce-only there: the second sale would be of coins that the trader had before."""
    (tmp_path / "held.py").write_text(CODE)
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, tmp_path, symbols=("BTC-USDT",)) as engine:
            run = await engine.strategies.start(
                f"{tmp_path / 'held.py'}:Stopped", BTC, capital=D(10_000), interval=60 * SECOND
            )
            await until(lambda: engine.strategies.view(run.run_id).held, say=lambda: told(engine))
            plan = await engine.start_plan(terms.exits(BTC, Side.BUY, stop=D(63_400)))
            hand.around(63_300)
            await until(lambda: not engine.strategies.view(run.run_id).position, say=lambda: told(engine))
            await until(lambda: not engine.core.plans.sets[plan.plan_id].is_active, say=lambda: told(engine))
            await until(lambda: not engine.core.orders.open_orders(BTC))
            assert abs(engine.position(BTC).quantity) < D("0.0001"), told(engine)
            filled = [order.origin for order in engine.orders() if order.side is Side.SELL and order.filled]
            assert len(filled) == 1
            assert engine.core.results.owners[run.run_id, BTC].position.is_flat
            assert not engine.strategies.view(run.run_id).held
