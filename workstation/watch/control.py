"""The control socket of a running desk: one JSON object a line, each question on a connection of its own.

    {"ask": "kill", "request": {"id": …, "flatten": …, "reason": …}}
    {"ask": "status"}

Answers to a kill, until it ends: `heard` (pid), `blocked` (what could be done without the loop), `progress`, `done`
(receipt), `closing`; and `alive` every second. It is served by threads, so that a blocked loop cannot keep it silent.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from workstation.trading.kill_status import KillOutcome, KillPhase, KillStatus
from workstation.watch.requests import HaltRequest, Ticket
from workstation.watch.spare import Spare

_TICK = 0.05
_PAUSE = 0.25
_ALIVE = 1.0
_LONGEST_QUESTION = 65_536


class Question(msgspec.Struct):
    ask: str
    request: HaltRequest | None = None


class HaltDoor(Protocol):
    """Who takes halt requests here: the watchdog."""

    @property
    def kill_status(self) -> KillStatus: ...

    def accept(self, request: HaltRequest) -> Ticket: ...

    def loop_age(self) -> float: ...


class ControlSocket:
    """Listens at `path` (the user's alone) while it is open."""

    def __init__(self, path: Path, watchdog: HaltDoor) -> None:
        self._path = path
        self._watchdog = watchdog
        self._server: socket.socket | None = None
        self._closing = threading.Event()
        self._wake: tuple[int, int] | None = None  # a pipe that ends when the socket is closed
        self._threads: set[threading.Thread] = set()
        self._mark: tuple[int, int] | None = None
        self._spare: Spare | None = None

    def open(self, trouble: Callable[[str], None]) -> None:
        """Listen; what hinders it goes to `trouble` as a sentence. Another desk's socket is left alone, a dead one's
        is replaced."""
        try:
            make_private_folder(self._path.parent)
            if _answers(self._path):
                return trouble(f"Another desk answers at {self._path}: this one cannot be reached there.")
            self._path.unlink(missing_ok=True)
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.bind(os.fspath(self._path))
            os.chmod(self._path, 0o600)  # before it listens: nobody can have connected yet
            server.listen(16)
        except OSError as error:
            return trouble(f"The control socket {self._path} cannot be opened ({error}): kill requests come by file.")
        status = self._path.stat()
        self._mark = (status.st_dev, status.st_ino)
        self._server = server
        self._wake = os.pipe()
        self._spare = Spare()
        self._start(self._accept)
        return None

    def close(self) -> None:
        """Stop listening; connections get a second for their last answer."""
        if self._server is None or self._wake is None or self._closing.is_set():
            return
        self._closing.set()
        os.close(self._wake[1])
        try:
            status = self._path.stat()
            if (status.st_dev, status.st_ino) == self._mark:
                self._path.unlink()
        except OSError:  # it has gone already, or can never be found again: a stale file is replaced at the next start
            pass
        deadline = time.monotonic() + 1.0
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        self._server.close()
        os.close(self._wake[0])
        if self._spare is not None:
            self._spare.close()

    def _start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                self._threads.discard(thread)

        thread = threading.Thread(target=run, name="control socket", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._server is not None
        assert self._wake is not None
        assert self._spare is not None
        while True:
            asked, _, _ = select.select([self._server.fileno(), self._wake[0]], [], [])  # an idle desk is not woken
            if self._closing.is_set():
                return
            if self._server.fileno() not in asked:
                continue
            try:
                connection, _ = self._spare.lend(self._server.accept)
            except OSError:  # not even the spare descriptor is left, or who asked has gone: the next one is heard
                self._closing.wait(_PAUSE)
                continue
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5.0)
            with contextlib.suppress(OSError):  # who asked has gone: what was asked goes on
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        try:
            question = msgspec.json.decode(_line(connection), type=Question)
        except msgspec.MsgspecError:
            _send(connection, {"event": "error", "text": "The question was not understood."})
            return
        if question.ask == "kill" and question.request is not None:
            self._follow(connection, question.request)
        else:
            _send(connection, self._status())

    def _status(self) -> dict[str, object]:
        return {"event": "status", "pid": os.getpid(), "stood_still": round(self._watchdog.loop_age(), 1)}

    def _follow(self, connection: socket.socket, request: HaltRequest) -> None:
        ticket = self._watchdog.accept(request)
        _send(connection, {"event": "heard", "pid": os.getpid()})
        told_round, told, last = False, -1, time.monotonic()
        while True:
            closing = self._closing.is_set()
            status = self._watchdog.kill_status
            answer: Mapping[str, object] | None = None
            if ticket.gone_round.is_set() and not told_round:
                told_round = True
                answer = {"event": "blocked", "text": ticket.words, "durable": ticket.durable.is_set()}
            elif ticket.taken.is_set() and status.phase is KillPhase.DONE:
                ticket.durable.wait(1.0)
                _send(
                    connection,
                    {
                        "event": "done",
                        "receipt": status.receipt,
                        "durable": ticket.durable.is_set(),
                        "left": status.stopped,
                    },
                )
                return
            elif ticket.taken.is_set() and status.version != told and status.phase is not KillPhase.IDLE:
                told = status.version
                answer = progress(status, ticket.durable.is_set())
            elif closing:
                _send(connection, {"event": "closing"})
                return
            elif time.monotonic() - last > _ALIVE:
                answer = {"event": "alive"}
            if answer is not None:
                last = time.monotonic()
                _send(connection, answer)
            self._closing.wait(_TICK)


def progress(status: KillStatus, durable: bool) -> dict[str, object]:
    """How far a kill has come, as the control socket tells it."""
    items = list(status.items)

    def left(kind: str) -> int:
        return sum(item.kind == kind and item.state is not KillOutcome.DONE for item in items)

    return {
        "event": "progress",
        "durable": durable,
        "phase": str(status.phase),
        "orders": sum(item.kind == "order" for item in items),
        "orders_left": left("order"),
        "positions": sum(item.kind == "position" for item in items),
        "positions_left": left("position"),
        "venues": dict(status.venues),
    }


def answers(desk: socket.socket, patience: float) -> Iterator[Mapping[str, Any]]:
    """What a desk that was asked says, until it hangs up. Raises TimeoutError if it is silent for so many seconds."""
    desk.settimeout(patience)
    data = b""
    while True:
        more = desk.recv(65_536)
        if not more:
            return
        *lines, data = (data + more).split(b"\n")
        for line in lines:
            yield msgspec.json.decode(line)


def make_private_folder(folder: Path) -> None:
    """The folder of a socket. In the common folder for temporary files it must be ours alone. Raises OSError."""
    if folder.name != f"tws-{os.getuid()}":
        folder.mkdir(parents=True, exist_ok=True)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")


def _answers(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # a full queue: it lives
            return path.exists() and path.is_socket()
    return True


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(4096)
        if not more or len(data) > _LONGEST_QUESTION:
            break
        data += more
    return data


def _send(connection: socket.socket, answer: Mapping[str, object]) -> None:
    connection.sendall(msgspec.json.encode(answer) + b"\n")
