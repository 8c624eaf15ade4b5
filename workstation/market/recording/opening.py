"""Opens whatever was recorded, recognised by its content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from workstation.clock import SECOND
from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent
from workstation.market.recording.background import BackgroundFrames, EventStream
from workstation.market.recording.errors import RecordingError
from workstation.market.recording.frames import MAGIC, FrameFile
from workstation.market.recording.lines import RawFile, recognise
from workstation.market.recording.session import RawSession, venue_of
from workstation.market.recording.source import RecordingSource

#: Sessions that start further apart than this are not one market.
FURTHEST_APART = 24 * 3600 * SECOND


class _Stream:
    """Another recording as an event stream."""

    def __init__(self, source: RecordingSource) -> None:
        self._source = source
        self.instruments: Sequence[Instrument] = source.instruments
        self.start = source.start

    @property
    def notices(self) -> list[str]:
        return self._source.notices

    def events(self) -> Iterator[MarketEvent]:
        try:
            yield from self._source.until(self._source.end)
        finally:
            self._source.close()

    def last_time(self) -> int:
        return self._source.end


def open_recording(paths: Sequence[Path]) -> RecordingSource:
    """The recordings of all `paths` (files, or folders of them) as one market, merged by time.

    Reads our own `.tws` files, raw Binance sessions and raw cryptofeed sessions, gzipped or not; several files of one
    venue (a session and its continuation, a stream and its HTTP answers and metadata) make one session. Close the
    source after use. Raises `RecordingError`, one sentence, where that cannot be done.
    """
    files = _files(paths)
    own = [path for path in files if _starts_with_magic(path)]
    raw = [file for path in files if path not in own and (file := _raw(path, given=path in paths)) is not None]
    if not own and not raw:
        where = " or ".join(str(path) for path in paths)
        raise RecordingError(f"{where} holds no recording that tws can read." if paths else "No recording was given.")
    if len(own) == 1 and not raw:
        return RecordingSource(FrameFile(own[0]))
    sessions: dict[str, list[RawFile]] = {}
    for file in raw:
        sessions.setdefault(venue_of(file), []).append(file)
    streams: list[_Stream | RawSession] = [RawSession(venue, parts) for venue, parts in sorted(sessions.items())]
    streams += [_Stream(RecordingSource(FrameFile(path))) for path in own]
    return _merge(streams)


def _merge(streams: Sequence[_Stream | RawSession]) -> RecordingSource:
    streams = sorted(streams, key=lambda stream: stream.start)
    first, last = streams[0], streams[-1]
    if last.start - first.start > FURTHEST_APART:
        raise RecordingError(
            f"These recordings are not of one time ({_name(first)}, {_name(last)}): replay them one by one."
        )
    seen: set[str] = set()
    for stream in streams:
        for instrument in stream.instruments:
            if instrument.id in seen:
                raise RecordingError(f"{instrument.id} is in two of these recordings: replay them one by one.")
            seen.add(instrument.id)
    parts: list[EventStream] = list(streams)
    frames = BackgroundFrames(parts)
    if frames.frame(0) is None:
        frames.close()
        raise RecordingError("The recording is empty: it holds no market events.")
    return RecordingSource(frames)


def _name(stream: _Stream | RawSession) -> str:
    day = datetime.fromtimestamp(stream.start // SECOND, UTC).date()
    return f"{stream.instruments[0].venue} of {day}"


def _files(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, Path] = {}  # by resolved path: the same file given twice is read once
    for path in paths:
        if not path.exists():
            raise RecordingError(f"{path} does not exist.")
        for file in sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _starts_with_magic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
    if not start:
        raise RecordingError(f"{path} is empty.")
    return MAGIC.startswith(start[: len(MAGIC)]) and len(start) >= 4


def _raw(path: Path, *, given: bool) -> RawFile | None:
    """The raw session in the file. Other files are passed over in a folder, and an error where they were named."""
    file = recognise(path)
    if file is None and given:
        raise RecordingError(f"{path} is not a recording: neither of tws, nor a raw session of Binance or cryptofeed.")
    return file
