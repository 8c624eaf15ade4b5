"""Desks in processes of their own that hang, are cut off, are banned or die in the middle of it, and `tws kill` from
another shell. No key is in any file that is left."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.exchange import RICH, Login, LoopbackExchange
from tests.support.live_desk import until
from tests.support.troubled_desk import Scene
from tests.support.wire_desks import CREATE, WireDesks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

DONE, HALTED = 0, 3  # exit codes


class Shells:
    """A desk's process and shells beside it, on one exchange."""

    def __init__(self, exchange: LoopbackExchange, folder: Path) -> None:
        self.scene = Scene(exchange, folder, {})
        self.desks = WireDesks({"loop": exchange}, folder / "home", dead_man_seconds=60.0)
        self.process: subprocess.Popen[str] | None = None

    def desk(self, does: str) -> subprocess.Popen[str]:
        """One that has done it."""
        self.process = self.desks.trader(does)
        self.desks.go(self.process)
        self.desks.hear(self.process, "done")
        return self.process

    def kill(self, wait: int = 20) -> tuple[int, str]:
        """`tws kill --flatten`: its exit code and what it said."""
        command = [sys.executable, "-m", "workstation.cli", "kill", "--profile", "loop", "--flatten"]
        run = subprocess.run(
            [*command, "--wait", str(wait)],
            env=self.desks.environment(),
            capture_output=True,
            text=True,
            timeout=wait + 40,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr

    def all_gone(self) -> bool:
        """No order, no position, and no coin more (but dust) than the trader had."""
        return not self.scene.working() and not self.scene.contracts() and self.scene.coins() < Decimal("2.0001")

    def end(self) -> None:
        """The desk dies, the next one finds nothing lost, doubled or made up, and no file has a key."""
        if self.process is not None and self.process.poll() is None:
            self.desks.kill(self.process)
        self.desks.check()
        login = self.scene.account.login
        for path in (each for each in self.desks.home.rglob("*") if each.is_file()):
            text = path.read_bytes()
            assert login.secret.encode() not in text, path
            assert login.key.encode() not in text, path


@contextmanager
def shells_on(dialect: str, folder: Path) -> Iterator[Shells]:
    with LoopbackExchange(dialect, logins=[Login(balances=RICH)], seed=None) as exchange:
        shells = Shells(exchange, folder)
        try:
            yield shells
            exchange.faults.clear()
            shells.end()
        finally:
            if shells.process is not None and shells.process.poll() is None:
                shells.desks.kill(shells.process)


@pytest.mark.parametrize("dialect", ["binance", "binanceusdm"])
async def test_a_desk_that_hangs_while_its_order_fills_is_stopped_from_another_shell(
    dialect: str, tmp_path: Path
) -> None:
    with shells_on(dialect, tmp_path) as shells:
        scene = shells.scene
        process = await asyncio.to_thread(shells.desk, "buy")
        process.send_signal(signal.SIGSTOP)
        await scene.sold_into(scene.contract, "0.004")
        code, said = await asyncio.to_thread(shells.kill)
        assert scene.working() == 0
        assert not scene.contracts()
        assert code == HALTED
        assert "does not answer: it is stopped" in said
        process.send_signal(signal.SIGCONT)
        await until(shells.all_gone, 40)
        code, said = await asyncio.to_thread(shells.kill)
        assert code == DONE, said


async def test_a_desk_that_is_banned_is_stopped_as_soon_as_it_may_ask(tmp_path: Path) -> None:
    with shells_on("bybit", tmp_path) as shells:
        await asyncio.to_thread(shells.desk, "take")
        shells.scene.banned(403, 5.0)
        code, said = await asyncio.to_thread(shells.kill, 40)
        assert (code, shells.all_gone()) == (DONE, True), said


async def test_a_desk_that_is_cut_off_goes_on_with_the_kill_and_the_shell_says_so(tmp_path: Path) -> None:
    with shells_on("bybit", tmp_path) as shells:
        await asyncio.to_thread(shells.desk, "take")
        shells.scene.unreachable()
        code, said = await asyncio.to_thread(shells.kill, 4)
        assert code == HALTED
        assert "goes on by itself" in said
        assert "cannot be asked" in said
        shells.scene.exchange.faults.clear()
        await until(shells.all_gone, 60)


async def test_without_a_desk_the_shell_does_it_all_though_the_desk_died_with_an_order_unanswered(
    tmp_path: Path,
) -> None:
    with shells_on("bybit", tmp_path) as shells:
        process = await asyncio.to_thread(shells.desks.trader, "take")
        shells.process = process
        hold = shells.scene.exchange.faults.hold(CREATE["bybit"][0], "done")
        shells.desks.go(process)
        assert await asyncio.to_thread(hold.reached.wait, 30)
        shells.desks.kill(process)
        hold.release()
        code, said = await asyncio.to_thread(shells.kill, 40)
        assert (code, shells.all_gone()) == (DONE, True), said


@pytest.mark.parametrize(
    ("dialect", "trouble", "at"),
    [("bybit", "ban", "done"), ("binance", "restart", "arrived")],
)
async def test_killed_with_an_order_unanswered_and_the_next_desk_meets_a_ban_or_a_restart(
    dialect: str, trouble: str, at: str, tmp_path: Path
) -> None:
    with shells_on(dialect, tmp_path) as shells:
        scene, exchange = shells.scene, shells.scene.exchange
        process = await asyncio.to_thread(shells.desks.trader, "take")
        shells.process = process
        hold = exchange.faults.hold(CREATE[dialect][0], at)
        shells.desks.go(process)
        assert await asyncio.to_thread(hold.reached.wait, 30)
        if trouble == "ban":
            scene.banned(403, 5.0)
        shells.desks.kill(process)
        hold.release()
        checking = asyncio.create_task(asyncio.to_thread(shells.desks.check))
        if trouble == "restart":
            await asyncio.to_thread(exchange.restart, 6.0)
        shown = await checking
        assert len(shown["orders"]) == 1
        assert scene.doubled() == []
