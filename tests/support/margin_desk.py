"""A live desk with a margin account at a loopback exchange, whose market a hand moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.exchange import Login, LoopbackExchange
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side
from workstation.engine import Engine

D = Decimal
BTC = "LOOP:BTC-USDT"
OWN = {"USDT": D(10_000)}
#: Comparisons by the clock never come; a test asks for one.
NEVER = 600.0


def lending(name: str, own: Mapping[str, Decimal] = OWN, **terms: Any) -> LoopbackExchange:
    return LoopbackExchange(name, logins=[Login(balances=own, lends=True)], seed=None, **terms)


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
