"""A position whose margin is isolated at the exchange: shown as it is, added to, turned round, and closed by a kill."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, live_desk_on, told, until
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.trading.errors import Refused

PERP: InstrumentId = "LOOP:BTC-USDT-PERP"
BUY = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.5"), type=OrderType.MARKET)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["binanceusdm", "bybit"])
async def test_it_is_traded_and_closed_like_any_other(name: str, tmp_path: Path) -> None:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        account, truth = exchange.floor.account(), Truth(exchange)

        def at_the_page() -> None:
            account.tell(account.took(account.books.set_margin_mode(PERP, MarginMode.ISOLATED, exchange.clock.now())))

        exchange.do(at_the_page)
        async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
            await engine.set_leverage(PERP, Decimal(5))
            await engine.submit(BUY)
            await until(lambda: engine.position(PERP).quantity == Decimal("0.5"), say=lambda: told(engine))
            found = engine.margin(PERP)
            assert (found.mode, found.leverage, found.set_aside) == (MarginMode.ISOLATED, 5, Decimal("6400.1"))
            assert found.liquidation is not None
            assert Decimal(52_000) < found.liquidation < Decimal(53_000), "a fifth of the value stands behind it"
            with pytest.raises(Refused, match="only without a position"):
                await engine.set_margin_mode(PERP, MarginMode.CROSS)
            await engine.reverse(PERP)
            await until(lambda: engine.position(PERP).quantity == Decimal("-0.5"), say=lambda: told(engine))
            turned = engine.margin(PERP).liquidation
            assert turned is not None
            assert turned > Decimal(70_000)
            engine.flatten()
            await until(lambda: engine.core.last_receipt, say=lambda: told(engine))
            assert engine.core.last_receipt is not None
            assert "1 position closed" in engine.core.last_receipt.receipt
            await until(lambda: not truth.differences(engine), say=lambda: truth.differences(engine))
            assert engine.position(PERP).is_flat
            assert engine.margin(PERP).set_aside == 0
            assert not engine.comparisons.differences
