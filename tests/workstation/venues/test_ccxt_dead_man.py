"""The exchange's own dead man's switch, really run: a desk that is killed or cut off leaves no working order behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from venue_desk import VenueDesk

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.live_desk import live_desk_on, proven
from tests.support.real_venue import instruments_of, stands, until, venue_on
from workstation.clock import LiveClock
from workstation.domain.order import OrderDraft, OrderState, Side
from workstation.venues.ccxt.dead_man import BY_SWITCH
from workstation.venues.ccxt.venue import CcxtVenue

pytestmark = pytest.mark.slow

#: Seconds of silence after which the orders go: the shortest that Bybit takes.
WINDOW = 3
SYMBOLS = {"bybit": "BTC-USDT", "binanceusdm": "BTC-USDT-PERP"}
TRADER = Path(__file__).parents[2] / "support" / "wire_trader.py"


def opened(name: str) -> LoopbackExchange:
    return LoopbackExchange(name, logins=[Login(balances=RICH)], seed=3)


def working(exchange: LoopbackExchange) -> int:
    return exchange.do(lambda: len(exchange.floor.account().working()))


def soon(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("name", SYMBOLS)
def test_the_exchange_cancels_the_orders_of_a_desk_that_was_killed(name: str, tmp_path: Path) -> None:
    with opened(name) as exchange:
        profile = exchange.profile(symbols=[SYMBOLS[name]], dead_man_seconds=WINDOW)
        (tmp_path / "config.toml").write_text(profile)
        login = exchange.floor.account().login
        env = {**os.environ, "TWS_HOME": str(tmp_path), "TWS_PROFILE": "loop", "WIRE_DOES": "buy"}
        env |= {"TWSKEY_LOOP_KEY": login.key, "TWSKEY_LOOP_SECRET": login.secret}
        command = [sys.executable, "-m", "workstation.cli", "run", "--script", str(TRADER)]
        pipe = subprocess.PIPE
        desk = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        try:
            assert desk.stdin is not None
            desk.stdin.write("go\n")
            desk.stdin.flush()
            assert soon(lambda: working(exchange) == 1, 60), desk.stderr.read() if desk.poll() is not None else ""
            time.sleep(WINDOW + 1)
            assert working(exchange) == 1  # the desk lives and says so
        finally:
            desk.send_signal(signal.SIGKILL)
            desk.communicate()
        assert soon(lambda: working(exchange) == 0, WINDOW + 4)


async def venue_with_an_order(exchange: LoopbackExchange, symbol: str) -> CcxtVenue:
    clock = LiveClock()
    venue = venue_on(exchange, await instruments_of(exchange, [symbol]), clock, dead_man_seconds=WINDOW)
    desk = VenueDesk(venue, clock)  # type: ignore[arg-type]
    venue.known_order = desk.orders.get
    venue.working = lambda: [order for order in desk.orders.values() if order.is_open]
    assert venue.dead_man_holds() is None  # it has no key yet
    await desk.connect()
    await until(lambda: stands(venue))
    (instrument,) = venue.instruments()
    book = exchange.floor.public[next(iter(exchange.floor.public))].book
    assert book.best_bid is not None
    client_id = await desk.buy(instrument, "0.01", str(instrument.price(book.best_bid) - 1_000))
    await until(lambda: "accepted" in desk.said(client_id))
    await until(lambda: venue.dead_man_holds() is True)
    return venue


@pytest.mark.parametrize("name", SYMBOLS)
async def test_a_desk_that_was_cut_off_learns_that_its_orders_are_gone_and_says_by_what(
    name: str, tmp_path: Path
) -> None:
    """It lives and the exchange lives; nothing goes between them for longer than the switch waits."""
    with opened(name) as exchange:
        async with live_desk_on(exchange, tmp_path, dead_man_seconds=WINDOW, silence_ms=2_000) as engine:
            instrument = engine.instruments()[0]
            best = engine.book(instrument.id).best_bid
            assert best is not None
            price = instrument.price(best - 2_000)
            draft = OrderDraft(instrument=instrument.id, side=Side.BUY, quantity=Decimal("0.01"), price=price)
            client_id = (await engine.submit(draft)).client_id
            await until(lambda: working(exchange) == 1 and engine.links()[0].dead_man)
            await asyncio.to_thread(exchange.restart, WINDOW + 2.5)
            assert working(exchange) == 0
            await until(lambda: proven(engine) and (order := engine.order(client_id)) and order.is_closed)
            order = engine.order(client_id)
            assert order is not None
            assert (order.state, order.reason[: len(BY_SWITCH)]) == (OrderState.CANCELED, BY_SWITCH)
            said = [entry for entry in engine.log.entries if "longer than its dead man's switch of 3 s" in entry.text]
            assert [entry.level for entry in said] == ["warning"]
            # Binance's futures are told of instruments in which orders work: there are none now
            await until(lambda: engine.links()[0].dead_man or engine.links()[0].dead_man_count == (0, 0))


@pytest.mark.parametrize("name", SYMBOLS)
async def test_a_desk_that_is_closed_lets_the_switch_go_and_its_orders_stay(name: str) -> None:
    with opened(name) as exchange:
        venue = await venue_with_an_order(exchange, SYMBOLS[name])
        await venue.close()
        await asyncio.sleep(WINDOW + 1)
        assert working(exchange) == 1


async def test_a_switch_of_no_seconds_is_not_asked_for() -> None:
    with opened("bybit") as exchange:
        venue = venue_on(exchange, await instruments_of(exchange, ["BTC-USDT"]), LiveClock(), dead_man_seconds=0)
        desk = VenueDesk(venue, LiveClock())  # type: ignore[arg-type]
        await desk.connect()
        await until(lambda: stands(venue))
        await asyncio.sleep(3)
        assert venue.dead_man_holds() is None
        assert not any("disconnected" in place for place, _ in exchange.done)
        await venue.close()


async def test_a_desk_that_leaves_it_armed_has_its_orders_pulled_by_it() -> None:
    with opened("bybit") as exchange:
        venue = await venue_with_an_order(exchange, SYMBOLS["bybit"])
        venue.leave_armed()
        await venue.close()
        assert working(exchange) == 1
        await until(lambda: working(exchange) == 0, WINDOW + 4)
