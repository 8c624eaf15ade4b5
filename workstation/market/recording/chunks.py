"""Events to frames and back: compressed chunks of events, and from time to time a checkpoint of all books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookDelta, BookSnapshot, BookStale, MarketEvent
from workstation.market.book import OrderBook
from workstation.market.recording.frames import Kind, encode_frame

#: Events of a full chunk: a few milliseconds of decoding.
CHUNK_EVENTS = 1024
#: Events between checkpoints: what a seek has to read at most.
CHECKPOINT_EVENTS = 8 * CHUNK_EVENTS

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[MarketEvent])


def apply(books: dict[InstrumentId, OrderBook], event: MarketEvent) -> None:
    """Build the books that the events describe."""
    if isinstance(event, BookDelta | BookSnapshot | BookStale):
        book = books.get(event.instrument)
        if book is None:
            book = books[event.instrument] = OrderBook(event.instrument)
        book.apply(event)


class ChunkEncoder:
    """Turns events, given in order of time, into frames. Keeps the books, to put checkpoints in."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        import zstandard

        self._compress = zstandard.ZstdCompressor(level=6).compress
        self._books = {instrument.id: OrderBook(instrument.id) for instrument in instruments}
        self._since_checkpoint = 0

    def encode(self, events: Sequence[MarketEvent]) -> list[bytes]:
        """The frames of one chunk of at least one event."""
        for event in events:
            apply(self._books, event)
        last = events[-1].ts
        frames = [self._frame(Kind.EVENTS, events, events[0].ts, last)]
        self._since_checkpoint += len(events)
        if self._since_checkpoint >= CHECKPOINT_EVENTS:
            self._since_checkpoint = 0
            frames.append(
                self._frame(Kind.CHECKPOINT, [_state(book, last) for book in self._books.values()], last, last)
            )
        return frames

    def _frame(self, kind: Kind, events: Sequence[MarketEvent], first: int, last: int) -> bytes:
        return encode_frame(kind, len(events), first, last, self._compress(_ENCODER.encode(events)))


def _state(book: OrderBook, ts: int) -> BookSnapshot | BookStale:
    return book.snapshot() if book.stale is None else BookStale(book.instrument, ts, book.stale)


class ChunkDecoder:
    """Turns payloads back into events."""

    def __init__(self) -> None:
        import zstandard

        self._decompress = zstandard.ZstdDecompressor().decompress

    def decode(self, payload: bytes) -> list[MarketEvent]:
        return _DECODER.decode(self._decompress(payload))
