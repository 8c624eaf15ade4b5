"""A dead man's switch that its exchange refuses once is asked for again while the link stands; the desk shows meanwhile
that it is not held. And a kill that fills the queue keeps neither it nor the link's sign of life from the exchange."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.exchange.dialect import After, Answer, Wire
from tests.support.exchange_hand import Hand
from tests.support.live_desk import live_desk_on, told, until
from workstation.domain.order import OrderDraft, OrderState, Side
from workstation.engine import Engine
from workstation.venues.urgency import Urgency, urgent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.parametrize("name", ["binanceusdm", "bybit"])]

PERP = "LOOP:BTC-USDT-PERP"
ARM = {"bybit": "/v5/order/disconnected-cancel-all", "binanceusdm": "/fapi/v1/countdownCancelAll"}
NO_KEY = {
    "bybit": Answer('{"retCode":33004,"retMsg":"Your api key has expired.","result":{}}'),
    "binanceusdm": Answer('{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}', 401),
}


@asynccontextmanager
async def desk(name: str, folder: Path, refusals: int = 0) -> AsyncIterator[tuple[LoopbackExchange, Engine]]:
    """A desk with a working order, whose exchange refuses the switch so many times."""
    with LoopbackExchange(name, logins=[Login(balances=RICH)], seed=None) as exchange:
        Hand(exchange)
        answer, left = exchange.dialect.answer, [refusals]

        def refuses(wire: Wire, *, pretend: bool) -> tuple[Answer, After]:
            if wire.path == ARM[name] and left[0] > 0:
                left[0] -= 1
                return NO_KEY[name], lambda: None
            return answer(wire, pretend=pretend)

        exchange.dialect.answer = refuses  # type: ignore[method-assign]
        async with live_desk_on(exchange, folder, compare_seconds=60.0, dead_man_seconds=3) as engine:
            draft = OrderDraft(instrument=PERP, side=Side.BUY, quantity=D("0.01"), price=D(60_000))
            order = await engine.submit(draft)
            await until(lambda: engine.core.orders.orders[order.client_id].state is OrderState.ACCEPTED)
            yield exchange, engine


def said(engine: Engine, words: str) -> list[str]:
    return [entry.text for entry in engine.log.entries if words in entry.text]


async def test_it_is_held_once_the_exchange_takes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.venues.ccxt.dead_man.AGAIN", 1.0)
    async with desk(name, tmp_path, refusals=3) as (_exchange, engine):
        await until(lambda: said(engine, "does not hold the dead man's switch"), 20, lambda: told(engine))
        assert engine.links()[0].dead_man is False
        await until(lambda: engine.links()[0].dead_man is True, 30, lambda: told(engine))
        assert len(said(engine, "does not hold the dead man's switch")) == 1, told(engine)
        assert len(said(engine, "holds the dead man's switch now")) == 1, told(engine)
        assert len(said(engine, "LOOP is connected")) == 1, "over the same connection"
        await asyncio.sleep(4.0)
        assert engine.links()[0].dead_man is True
        assert len(said(engine, "holds the dead man's switch now")) == 1


async def test_a_kill_that_fills_the_queue_keeps_link_and_switch_alive(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstation.venues.ccxt.link.PROBE_TIMEOUT", 0.5)
    async with desk(name, tmp_path) as (exchange, engine):
        venue: Any = engine.venues["LOOP"]
        await until(lambda: engine.links()[0].dead_man is True, 20, lambda: told(engine))
        told_before = sum(ARM[name] in place for place, _ in exchange.done)
        loop = asyncio.get_running_loop()

        async def ask() -> None:
            with urgent(Urgency.KILL):
                while True:
                    await venue.gate.pass_through(1.0)

        asking = [asyncio.create_task(ask()) for _ in range(200)]
        try:
            end = loop.time() + 9.0
            while loop.time() < end:
                assert engine.links()[0].dead_man is True, told(engine)
                await asyncio.sleep(0.1)
        finally:
            for task in asking:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*asking)
        assert not said(engine, "The link to LOOP is down"), told(engine)
        assert not said(engine, "it has cancelled what worked there")
        if name == "binanceusdm":  # told time and again; Bybit hangs it on a socket
            assert sum(ARM[name] in place for place, _ in exchange.done) >= told_before + 2
        assert len(exchange.floor.account().working()) == 1
