"""Raw sessions as lines: what was received from a venue, and when, in the two forms in which people record it.

- plain: `<receive time, ns> <JSON>` (hftbacktest);
- cryptofeed: `URL -> <s>: <answer>` (HTTP), `URL <-> <s>` (connected), `URL <- <s>: <text>` (sent),
  `<s>: <text>` (received), with times in seconds since the epoch.

Files may be gzipped or not. Times given out are the local receive times in UTC ns and never run backwards in a file.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from workstation.market.recording.errors import RecordingError

_PLAIN = re.compile(rb"\d{19} [\[{]")
_CRYPTOFEED = re.compile(rb"(https?|wss?)://\S+ (->|<->|<-) \d|\d{9,}\.?\d*: [\[{]|configuration: \{")
_TRUNCATED = (EOFError, zlib.error, gzip.BadGzipFile)


class Form(Enum):
    PLAIN = "plain"
    CRYPTOFEED = "cryptofeed"


class Line(NamedTuple):
    """One message: `url` of the HTTP request that it answers, "" for what came over the stream."""

    ts: int
    url: str
    body: bytes


class RawFile:
    """A file of raw lines. `host` is the venue's address if the file names it, "" if it does not."""

    def __init__(self, path: Path, form: Form, host: str) -> None:
        self.path = path
        self.form = form
        self.host = host
        self.notices: list[str] = []

    def lines(self) -> Iterator[Line]:
        """Every message received. A half-written end is left out, and `notices` says so."""
        read = _plain if self.form is Form.PLAIN else _cryptofeed
        last = 0
        for text in self._texts():
            try:
                line = read(text)
            except ValueError:
                self._note(f"A line of {self.path.name} cannot be read and is left out: {text[:40]!r}.")
                continue
            if line is not None:
                last = max(last, line.ts)
                yield line if line.ts == last else line._replace(ts=last)

    def _texts(self) -> Iterator[bytes]:
        try:
            with _open(self.path) as file:
                for text in file:
                    if not text.endswith(b"\n") and not text.rstrip().endswith((b"}", b"]")):
                        self._note(f"{self.path.name} is half-written: its last line is left out.")
                    elif text := text.strip():
                        yield text
        except _TRUNCATED:
            self._note(f"{self.path.name} is half-written or damaged: what can be read of it is replayed.")
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be read: {error.strerror}.") from error

    def _note(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def last_time(self) -> int:
        """Receive time of the last line (0 if there is none): a pass over the file that parses nothing else."""
        tail = b""
        try:
            with _open(self.path) as file:
                while block := file.read(1 << 20):
                    tail = (tail + block)[-(1 << 20) :]
        except _TRUNCATED:
            pass
        read = _plain if self.form is Form.PLAIN else _cryptofeed
        for text in reversed(tail.splitlines()):
            try:
                line = read(text.strip())
            except ValueError:
                continue
            if line is not None:
                return line.ts
        return 0


def recognise(path: Path) -> RawFile | None:
    """The file if its content looks like a raw session, else None. Raises `RecordingError` if it cannot be read."""
    host = ""
    form: Form | None = None
    try:
        with _open(path) as file:
            for number, text in enumerate(file):
                if number >= 20 or host:
                    break
                if form is None and text.strip():
                    if _PLAIN.match(text):
                        return RawFile(path, Form.PLAIN, "")
                    if not _CRYPTOFEED.match(text):
                        return None
                    form = Form.CRYPTOFEED
                if text.startswith((b"http", b"ws")):
                    host = re.split(rb"[/: ]", text.split(b"//", 1)[-1], maxsplit=1)[0].decode(errors="replace")
    except _TRUNCATED:
        pass
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.") from error
    return None if form is None else RawFile(path, form, host)


def _open(path: Path) -> io.BufferedIOBase:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _plain(text: bytes) -> Line | None:
    return Line(int(text[:19]), "", text[20:]) if text else None


def _cryptofeed(text: bytes) -> Line | None:
    if not text or text.startswith(b"configuration:"):
        return None
    if text[:1].isdigit():
        time, _, body = text.partition(b": ")
        return Line(_nanoseconds(time), "", body)
    url, arrow, rest = text.split(b" ", 2)
    if arrow != b"->":
        return None
    time, _, body = rest.partition(b": ")
    return Line(_nanoseconds(time), url.decode(), body)


def _nanoseconds(seconds: bytes) -> int:
    whole, _, fraction = seconds.partition(b".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
