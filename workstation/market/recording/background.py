"""Reads raw sessions in the background into frames in memory, a little ahead of whoever replays them."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent
from workstation.market.recording.chunks import CHUNK_EVENTS, ChunkEncoder
from workstation.market.recording.frames import Frame, checked, last_checkpoint, split_frame

#: Events of the first chunk: small, so that it is there at once.
FIRST_EVENTS = 64
#: Chunks that are read at once before the length of the session is looked up.
AHEAD = 4
#: Seconds of rest between chunks while nobody waits: reading must not starve the desk.
REST = 0.02


class EventStream(Protocol):
    """Something that can be read once, in order of time: a raw session, another recording."""

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def notices(self) -> list[str]: ...

    def events(self) -> Iterator[MarketEvent]: ...

    def last_time(self) -> int: ...


class BackgroundFrames:
    """Frames of several streams merged by time, kept compressed in memory: about a twentieth of the raw text."""

    def __init__(self, streams: Sequence[EventStream]) -> None:
        self._streams = streams
        self.instruments: Sequence[Instrument] = [each for stream in streams for each in stream.instruments]
        self._frames: list[Frame] = []
        self._payloads: dict[int, bytes] = {}
        self._news = threading.Condition()
        self._hurry = threading.Event()
        self._waiting = 0
        self._stop = False
        self._done = False
        self._error: BaseException | None = None
        self._end = 0
        self._thread = threading.Thread(target=self._run, name="recording reader", daemon=True)
        self._thread.start()

    @property
    def notices(self) -> list[str]:
        return [notice for stream in self._streams for notice in stream.notices]

    @property
    def end(self) -> int:
        return max(self._end, self._frames[-1].last if self._frames else 0)

    def frame(self, number: int) -> Frame | None:
        if number >= len(self._frames) and not self._done:
            with self._news, self._hurried():
                self._news.wait_for(lambda: number < len(self._frames) or self._done)
        if number < len(self._frames):
            return self._frames[number]
        if self._error is not None:
            raise self._error
        return None

    def checkpoint_before(self, ts: int) -> int:
        with self._news, self._hurried():
            self._news.wait_for(lambda: self._done or (self._frames and self._frames[-1].last > ts))
        return last_checkpoint(self._frames, ts)

    def payload(self, frame: Frame) -> bytes:
        return checked(frame, self._payloads[frame.offset])

    def close(self) -> None:
        self._stop = True
        self._hurry.set()
        self._thread.join()

    def _hurried(self) -> _Hurry:
        return _Hurry(self._hurry)

    # The thread

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self._error = error
        finally:
            with self._news:
                self._done = True
                self._end = 0  # the last frame knows it exactly
                self._news.notify_all()

    def _read(self) -> None:
        encoder = ChunkEncoder(self.instruments)
        streams = [stream.events() for stream in self._streams]
        events = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda event: event.ts)
        for number in itertools.count():
            chunk = list(itertools.islice(events, CHUNK_EVENTS if number else FIRST_EVENTS))
            if not chunk or self._stop:
                return
            self._add(encoder.encode(chunk))
            if number == AHEAD:
                self._end = max(stream.last_time() for stream in self._streams)
            elif number > AHEAD:
                self._hurry.wait(REST)

    def _add(self, frames: list[bytes]) -> None:
        with self._news:
            for data in frames:
                frame, payload = split_frame(data)
                frame = frame._replace(offset=len(self._payloads))
                self._payloads[frame.offset] = payload
                self._frames.append(frame)
            self._news.notify_all()


class _Hurry:
    """While it is held the reader does not rest."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __enter__(self) -> None:
        self._event.set()

    def __exit__(self, *_: object) -> None:
        self._event.clear()
