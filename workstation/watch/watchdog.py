"""The watchdog: a thread that needs no event loop. It times the loop, takes halt requests, and halts without the loop.

A halt request comes through the control socket or as a file beside the store. From the moment it is heard no order
leaves the desk. A loop that lives takes it as if the kill key had been pressed. One that does not answer within
`LOOP_ANSWER` seconds is gone round: the watchdog itself has HALTED and the kill written by the store's thread, asks the
venues that can be asked from a thread, and says what must wait. When the loop comes round it goes on with the kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from workstation.aside import InTurn
from workstation.clock import next_beat
from workstation.domain.events import KillRequested
from workstation.trading.kill_status import KillStatus
from workstation.watch.control import ControlSocket
from workstation.watch.requests import Doors, HaltRequest, HaltRequests, Ticket
from workstation.watch.spare import Spare
from workstation.watch.stalls import BEAT, LIMIT, LoopWatch, Stall, stack_of

#: Seconds that a loop has to take a halt request before the watchdog halts without it.
LOOP_ANSWER = 1.0
#: Seconds between two looks at the loop and at the request files.
LOOK = 0.25
#: The stall log is begun anew (the old one kept beside it) when it is larger.
_LOG_SIZE = 512_000


class WatchedDesk(Protocol):
    """What the watchdog needs of the engine."""

    def take_request(self, request: HaltRequest) -> Future[None]:
        """On the loop: press the kill switch; the future is done when that is durable."""
        ...

    def halt_without_loop(self, request: HaltRequest) -> Future[None]:
        """On the watchdog's thread: make HALTED and the kill durable."""
        ...

    def pull_without_loop(self) -> list[str]:
        """On the watchdog's thread: cancel where that needs no loop; what each venue said, and what must wait."""
        ...

    def stood_still(self, stall: Stall) -> None:
        """On the loop: a stall has ended."""
        ...

    def stands_still(self, seconds: float, stack: str) -> None:
        """On the watchdog's thread: a stall goes on."""
        ...

    def trouble(self, sentence: str) -> None:
        """On any thread: something to be logged as an error."""
        ...

    @property
    def kill_status(self) -> KillStatus: ...

    def clock_now(self) -> int: ...


class Watchdog:
    """Start it with the loop before anything else of the desk, stop it last."""

    def __init__(self, desk: WatchedDesk, doors: Doors, loop_answer: float = LOOP_ANSWER) -> None:
        self._desk = desk
        self._doors = doors
        self._loop_answer = loop_answer
        self._requests = HaltRequests(doors.store)
        self._control = ControlSocket(doors.socket, self)
        self._watch = LoopWatch(time.monotonic())
        self._tickets: dict[str, Ticket] = {}
        self._gate = threading.Lock()
        self._bar: str | None = None
        self._stopping = threading.Event()
        self._beat: asyncio.TimerHandle | None = None
        self._told_unreadable = False
        self._spare: Spare | None = None
        self._stall_log = InTurn("stall log")
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    # On the loop.

    def start(self) -> None:
        """Honour what waits, then watch. An address that cannot be had is told; the request files still work."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._spare = Spare()
        self._poll()
        self._control.open(self._desk.trouble)
        self._on_beat()
        self._thread.start()

    def _on_beat(self) -> None:
        stall = self._watch.beat(time.monotonic(), self._desk.clock_now())
        if stall is not None:
            self._write_log(f"{stall.sentence}\n")
            self._desk.stood_still(stall)
        self._beat = self._loop.call_at(next_beat(self._loop.time(), BEAT), self._on_beat)

    def barred(self) -> str | None:
        """Why no order may leave the desk: a halt request that has been heard, or one that came while nothing ran."""
        if self._bar is None and self._watch.age(time.monotonic()) > LIMIT:
            self._poll()
        return self._bar

    def stop(self) -> None:
        """No request is heard any more; who waits for an answer gets the last one."""
        if self._beat is not None:
            self._beat.cancel()
        self._stopping.set()
        self._control.close()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._stall_log.settle(1.0)
        if self._spare is not None:
            self._spare.close()
        with contextlib.suppress(OSError):
            self._requests.drop_ready()

    def _take(self, ticket: Ticket) -> None:
        try:
            durable = self._desk.take_request(ticket.request)
        except Exception as error:
            self._desk.trouble(f"The halt request could not be carried out: {error!r}. Press the kill key.")
            return  # the bar stays: no order leaves the desk
        ticket.taken.set()
        durable.add_done_callback(lambda done: self._settled(ticket, done))
        with self._gate:
            if all(each.taken.is_set() for each in self._tickets.values()):
                self._bar = None  # HALTED holds from here

    # On any thread.

    def accept(self, request: HaltRequest) -> Ticket:
        """Hear a request, once: from now on no order leaves the desk."""
        with self._gate:
            ticket = self._tickets.get(request.id)
            if ticket is not None:
                return ticket
            ticket = self._tickets[request.id] = Ticket(request, time.monotonic())
            self._bar = request.reason
        try:
            self._loop.call_soon_threadsafe(self._take, ticket)
        except RuntimeError:  # the desk has closed: the request's file is for the next start
            pass
        return ticket

    def keep_beside(self, request: KillRequested, durable: Future[None]) -> bool:
        """The store does not take this halt: leave it beside the store for the next start, until it is `durable` after
        all. False where the disk does not take that either."""
        halt = HaltRequest(id=request.kill_id, flatten=request.flatten, reason=request.reason)
        ticket = Ticket(halt, time.monotonic())
        ticket.taken.set()  # it is carried out already
        with self._gate:
            ticket = self._tickets.setdefault(halt.id, ticket)
        try:
            self._requests.write_without_room(halt)
        except OSError as error:
            self._desk.trouble(f"The halt could not be kept beside the store either: {error}")
            return False
        durable.add_done_callback(lambda done: self._settled(ticket, done))
        return True

    @property
    def kill_status(self) -> KillStatus:
        return self._desk.kill_status

    def loop_age(self) -> float:
        """Seconds for which the loop has stood still."""
        return self._watch.age(time.monotonic())

    def _settled(self, ticket: Ticket, done: Future[None]) -> None:
        """The request is durable in the journal: its file has done its work."""
        if done.cancelled() or done.exception() is not None:
            return  # the kill switch says so in its receipt; the file stays for the next start
        try:
            self._requests.remove(ticket.request.id)
        except OSError as error:
            self._desk.trouble(f"The halt request's file cannot be removed ({error}): the next start halts again.")
        ticket.durable.set()

    # On the thread.

    def _run(self) -> None:
        # no room for it now: should the store fail, the kill switch says what that means
        with contextlib.suppress(OSError):
            self._requests.make_ready()
        while not self._stopping.wait(LOOK):
            now = time.monotonic()
            try:
                self._look(now)
                self._poll()
                for ticket in list(self._tickets.values()):
                    late = not ticket.taken.is_set() and not ticket.gone_round.is_set()
                    if late and now - ticket.heard > self._loop_answer:
                        self._go_round(ticket)
            except Exception as error:  # the watchdog outlives whatever befalls it
                self._desk.trouble(f"The watchdog met an error and goes on: {error!r}")

    def _look(self, now: float) -> None:
        seconds = self._watch.look(now)
        if seconds is None:
            return
        stack = stack_of(self._loop_thread)
        self._watch.saw(stack)
        self._write_log(f"The loop has stood still for {seconds:.1f} s:\n{stack}")
        self._desk.stands_still(seconds, stack)

    def _poll(self) -> None:
        try:
            pending = self._spare.lend(self._requests.pending) if self._spare else self._requests.pending()
        except OSError as error:
            if not self._told_unreadable:
                self._desk.trouble(f"Halt requests cannot be seen: {error}")
            self._told_unreadable = True
            return
        self._told_unreadable = False
        for request in pending:
            self.accept(request)

    def _go_round(self, ticket: Ticket) -> None:
        """The loop does not answer: halt without it."""
        durable = self._desk.halt_without_loop(ticket.request)
        done = threading.Event()
        durable.add_done_callback(lambda _: done.set())
        done.wait(self._loop_answer * 3)
        problem = durable.exception() if durable.done() else "the store does not answer"
        if problem is None:
            self._settled(ticket, durable)
            words = ["HALTED is in the store and no order leaves the desk"]
        else:
            words = [f"no order leaves the desk, but HALTED could not be stored yet ({problem})"]
        words += self._desk.pull_without_loop()
        if ticket.taken.is_set():
            return
        ticket.words = "; ".join(words) + "."
        ticket.gone_round.set()
        self._desk.trouble(f"Halted from outside while the event loop stood still: {ticket.words}")

    def _write_log(self, text: str) -> None:
        """Soon: it may be the disk on which all stands still, and neither the loop nor this thread may wait for it."""
        path = self._doors.stall_log
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())

        def write() -> None:
            try:
                append_to(path, f"{stamp} UTC {text.rstrip()}\n")
            except OSError as error:
                self._desk.trouble(f"The stall log {path} cannot be written: {error}")

        self._stall_log.do(write)


def append_to(path: Path, text: str) -> None:
    """Add to a log file of the user's own that is kept small. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_SIZE:
        path.replace(path.with_suffix(".old.log"))
    opener: Callable[[str, int], int] = _private
    with open(path, "a", encoding="utf-8", opener=opener) as file:
        file.write(text)


def _private(path: str, flags: int) -> int:
    import os

    return os.open(path, flags, 0o600)
