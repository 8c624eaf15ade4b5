"""An exchange that has just come back may answer that the account is empty. One such answer closes no position of the
desk's books, ends no stop, and takes no money: what is to be booked without a fill that explains it is seen twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, reconnected, told, until
from workstation.clock import SECOND
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.trading.plans import terms
from workstation.venues.ccxt.venue import CcxtVenue

PERP = "LOOP:BTC-USDT-PERP"

pytestmark = pytest.mark.slow


def empty_answers(question: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """As many answers to the question are empty as the list is long."""
    false: list[bool] = []
    asked = getattr(CcxtVenue, question)

    async def answer(self: CcxtVenue) -> Any:
        found = await asked(self)
        return {} if false and false.pop() else found

    monkeypatch.setattr(CcxtVenue, question, answer)
    return false


@pytest.mark.parametrize("question", ["positions", "balances"])
async def test_one_empty_answer_changes_nothing(question: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    false = empty_answers(question, monkeypatch)
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


@pytest.mark.parametrize("question", ["positions", "balances"])
async def test_empty_answers_for_a_while_change_nothing_and_open_nothing(
    question: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    false = empty_answers(question, monkeypatch)
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=2.0) as engine:
            entry = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
            await engine.start_plan(terms.bracket(entry, stop=Decimal(63_500), target=Decimal(70_000)))
            await until(lambda: engine.position(PERP).quantity)
            await until(lambda: any(row.leg == "stop" for row in engine.kept_exits()))
            money, found = engine.core.portfolio.balance("LOOP", "USDT"), len(engine.comparisons.differences)
            false.extend([True] * 5)
            venue: Any = engine.venues["LOOP"]
            await asyncio.to_thread(exchange.restart, 0.5)
            venue.probe_now.set()
            await until(lambda: "LOOP shows no" in engine.core.unproven.get("LOOP", ""), 30)
            assert (await engine.submit(entry)).state is OrderState.DENIED
            assert "the stops that it holds" in told(engine)
            await until(lambda: not false and not engine.core.unproven, 30)
            assert engine.position(PERP).quantity == Decimal("0.1"), told(engine)
            assert [row.leg for row in engine.kept_exits()] == ["stop"]
            assert engine.core.portfolio.balance("LOOP", "USDT") == money
            assert len(engine.comparisons.differences) == found


async def test_what_is_gone_for_long_is_booked_and_what_comes_back_then_is_not_protected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("workstation.vanished._LASTS", 3 * SECOND)
    false = empty_answers("positions", monkeypatch)
    with LoopbackExchange("binanceusdm", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, tmp_path, compare_seconds=2.0) as engine:
            entry = OrderDraft(instrument=PERP, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)
            await engine.submit(entry)
            await until(lambda: engine.position(PERP).quantity)
            false.extend([True] * 1_000)
            await reconnected(engine, exchange, [PERP])
            await until(lambda: engine.position(PERP).is_flat, 30)
            false.clear()
            await until(lambda: engine.position(PERP).quantity, 30)
            assert "It is NOT PROTECTED by this desk." in told(engine)
