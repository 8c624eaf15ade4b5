"""The whole path of an order through the real engine, store and demo market, and what a restart keeps of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.desk import BTC, PERP, START, demo_desk
from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.order import OrderState, Side
from workstation.trading.errors import Refused


async def test_a_market_order_fills_and_moves_money_exactly(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        before = engine.balance("NOVA", "USDT")
        order = await desk.market(BTC, Side.BUY, "0.5")
        assert order.state is OrderState.FILLED
        position = engine.position(BTC)
        assert position.quantity == Decimal("0.5")
        assert engine.balance("NOVA", "BTC") == Decimal("0.5")
        assert engine.balance("NOVA", "USDT") == before - position.cost - position.fees
        fee = sum((fill.fee for fill in engine.fills(BTC)), Decimal(0))
        assert position.fees == fee > 0
        equity = engine.equity_detail()
        assert equity.total == Decimal(2_000_000) + equity.realized + equity.unrealized - equity.fees


async def test_a_resting_order_survives_a_restart_and_can_be_cancelled(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        resting = await desk.limit(PERP, Side.BUY, "0.1", away=500)
        assert resting.state is OrderState.ACCEPTED
        await desk.market(BTC, Side.BUY, "0.25")
        orders, positions = desk.engine.orders(), desk.engine.positions()
        money = desk.engine.balance("NOVA", "USDT")
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        assert desk.engine.orders() == orders
        assert desk.engine.positions() == positions
        assert desk.engine.balance("NOVA", "USDT") == money
        assert desk.engine.log.errors == 0
        assert desk.engine.candles_since == desk.engine.opened_at, "a demo makes up another past at every start"
        canceled = await desk.engine.cancel(resting.client_id)
        assert canceled.state is OrderState.CANCELED


async def test_the_kill_switch_pulls_then_flattens_and_a_restart_comes_back_halted(tmp_path: Path) -> None:
    async with demo_desk(tmp_path) as desk:
        engine = desk.engine
        for away in range(10, 20):
            await desk.limit(PERP, Side.BUY, "0.01", away=away)
        await desk.market(PERP, Side.SELL, "0.3")
        await desk.market(BTC, Side.BUY, "0.2")
        assert len(engine.open_orders()) == 10
        engine.kill()
        assert engine.trading_state is TradingState.HALTED
        await desk.settle(lambda: not engine.open_orders())
        refused = await desk.market(BTC, Side.BUY, "0.1")
        assert refused.state is OrderState.DENIED
        assert "HALTED" in refused.reason
        engine.flatten()
        await desk.settle(lambda: engine.kill_status.finished is not None and engine.kill_status.flatten)
        assert engine.positions() == []
        assert "no position" in engine.kill_status.receipt
    async with demo_desk(tmp_path, start=START + 60 * SECOND) as desk:
        assert desk.engine.trading_state is TradingState.HALTED
        with pytest.raises(Refused):
            await desk.engine.rearm("someone else")
        await desk.engine.rearm("demo")
        assert desk.engine.trading_state is TradingState.ACTIVE
