"""What was sold by hand while the exchange was out of this desk's sight is not sold again: it would be the trader's own
coins. What closes spot waits until the fills that were missed are booked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from tests.support.others import Other
from workstation.clock import DAY
from workstation.domain.order import OrderDraft, OrderType, Side
from workstation.engine import Engine
from workstation.trading import kill_flatten
from workstation.trading.kill_flatten import Flattener
from workstation.trading.plans import terms

pytestmark = pytest.mark.slow
BTC = "LOOP:BTC-USDT"
BUY = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.2"), type=OrderType.MARKET)
FILLS = {"binance": "rest GET /api/v3/myTrades", "bybit": "rest GET /v5/execution/list"}


@asynccontextmanager
async def desk_at(name: str, folder: Path) -> AsyncIterator[tuple[LoopbackExchange, Hand, Engine]]:
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        hand = Hand(exchange)
        async with live_desk_on(exchange, folder, compare_seconds=600.0) as engine:
            yield exchange, hand, engine


def coins(exchange: LoopbackExchange) -> Decimal:
    return exchange.do(lambda: exchange.floor.account().total("BTC"))


async def sold_over_a_cut(exchange: LoopbackExchange, engine: Engine) -> None:
    """All of the desk's coins, and what was missed comes late."""
    exchange.faults.script(FILLS[exchange.name], Fault(Kind.LATE, seconds=1.5), times=3)
    exchange.cut()
    Other(exchange).enters(BTC, Side.SELL, "0.1998")
    await until(lambda: "LOOP" in engine.core.unproven, say=lambda: told(engine))


@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_the_kill_switch(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> Decimal:
        return Decimal(0)

    monkeypatch.setattr(Flattener, "_not_booked", nothing)  # as if the sale were longer ago than is asked for
    async with desk_at(name, tmp_path) as (exchange, _, engine):
        before = coins(exchange)
        await engine.submit(BUY)
        await until(lambda: engine.position(BTC).quantity > Decimal("0.19"), say=lambda: told(engine))
        await sold_over_a_cut(exchange, engine)
        await asyncio.sleep(0.05)
        engine.flatten("a test")
        await until(lambda: engine.kill_status.receipt, say=lambda: told(engine))
        assert coins(exchange) == before, "the trader's own coins"


async def test_the_kill_switch_where_what_was_missed_cannot_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, leaves the coins and says so; should the exchange tell meanwhile, they are closed."""
    monkeypatch.setattr(kill_flatten, "_PATIENCE", 1.0)
    monkeypatch.setattr(kill_flatten, "_ASKED", 2.0)
    async with desk_at("bybit", tmp_path) as (exchange, _, engine):
        before = coins(exchange)
        await engine.submit(BUY)
        await until(lambda: engine.position(BTC).quantity > Decimal("0.19"), say=lambda: told(engine))
        exchange.faults.script(FILLS["bybit"], Fault(Kind.STATUS, status=503), times=10_000)
        for place in ("ws order", "ws execution"):
            exchange.faults.script(place, Kind.DROP, times=10_000)
        exchange.cut()
        Other(exchange).enters(BTC, Side.SELL, "0.1998")
        await until(lambda: "LOOP" in engine.core.behind, say=lambda: told(engine))
        engine.flatten("a test")
        await until(lambda: engine.kill_status.receipt, say=lambda: told(engine))
        assert coins(exchange) == before, "the trader's own coins"
        assert "LONG 0.1998: what was traded of it while the exchange was away" in engine.kill_status.receipt
        exchange.faults.clear()


@pytest.mark.parametrize("name", ["bybit", "binance"])
async def test_a_stop_that_is_held_here(name: str, tmp_path: Path) -> None:
    async with desk_at(name, tmp_path) as (exchange, hand, engine):
        before = coins(exchange)
        await engine.start_plan(terms.bracket(BUY, stop=Decimal(63_500), target=Decimal(70_000)))
        await until(lambda: engine.position(BTC).quantity > Decimal("0.19"), say=lambda: told(engine))
        await sold_over_a_cut(exchange, engine)
        await asyncio.to_thread(hand.around, 62_000)
        await until(lambda: not any(plan.is_active for plan in engine.plans()), say=lambda: told(engine))
        assert coins(exchange) == before, "the trader's own coins"


async def test_a_stop_that_is_still_needed_sells_as_soon_as_that_is_known(tmp_path: Path) -> None:
    async with desk_at("bybit", tmp_path) as (exchange, hand, engine):
        before = coins(exchange)
        await engine.start_plan(terms.bracket(BUY, stop=Decimal(63_500), target=Decimal(70_000)))
        await until(lambda: engine.position(BTC).quantity > Decimal("0.19"), say=lambda: told(engine))
        exchange.cut()
        await until(lambda: "LOOP" in engine.core.behind, say=lambda: told(engine))
        await asyncio.to_thread(hand.around, 62_000)
        await until(lambda: not any(plan.is_active for plan in engine.plans()), say=lambda: told(engine))
        assert before <= coins(exchange) < before + Decimal("0.0001")


async def test_a_desk_that_was_closed_for_longer_than_is_asked_for_says_that_its_spot_may_be_gone(
    tmp_path: Path,
) -> None:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        for days, told_of in ((8, False), (6, True), (6, False)):
            async with live_desk_on(exchange, tmp_path, compare_seconds=600.0) as engine:
                said = [line.text for line in engine.log.entries if "would be sold again" in line.text]
                assert bool(said) is told_of, told(engine)
                assert not said or "0.1998 LOOP:BTC-USDT" in said[0]
                if engine.position(BTC).is_flat:
                    await engine.submit(BUY)
                    await until(lambda: engine.position(BTC).quantity > 0, say=lambda: told(engine))
                engine.comparisons._set_setting("compared:LOOP", engine.clock.now() - days * DAY)
