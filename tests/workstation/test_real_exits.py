"""What was sold by hand while the desk was closed is not sold again by it: of spot that would be the trader's own
coins, for no exchange knows reduce-only there. Its exits, and a kill that goes on, wait until the desk was compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.exchange import Fault, Kind, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.real_desk import desk_settings, keys_of, real_desk, until
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine
from workstation.settings import SettingsError
from workstation.trading.plans import terms
from workstation.venues.ccxt.client import open_exchange
from workstation.venues.ccxt.particulars import particulars

BTC = "LOOP:BTC-USDT"
BUY = OrderDraft(instrument=BTC, side=Side.BUY, quantity=Decimal("0.1"), type=OrderType.MARKET)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("binance", seed=None) as exchange:
        yield exchange


@asynccontextmanager
async def by_hand(exchange: LoopbackExchange) -> AsyncIterator[Any]:
    """The trader at the exchange itself."""
    client = open_exchange(particulars("binance"), desk_settings(exchange).venues["loop"], keys_of(exchange)("LOOP"))
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def coins(exchange: LoopbackExchange) -> Decimal:
    return exchange.do(lambda: exchange.floor.account().total("BTC"))


async def sell_by_hand(exchange: LoopbackExchange) -> None:
    async with by_hand(exchange) as client:
        await client.create_order("BTC/USDT", "market", "sell", 0.0999)
    assert coins(exchange) == 2
    # the books of the next start come well before what it asks of the account
    exchange.faults.script("rest GET /api/v3/myTrades", Fault(Kind.LATE, seconds=1.0), times=2)


async def test_a_stop_that_the_market_has_passed_meanwhile_sells_nothing_that_is_gone(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    hand = Hand(exchange)
    async with real_desk(exchange, tmp_path) as engine:
        await engine.start_plan(terms.bracket(BUY, stop=Decimal(63_998), target=Decimal(70_000)))
        await until(lambda: engine.position(BTC).quantity > 0)
    await sell_by_hand(exchange)
    for below in range(1, 9):  # what is left is bid beneath the stop
        hand.level(f"{64_000 - below}", "0")
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: engine.book(BTC).stale is None)
        assert engine.position(BTC).quantity > 0
        assert engine.core.unproven
        await until(lambda: not engine.core.unproven and engine.position(BTC).quantity == 0)
        await until(lambda: not any(plan.is_active for plan in engine.plans()))
        assert coins(exchange) == 2


@pytest.mark.slow
async def test_a_stop_that_is_still_needed_sells_once_the_desk_was_compared(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    hand = Hand(exchange)
    async with real_desk(exchange, tmp_path) as engine:
        await engine.start_plan(terms.bracket(BUY, stop=Decimal(63_998), target=Decimal(70_000)))
        await until(lambda: engine.position(BTC).quantity > 0)
    for below in range(1, 9):
        hand.level(f"{64_000 - below}", "0")
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: engine.position(BTC).quantity < Decimal("0.00001"))
        assert Decimal(2) <= coins(exchange) < Decimal("2.00001")


@pytest.mark.slow
async def test_a_plan_that_is_cancelled_is_pulled_before_the_comparison(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    Hand(exchange)
    async with real_desk(exchange, tmp_path) as engine:
        entry = replace(BUY, type=OrderType.LIMIT, price=Decimal(63_900))
        plan = await engine.start_plan(terms.bracket(entry, stop=Decimal(63_000), target=Decimal(70_000)))
        await until(lambda: [order.state for order in engine.plan_orders(plan)][:1] == [OrderState.ACCEPTED])
    late = exchange.faults.hold("rest GET /api/v3/myTrades", "arrived")
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: engine.book(BTC).stale is None and late.reached.is_set())
        await engine.cancel_plan(plan.plan_id)
        await until(lambda: engine.plan_orders(plan)[0].state is OrderState.CANCELED)
        assert engine.core.unproven
        late.release()


async def test_a_kill_that_goes_on_closes_nothing_that_is_gone(exchange: LoopbackExchange, tmp_path: Path) -> None:
    Hand(exchange)
    async with real_desk(exchange, tmp_path) as engine:
        await engine.submit(BUY)
        await until(lambda: engine.position(BTC).quantity > 0)
        exchange.faults.script("rest POST /api/v3/order", Fault(Kind.STATUS, status=429), times=10_000)
        engine.flatten("test")
        await until(lambda: engine.kill_status.items)
    exchange.faults.clear()
    await sell_by_hand(exchange)
    async with real_desk(exchange, tmp_path, compared=False) as engine:
        await until(lambda: finished(engine))
        assert coins(exchange) == 2
        assert engine.position(BTC).quantity == 0


async def test_what_was_traded_on_the_test_network_is_not_there_for_the_real_account_to_lose(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    Hand(exchange)
    async with real_desk(exchange, tmp_path, sandbox=True):
        pass
    with pytest.raises(SettingsError, match="was binance's test network, and now it is binance: give the profile"):
        async with real_desk(exchange, tmp_path):
            pass


def finished(engine: Engine) -> bool:
    return bool(engine.kill_status.receipt)
