"""A recording as a market source: events in order, quick seeks by checkpoints, one chunk in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, BookStale, MarketEvent, Trade
from workstation.market.book import OrderBook
from workstation.market.recording.chunks import ChunkDecoder, apply
from workstation.market.recording.errors import DamagedFrame
from workstation.market.recording.frames import Frame, FrameStore, Kind
from workstation.market.recording.past import RecordedPast


class RecordingSource:
    """Replays frames: of a `.tws` file, or of raw sessions that are being read in the background.

    A chunk that does not match its checksum is left out: the books go stale with a sentence, and come back with the
    next checkpoint or snapshot. `notices` holds sentences for the trader about what could not be read.
    """

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self._decoder = ChunkDecoder()
        self._number = 0  # of the next frame
        self._events: Sequence[MarketEvent] = ()
        self._at = 0
        self._damaged = False  # since the last checkpoint
        self._notices: list[str] = []
        self.instruments: Sequence[Instrument] = tuple(store.instruments)
        self._past = RecordedPast(self.instruments, self._frame, self._read)
        first = store.frame(0)
        self.start = store.end if first is None else first.first

    @property
    def end(self) -> int:
        """Time of the last event; while raw sessions are still being read, the last one known."""
        return self._store.end

    @property
    def notices(self) -> list[str]:
        return [*self._store.notices, *self._notices]

    def close(self) -> None:
        self._store.close()

    def next_time(self) -> int | None:
        return self._events[self._at].ts if self._fill() else None

    def until(self, ts: int) -> Iterator[MarketEvent]:
        while self._fill():
            event = self._events[self._at]
            if event.ts > ts:
                return
            self._at += 1
            yield event

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        books: dict[InstrumentId, OrderBook] = {}
        number = self._store.checkpoint_before(ts)
        while number >= 0:
            try:
                for event in self._read(self._frame(number)):
                    apply(books, event)
                break
            except DamagedFrame:
                number = self._store.checkpoint_before(self._frame(number).last - 1)
        self._number, self._events, self._at, self._damaged = number + 1, (), 0, False
        trades = []
        for event in self.until(ts):
            if isinstance(event, Trade):
                trades.append(event)
            else:
                apply(books, event)
        self._past.stand_at(ts, max(0, number), trades)
        return [book.snapshot() for book in books.values() if book.stale is None]

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """What the recording holds before the moment that was last sought; its beginning has nothing before it."""
        return self._past.bars(instrument, interval, count)

    def _frame(self, number: int) -> Frame:
        frame = self._store.frame(number)
        assert frame is not None
        return frame

    def _read(self, frame: Frame) -> list[MarketEvent]:
        return self._decoder.decode(self._store.payload(frame))

    def _fill(self) -> bool:
        """Make sure that there is a next event; False after the last."""
        while self._at >= len(self._events):
            frame = self._store.frame(self._number)
            if frame is None:
                return False
            self._number += 1
            self._at = 0
            self._events = self._load(frame)
        return True

    def _load(self, frame: Frame) -> Sequence[MarketEvent]:
        if frame.kind is Kind.CHECKPOINT and not self._damaged:
            return ()
        try:
            events = self._read(frame)
        except DamagedFrame:
            self._damaged = True
            first, last = (datetime.fromtimestamp(ts // SECOND, UTC).time() for ts in (frame.first, frame.last))
            reason = f"the recording is damaged from {first} to {last} UTC"
            notice = f"T{reason[1:]}: that part is left out."
            if notice not in self._notices:
                self._notices.append(notice)
            return [BookStale(instrument.id, frame.first, reason) for instrument in self.instruments]
        if frame.kind is Kind.CHECKPOINT:
            self._damaged = False
            return [msgspec.structs.replace(event, ts=frame.last) for event in events]
        return events
