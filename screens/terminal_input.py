"""Keys of a Unix terminal, read by a thread that sleeps until one comes."""

from __future__ import annotations

import os
import select
import signal
import sys
from codecs import getincrementaldecoder
from typing import Any

from textual._time import get_time
from textual.driver import Driver

from workstation.ending import Lasting, is_gone, let_go

#: The thread looks up so often though nothing has come: the desk closes though the word of it were lost.
_AT_LEAST_SECONDS = 1.0


def waiting(driver: type[Driver]) -> type[Driver]:
    """The driver, which waits for input in place of looking ten times a second, a tenth of what an idle desk costs.

    An escape that is followed by nothing is one as soon as the terminal's time for more is over, not at the next look.
    """
    try:
        from textual.drivers.linux_driver import LinuxDriver
    except ImportError:  # not a Unix
        return driver
    if not issubclass(driver, LinuxDriver):
        return driver

    class Waiting(driver):  # type: ignore[valid-type, misc]  # a class that is known when the terminal is
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._file: Any = Lasting(sys.__stderr__) if sys.__stderr__ else None
            self.ends, self.end = os.pipe()  # what is written to `end` wakes the thread
            # As an ordinary turn of the loop. A signal's own handler comes in the middle of any line, also while the
            # next picture is handed over under a lock: to write to the terminal then is to wait for oneself for ever.
            # A window that closes sends SIGCONT, too.
            self._loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
            self._loop.add_signal_handler(signal.SIGCONT, self._sigcont_application)

        def _sigcont_application(self, *_: object) -> None:
            """Textual takes every word to go on for the end of a suspension of its own. After a stop that it was not
            asked about (`kill -STOP`, a debugger) it would start a second reader and a second writer beside those that
            are there: keys would come in any order, and the desk could not be left. Where the terminal is gone nothing
            begins anew."""
            if is_gone(self.fileno):
                return
            reads = self._key_thread is not None and self._key_thread.is_alive()
            if self._auto_restart and reads and not self._must_signal_resume:
                self.suspend_application_mode()
            super()._sigcont_application()

        def disable_input(self) -> None:
            os.write(self.end, b".")
            super().disable_input()

        def _read(self) -> bytes:
            """What was typed; b"" at the end of the input. Where the terminal is gone the desk is left: nobody sees it
            any more, and no key comes."""
            try:
                data = os.read(self.fileno, 4096)
            except OSError:
                if not is_gone(self.fileno):
                    raise
                data = b""
            if not data and is_gone(self.fileno):
                let_go()
                loop: Any = self._loop
                loop.call_soon_threadsafe(self._app.exit)
            return data

        def run_input_thread(self) -> None:
            from textual._xterm_parser import XTermParser

            while select.select([self.ends], [], [], 0)[0]:
                os.read(self.ends, 4096)  # the word that ended the thread before this one, if it did not wait for it
            parser, decode = XTermParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
            while not self.exit_event.is_set():
                due = parser._timeout_time
                wait = _AT_LEAST_SECONDS if due is None else min(_AT_LEAST_SECONDS, max(0.0, due - get_time()))
                ready, _, _ = select.select([self.fileno, self.ends], [], [], wait)
                if self.fileno in ready:
                    data = self._read()
                    if not data:
                        return  # the input has ended
                    if text := decode(data):
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
                if self.ends in ready:
                    self.exit_event.wait(_AT_LEAST_SECONDS)  # it is set just after the word was given
                    os.read(self.ends, 4096)

    return Waiting
