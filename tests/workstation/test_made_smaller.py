"""An order that shrinks a position is made as small as that by its exchange: what was left of it works nowhere."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side

PERP = "LOOP:BTC-USDT-PERP"


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["binanceusdm", "bybit"])
async def test_a_reduce_only_order_that_the_exchange_made_smaller_works_no_longer_once_that_is_filled(
    dialect: str, tmp_path: Path
) -> None:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=1.0) as engine:
            entry = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.05"), type=OrderType.MARKET)
            await engine.submit(entry)
            await until(engine.positions)
            both = msgspec.structs.replace(entry, side=Side.SELL, quantity=Decimal("0.1"), reduce_only=True)
            closing = await engine.submit(both)
            await until(lambda: not engine.positions())
            await until(lambda: engine.order(closing.client_id).is_closed, 10, lambda: told(engine))
            ended = engine.order(closing.client_id)
            assert (ended.state, ended.quantity) == (OrderState.FILLED, Decimal("0.05"))
