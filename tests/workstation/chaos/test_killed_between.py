"""A desk that is killed with SIGKILL between "sent" and "answered" finds its order again and sends nothing twice.

The exchange holds the request at each point of its way while the real `tws run` is killed; then a new desk opens the
same store. What had reached the exchange by then, and what reaches it later, is the same to the desk: it asks. Each
new desk proves what the one before has left (see `WireDesks`) before it does the next thing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from tests.support.wire_desks import CREATE, WireDesks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Where a cancel goes, a change of an order, and the question by which a desk compares its orders.
CANCEL = {
    "binance": "rest DELETE /api/v3/order",
    "binanceusdm": "rest DELETE /fapi/v1/order",
    "bybit": "rest POST /v5/order/cancel",
}
AMEND = {"binanceusdm": "rest PUT /fapi/v1/order", "bybit": "rest POST /v5/order/amend"}
LIST = {"binance": "rest GET /api/v3/openOrders", "bybit": "rest GET /v5/order/realtime"}
#: The stream's report of an order.
REPORT = {"binance": "ws executionReport", "bybit": "ws order"}


def exchange_of(name: str) -> LoopbackExchange:
    return LoopbackExchange(name, logins=[Login(balances=RICH)], seed=11, rate=0.2)


@pytest.fixture(params=["binance", "bybit"])
def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WireDesks]:
    with exchange_of(request.param) as exchange:
        yield WireDesks({"loop": exchange}, tmp_path / "home")


@pytest.fixture(params=list(AMEND))
def changing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WireDesks]:
    """Desks on an exchange that changes orders in place."""
    with exchange_of(request.param) as exchange:
        yield WireDesks({"loop": exchange}, tmp_path / "home")


def kill_at(desks: WireDesks, does: str, place: str, at: str, lost: str = "", later: float | None = None) -> None:
    """Let a desk do it and kill it when its request stands at that point; `lost` reports never come. With `later` the
    answer goes first, and the desk lives for so many seconds more."""
    faults = desks.exchange.faults
    process = desks.trader(does)
    hold = faults.hold(place, at)
    if lost:
        faults.script(lost, Kind.DROP, times=5)
    desks.go(process)
    assert hold.reached.wait(30)
    if later is not None:
        hold.release()
        time.sleep(later)
    desks.kill(process)
    hold.release()
    time.sleep(0.1)
    faults.clear()


def test_killed_while_an_order_is_on_its_way_or_taken_and_not_answered(desks: WireDesks) -> None:
    """Three points: before the exchange has done it (it does it after the desk's death), after it, and after that the
    report of the stream was lost too."""
    name = desks.exchange.name
    for at, does in (("arrived", "buy"), ("done", "take"), ("done", "buy")):
        kill_at(desks, does, CREATE[name][0], at, lost=REPORT[name])
    assert len(desks.check()["orders"]) == 3


def test_killed_when_the_order_was_stored_and_not_sent_or_never_left_the_wire(desks: WireDesks) -> None:
    process = desks.trader("queue")
    desks.go(process)
    desks.hear(process, "stored")
    desks.kill(process)
    assert not any(place == CREATE[desks.exchange.name][0] for place, _ in desks.exchange.done)
    process = desks.trader("buy")
    desks.exchange.faults.script(CREATE[desks.exchange.name][0], Fault(Kind.LOST))
    desks.go(process)
    desks.hear(process, "going")
    time.sleep(0.3)
    desks.kill(process)
    desks.check()


def test_killed_while_a_cancel_is_on_its_way_or_done_and_not_answered(desks: WireDesks) -> None:
    for at in ("arrived", "done"):
        kill_at(desks, "cancel", CANCEL[desks.exchange.name], at)
    desks.check()


def test_killed_while_an_amendment_is_on_its_way_or_done_and_not_answered(changing: WireDesks) -> None:
    for at in ("arrived", "done"):
        kill_at(changing, "amend", AMEND[changing.exchange.name], at)
    changing.check()
    assert sum(place == AMEND[changing.exchange.name] for place, _ in changing.exchange.done) == 2


def test_killed_when_the_answer_is_there_and_hardly_stored(desks: WireDesks) -> None:
    for milliseconds in (0, 2):
        kill_at(desks, "buy", CREATE[desks.exchange.name][0], "done", later=milliseconds / 1000)
    desks.check()


def test_killed_again_while_the_next_desk_compares_its_orders(desks: WireDesks) -> None:
    exchange = desks.exchange
    kill_at(desks, "take", CREATE[exchange.name][0], "done")
    for at in ("arrived", "done"):
        hold = exchange.faults.hold(LIST[exchange.name], at)
        second = desks.open("check")
        assert hold.reached.wait(60)
        desks.kill(second)
        exchange.faults.clear()
    desks.check()


@pytest.mark.parametrize("milliseconds", [int(each) for each in os.environ.get("TWS_KILL_AFTER_MS", "0 12").split()])
def test_killed_at_an_instant_after_the_command(desks: WireDesks, milliseconds: int) -> None:
    """Wherever it is then: intent not stored, stored, sent, taken, answered, filled."""
    process = desks.trader("take")
    desks.go(process)
    desks.hear(process, "going")
    time.sleep(milliseconds / 1000)
    desks.kill(process)
    desks.check()


def test_secrets_are_nowhere_in_what_a_run_leaves(desks: WireDesks) -> None:
    """Neither in files nor on the terminal: of a run that trades, and of one whose key is refused."""
    login, wrong_secret = desks.exchange.floor.account().login, "planted-wrong-secret-7391"
    process = desks.trader("buy")
    desks.go(process)
    desks.hear(process, "done")
    process.terminate()
    texts = list(process.communicate(timeout=60))
    desks.exchange.faults.script("rest *", Kind.GARBLED, times=3)
    asked, waited = len(desks.exchange.done), time.monotonic()
    refused = desks.open("buy", TWSKEY_LOOP_SECRET=wrong_secret)
    while len(desks.exchange.done) < asked + 12 and time.monotonic() < waited + 12:  # it has tried more than once
        time.sleep(0.05)
    refused.terminate()
    texts += refused.communicate(timeout=60)
    for command in (["doctor"], ["export", "orders", "--format", "json"], ["export", "fills", "--format", "csv"]):
        run = subprocess.run(
            [sys.executable, "-m", "workstation.cli", *command],
            env=desks.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        texts += [run.stdout, run.stderr]
    secrets = (login.key, login.secret, wrong_secret)
    for text in texts:
        assert not any(secret in text for secret in secrets), text
    for file in desks.home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), file
