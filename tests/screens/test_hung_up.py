"""A desk that is ended from outside is left in good order: its window is closed, or it is told to end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from workstation.store import reader

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["window", "window unheard", "kill", "run"])
def test_a_desk_whose_window_is_closed_or_that_is_told_to_end_closes_its_books(tmp_path: Path, how: str) -> None:
    env = {**os.environ, "TWS_HOME": str(tmp_path), "TERM": "xterm-256color"}
    words = ["run"] if how == "run" else []
    terminal = Terminal([sys.executable, "-m", "workstation.cli", *words], env, rules=how in ("window", "run"))
    try:
        terminal.wait_for(lambda: (b"Ready" if words else b"ACTIVE") in terminal.written)
        if how == "kill":
            os.kill(terminal.pid, signal.SIGTERM)
        else:
            terminal.hang_up()
        assert terminal.wait() == 0
        if how == "kill":
            assert b"\x1b[?1049l" in terminal.written, "the terminal is given back"
    finally:
        terminal.close()
    [[_, start, end]] = reader.setting(tmp_path / "data" / "demo.sqlite", "sessions")
    assert end > start
