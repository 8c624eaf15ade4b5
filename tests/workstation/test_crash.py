"""Kill -9 at any instant: nothing that was promised is lost, nothing is doubled, and the desk goes on."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pytest

from workstation.domain.events import BalanceAdjusted
from workstation.domain.order import CLOSED_STATES
from workstation.market.data import MarketData
from workstation.store.store import Store
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.venues.simulated_ledger import SqliteLedger

logger = logging.getLogger(__name__)

#: So often the long test kills a desk.
ROUNDS = int(os.environ.get("TWS_TEST_CRASHES", "30"))
SUPPORT = Path(__file__).parent.parent / "support"


def tws(home: Path, script: str, **extra: str) -> subprocess.Popen[str]:
    env = {**os.environ, "TWS_HOME": str(home), "TWS_DEMO_RATE": "2", "TWS_RISK_MAX_ORDERS_PER_SECOND": "1000", **extra}
    command = [sys.executable, "-m", "workstation.cli", "run", "--script", str(SUPPORT / script)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trade_and_crash(home: Path, chance: random.Random) -> tuple[set[str], set[str]]:
    """Let the trader trade, kill it; the client order ids that it was promised, and the trading states that the desk
    may be in: the last one promised, and those asked for since, which may or may not have come to pass."""
    process = tws(home, "crash_trader.py", CRASH_SEED=str(chance.random()))
    assert process.stdout is not None
    assert process.stderr is not None
    lines = []
    line = process.stdout.readline()
    while line and line.strip() != "ready":
        lines.append(line)
        line = process.stdout.readline()
    assert line, process.stderr.read()
    time.sleep(chance.random() * 0.8)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines()
    process.wait()
    ids: set[str] = set()
    states: set[str] = set()
    for word, *rest in (line.split() for line in lines):
        if word == "order":
            ids.add(rest[0])
        elif word == "state":
            states = {rest[0]}
        elif word == "wants":
            states.add(rest[0])
    return ids, states


def crash_rounds(home: Path, rounds: int) -> None:
    chance = random.Random(20_260_105)
    promised: set[str] = set()
    fills = 0
    for number in range(rounds + 5):
        if number >= rounds and fills > rounds:
            break  # on a busy machine a desk may be killed before it has traded: then others are
        ids, states = trade_and_crash(home, chance)
        promised |= ids
        checker = tws(home, "crash_checker.py")
        output, errors = checker.communicate(timeout=300)
        assert checker.returncode == 0, errors
        shown = json.loads(output.splitlines()[-1])
        where = f"after crash {number}"
        assert promised <= shown["orders"].keys(), f"an order was lost {where}"
        assert shown["state"] in states, f"{shown['state']}: the trading state was lost {where}"
        corrections = [text for text in shown["warnings"] if "correction" in text or "shows a position" in text]
        assert not corrections, f"money or position did not match the venue {where}: {corrections}"
        fills = compare_with_venues(home, shown, where)
        logger.info("%d of %d desks killed: %d orders promised, %d fills", number + 1, rounds, len(promised), fills)
    assert fills > rounds, "too little was traded for the test to mean anything"


def compare_with_venues(home: Path, shown: dict, where: str) -> int:
    """Store and venue ledgers, read from their files after the checker has ended; how many fills there are."""
    store = Store.open(home / "data" / "demo.sqlite", "demo", clock_now=lambda: 0)
    try:
        stored = {(fill.instrument.partition(":")[0], fill.trade_id): fill for fill in store.fills()}
        events = list(store.journal())
        instruments = store.instruments().values()
    finally:
        store.close()
    core = TradingCore(instruments, MarketData(()), RiskLimits())
    core.fold(events)
    openings = [event for event in events if isinstance(event, BalanceAdjusted)]
    assert {event.reason for event in openings} == {"opening balance"}, where
    happened = {}
    for path in (home / "data").glob("demo-*.sqlite"):
        ledger = SqliteLedger(path)
        try:
            venue = path.stem.removeprefix("demo-").upper()
            for fill in chain.from_iterable(ledger.fill_slices(0)):
                assert (venue, fill.trade_id) not in happened, f"a doubled fill {where}"
                happened[venue, fill.trade_id] = fill
            for order in ledger.open_orders():
                assert order.client_id in shown["orders"], f"the venue works an order that the desk forgot {where}"
                assert shown["orders"][order.client_id] not in CLOSED_STATES, where
            balances = {currency: amount for currency, amount in ledger.balances().items() if amount}
            ours = {currency: amount for currency, amount in core.portfolio.accounts[venue].balances.items() if amount}
            assert ours == balances, f"{venue}: money differs {where}"
            positions = {p.instrument: p.quantity for p in ledger.positions() if p.quantity}
            held = {p.instrument: p.quantity for p in core.portfolio.open_positions() if p.instrument in positions}
            assert held == positions, f"{venue}: positions differ {where}"
        finally:
            ledger.close()
    assert stored == happened, f"fills differ {where}"
    return len(stored)


def test_a_crash(tmp_path: Path) -> None:
    crash_rounds(tmp_path, 1)


@pytest.mark.slow
@pytest.mark.timeout(60 * ROUNDS)
def test_many_crashes(tmp_path: Path) -> None:
    """30 of them; as many as `TWS_TEST_CRASHES` says on demand."""
    crash_rounds(tmp_path, ROUNDS)
