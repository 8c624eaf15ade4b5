"""An exchange that has just come back may answer that the account is empty. One such answer closes no position of the
desk's books, ends no stop, and takes no money: what is to be booked without a fill that explains it is seen twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, reconnected, told, until
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.trading.plans import terms
from workstation.venues.ccxt.venue import CcxtVenue

PERP = "LOOP:BTC-USDT-PERP"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("question", ["positions", "balances"])
async def test_one_empty_answer_changes_nothing(question: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    false: list[bool] = []
    asked = getattr(CcxtVenue, question)

    async def answer(self: CcxtVenue) -> Any:
        found = await asked(self)
        return {} if false and false.pop() else found

    monkeypatch.setattr(CcxtVenue, question, answer)
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path) as engine:
            entry = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
            await engine.start_plan(terms.bracket(entry, stop=Decimal(63_500), target=Decimal(70_000)))
            await until(lambda: engine.position(PERP).quantity)
            await until(lambda: any(row.leg == "stop" for row in engine.kept_exits()))
            money, found = engine.core.portfolio.balance("LOOP", "USDT"), len(engine.comparisons.differences)
            false.append(True)
            await reconnected(engine, exchange, [PERP])
            assert not false, "it was not asked"
            assert engine.position(PERP).quantity == Decimal("0.1"), told(engine)
            assert [row.leg for row in engine.kept_exits()] == ["stop"]
            assert engine.core.portfolio.balance("LOOP", "USDT") == money
            assert len(engine.comparisons.differences) == found
