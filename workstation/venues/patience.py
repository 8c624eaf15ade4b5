"""How long a venue may take with its answer. What waits in the desk's own queue in front of it has not been asked yet:
that wait is not the venue's. And what has not left the queue when it is given up was certainly never sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar

from workstation.venues.contract import Withheld


class Patience:
    """With one question or command, of which there may be several requests. Begins anew for each that leaves."""

    def __init__(self, answer: float, queue: float | None = None) -> None:
        """Wall-clock seconds: `answer` of the venue's for each request, `queue` until one has its turn (None: however
        long that takes)."""
        self._answer = answer
        self._queue = queue
        self._limit: asyncio.Timeout | None = None
        self._over = asyncio.Event()
        self._waiting = 0  # requests of it that are in the queue now
        self._queued = False  # one has been, at any time
        self._why = ""
        #: When its last request left, by the loop's clock; None: none has.
        self.left: float | None = None

    @property
    def unsent(self) -> bool:
        """Whether it came to the queue, and nothing of it has left there."""
        return self._queued and self.left is None

    @property
    def words(self) -> str:
        """Why nothing was sent, a sentence."""
        return self._why or f"It was not sent: it waited in the desk's own queue for more than {self._queue or 0:g} s."

    def give_up(self, why: str) -> bool:
        """If nothing of it has been sent, nothing will be. Whether that is so."""
        if self._limit is None or self._limit.expired() or not self.unsent:
            return False
        self._why = why
        self._limit.reschedule(asyncio.get_running_loop().time())
        return True

    async def over(self) -> None:
        """Wait until it is answered or given up."""
        await self._over.wait()

    # Told by the queue.

    def waits(self) -> None:
        """A request joins."""
        self._waiting += 1
        self._queued = True
        self._set(self._queue)

    def goes(self, left: bool) -> None:
        """A request has its turn and leaves; or it is given up."""
        self._waiting -= 1
        if not left:
            return
        self.left = asyncio.get_running_loop().time()
        if not self._waiting:
            self._set(self._answer)

    def _set(self, seconds: float | None) -> None:
        if self._limit is not None and not self._limit.expired() and not self._why:
            now = asyncio.get_running_loop().time()
            self._limit.reschedule(None if seconds is None else now + seconds)

    async def wait_for[T](self, asked: Awaitable[T]) -> T:
        """What is answered. Raises `TimeoutError`; `Withheld` if nothing was sent until then."""
        token = _patience.set((*_patience.get(), self))
        try:
            async with asyncio.timeout(self._answer) as self._limit:
                return await asked
        except TimeoutError:
            if self.unsent:
                raise Withheld(self.words) from None
            raise
        finally:
            self._limit = None
            self._over.set()
            _patience.reset(token)


_patience: ContextVar[tuple[Patience, ...]] = ContextVar("patience", default=())


def patience_now() -> tuple[Patience, ...]:
    """Of all who wait for what this task asks."""
    return _patience.get()


async def answer_within[T](seconds: float, asked: Awaitable[T]) -> T:
    """What is answered within so many seconds of the venue's own. Raises `TimeoutError`."""
    return await Patience(seconds).wait_for(asked)
