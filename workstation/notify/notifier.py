"""Hears the journal and the log, and sends what is worth a note: beside the desk, never in its way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping

from workstation.clock import Clock
from workstation.domain.events import AccountEvent, OrderEvent
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.order import ClientOrderId, Order
from workstation.log import DeskLog, LogEntry
from workstation.notify.courier import PATIENCE, Courier
from workstation.notify.delivery import Deliver
from workstation.notify.messages import Topic, message_of
from workstation.notify.outbox import Outbox

_LOOK_AGAIN = 5.0  # seconds until something that was held back is looked at again
_TRIES = (0.0, 2.0, 10.0)  # seconds before each try
_MOST = 50  # notes that go in one; of more, the last ones


class Notifier:
    """Notes go to every address, in order; a try that fails is made again, then logged and let go."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        topics: Iterable[Topic],
        addresses: Callable[[], Mapping[str, str]],
        deliver: Deliver,
        order_of: Callable[[ClientOrderId], Order | None],
        instrument_of: Callable[[InstrumentId], Instrument | None],
        clock: Clock,
        log: DeskLog,
        title: str,
        tries: tuple[float, ...] = _TRIES,
        patience: float = PATIENCE,
    ) -> None:
        """`addresses`: by name, asked for off the loop when the first note goes (a vault is opened for them);
        `patience`: wall-clock seconds for which a server may take to answer."""
        self._outbox = outbox
        self._topics = frozenset(topics)
        self._addresses = addresses
        self._courier = Courier(deliver, patience)
        self._order_of = order_of
        self._instrument_of = instrument_of
        self._clock = clock
        self._log = log
        self._title = title
        self._tries = tries
        self._known: Mapping[str, str] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def start(self) -> None:
        """On the running loop. What happened before is not told."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._task = self._loop.create_task(self._run(), name="notes to the trader")

    async def close(self, seconds: float = 5.0) -> None:
        """Send what waits, for `seconds` at most."""
        task, self._task = self._task, None
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._send(self._outbox.take(self._clock.now())), seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def hear(self, event: OrderEvent | AccountEvent | LogEntry) -> None:
        """Something that the journal or the log took. Returns at once; any thread may call it."""
        if self._task is None or self._loop is None:
            return
        if threading.get_ident() != self._thread:  # the watchdog writes while the loop hangs
            self._loop.call_soon_threadsafe(self.hear, event)
            return
        if isinstance(event, LogEntry) and event.source == "notify":
            return
        message = message_of(event, self._order_of, self._instrument_of)
        if message is not None and message.topic in self._topics:
            self._outbox.offer(message, self._clock.now())
            self._wake.set()

    async def test(self, name: str | None = None) -> dict[str, str | None]:
        """Send a note that says so to every address, or to one; what came of each (None: it was taken)."""
        addresses = await self._known_addresses()
        if name is not None:
            addresses = {name: addresses[name]} if name in addresses else {}
        text = "This is a test of the notes that this desk sends."
        return {each: await self._courier.take(address, self._title, text) for each, address in addresses.items()}

    async def _run(self) -> None:
        while True:
            timeout = _LOOK_AGAIN if self._outbox.waits else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout)
            self._wake.clear()
            await self._send(self._outbox.take(self._clock.now()))

    async def _send(self, notes: list[str]) -> None:
        if not notes:
            return
        try:
            addresses = await self._known_addresses()
        except Exception as error:
            self._log.error("notify", f"Notes cannot be sent: {error}")
            return
        left_out = [f"({len(notes) - _MOST} notes more)"] if len(notes) > _MOST else []
        text = "\n".join(left_out + notes[-_MOST:])
        for name, address in addresses.items():
            await self._send_to(name, address, text)

    async def _send_to(self, name: str, address: str, text: str) -> None:
        problem: str | None = None
        for wait in self._tries:
            if wait:
                await asyncio.sleep(wait)
            problem = await self._courier.take(address, self._title, text)
            if problem is None:
                return
        self._log.error("notify", f"{name} {problem}: a note was not delivered.")

    async def _known_addresses(self) -> Mapping[str, str]:
        if self._known is None:
            self._known = await asyncio.to_thread(self._addresses)
        return self._known
