"""Every default key, sent through a real tmux to the running desk: it must arrive as what it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.keys import _character_to_key

from screens.actions import DESK_ACTIONS, REPLAY_ACTIONS, Action, page_actions
from screens.keys import canonical
from screens.layout_actions import LAYOUT_ACTIONS
from screens.plugins import list_plugins

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")]

RECORDER = Path(__file__).resolve().parents[1] / "support" / "key_recorder.py"
SOCKET = f"tws-test-{os.getpid()}"
NAMES = {
    "escape": "Escape", "enter": "Enter", "tab": "Tab", "shift+tab": "BTab", "space": "Space", "up": "Up",
    "down": "Down", "left": "Left", "right": "Right", "home": "Home", "end": "End", "pageup": "PPage",
    "pagedown": "NPage", "delete": "DC", "backspace": "BSpace", "insert": "IC", "ctrl+backslash": "C-\\",
}  # fmt: skip

CHARACTERS = {_character_to_key(chr(code)): chr(code) for code in range(33, 127)}


def tmux(*words: str) -> str:
    done = subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *words], check=True, capture_output=True, text=True)
    return done.stdout


def sent_as(key: str) -> list[str]:
    """The words of `tmux send-keys` for a key of ours."""
    if key in NAMES:
        return [NAMES[key]]
    if key.startswith("ctrl+") and len(key) == 6:
        return [f"C-{key[-1]}"]
    if key.startswith("f") and key[1:].isdigit():
        return [key.upper()]
    return ["-l", CHARACTERS[key]]


def actions() -> Iterator[Action]:
    yield from (*DESK_ACTIONS, *REPLAY_ACTIONS, *LAYOUT_ACTIONS, *page_actions(["Trade"]))
    for info in list_plugins():
        assert info.cls is not None
        yield from info.cls.ACTIONS


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, tmux("capture-pane", "-p")
        time.sleep(0.05)


def test_every_default_key_arrives(tmp_path: Path) -> None:
    arrived = tmp_path / "keys"
    arrived.touch()
    start = f"env TWS_HOME={tmp_path} {sys.executable} {RECORDER} {arrived}"
    tmux("new-session", "-d", "-x", "160", "-y", "48", start)
    try:
        until(lambda: "Equity" in tmux("capture-pane", "-p"), 90)
        assert "256color" in tmux("show-options", "-gv", "default-terminal")  # tmux-256color or screen-256color
        wanted = sorted({canonical(key) for action in actions() for key in action.keys})
        assert len(wanted) > 80
        for count, key in enumerate(wanted, 1):
            tmux("send-keys", *sent_as(key))
            # A lone escape is one only when nothing follows it for a moment.
            until(lambda count=count: len(arrived.read_text().splitlines()) >= count, 20)
        assert arrived.read_text().splitlines() == wanted
    finally:
        tmux("kill-server")
