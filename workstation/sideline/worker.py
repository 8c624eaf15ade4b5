"""The loop of a process beside the desk: reads questions from its standard input until that ends, answers on its
standard output."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

_HEAD = struct.Struct("!I")


class Work(Protocol):
    """What the process does. `tell` sends a part of the answer ahead, `called_off` says whether nobody waits any
    more."""

    def do(self, request: Any, tell: Callable[[Any], None], called_off: Callable[[], bool]) -> Any: ...

    def is_long(self, request: Any) -> bool: ...

    def sentence(self, error: Exception, trace: str) -> str: ...


class Worker:
    """Two threads: one for what the trader waits for, one for what takes long. The reader calls work off."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, make: Callable[[], Work]) -> None:
        self._source, self._sink, self._make = source, sink, make
        self._gate = threading.Lock()
        self._off: set[int] = set()
        self._short: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._long: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()

    def run(self) -> None:
        work = self._make()
        for lane in (self._short, self._long):
            threading.Thread(target=self._work, args=(work, lane), daemon=True).start()
        while head := self._source.read(_HEAD.size):
            number, request = pickle.loads(self._source.read(_HEAD.unpack(head)[0]))
            if request is None:
                self._off.add(number)
            else:
                (self._long if work.is_long(request) else self._short).put((number, request))

    def _work(self, work: Work, lane: queue.SimpleQueue[tuple[int, Any]]) -> None:
        while True:
            number, request = lane.get()
            if number in self._off:
                self._tell(number, "error", "It was called off.")
                continue
            try:
                answer = work.do(
                    request,
                    lambda part, number=number: self._tell(number, "part", part),  # type: ignore[misc]
                    lambda number=number: number in self._off,  # type: ignore[misc]
                )
                self._tell(number, "answer", answer)
            except Exception as error:
                self._tell(number, "error", work.sentence(error, traceback.format_exc()))

    def _tell(self, number: int, kind: str, value: object) -> None:
        data = pickle.dumps((number, kind, value), protocol=pickle.HIGHEST_PROTOCOL)
        with self._gate:
            self._sink.write(_HEAD.pack(len(data)) + data)
            self._sink.flush()


def serve(make: Callable[[], Work]) -> None:
    """Answer until standard input ends, then end the process. What the work prints must not get between the answers:
    standard output becomes the errors' stream."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb")
    with contextlib.suppress(OSError):
        os.nice(5)  # the desk comes first
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        Worker(source, sink, make).run()
    sys.stdout.flush()
    os._exit(0)  # work under way has nobody to answer to


def sentence_of(error: Exception, trace: str, ours: tuple[type[Exception], ...]) -> str:
    """What the trader reads: the project's own errors as they are, others with where they were raised."""
    if isinstance(error, ours):
        return str(error)
    where = [line.strip() for line in trace.splitlines() if line.strip().startswith("File ")]
    return f"{type(error).__name__}: {error}" + (f" ({where[-1]})" if where else "")
