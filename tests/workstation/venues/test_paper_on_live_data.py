"""Paper orders fill at what happens in the market now, not at what it tells of the past."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.socket import Socket
from tests.support.exchange_hand import Hand
from tests.support.real_desk import real_desk, until
from workstation.clock import SECOND
from workstation.domain.order import OrderDraft, OrderState, Side

BTC = "LOOP:BTC-USDT"


@pytest.mark.parametrize("hours", [1, 0])
async def test_trades_of_the_past_with_which_a_stream_begins_fill_nothing(
    hours: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    send = Socket.send

    def aged(self: Socket, place: str, text: str) -> None:
        message = json.loads(text)
        if isinstance(message, dict) and (trade := message.get("data", message)).get("e") == "trade":
            trade["T"] -= hours * 3_600_000
            text = json.dumps(message)
        send(self, place, text)

    monkeypatch.setattr(Socket, "send", aged)
    with LoopbackExchange("binance", seed=None) as exchange:
        hand = Hand(exchange)
        async with real_desk(exchange, tmp_path, "paper") as engine:
            bid = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(63_000))
            order = await engine.submit(bid)
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
            hand.sold("5", "62000")
            tape = engine.core.market.markets[BTC].tape
            await until(lambda: tape)
            assert abs(engine.clock.now() - tape[0].ts - hours * 3_600 * SECOND) < 60 * SECOND
            if hours:
                assert engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED
            else:
                await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.FILLED)
