"""A live desk on a machine that slept: whatever fell due meanwhile is done when it wakes, not that much later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange_hand import Hand
from tests.support.live_desk import NAME, live_desk_on, proven, told, until
from workstation.clock import MINUTE
from workstation.domain.order import OrderDraft, OrderState, Side

COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
SLEEP = 15 * MINUTE


class Machine:
    """Goes to sleep: the desk's clock jumps, and the exchange's with it; the one that the event loop goes by of itself
    does not, and the system's, by which ccxt signs, has not been set yet."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._slept, read = 0, time.clock_gettime_ns
        patch.setattr(time, "clock_gettime_ns", lambda which: read(which) + (self._slept if which == COUNTER else 0))

    def sleep(self, nanoseconds: int) -> None:
        self._slept += nanoseconds


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    with LoopbackExchange("bybit", logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        yield exchange


@pytest.mark.slow
async def test_links_comparisons_dead_mans_switch_and_timers_are_due_at_once(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)
    async with live_desk_on(exchange, tmp_path, compare_seconds=600) as engine:
        draft = OrderDraft(instrument="LOOP:BTC-USDT", side=Side.BUY, quantity=Decimal("0.01"), price=Decimal(63_900))
        order = await engine.submit(draft)
        await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
        await until(lambda: engine.links()[0].dead_man)
        before, due = engine.compared_at[NAME], asyncio.Event()
        engine.clock.call_at(engine.clock.now() + 10 * MINUTE, due.set)
        machine.sleep(SLEEP)
        await until(due.is_set, 2)
        await until(lambda: not proven(engine) or engine.links()[0].state != "connected", 5)
        await until(lambda: engine.compared_at[NAME] >= before + SLEEP, 20, lambda: told(engine))
        await until(lambda: proven(engine) and engine.links()[0].dead_man, 20, lambda: told(engine))
