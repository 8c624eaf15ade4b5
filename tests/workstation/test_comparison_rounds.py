"""Where an exchange lists the account's trades market by market, most comparisons ask about those with orders only."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, until
from workstation import comparison_rounds
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine

BTC, ETH = "LOOP:BTC-USDT", "LOOP:ETH-USDT"


async def compared(exchange: LoopbackExchange, engine: Engine) -> set[str]:
    """The markets whose trades a comparison asks for."""
    before = engine.compared_at[NAME]
    exchange.do(exchange.done.clear)
    engine.comparisons._next.clear()
    await until(lambda: engine.compared_at[NAME] > before)
    return {words["symbol"] for place, words in exchange.do(lambda: list(exchange.done)) if "myTrades" in place}


@pytest.mark.slow
async def test_only_markets_with_orders_are_asked_about_until_something_differs_or_it_is_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackExchange("binance", seed=None) as exchange:
        Hand(exchange)
        terms = {"compare_seconds": 600.0, "silence_ms": 60_000, "external_orders": "adopt"}
        async with live_desk_on(exchange, tmp_path, **terms) as engine:
            await compared(exchange, engine)  # streams that came up since the first make it a whole one
            assert await compared(exchange, engine) == set()
            buy = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
            order = await engine.submit(buy)
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED)
            assert await compared(exchange, engine) == {"BTCUSDT"}

            account = exchange.floor.account()
            theirs = {"instrument": ETH, "side": Side.BUY, "quantity": Decimal("0.1"), "type": OrderType.MARKET}
            exchange.do(lambda: account.submit("theirs", {"type": "MARKET"}, **theirs, tif="ioc"))  # no stream tells it
            monkeypatch.setattr(engine.comparisons._hints, "vouch", lambda *_: False)
            assert await compared(exchange, engine) == {"BTCUSDT", "ETHUSDT"}
            assert [fill.quantity for fill in engine.fills(ETH)] == [Decimal("0.1")]
            assert not [one for one in engine.comparisons.differences if "drift" in one.kind]

            monkeypatch.setattr(comparison_rounds, "_WHOLE_EVERY", 0)
            assert await compared(exchange, engine) == {"BTCUSDT", "ETHUSDT"}
