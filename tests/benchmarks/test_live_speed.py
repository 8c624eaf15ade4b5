"""A live desk on the loopback exchange: the kill switch with 200 working orders, and an order's way there and back.

Run with: uv run pytest -m benchmark tests/benchmarks/test_live_speed.py -s -n 0

For the kill switch the exchange runs in a thread of this process, at its own rate limits.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.test_order_speed import flush_times, percentiles
from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.server import Elsewhere
from tests.support.live_desk import live_desk_on, until
from workstation.domain.order import OrderDraft, OrderState, Side
from workstation.engine import Engine

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]


def bid_far_below(engine: Engine, number: int, quantity: str = "0.001") -> OrderDraft:
    instrument = engine.instruments()[0]
    best = engine.book(instrument.id).best_bid
    assert best is not None
    price = instrument.price(best - 20_000 - number)
    return OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal(quantity), price=price)


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_kill_switch_with_200_working_orders(dialect: str, tmp_path: Path) -> None:
    login = Login(balances={**RICH, "USDT": Decimal(1_000_000)})
    with LoopbackExchange(dialect, logins=[login], seed=2, rate=0.2, limits=False) as exchange:
        account = exchange.floor.account()
        async with live_desk_on(exchange, tmp_path) as engine:
            for first in range(0, 200, 20):
                await asyncio.gather(*(engine.submit(bid_far_below(engine, first + n)) for n in range(20)))
            await until(lambda: len(engine.open_orders()) == 200 == len(account.working()), 60)
            exchange.limits = True
            empty: list[float] = []

            def watch(_account: Any, _updates: Any) -> None:
                if not account.working() and not empty:
                    empty.append(time.perf_counter())

            exchange.do(lambda: account.listeners.insert(0, watch))
            begin = time.perf_counter()
            engine.kill("the benchmark")
            await until(lambda: engine.kill_status.finished is not None, 60)
            finished = time.perf_counter()
            assert not account.working()
            assert {order.state for order in engine.orders()} == {OrderState.CANCELED}
            print(
                f"\n{dialect}: 200 working orders: gone at the exchange after {empty[0] - begin:.3f} s, "
                f"proven by the venue on the desk after {finished - begin:.3f} s (aim: 2 s)"
            )


@pytest.mark.parametrize("dialect", ["binance", "bybit"])
async def test_an_order_s_way_there_and_back(dialect: str, tmp_path: Path) -> None:
    """submit → answered by the exchange, which runs in a process of its own. Ours is what is left when what happens
    inside ccxt's createOrder (signing, HTTP, the exchange) is taken off, order by order: by the clock, and in CPU time
    of the event loop's thread, which does not count waiting for a busy machine or for the disk."""
    count = 200
    with Elsewhere(dialect, "--rate", "0.2", "--no-limits") as exchange:
        async with live_desk_on(exchange, tmp_path, rate_share=1.0) as engine:
            venue: Any = engine.venues["LOOP"]
            inside: list[tuple[float, float]] = []
            create = venue.exchange.create_order

            async def timed(*arguments: Any, **terms: Any) -> Any:
                began, worked = time.perf_counter(), time.thread_time()
                try:
                    return await create(*arguments, **terms)
                finally:
                    inside.append((time.perf_counter() - began, time.thread_time() - worked))

            venue.exchange.create_order = timed
            whole: list[tuple[float, float]] = []
            for number in range(count):
                await asyncio.sleep(0.01)
                began, worked = time.perf_counter(), time.thread_time()
                order = await engine.submit(bid_far_below(engine, number))
                whole.append((time.perf_counter() - began, time.thread_time() - worked))
                assert order.state in (OrderState.ACCEPTED, OrderState.SUBMITTED), order.reason
                await engine.cancel(order.client_id)
            ours = [
                (all_of_it[0] - part[0], all_of_it[1] - part[1]) for all_of_it, part in zip(whole, inside, strict=True)
            ]
            flush = flush_times(tmp_path / "flush", count)
            print(f"\n{dialect}: submit → answer: {percentiles([each for each, _ in whole])}")
            print(f"{dialect}: of it ccxt, HTTP and the exchange: {percentiles([each for each, _ in inside])}")
            print(f"{dialect}: ours by the clock, the durable intent in it: {percentiles([each for each, _ in ours])}")
            print(f"{dialect}: ours in CPU time of the loop: {percentiles([each for _, each in ours])} (aim: p99 3 ms)")
            print(f"bare 4 KiB write + fsync in this run: {percentiles(flush)}")
