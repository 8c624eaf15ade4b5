"""The research process: reads questions from its standard input, answers on its standard output until that ends."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import sys
import threading
import traceback
from typing import BinaryIO

from workstation.research.bench.messages import LONG, Request

_HEAD = struct.Struct("!I")


class Worker:
    """Two threads: one for what the trader waits for, one for what takes long. The reader calls work off."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._gate = threading.Lock()
        self._off: set[int] = set()
        self._short: queue.SimpleQueue[tuple[int, Request]] = queue.SimpleQueue()
        self._long: queue.SimpleQueue[tuple[int, Request]] = queue.SimpleQueue()

    def run(self) -> None:
        from workstation.research.bench.jobs import Jobs

        jobs = Jobs()
        for lane in (self._short, self._long):
            threading.Thread(target=self._work, args=(jobs, lane), daemon=True).start()
        while head := self._source.read(_HEAD.size):
            number, request = pickle.loads(self._source.read(_HEAD.unpack(head)[0]))
            if request is None:
                self._off.add(number)
            else:
                (self._long if isinstance(request, LONG) else self._short).put((number, request))

    def _work(self, jobs: object, lane: queue.SimpleQueue[tuple[int, Request]]) -> None:
        from workstation.research.bench.jobs import Jobs, sentence

        assert isinstance(jobs, Jobs)
        while True:
            number, request = lane.get()
            if number in self._off:
                self._tell(number, "error", "It was called off.")
                continue
            try:
                answer = jobs.do(
                    request,
                    lambda part, number=number: self._tell(number, "part", part),  # type: ignore[misc]
                    lambda number=number: number in self._off,  # type: ignore[misc]
                )
                self._tell(number, "answer", answer)
            except Exception as error:
                self._tell(number, "error", sentence(error, traceback.format_exc()))

    def _tell(self, number: int, kind: str, value: object) -> None:
        data = pickle.dumps((number, kind, value), protocol=pickle.HIGHEST_PROTOCOL)
        with self._gate:
            self._sink.write(_HEAD.pack(len(data)) + data)
            self._sink.flush()


def main() -> None:
    """What strategies print must not get between the answers: standard output becomes the errors' stream."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb")
    with contextlib.suppress(OSError):
        os.nice(5)  # the desk comes first
    worker = Worker(source, sink)
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        worker.run()
    sys.stdout.flush()
    os._exit(0)  # work under way has nobody to answer to


if __name__ == "__main__":
    main()
