"""A real terminal for tests: a command on a pty, what it wrote, and keys for it."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl


class Terminal:
    """Runs a command on a pseudo-terminal until `close`; `written` is everything that it wrote. `rules`: the terminal
    is the command's own, as a window is; when it closes the command is told."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = (160, 48), *, rules: bool = False
    ) -> None:
        self._fd, end = pty.openpty()
        ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._process = subprocess.Popen(
            list(command),
            env=dict(env),
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            preexec_fn=(lambda: ioctl(0, termios.TIOCSCTTY, 0) and None) if rules else None,  # noqa: PLW1509
        )
        os.close(end)
        self.pid = self._process.pid
        self.written = b""
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._ended.is_set():
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    self.written += os.read(self._fd, 65_536)
                except OSError:  # the command has ended
                    return

    def hang_up(self) -> None:
        """The window is closed: the terminal is gone, and the command hears of it."""
        self._ended.set()
        self._reader.join(2.0)
        os.close(self._fd)
        self._fd = -1

    def wait(self, seconds: float = 20.0) -> int:
        """The exit code of the command, once it has ended."""
        return self._process.wait(seconds)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Until the condition holds; AssertionError with the end of what was written otherwise."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.written[-2_000:]
            time.sleep(0.02)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._ended.set()
        self._reader.join(2.0)
        if self._fd >= 0:
            os.close(self._fd)
