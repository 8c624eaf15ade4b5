"""Every default key, sent through a real tmux to the running desk, and through ssh to a tmux in which it runs: it must
arrive as what it is."""

from __future__ import annotations

import os
import shutil
import socket
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


def every_key_arrives(start: str, arrived: Path, seen: Callable[[], object] = lambda: None) -> None:
    """Run the command in a tmux of its own and press every default key there, one after the other; then `seen`."""
    arrived.touch()
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
        seen()
    finally:
        tmux("kill-server")


def test_every_default_key_arrives(tmp_path: Path) -> None:
    arrived = tmp_path / "keys"
    every_key_arrives(f"env TWS_HOME={tmp_path} {sys.executable} {RECORDER} {arrived}", arrived)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[str]:
    """The words of an ssh to a server on this machine that takes a key made for the test."""
    daemon = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if daemon is None or shutil.which("ssh") is None:
        pytest.skip("there is no ssh server on this machine (openssh-server)")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where the server of root keeps its helpers apart
    settings = (
        f"ListenAddress=127.0.0.1:{port}", f"HostKey={tmp_path}/host", f"AuthorizedKeysFile={tmp_path}/authorized",
        f"PidFile={tmp_path}/pid", "StrictModes=no", "UsePAM=no", "PasswordAuthentication=no",
        "PermitRootLogin=prohibit-password",
    )  # fmt: skip
    told = tmp_path / "sshd.log"
    server = subprocess.Popen([daemon, "-D", "-f", "/dev/null", "-E", told, *(f"-o{one}" for one in settings)])
    try:
        words = (
            f"ssh -p {port} -i {tmp_path}/user -F /dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
            f" -o UserKnownHostsFile={tmp_path}/known -o LogLevel=ERROR -o BatchMode=yes 127.0.0.1"
        )
        deadline = time.monotonic() + 20
        while (
            tried := subprocess.run([*words.split(), "true"], check=False, capture_output=True, text=True)
        ).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"the ssh server lets nobody in here: {tried.stderr} {told.read_text()}")
            time.sleep(0.1)
        yield words
    finally:
        server.terminate()
        server.wait(10)


def test_every_default_key_arrives_over_ssh_inside_tmux(tmp_path: Path, ssh: str) -> None:
    """From a terminal through ssh to a tmux with its defaults, prefix and all, in which the desk runs."""
    arrived = tmp_path / "keys"
    desk = f"env TWS_HOME={tmp_path} {sys.executable} {RECORDER} {arrived}"
    far = f"tmux -L {SOCKET}-far -f /dev/null new-session '{desk}'"

    def went_through_both() -> None:
        words = ["tmux", "-L", f"{SOCKET}-far", "show-environment", "-g", "SSH_CONNECTION"]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        assert told.startswith("SSH_CONNECTION=127.0.0.1 ")

    try:
        every_key_arrives(f'{ssh} -t "{far}"', arrived, went_through_both)
    finally:
        subprocess.run(["tmux", "-L", f"{SOCKET}-far", "kill-server"], check=False, capture_output=True)
