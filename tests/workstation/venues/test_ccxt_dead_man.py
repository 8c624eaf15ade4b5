"""The exchange's own dead man's switch, really run: a desk that is killed leaves no working order behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from venue_desk import VenueDesk

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.real_venue import instruments_of, stands, until, venue_on
from workstation.clock import LiveClock
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
