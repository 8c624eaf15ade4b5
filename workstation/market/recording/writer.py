"""Recording: events are handed over in a moment and written by a thread, in frames that each stand for themselves."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from workstation.clock import Clock
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent
from workstation.market.recording.chunks import CHUNK_EVENTS, ChunkEncoder
from workstation.market.recording.errors import RecordingError
from workstation.market.recording.frames import Header, Kind, encode_frame, encode_header

#: Seconds after which a part of a chunk is written in a quiet market: what a crash costs at most.
FLUSH_SECONDS = 1.0
#: Events that may wait for the disk; more are dropped, and the recording says so.
WAITING_EVENTS = 200_000


def _no_books() -> Iterable[BookSnapshot]:
    return ()


class RecordingWriter:
    """Writes market events to a new `.tws` file. Never blocks and never raises on the market's path.

    Deltas that come before an instrument's first snapshot are of no use and left out; an event that is older than the
    one before it takes that one's time. If the disk cannot keep up, events are dropped and counted (`dropped`), the
    books are marked stale in the recording and `books` is asked for fresh ones. If the disk fails, `failure` holds the
    sentence, `on_failure` hears it at the next `write`, and what was written so far stays replayable.

    Raises `RecordingError` if the file exists already or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        instruments: Sequence[Instrument],
        clock: Clock,
        *,
        books: Callable[[], Iterable[BookSnapshot]] = _no_books,
        on_failure: Callable[[str], None] | None = None,
        waiting: int = WAITING_EVENTS,
    ) -> None:
        self.path = path
        self.events = 0
        self.dropped = 0
        self.failure: str | None = None
        self._instruments = {instrument.id: instrument for instrument in instruments}
        self._without_book = set(self._instruments)
        self._books = books
        self._on_failure = on_failure
        self._waiting = waiting
        self._buffer: deque[MarketEvent] = deque()
        self._last = 0
        self._overflow = False
        self._closed = False
        self._wake = threading.Event()
        self._encoder = ChunkEncoder(instruments)
        if path.exists():
            raise RecordingError(f"{path} exists already; a recording never overwrites a file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("xb", buffering=0)
            self._size = 0
            self._put(encode_header(Header(created=clock.now(), instruments=tuple(instruments))))
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}.") from error
        self._thread = threading.Thread(target=self._run, name=f"recording {path.name}", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, event: MarketEvent) -> None:
        """Hand an event over. Raises ValueError for an instrument that the recording was not opened with."""
        if event.instrument not in self._instruments:
            raise ValueError(f"{event.instrument} is not among the instruments of the recording {self.path.name}")
        if self._closed or self.failure is not None:
            self._refuse()
            return
        waiting = len(self._buffer)
        if self._overflow and waiting <= self._waiting // 2:
            self._mark_overflow(event.ts)
        if self._overflow or waiting >= self._waiting:
            self._overflow = True
            self.dropped += 1
            return
        self._add(event)
        if waiting + 1 >= CHUNK_EVENTS:
            self._wake.set()

    def _add(self, event: MarketEvent) -> None:
        if self._without_book:
            if isinstance(event, BookSnapshot):
                self._without_book.discard(event.instrument)
            elif isinstance(event, BookDelta) and event.instrument in self._without_book:
                return
        if event.ts < self._last:
            event = msgspec.structs.replace(event, ts=self._last)
        self._last = event.ts
        self._buffer.append(event)
        self.events += 1

    def _mark_overflow(self, ts: int) -> None:
        """There is room again: the books have missed something, and start afresh."""
        self._overflow = False
        reason = f"{self.dropped} events were not recorded so far because the disk was too slow"
        for instrument in self._instruments:
            self._add(BookStale(instrument, ts, reason))
        for book in self._books():
            self._add(msgspec.structs.replace(book, ts=ts))

    def _refuse(self) -> None:
        self.dropped += 1
        if self.failure is not None and self._on_failure is not None:
            on_failure, self._on_failure = self._on_failure, None
            on_failure(self.failure)

    def close(self) -> None:
        """Write what waits, close the file and see it safely on the disk.

        Raises `RecordingError` if the disk failed at any time.
        """
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join()
        if self.failure is not None:
            raise RecordingError(self.failure)

    # The thread

    def _run(self) -> None:
        try:
            while not self._closed:
                self._wake.wait(FLUSH_SECONDS)
                self._wake.clear()
                self._drain()
            self._drain()
            self._put(encode_frame(Kind.END, 0, self._last, self._last, b""))
            os.fsync(self._file.fileno())
        except OSError as error:
            self.failure = f"Recording to {self.path} has stopped: {error.strerror}; what was written is replayable."
            self._buffer.clear()
        finally:
            self._file.close()

    def _drain(self) -> None:
        """Write what waits now (not what comes meanwhile, unless it is another full chunk)."""
        buffer = self._buffer
        while count := min(len(buffer), CHUNK_EVENTS):
            for frame in self._encoder.encode([buffer.popleft() for _ in range(count)]):
                self._put(frame)
            if count < CHUNK_EVENTS:
                return

    def _put(self, data: bytes) -> None:
        """Append a whole frame; after a failure the file ends with the last whole one."""
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError:
            with contextlib.suppress(OSError):  # readers know a torn frame; the first error is the one to report
                self._file.truncate(self._size)
            raise
        self._size += len(data)
