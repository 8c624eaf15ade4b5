"""One order split over two exchanges (best of), on their real wires: filled, cancelled, halted, and the desk killed
with SIGKILL between its legs. Whatever became of a leg, it is sent once."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import GENEROUS
from tests.support.exchange import Login, LoopbackExchange
from tests.support.live_desk import paths_in, until
from tests.support.real_venue import keys_of, settings_for
from tests.support.wire_desks import CREATE, WireDesks
from tests.support.wire_trader import spread_over_all
from workstation.clock import LiveClock
from workstation.domain.order import OrderDraft, OrderState, OrderType, Side
from workstation.domain.plan import PlanState
from workstation.domain.route import Route
from workstation.engine import Engine
from workstation.real_desks import live_desk
from workstation.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = ("binance", "bybit")
MONEY = {"USDT": Decimal(50_000_000), "BTC": Decimal(100)}
RISK = {
    "max_order_value": "50000000",
    "max_position_value": "100000000",
    "max_exposure": "100000000",
    "max_leverage": "100",
    "max_instrument_leverage": "100",
    "price_collar": "0.5",
    "duplicate_window_ms": 0,
    "max_price_age_ms": 60_000,
}


@pytest.fixture
def exchanges() -> Iterator[Mapping[str, LoopbackExchange]]:
    logins = [Login(balances=MONEY)]
    with (
        LoopbackExchange("binance", logins=logins, seed=11, rate=0.2) as binance,
        LoopbackExchange("bybit", logins=logins, seed=11, rate=0.2) as bybit,
    ):
        yield {"binance": binance, "bybit": bybit}


@pytest.fixture
def desks(exchanges: Mapping[str, LoopbackExchange], tmp_path: Path) -> WireDesks:
    return WireDesks(exchanges, tmp_path / "home", symbols=["BTC-USDT"], risk=RISK)


def sent(desks: WireDesks) -> dict[str, int]:
    """How many orders each exchange was asked for."""
    return {
        name: sum(place == CREATE[name][0] for place, _ in exchange.done) for name, exchange in desks.exchanges.items()
    }


def bought(desks: WireDesks, name: str) -> Decimal:
    """What the exchange has traded for the desk."""
    account = desks.exchanges[name].floor.account()
    return desks.exchanges[name].do(lambda: sum((r.order.filled for r in account.records.values()), Decimal(0)))


def legs(route: dict[str, Any]) -> dict[str, Decimal]:
    return {leg["instrument"].partition(":")[0].lower(): Decimal(leg["quantity"]) for leg in route["legs"]}


def test_an_order_over_two_exchanges_is_filled_at_both_and_told_as_one(desks: WireDesks) -> None:
    process = desks.trader("route")
    desks.go(process)
    route = json.loads(desks.hear(process, "route"))
    desks.hear(process, "done")
    process.terminate()
    process.communicate(timeout=60)
    shown = desks.check()
    (told,) = shown["routes"]
    assert (told["route_id"], told["state"]) == (route["route_id"], "done")
    assert "over 2 venues" in told["reason"]
    assert sent(desks) == dict.fromkeys(NAMES, 1)
    for name, quantity in legs(route).items():
        assert bought(desks, name) == quantity


def test_killed_while_the_legs_are_on_their_way_or_taken_and_not_answered(desks: WireDesks) -> None:
    """Each leg at one of two points: not yet with its exchange (which does it after the desk's death), or done."""
    for number, points in enumerate((("arrived", "done"), ("done", "arrived"), ("done", "done")), 1):
        process = desks.trader("route")
        holds = [desks.exchanges[name].faults.hold(CREATE[name][0], at) for name, at in zip(NAMES, points, strict=True)]
        desks.go(process)
        reached = [hold.reached.wait(30) for hold in holds]
        said = desks.kill(process)
        assert all(reached), (reached, said)
        for hold in holds:
            hold.release()
        time.sleep(0.1)
        assert sent(desks) == dict.fromkeys(NAMES, number)
    shown = desks.check()
    assert {route["state"] for route in shown["routes"]} == {"done"}
    for name in NAMES:
        assert sum(legs(route)[name] for route in shown["routes"]) == bought(desks, name)


@pytest.mark.parametrize("milliseconds", [int(each) for each in os.environ.get("TWS_KILL_AFTER_MS", "6").split()])
def test_killed_at_an_instant_after_the_command(desks: WireDesks, milliseconds: int) -> None:
    """Wherever it is then: the route not stored, no leg an order, one of them, both. A leg that is none never is, and
    one that was stored and not sent is found to be none."""
    process = desks.trader("route")
    desks.go(process)
    desks.hear(process, "going")
    time.sleep(milliseconds / 1000)
    desks.kill(process)
    time.sleep(0.1)
    before = sent(desks)
    shown = desks.check()
    assert sent(desks) == before
    for route in shown["routes"]:
        assert route["state"] == "done"
        for leg in route["legs"]:
            name = leg["instrument"].partition(":")[0].lower()
            order = shown["orders"].get(leg["client_id"])
            if before[name]:
                assert order is not None
            elif order is not None:  # killed between its intent and its request
                assert order[1:3] == ["rejected", "0"]
            else:
                assert f"{name.upper()}'s {leg['quantity']} was not sent: the desk stopped before" in route["reason"]


async def test_a_cancel_or_the_kill_while_the_legs_are_on_their_way_ends_it_and_books_what_was_done(
    exchanges: Mapping[str, LoopbackExchange], tmp_path: Path
) -> None:
    venues = {name: settings_for(at, ["BTC-USDT"]) for name, at in exchanges.items()}
    settings = Settings(mode="live", risk=GENEROUS, venues=venues)

    def make() -> Engine:
        return live_desk(
            settings, paths_in(tmp_path), None, LiveClock(), lambda name: keys_of(exchanges[name.lower()])(name)
        )

    engine = await asyncio.to_thread(make)
    await engine.start()
    try:
        await until(lambda: not engine.core.unproven, 60)
        names = [f"{name.upper()}:BTC-USDT" for name in NAMES]
        draft = OrderDraft(instrument=names[0], side=Side.BUY, quantity=Decimal("0.01"), type=OrderType.MARKET)
        for number, does in enumerate(("cancel", "kill"), 1):
            await until(lambda: all(engine.book(name).stale is None for name in names), 60)
            holds = [exchanges[name].faults.hold(CREATE[name][0], "arrived") for name in NAMES]
            route = await engine.route_order(spread_over_all(engine, draft))
            assert isinstance(route, Route)
            await until(lambda holds=holds: all(hold.reached.is_set() for hold in holds))  # type: ignore[misc]
            if does == "cancel":
                await engine.cancel(route.route_id)
            else:
                engine.kill("the test")
            for hold in holds:
                hold.release()
            await until(lambda: not engine.open_orders())
            after = engine.route(route.route_id)
            assert after is not None
            assert after.state is (PlanState.CANCELED if does == "cancel" else PlanState.HALTED)
            for name, at in exchanges.items():
                records = at.do(lambda at=at: list(at.floor.account().records.values()))  # type: ignore[misc]
                assert len(records) == number
                booked = [fill for fill in engine.fills() if fill.instrument.startswith(name.upper())]
                traded = [fill for record in records for _, fill in record.fills]
                assert sorted((f.quantity, f.price) for f in booked) == sorted((f.quantity, f.price) for f in traded)
            assert {order.state for order in engine.orders()} <= {OrderState.FILLED, OrderState.CANCELED}
    finally:
        await engine.close()
