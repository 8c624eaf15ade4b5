"""Real desks (`tws run`) in processes of their own, one after the other on the same store and the same exchanges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.exchange import LoopbackExchange
from tests.support.exchange.server import profile_of
from workstation.domain.order import CLOSED_STATES, OrderState
from workstation.store import reader

TRADER = Path(__file__).parent / "wire_trader.py"
#: Where an order goes, and the parameter that carries its client id.
CREATE = {
    "binance": ("rest POST /api/v3/order", "newClientOrderId"),
    "binanceusdm": ("rest POST /fapi/v1/order", "newClientOrderId"),
    "bybit": ("rest POST /v5/order/create", "orderLinkId"),
}


class WireDesks:
    """`exchanges` by the name of their venue in the profile."""

    def __init__(self, exchanges: Mapping[str, LoopbackExchange], home: Path, **terms: Any) -> None:
        self.exchanges, self.home = exchanges, home
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(profile_of(exchanges, **{"silence_ms": 10_000} | terms))

    @property
    def exchange(self) -> LoopbackExchange:
        """The only one."""
        (only,) = self.exchanges.values()
        return only

    def environment(self, **extra: str) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("TWS_")}
        env |= {"TWS_HOME": str(self.home), "TWS_PROFILE": "loop"}
        for venue, at in self.exchanges.items():
            env |= at.keys(venue)
        return env | extra

    def open(self, does: str, **extra: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workstation.cli", "run", "--script", str(TRADER)]
        pipe = subprocess.PIPE
        env = self.environment(WIRE_DOES=does, **extra)
        return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def trader(self, does: str, **extra: str) -> subprocess.Popen[str]:
        """One that stands ready to do it: all that was left by the one before is clear by then, and in order."""
        with self._still():
            process = self.open(does, **extra)
            self._prove(self.hear(process, "found"))
        if does in ("cancel", "amend", "flatten"):
            self.go(process)
        self.hear(process, "ready")
        return process

    @staticmethod
    def hear(process: subprocess.Popen[str], word: str) -> str:
        """What is said after the word; AssertionError with what was said on standard error if the process ends."""
        assert process.stdout is not None
        assert process.stderr is not None
        while line := process.stdout.readline():
            first, _, rest = line.strip().partition(" ")
            if first == word:
                return rest
        raise AssertionError(process.stderr.read())

    @staticmethod
    def go(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    @staticmethod
    def kill(process: subprocess.Popen[str]) -> tuple[str, str]:
        """What it had said, on both outputs."""
        process.send_signal(signal.SIGKILL)
        return process.communicate()

    def check(self) -> dict[str, Any]:
        """Open the desk again until all is clear: nothing is lost, doubled, or different from the exchanges."""
        with self._still():
            checker = self.open("check")
            output, errors = checker.communicate(timeout=120)
            assert checker.returncode == 0, errors
            shown = self._prove(next(line for line in output.splitlines() if line.startswith("found "))[6:])
        store = next((self.home / "data").glob("live*.sqlite*"))
        assert len(reader.fills(store)) == len(shown["fills"])
        return shown

    @contextmanager
    def _still(self) -> Iterator[None]:
        """The markets stand still: what the desk has found is what the exchanges have."""
        walkers = [at.walker for at in self.exchanges.values() if at.walker is not None]
        for walker in walkers:
            walker.paused = True
        yield
        for walker in walkers:
            walker.paused = False

    def _prove(self, told: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(told)
        assert not {"balance drift", "position drift"} & set(shown["differences"])
        for venue, at in self.exchanges.items():
            at.do(lambda venue=venue, at=at: self._prove_one(venue.upper(), at, shown))  # type: ignore[misc]
        return shown

    def _prove_one(self, venue: str, at: LoopbackExchange, shown: dict[str, Any]) -> None:
        account = at.floor.account()
        mine = {link: row[1:] for link, row in shown["orders"].items() if row[0].startswith(f"{venue}:")}
        records = [record for record in account.records.values() if account.accepted(record)]
        assert len({record.link for record in records}) == len(records), "an order was made twice"
        for record in records:
            state, filled, price = mine[record.link]
            assert Decimal(filled) == record.order.filled
            if record.order.is_open:
                assert Decimal(price) == record.order.price
            assert (state in CLOSED_STATES) == (not record.order.is_open), (state, record.order.state)
        for link in mine.keys() - {record.link for record in records}:
            assert mine[link][0] in (OrderState.REJECTED, OrderState.DENIED), "an order of nothing"
        fills = sorted((r.link, f.quantity, f.price) for r in records for _, f in r.fills)
        booked = sorted(
            (link, Decimal(quantity), Decimal(price))
            for instrument, link, quantity, price in shown["fills"]
            if instrument.startswith(f"{venue}:")
        )
        assert fills == booked
        for currency, amount in shown["balances"].get(venue, {}).items():
            assert Decimal(amount) == account.total(currency), currency
        place, by = CREATE[at.name]
        sent = [params.get(by, "?") for where, params in at.done if where == place]
        assert len(sent) == len(set(sent)), f"sent twice: {sent}"
