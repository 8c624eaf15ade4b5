"""Start-up: `tws` to its first painted frame with data beside a bare Textual app, `tws --help` beside `python -c pass`.

Run with: uv run pytest -m benchmark tests/benchmarks/test_start_speed.py -s
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("64,000.00")
Bare().run()
"""
PRICE = re.compile(rb"\d\d,?\d\d\d\.\d")


def first_frame(command: list[str], env: dict[str, str]) -> float:
    """Seconds from starting the command in a terminal until it has painted a price."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, env)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    begin = time.perf_counter()
    seen = b""
    try:
        while time.perf_counter() - begin < 20:
            ready, _, _ = select.select([terminal], [], [], 0.5)
            if ready:
                seen += os.read(terminal, 65_536)
                if PRICE.search(seen):
                    return time.perf_counter() - begin
        raise AssertionError(f"no price was painted: {seen[-500:]!r}")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def medians(runs: int, *commands: list[str], env: dict[str, str]) -> list[float]:
    """Median first-frame seconds of each command, the commands taking turns; one warm-up each."""
    times: list[list[float]] = [[] for _ in commands]
    for number in range(runs + 1):
        for command, found in zip(commands, times, strict=True):
            seconds = first_frame(command, env)
            if number:
                found.append(seconds)
    return [statistics.median(found) for found in times]


def test_first_frame_with_data(tmp_path: Path) -> None:
    env = {**os.environ, "TWS_HOME": str(tmp_path), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    tws = [sys.executable, "-m", "workstation.cli"]
    bare = [sys.executable, "-c", BARE]
    desk, plain = medians(7, tws, bare, env=env)
    print(f"\nfirst frame with data: tws {desk:.3f} s, bare Textual {plain:.3f} s, ratio {desk / plain:.2f} (aim: 2)")


def test_help(tmp_path: Path) -> None:
    env = {**os.environ, "TWS_HOME": str(tmp_path)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds(command: list[str]) -> float:
        begin = time.perf_counter()
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    tws = [str(Path(sys.executable).with_name("tws")), "--help"]
    nothing = [sys.executable, "-c", "pass"]
    both = [(seconds(tws), seconds(nothing)) for _ in range(12)][2:]
    ours, python = (statistics.median(column) for column in zip(*both, strict=True))
    print(f"\ntws --help {ours * 1e3:.1f} ms, python -c pass {python * 1e3:.1f} ms, ratio {ours / python:.2f} (aim: 3)")
