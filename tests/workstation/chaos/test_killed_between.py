"""A desk that is killed with SIGKILL between "sent" and "answered" finds its order again and sends nothing twice.

The exchange holds the request at each point of its way while the real `tws run` is killed; then a new desk opens the
same store. What had reached the exchange by then, and what reaches it later, is the same to the desk: it asks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Fault, Kind, Login, LoopbackExchange
from workstation.domain.order import CLOSED_STATES, OrderState
from workstation.store import reader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SUPPORT = Path(__file__).parents[2] / "support"
PLACES = {
    "binance": ("rest POST /api/v3/order", "rest DELETE /api/v3/order", "ws executionReport"),
    "bybit": ("rest POST /v5/order/create", "rest POST /v5/order/cancel", "ws order"),
}
#: Where a change of an order goes, and what a desk asks when it compares its orders.
AMEND = {"bybit": "rest POST /v5/order/amend"}
LIST = {"binance": "rest GET /api/v3/openOrders", "bybit": "rest GET /v5/order/realtime"}


class Desks:
    """Desks in processes of their own, one after the other on the same store."""

    def __init__(self, exchange: LoopbackExchange, home: Path) -> None:
        self.exchange, self.home = exchange, home
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(exchange.profile(silence_ms=2_000))

    def open(self, script: str, **extra: str) -> subprocess.Popen[str]:
        login = self.exchange.floor.account().login
        env = {**os.environ, "TWS_HOME": str(self.home), "TWS_PROFILE": "loop"}
        env |= {"TWSKEY_LOOP_KEY": login.key, "TWSKEY_LOOP_SECRET": login.secret, **extra}
        command = [sys.executable, "-m", "workstation.cli", "run", "--script", str(SUPPORT / script)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def trader(self, does: str) -> subprocess.Popen[str]:
        """One that stands ready to do it."""
        process = self.open("wire_trader.py", WIRE_DOES=does)
        self.hear(process, "ready")
        return process

    @staticmethod
    def hear(process: subprocess.Popen[str], word: str) -> str:
        assert process.stdout is not None
        assert process.stderr is not None
        while line := process.stdout.readline():
            if line.split()[0] == word:
                return line.strip()
        raise AssertionError(process.stderr.read())

    @staticmethod
    def go(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def check(self) -> dict[str, object]:
        """Open the desk again, until all is clear: nothing is lost, doubled, or different from the exchange."""
        checker = self.open("wire_checker.py")
        output, errors = checker.communicate(timeout=120)
        assert checker.returncode == 0, errors
        shown = json.loads(output.splitlines()[-1])
        account = self.exchange.floor.account()
        records = self.exchange.do(lambda: [r for r in account.records.values() if account.accepted(r)])
        assert len({record.link for record in records}) == len(records), "an order was made twice"
        for record in records:
            state, filled, price = shown["orders"][record.link]
            assert Decimal(filled) == record.order.filled
            if record.order.is_open:
                assert Decimal(price) == record.order.price
            assert (state in CLOSED_STATES) == (not record.order.is_open), (state, record.order.state)
        for link in shown["orders"].keys() - {record.link for record in records}:
            assert shown["orders"][link][0] in (OrderState.REJECTED, OrderState.DENIED), "an order of nothing"
        fills = [[r.link, str(f.quantity), str(f.price)] for r in records for _, f in r.fills]
        as_numbers = [sorted((a, Decimal(b), Decimal(c)) for a, b, c in rows) for rows in (fills, shown["fills"])]
        assert as_numbers[0] == as_numbers[1]
        for currency, amount in shown["balances"].items():
            assert Decimal(amount) == account.total(currency), currency
        assert not {"balance drift", "position drift"} & set(shown["differences"])
        sent = [
            params.get("newClientOrderId") or params.get("orderLinkId") or "?"
            for place, params in self.exchange.done
            if place == PLACES[self.exchange.name][0]
        ]
        assert len(sent) == len(set(sent)), f"sent twice: {sent}"
        store = next((self.home / "data").glob("live*.sqlite*"))
        assert len(reader.fills(store)) == len(fills)
        return shown


@pytest.fixture(params=["binance", "bybit"])
def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desks]:
    with LoopbackExchange(request.param, logins=[Login(balances=RICH)], seed=11, rate=0.2) as exchange:
        yield Desks(exchange, tmp_path / "home")


def test_killed_while_an_order_is_on_its_way_or_taken_and_not_answered(desks: Desks) -> None:
    """Three points: before the exchange has done it (it does it after the desk's death), after it, and after that the
    report of the stream was lost too."""
    exchange = desks.exchange
    create, _, report = PLACES[exchange.name]
    for at, does in (("arrived", "buy"), ("done", "take"), ("done", "buy")):
        process = desks.trader(does)
        hold = exchange.faults.hold(create, at)
        exchange.faults.script(report, Kind.DROP, times=5)
        desks.go(process)
        assert hold.reached.wait(30)
        desks.kill(process)
        hold.release()
        time.sleep(0.1)
        exchange.faults.clear()
        shown = desks.check()
        assert shown["orders"]


def test_killed_when_the_order_never_left_the_wire(desks: Desks) -> None:
    exchange = desks.exchange
    process = desks.trader("buy")
    exchange.faults.script(PLACES[exchange.name][0], Fault(Kind.LOST))
    desks.go(process)
    desks.hear(process, "going")
    time.sleep(0.3)
    desks.kill(process)
    desks.check()


def test_killed_while_a_cancel_is_on_its_way_or_done_and_not_answered(desks: Desks) -> None:
    exchange = desks.exchange
    for at in ("arrived", "done"):
        process = desks.trader("cancel")
        hold = exchange.faults.hold(PLACES[exchange.name][1], at)
        desks.go(process)
        assert hold.reached.wait(30)
        desks.kill(process)
        hold.release()
        time.sleep(0.1)
        exchange.faults.clear()
        desks.check()


def test_killed_while_an_amendment_is_on_its_way_or_done_and_not_answered(desks: Desks) -> None:
    exchange = desks.exchange
    if exchange.name not in AMEND:
        pytest.skip("the desk changes no order in place on Binance's spot market")
    for at in ("arrived", "done"):
        process = desks.trader("amend")
        hold = exchange.faults.hold(AMEND[exchange.name], at)
        desks.go(process)
        assert hold.reached.wait(30)
        desks.kill(process)
        hold.release()
        time.sleep(0.1)
        exchange.faults.clear()
        desks.check()


def test_killed_when_the_answer_is_there_and_hardly_stored(desks: Desks) -> None:
    exchange = desks.exchange
    for milliseconds in (0, 2):
        process = desks.trader("buy")
        hold = exchange.faults.hold(PLACES[exchange.name][0], "done")
        desks.go(process)
        assert hold.reached.wait(30)
        hold.release()
        time.sleep(milliseconds / 1000)
        desks.kill(process)
        exchange.faults.clear()
        desks.check()


def test_killed_again_while_the_next_desk_compares_its_orders(desks: Desks) -> None:
    exchange = desks.exchange
    process = desks.trader("take")
    hold = exchange.faults.hold(PLACES[exchange.name][0], "done")
    desks.go(process)
    assert hold.reached.wait(30)
    desks.kill(process)
    exchange.faults.clear()
    for at in ("arrived", "done"):
        hold = exchange.faults.hold(LIST[exchange.name], at)
        second = desks.open("wire_checker.py")
        assert hold.reached.wait(60)
        desks.kill(second)
        exchange.faults.clear()
    desks.check()


@pytest.mark.parametrize("milliseconds", [int(each) for each in os.environ.get("TWS_KILL_AFTER_MS", "0 12").split()])
def test_killed_at_an_instant_after_the_command(desks: Desks, milliseconds: int) -> None:
    """Wherever it is then: intent not stored, stored, sent, taken, answered, filled."""
    process = desks.trader("take")
    desks.go(process)
    desks.hear(process, "going")
    time.sleep(milliseconds / 1000)
    desks.kill(process)
    desks.check()


def test_secrets_are_nowhere_in_what_a_run_leaves(desks: Desks) -> None:
    """Neither in files nor on the terminal: of a run that trades, and of one whose key is refused."""
    login, wrong_secret = desks.exchange.floor.account().login, "planted-wrong-secret-7391"
    process = desks.trader("buy")
    desks.go(process)
    desks.hear(process, "done")
    process.terminate()
    texts = list(process.communicate(timeout=60))
    desks.exchange.faults.script("rest *", Kind.GARBLED, times=3)
    asked, waited = len(desks.exchange.done), time.monotonic()
    refused = desks.open("wire_trader.py", WIRE_DOES="buy", TWSKEY_LOOP_SECRET=wrong_secret)
    while len(desks.exchange.done) < asked + 12 and time.monotonic() < waited + 12:  # it has tried more than once
        time.sleep(0.05)
    refused.terminate()
    texts += refused.communicate(timeout=60)
    for command in (["doctor"], ["export", "orders", "--format", "json"], ["export", "fills", "--format", "csv"]):
        env = {**os.environ, "TWS_HOME": str(desks.home), "TWS_PROFILE": "loop"}
        env |= {"TWSKEY_LOOP_KEY": login.key, "TWSKEY_LOOP_SECRET": login.secret}
        run = subprocess.run(
            [sys.executable, "-m", "workstation.cli", *command], env=env, capture_output=True, text=True, check=False
        )
        texts += [run.stdout, run.stderr]
    secrets = (login.key, login.secret, wrong_secret)
    for text in texts:
        assert not any(secret in text for secret in secrets), text
    for file in desks.home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), file
