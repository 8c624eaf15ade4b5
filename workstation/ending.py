"""How the process is told from outside to end, and what to do where its terminal has gone before."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import asyncio


def when_told(loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    """Have `end` called on the loop when the terminal's window is closed (SIGHUP) or the process is to end (SIGTERM).
    One that was started so that it does not hear them (`nohup`) goes on."""
    if sys.platform == "win32":
        return  # it has neither

    def told() -> None:
        let_go()
        end()

    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, told)


def is_gone(number: int) -> bool:
    """Whether the open file of that number is a terminal that answers no more; never of what was none."""
    try:
        return stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number)  # so is /dev/null, which stays as it is
    except OSError:
        return False  # it is closed


def let_go() -> None:
    """Put nothing in the place of a terminal that is gone: what is painted on the way out, or is written by Python
    itself at its end, does not fail."""
    for number in filter(is_gone, (0, 1, 2)):
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, number)
        os.close(nothing)


class Lasting:
    """A terminal's stream that takes what is written after the terminal has gone, and loses it: else the thread that
    writes would end, and who hands it the next picture would wait for ever."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            if not is_gone(self._stream.fileno()):
                raise
            let_go()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            if not is_gone(self._stream.fileno()):
                raise
            let_go()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
