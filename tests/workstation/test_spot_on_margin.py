"""Spot on margin at a real exchange, with a whole desk: borrow, hold, close, pay back; and no books drift."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, live_desk_on, told, until
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine

D = Decimal
BTC = "LOOP:BTC-USDT"
OWN = {"USDT": D(10_000)}
#: Comparisons by the clock never come; a test asks for one.
NEVER = 600.0
DIALECTS = ["binance"]


def lending(name: str) -> LoopbackExchange:
    return LoopbackExchange(name, logins=[Login(balances=OWN, lends=True)], seed=None)


def desk_on(exchange: LoopbackExchange, folder: Path, **terms: Any) -> Any:
    terms = {"compare_seconds": NEVER, "account": "margin", "symbols": ("BTC-USDT", "ETH-USDT")} | terms
    return live_desk_on(exchange, folder, **terms)


async def send(engine: Engine, side: Side, quantity: str, **terms: Any) -> Order:
    """One order, until it has ended or works."""
    terms = {"type": OrderType.MARKET} | terms
    order = await engine.submit(OrderDraft(instrument=BTC, side=side, quantity=D(quantity), **terms))
    orders, rests = engine.core.orders.orders, terms["type"] is OrderType.LIMIT

    def known() -> bool:
        now = orders[order.client_id]
        return now.is_closed or (rests and now.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED))

    await until(known, 10, lambda: told(engine))
    return orders[order.client_id]


async def compare(engine: Engine) -> None:
    """A whole comparison, begun and ended from now on."""
    await until(lambda: not engine.comparisons._running)
    before = engine.compared_at.get("LOOP", 0)
    engine.comparisons._next["LOOP"] = 0.0
    await until(lambda: engine.compared_at.get("LOOP", 0) > before, 20, lambda: told(engine))


def debts(exchange: LoopbackExchange) -> dict[str, Decimal]:
    loans = exchange.floor.account().loans
    assert loans is not None
    return exchange.do(lambda: {coin: loans.debt(coin) for coin in ("BTC", "USDT") if loans.debt(coin)})


def balance(engine: Engine, coin: str) -> Decimal:
    return engine.core.portfolio.balance("LOOP", coin)


@pytest.mark.parametrize("name", DIALECTS)
async def test_what_is_bought_on_borrowed_money_is_held_compared_and_paid_back_when_it_is_sold(
    name: str, tmp_path: Path
) -> None:
    with lending(name) as exchange:
        Hand(exchange)
        async with desk_on(exchange, tmp_path) as engine:
            assert balance(engine, "USDT") == 10_000
            bought = await send(engine, Side.BUY, "0.3")
            assert bought.state is OrderState.FILLED, bought.reason
            await until(lambda: balance(engine, "BTC") > 0)
            assert balance(engine, "USDT") == D("10000") - D("0.3") * 64_001
            assert debts(exchange) == {"USDT": D("0.3") * 64_001 - 10_000}
            margin = engine.account_margin("LOOP", "USDT")
            assert margin.owed == debts(exchange)["USDT"]
            assert margin.level is not None
            assert 2 < margin.level < 3
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []

            sold = await engine.close_position(BTC)
            await until(lambda: engine.core.orders.orders[sold.client_id].is_closed)
            await until(lambda: engine.position(BTC).quantity == 0, 10, lambda: told(engine))
            assert debts(exchange) == {}
            await compare(engine)
            assert Truth.invented(engine) == []
            assert Truth(exchange).differences(engine) == []
            assert engine.account_margin("LOOP", "USDT").level is None
