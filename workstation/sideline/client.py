"""The desk's side of a process beside it: questions go out as messages, answers come back on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

_HEAD = struct.Struct("!I")
#: Work that was called off and still runs after so long is ended with its process, once that has shown by an answer
#: that it is past loading and compiling.
_PATIENCE = 3.0


class _Again(Exception):
    """The process was ended for work that stood in front of a question: that is asked again."""


class SideProcess:
    """One process of the Python module `module`, started by the first question and kept warm. Questions of the long
    kind and short ones run beside each other; of each kind one after another. What fails is raised as `error`, with a
    sentence; `called` is the process's name in it."""

    def __init__(self, module: str, called: str, error: type[Exception]) -> None:
        self._module, self._called, self._error = module, called, error
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Any], Callable[[Any], None] | None]] = {}
        self._answered: set[int] = set()
        self._warm = False
        self._closed = False
        self._ended: asyncio.subprocess.Process | None = None  # the last process that was ended for stuck work

    def is_long(self, request: Any) -> bool:
        """Whether a question takes its time by nature, so that it is never killed for it."""
        return False

    def warms(self, request: Any) -> bool:
        """Whether an answer to this question shows that loading and compiling are over."""
        return True

    async def ask(self, request: Any, on_part: Callable[[Any], None] | None = None) -> Any:
        """The answer; `on_part` hears what comes before it (progress, a word on what is being done).

        Cancelling the awaiting task calls the work off. Raises the process's error with a sentence. A question that
        stood behind work which had to be ended with its process is put to the next one.
        """
        while True:
            try:
                return await self._ask(request, on_part)
            except _Again:
                continue

    async def _ask(self, request: Any, on_part: Callable[[Any], None] | None) -> Any:
        await self.start()
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (future, on_part)
        try:
            self._send((number, request))
            answer = await future
            self._warm = self._warm or self.warms(request)
            return answer
        except asyncio.CancelledError:
            self._call_off(number, self.is_long(request))
            raise
        finally:
            self._waiting.pop(number, None)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def close(self) -> None:
        """End the process. Idempotent."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def start(self) -> None:
        """Start the process, if it does not run. Raises the process's error once the desk is closing."""
        async with self._starting:
            if self._closed:
                raise self._error("The desk is closing.")
            if self.running:
                return
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a folder of our packages' names in the current directory must not shadow them
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # ctrl+c in the terminal is the desk's
            )
            self._warm = False
            self._reading = asyncio.create_task(self._read(self._process), name=f"{self._called} process")

    def _send(self, message: object) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            raise self._error(f"The {self._called} process is not running.")
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        process.stdin.write(_HEAD.pack(len(data)) + data)

    def _call_off(self, number: int, long: bool) -> None:
        with contextlib.suppress(self._error, OSError):
            self._send((number, None))
        process = self._process
        if not long and process is not None and self._warm:
            asyncio.get_running_loop().call_later(_PATIENCE, self._end_if_stuck, process, number)

    def _end_if_stuck(self, process: asyncio.subprocess.Process, number: int) -> None:
        """Work that cannot be stopped goes with its process; the next question starts another."""
        if process.returncode is None and number not in self._answered:
            self._ended = process
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        self._answered.discard(number)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                size = _HEAD.unpack(await process.stdout.readexactly(_HEAD.size))[0]
                number, kind, value = pickle.loads(await process.stdout.readexactly(size))
                self._take(number, kind, value)
        except (asyncio.IncompleteReadError, ConnectionError):
            await process.wait()
            if process is self._ended:  # by us: those that waited behind the stuck work ask the next process
                self._fail(_Again())
                return
            sentence = f"The {self._called} process ended (code {process.returncode}); the next run starts it again."
            self._fail(self._error(sentence))

    def _take(self, number: int, kind: str, value: Any) -> None:
        if kind != "part":
            self._answered.add(number)
            if len(self._answered) > 1_000:
                self._answered = set(sorted(self._answered)[-100:])
        found = self._waiting.get(number)
        if found is None:
            return
        future, on_part = found
        if kind == "part":
            if on_part is not None:
                on_part(value)
        elif not future.done():
            if kind == "answer":
                future.set_result(value)
            else:
                future.set_exception(self._error(value))

    def _fail(self, error: Exception) -> None:
        for future, _ in list(self._waiting.values()):
            if not future.done():
                future.set_exception(error)
