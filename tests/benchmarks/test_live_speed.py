"""A live desk on the loopback exchange: the kill switch with 200 working orders, and an order's way there and back.

Run with: uv run pytest -m benchmark tests/benchmarks/test_live_speed.py -s -n 0

For the kill switch the exchange runs in a thread of this process, at its own rate limits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator
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
from workstation.interpreter import tune_interpreter
from workstation.trading.gateway import OrderGateway
from workstation.venues.ccxt.gate import RequestGate
from workstation.venues.ccxt.prepared import Prepared

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]


class Spent:
    """Seconds spent within it since `clear`, by the clock and in CPU time of the thread; and in `other` meanwhile."""

    def __init__(self, other: Spent | None = None) -> None:
        self._other = other
        self.clear()

    def clear(self) -> None:
        self.spent, self.others = [0.0, 0.0], [0.0, 0.0]

    def __enter__(self) -> None:
        self._began = self._now()
        self._before = [] if self._other is None else list(self._other.spent)

    def __exit__(self, *_: object) -> None:
        took = [now - began for now, began in zip(self._now(), self._began, strict=True)]
        self.spent = [before + more for before, more in zip(self.spent, took, strict=True)]
        if self._other is not None:
            self.others = [now - before for now, before in zip(self._other.spent, self._before, strict=True)]

    @staticmethod
    def _now() -> list[float]:
        return [time.perf_counter(), time.thread_time()]


class Steps:
    """A coroutine of which only its own steps are counted: what else the event loop does while it waits is not."""

    def __init__(self, work: Coroutine[Any, Any, Any], spent: Spent) -> None:
        self._work, self._spent = work, spent

    def __await__(self) -> Generator[Any, Any, Any]:
        work, value, failure = self._work, None, None
        while True:
            with self._spent:
                try:
                    awaited = work.send(value) if failure is None else work.throw(failure)
                except StopIteration as end:
                    return end.value
            value = failure = None
            try:
                value = yield awaited
            except BaseException as error:
                failure = error


def left(rows: list[list[float]]) -> str:
    """Of each row what is left of the first when the others are taken off."""
    return percentiles([whole - sum(parts) for whole, *parts in rows])


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
async def test_an_order_s_way_there_and_back(dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """submit → answered by the exchange, which runs in a process of its own, in CPU time of the event loop's thread (it
    does not count waiting for a busy machine or for the disk) and by the clock.

    Ours are the steps of the order's own task and the judging while its intent is flushed, less those inside ccxt's
    createOrder: what of it is made while the intent is flushed (which counts as ended only after it: the thread that
    writes gets the interpreter back then), and what is left when it is sent (HTTP). Beside it
    stands all that the loop did from begin to end, other streams of the market among it, less what was inside
    createOrder and, where a message of a stream comes in between, inside ccxt's parser of messages."""
    count = 300
    with Elsewhere(dialect, "--rate", "0.2", "--no-limits") as exchange:
        async with live_desk_on(exchange, tmp_path, rate_share=1.0, compare_seconds=120.0) as engine:
            venue: Any = engine.venues["LOOP"]
            streams = Spent()
            inside = Spent(streams)
            create, ccxts = venue.exchange.create_order, type(venue.exchange).__mro__[1]
            parse = ccxts.handle_message

            own, within, early = Spent(), Spent(), [0.0, 0.0]
            ordered, judged, sent = OrderGateway._submit, OrderGateway._enter, Prepared.send

            async def counted(*arguments: Any) -> Any:
                return await Steps(ordered(*arguments), own)

            def judging(*arguments: Any) -> None:
                with own:
                    judged(*arguments)

            async def timed(*arguments: Any, **terms: Any) -> Any:
                return await Steps(create(*arguments, **terms), within)

            async def sending(prepared: Prepared, gate: RequestGate | None) -> Any:
                early[:] = within.spent
                with inside:
                    return await sent(prepared, gate)

            def parsed(*arguments: Any) -> None:
                with streams:
                    parse(*arguments)

            venue.exchange.create_order = timed
            monkeypatch.setattr(ccxts, "handle_message", parsed)
            monkeypatch.setattr(OrderGateway, "_submit", counted)
            monkeypatch.setattr(OrderGateway, "_enter", judging)
            monkeypatch.setattr(Prepared, "send", sending)
            tune_interpreter()
            whole, rows, steps, ahead = Spent(), [], [], []
            first = await engine.submit(bid_far_below(engine, count))  # before it ccxt asks for the account's kind
            await engine.cancel(first.client_id)
            for number in range(count):
                await asyncio.sleep(0.01)
                whole.clear(), inside.clear(), streams.clear(), own.clear(), within.clear()
                with whole:
                    order = await engine.submit(bid_far_below(engine, number))
                between = [parsing - during for parsing, during in zip(streams.spent, inside.others, strict=True)]
                rows.append((whole.spent, inside.spent, between, list(early)))
                ahead.append(early[1])
                steps.append([own.spent[1], within.spent[1]])
                assert order.state in (OrderState.ACCEPTED, OrderState.SUBMITTED), order.reason
                await engine.cancel(order.client_id)
            clock, cpu = ([[each[kind] for each in row] for row in rows] for kind in (0, 1))
            all_of_it = [row[:-1] for row in clock]
            flush = flush_times(tmp_path / "flush", count)
            print(f"\n{dialect}: submit → answer: {percentiles([each[0] for each in clock])}")
            print(f"{dialect}: of it ccxt's createOrder, HTTP, exchange: {percentiles([each[1] for each in clock])}")
            print(f"{dialect}: ours by the clock, the durable intent in it: {left(clock)}")
            print(f"{dialect}: the same with what of ccxt's createOrder is made before it is sent: {left(all_of_it)}")
            print(f"{dialect}: ccxt's createOrder, made during the flush, in CPU time: {percentiles(ahead)}")
            print(f"{dialect}: ccxt's createOrder, the rest, in CPU time: {percentiles([each[1] for each in cpu])}")
            print(f"{dialect}: ours, the order's own steps in CPU time: {left(steps)} (aim: p99 3 ms)")
            print(f"{dialect}: with all else that the loop did meanwhile: {left(cpu)}")
            print(f"bare 4 KiB write + fsync in this run: {percentiles(flush)}")
