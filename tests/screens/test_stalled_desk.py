"""The whole desk on a real terminal, its event loop blocked on purpose: keys that queue up trade nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal_desk import TWS, Desk, terminal_desk
from workstation.domain import events as e

pytestmark = pytest.mark.slow  # quick ones: test_shell_keys (the keys), test_outside (the kill)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with terminal_desk(tmp_path) as running:
        yield running


def test_keys_of_a_stall_trade_nothing_and_a_kill_from_outside_needs_no_loop(desk: Desk) -> None:
    terminal = desk.terminal
    desk.trade(":buy 0.01 at -0.5%\r")
    desk.trade("B")  # at the ask: the ladder has the focus and its keys trade
    assert desk.orders() == 2
    dropped = desk.dropped()

    desk.block(2.0, held=True)
    terminal.type("BSb\r:buy 0.02 at -0.5%\rB")
    assert not desk.woke, "typed while the desk stood still"
    desk.release()
    terminal.wait_for(lambda: desk.dropped() > dropped)
    terminal.wait_for(lambda: desk.logged("The desk stood still for"))
    terminal.wait_for(lambda: desk.logged("sleeping.py line"))  # the log says where the loop stood
    assert desk.orders() == 2
    terminal.wait_for(lambda: b"stood still" in terminal.written)
    terminal.type("\x1b")
    terminal.wait_for(lambda: not (desk.home / "block").exists())

    desk.block(2.0, held=True)
    terminal.type("BS")
    kill = subprocess.Popen(
        [*TWS, "kill", "--flatten"], env=desk.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert kill.stdout is not None
    assert f"process {terminal.pid}" in kill.stdout.readline()
    assert "HALTED is in the store" in kill.stdout.readline()
    states = [event.state for event in desk.journal() if isinstance(event, e.TradingStateChanged)]
    assert states[-1] is e.TradingState.HALTED
    assert not desk.woke, "HALTED is durable while the loop is still blocked"
    desk.release()
    receipt = kill.communicate(timeout=60)[0].splitlines()[-1]
    assert kill.returncode == 0, receipt
    told = re.search(r"(\d) working orders? gone; (\d) positions? closed", receipt)
    assert told is not None, receipt
    gone, closed = int(told[1]), int(told[2])
    assert gone >= 1, receipt
    assert gone + closed >= 2, receipt  # the offer may have gone before the second order came
    events = desk.journal()
    by_hand = [event for event in events if isinstance(event, e.OrderInitialized) and event.order.origin != "kill"]
    assert len(by_hand) == 2, "nothing that was typed in either stall became an order"
    terminal.wait_for(lambda: b"KILL SWITCH" in terminal.written)  # the screen shows what another shell did
