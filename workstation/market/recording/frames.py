"""The `.tws` file: a header and a chain of frames, each with its own checksum, so that a crash costs at most the tail.

    file   = magic (8 bytes), header length (u32), CRC32 of the header (u32), header (msgpack), frame …
    frame  = "TWSF", kind (u8), payload length (u32), events in it (u32), time of its first and of its last event
             (i64, UTC ns), CRC32 of the payload (u32), CRC32 of this frame header so far (u32), payload
    payload = zstd(msgpack list of market events)

All integers are little endian. An EVENTS frame holds events in the order of their time. A CHECKPOINT frame holds the
book of every instrument (a snapshot, or why it is stale) as it stands between the frames around it. An END frame is
empty: the recording was closed. The frame headers are the time index: they are read in one pass over the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import msgspec

from workstation.domain.instrument import Instrument
from workstation.market.recording.errors import DamagedFrame, RecordingError

MAGIC = b"\x89TWS\r\n\x1a\n"
VERSION = 1
_PREFIX = struct.Struct("<8sII")
_FRAME = struct.Struct("<4sBIIqqI")
_CRC = struct.Struct("<I")
_MARK = b"TWSF"
_FRAME_SIZE = _FRAME.size + _CRC.size


class Kind(IntEnum):
    EVENTS = 1
    CHECKPOINT = 2
    END = 3


class Header(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    created: int  # UTC ns
    instruments: tuple[Instrument, ...]


class Frame(NamedTuple):
    """Where a frame's payload stands and what time it covers."""

    kind: Kind
    events: int
    first: int
    last: int
    offset: int
    length: int
    checksum: int


class FrameStore(Protocol):
    """Frames that can be read one by one; more may still be coming."""

    @property
    def notices(self) -> Sequence[str]:
        """Sentences for the trader about what could not be read."""
        ...

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def end(self) -> int:
        """Time of the last event (UTC ns), as far as it is known."""
        ...

    def frame(self, number: int) -> Frame | None:
        """The frame with that number, waited for if it is still coming; None after the last."""
        ...

    def checkpoint_before(self, ts: int) -> int:
        """Number of the last checkpoint frame that is not after `ts`, or -1."""
        ...

    def payload(self, frame: Frame) -> bytes:
        """Raises `DamagedFrame` if it does not match its checksum."""
        ...

    def close(self) -> None: ...


def encode_header(header: Header) -> bytes:
    body = msgspec.msgpack.encode(header)
    return _PREFIX.pack(MAGIC, len(body), zlib.crc32(body)) + body


def encode_frame(kind: Kind, count: int, first: int, last: int, payload: bytes) -> bytes:
    head = _FRAME.pack(_MARK, kind, len(payload), count, first, last, zlib.crc32(payload))
    return head + _CRC.pack(zlib.crc32(head)) + payload


def decode_frame(head: bytes, offset: int) -> Frame | None:
    """The frame whose header is `head` and starts at `offset` in the file; None if that is no frame header."""
    mark, kind, length, count, first, last, checksum = _FRAME.unpack_from(head)
    if mark != _MARK or _CRC.unpack_from(head, _FRAME.size)[0] != zlib.crc32(head[: _FRAME.size]):
        return None
    return Frame(Kind(kind), count, first, last, offset + _FRAME_SIZE, length, checksum)


def split_frame(data: bytes) -> tuple[Frame, bytes]:
    """A frame in memory and its payload."""
    frame = decode_frame(data, -_FRAME_SIZE)
    assert frame is not None
    return frame, data[_FRAME_SIZE:]


def checked(frame: Frame, payload: bytes) -> bytes:
    if len(payload) != frame.length or zlib.crc32(payload) != frame.checksum:
        raise DamagedFrame
    return payload


def last_checkpoint(frames: Sequence[Frame], ts: int) -> int:
    """Number of the last checkpoint not after `ts`, or -1."""
    for number in range(len(frames) - 1, -1, -1):
        if frames[number].kind is Kind.CHECKPOINT and frames[number].last <= ts:
            return number
    return -1


class FrameFile:
    """A `.tws` file opened for reading. A half-written tail is left out, and `notices` says so.

    Raises `RecordingError` if the file cannot be read at all, is of an unknown version or holds no events.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            self.header = self._read_header()
            self._frames = self._scan()
            if not any(frame.kind is Kind.EVENTS for frame in self._frames):
                if self.notices:
                    raise RecordingError(f"{path} is half-written or damaged: nothing of the market can be read in it.")
                raise RecordingError(f"{path} is an empty recording: it holds no market events.")
        except BaseException:
            self._file.close()
            raise

    @property
    def instruments(self) -> Sequence[Instrument]:
        return self.header.instruments

    @property
    def end(self) -> int:
        return max(frame.last for frame in self._frames)

    def frame(self, number: int) -> Frame | None:
        return self._frames[number] if number < len(self._frames) else None

    def checkpoint_before(self, ts: int) -> int:
        return last_checkpoint(self._frames, ts)

    def payload(self, frame: Frame) -> bytes:
        self._file.seek(frame.offset)
        return checked(frame, self._file.read(frame.length))

    def close(self) -> None:
        self._file.close()

    def _read_header(self) -> Header:
        prefix = self._file.read(_PREFIX.size)
        body = b""
        if len(prefix) == _PREFIX.size:
            magic, length, checksum = _PREFIX.unpack(prefix)
            if magic != MAGIC:
                raise RecordingError(f"{self.path} is not a recording of tws.")
            body = self._file.read(length)
        if not body or len(body) != length or zlib.crc32(body) != checksum:
            raise RecordingError(f"{self.path} is half-written: it ends or is damaged within its header.")
        version = msgspec.msgpack.decode(body, type=dict)["version"]
        if version != VERSION:
            raise RecordingError(
                f"{self.path} is a recording of version {version}; this tws reads version {VERSION}: update tws."
            )
        return msgspec.msgpack.decode(body, type=Header)

    def _scan(self) -> list[Frame]:
        frames: list[Frame] = []
        offset = self._file.tell()
        size = self._file.seek(0, 2)
        closed = False
        while offset < size and not closed:
            self._file.seek(offset)
            head = self._file.read(_FRAME_SIZE)
            frame = decode_frame(head, offset) if len(head) == _FRAME_SIZE else None
            if frame is None or frame.offset + frame.length > size:
                break
            closed = frame.kind is Kind.END
            if not closed:
                frames.append(frame)
            offset = frame.offset + frame.length
        if offset < size:
            self.notices.append(
                f"{self.path.name} is half-written or damaged: its last {size - offset} bytes are left out, "
                f"everything before them is replayed."
            )
        elif not closed:
            self.notices.append(f"{self.path.name} was not closed; everything that was written is replayed.")
        return self._drop_torn_tail(frames)

    def _drop_torn_tail(self, frames: list[Frame]) -> list[Frame]:
        """A crash of the machine can leave a last frame of the right length and the wrong content."""
        if frames:
            try:
                self.payload(frames[-1])
            except DamagedFrame:
                self.notices.append(f"The last part of {self.path.name} is damaged and left out.")
                return frames[:-1]
        return frames
