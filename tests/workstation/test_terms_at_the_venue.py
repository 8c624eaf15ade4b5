"""An order's terms are what its exchange says: changed by others, changed late, or not changed though it was said so.
No fill is thrown away because the desk believed in another quantity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import Truth, live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, Side
from workstation.engine import Engine

pytestmark = pytest.mark.timeout(120)

BTC, PERP = "LOOP:BTC-USDT", "LOOP:BTC-USDT-PERP"
AMEND = {"bybit": "rest POST /v5/order/amend", "binanceusdm": "rest PUT /fapi/v1/order"}


@asynccontextmanager
async def resting(dialect: str, instrument: str, folder: Path) -> AsyncIterator[tuple[LoopbackExchange, Engine, str]]:
    """A desk whose bid for 0.1 at 63,000 works, and the bid's client id."""
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        async with live_desk_on(exchange, folder, compare_seconds=60.0) as engine:
            draft = OrderDraft(instrument=instrument, side=Side.BUY, quantity=D("0.1"), price=D(63_000))
            order = await engine.submit(draft)
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
            yield exchange, engine, order.client_id


def changed_by_others(exchange: LoopbackExchange, quantity: str) -> None:
    """On the exchange's own page."""
    account = exchange.floor.account()
    record = next(iter(account.records.values()))
    exchange.do(lambda: account.tell(account.amend(record, D(quantity), None)))


async def sold_into(exchange: LoopbackExchange, engine: Engine, instrument: str, *quantities: str) -> None:
    """Strangers sell through the order's price until desk and exchange agree."""
    hand = Hand(exchange)
    symbol = instrument.partition(":")[2]
    for number, quantity in enumerate(quantities):
        hand.sold(quantity, str(62_990 - 10 * number), symbol)
        await asyncio.sleep(0.05)
    truth = Truth(exchange)
    await until(lambda: not truth.differences(engine), 20, lambda: (truth.differences(engine), told(engine)))
    assert truth.invented(engine) == []


@pytest.mark.parametrize(("dialect", "instrument"), [("bybit", BTC), ("bybit", PERP), ("binanceusdm", PERP)])
@pytest.mark.parametrize("quantity", ["0.3", "0.05"])
async def test_changed_on_the_exchanges_page(dialect: str, instrument: str, quantity: str, tmp_path: Path) -> None:
    async with resting(dialect, instrument, tmp_path) as (exchange, engine, name):
        changed_by_others(exchange, quantity)
        await until(lambda: engine.core.orders.orders[name].quantity == D(quantity), 5, lambda: told(engine))
        assert any("changed at the exchange" in entry.text for entry in engine.log.entries)
        await sold_into(exchange, engine, instrument, "0.05", "0.25")
        assert engine.core.orders.orders[name].state is OrderState.FILLED


async def test_changed_while_nobody_listens_and_filled_beyond_what_the_desk_knew(tmp_path: Path) -> None:
    async with resting("bybit", BTC, tmp_path) as (exchange, engine, name):
        exchange.faults.script("ws order", Kind.DROP)
        changed_by_others(exchange, "0.3")
        await sold_into(exchange, engine, BTC, "0.1", "0.2")
        order = engine.core.orders.orders[name]
        assert (order.state, order.quantity, order.filled) == (OrderState.FILLED, D("0.3"), D("0.3"))


@pytest.mark.slow
async def test_a_change_that_was_acknowledged_and_not_made_is_told_as_such(tmp_path: Path) -> None:
    async with resting("bybit", BTC, tmp_path) as (exchange, engine, name):
        exchange.faults.script(AMEND["bybit"], Kind.PRETENDED)
        await engine.amend(name, quantity=D("0.01"))
        assert engine.core.orders.orders[name].quantity == D("0.1"), "nobody has said that it was done"
        await until(lambda: engine.core.orders.orders[name].state is OrderState.ACCEPTED, 15, lambda: told(engine))
        assert engine.core.orders.orders[name].quantity == D("0.1")
        assert "the venue shows the old terms" in engine.core.orders.orders[name].reason
        await sold_into(exchange, engine, BTC, "0.05", "0.25")


async def test_a_change_that_was_made_is_told_by_the_stream(tmp_path: Path) -> None:
    async with resting("bybit", BTC, tmp_path) as (_, engine, name):
        await engine.amend(name, quantity=D("0.3"), price=D(62_999))
        await until(lambda: engine.core.orders.orders[name].state is OrderState.ACCEPTED, 0.9, lambda: told(engine))
        order = engine.core.orders.orders[name]
        assert (order.quantity, order.price) == (D("0.3"), D(62_999))


@pytest.mark.slow
async def test_a_change_that_comes_late_is_not_refused_before_it_can_come_no_more(tmp_path: Path) -> None:
    async with resting("binanceusdm", PERP, tmp_path) as (exchange, engine, name):
        for venue in engine.venues.values():
            venue.shows_after = 10.0  # type: ignore[attr-defined]
        exchange.faults.script(AMEND["binanceusdm"], Fault(Kind.LATE, 7.0))
        order = await engine.amend(name, quantity=D("0.3"))
        assert order.state is OrderState.PENDING_AMEND
        await until(lambda: engine.core.orders.orders[name].quantity == D("0.3"), 12, lambda: told(engine))
        assert not any("old terms" in entry.text for entry in engine.log.entries)
        await sold_into(exchange, engine, PERP, "0.05", "0.25")


@pytest.mark.slow
async def test_and_one_that_never_came_is_refused_then(tmp_path: Path) -> None:
    async with resting("bybit", BTC, tmp_path) as (exchange, engine, name):
        exchange.faults.script(AMEND["bybit"], Kind.LOST)
        await engine.amend(name, quantity=D("0.3"))
        await until(lambda: engine.core.orders.orders[name].state is OrderState.ACCEPTED, 15, lambda: told(engine))
        assert engine.core.orders.orders[name].quantity == D("0.1")
