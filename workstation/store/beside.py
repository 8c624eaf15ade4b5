"""What a store cannot take and the desk goes on with all the same: kept beside it until the next start has it in the
journal. Closing orders of the kill switch are (see trading/without_store.py), nothing else is.

Two places, both of them used, since a disk fails in more than one way:
- a file beside the store whose room is taken while there is some: what is put into it needs none on a full disk, and a
  power cut does not take it;
- a file an event in memory (`/dev/shm`, else the system's folder for such files): where the store's disk reports
  errors, hangs or has become read-only. It survives the death of the desk; a restart of the machine takes it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from workstation.domain.events import OrderInitialized
from workstation.store.codec import Event, decode_event, event_row

#: Bytes that are kept free beside a store: room for some hundred orders.
ROOM = 1 << 18
#: A folder in memory, on systems that have it.
MEMORY = Path("/dev/shm")


class Place(Protocol):
    """Where events can be kept. Methods may be called from any thread; they wait for the disk and raise OSError."""

    def keep(self, events: Sequence[Event]) -> None:
        """They survive the death of this process when this returns."""
        ...

    def kept(self) -> list[Event]: ...

    def drop(self) -> None: ...


class Beside:
    """Both places of one store."""

    def __init__(self, store: Path, desk_id: str, folders: Sequence[Path] | None = None) -> None:
        """`desk_id`: of the store, by which it knows what is its own; `folders`: see `InFiles`."""
        self._reserve = Reserve(store.with_name(f".{store.name}.beside"), desk_id)
        self.places: tuple[Place, ...] = (self._reserve, InFiles(desk_id, folders))

    def make_ready(self) -> None:
        """Take the room beside the store. Without it, what a full disk does not take is kept in memory alone."""
        with contextlib.suppress(OSError):
            self._reserve.make_ready()

    def kept(self) -> list[Event]:
        """What waits in any of the places, by its time. A place that cannot be read has nothing."""
        found: dict[Event, None] = {}
        for place in self.places:
            with contextlib.suppress(OSError):
                found |= dict.fromkeys(place.kept())
        return sorted(found, key=lambda event: (event.ts, not isinstance(event, OrderInitialized)))

    def drop(self) -> None:
        """What was kept is in the store. Raises OSError where it cannot be removed; it is taken for known then."""
        for place in self.places:
            place.drop()

    def close(self) -> None:
        """Give the room back, unless something is kept in it."""
        with contextlib.suppress(OSError):
            if not self._reserve.kept():
                self._reserve.drop()


class Reserve:
    """A file of zeros, overwritten by a line an event. What follows the last whole line is nothing."""

    def __init__(self, path: Path, desk_id: str) -> None:
        self._path = path
        self._desk_id = desk_id
        self._gate = threading.Lock()

    def make_ready(self) -> None:
        """Raises OSError, and leaves no file that is too small then. One of a desk that was killed stays as it is: to
        make it anew would need the room."""
        if self._path.exists() and self._path.stat().st_size >= ROOM:
            return
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(fd).st_size  # something may stand in it
            _take_room(fd, size, ROOM - size)
        except OSError:
            if size == 0:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            raise
        finally:
            os.close(fd)

    def keep(self, events: Sequence[Event]) -> None:
        data = b"".join(_line(self._desk_id, event) for event in events)
        with self._gate:
            fd = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                at = len(b"".join(_whole_lines(_read(fd))))
                if at + len(data) > ROOM:
                    raise OSError(f"{self._path} has no more room")
                _write_whole(fd, data, at)
                os.fsync(fd)
            finally:
                os.close(fd)

    def kept(self) -> list[Event]:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            return _events(_read(fd), self._desk_id)
        finally:
            os.close(fd)

    def drop(self) -> None:
        self._path.unlink(missing_ok=True)


class InFiles:
    """A file an event, in the first of some folders that takes it."""

    def __init__(self, desk_id: str, folders: Sequence[Path] | None = None) -> None:
        """`folders`: None for those of the system."""
        self._desk_id = desk_id
        self._prefix = f"tws-{desk_id}-"
        self._folders = folders

    def _all(self) -> Sequence[Path]:
        if self._folders is not None:
            return self._folders
        import tempfile

        return [folder for folder in (MEMORY, Path(tempfile.gettempdir())) if folder.is_dir()]

    def keep(self, events: Sequence[Event]) -> None:
        for number, event in enumerate(events):
            ts, kind, client_id, _ = event_row(event)
            self._keep(f"{self._prefix}{ts:020d}-{number}-{client_id}-{kind}", _line(self._desk_id, event))

    def _keep(self, name: str, data: bytes) -> None:
        refusal = OSError("there is no folder for it")
        for folder in self._all():
            path = folder / name
            try:
                # others may write there too: no file and no link of theirs is taken for ours
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                try:
                    _write_whole(fd, data, 0)
                    os.fsync(fd)
                except OSError:
                    path.unlink()
                    raise
                finally:
                    os.close(fd)
                return
            except OSError as error:
                refusal = error
        raise refusal

    def kept(self) -> list[Event]:
        return [event for path in self._own() for event in self._in(path)]

    def _in(self, path: Path) -> list[Event]:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return []
        try:
            ours = os.fstat(fd).st_uid == os.geteuid()
            return _events(_read(fd), self._desk_id) if ours else []
        finally:
            os.close(fd)

    def drop(self) -> None:
        for path in self._own():
            with contextlib.suppress(PermissionError):  # another user's
                path.unlink(missing_ok=True)

    def _own(self) -> list[Path]:
        found = []
        for folder in self._all():
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                found += [folder / entry.name for entry in entries if entry.name.startswith(self._prefix)]
        return sorted(found, key=lambda path: path.name)


def _take_room(fd: int, at: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, at, size)
    else:
        _write_whole(fd, bytes(size), at)
        os.fsync(fd)


def _write_whole(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written


def _read(fd: int) -> bytes:
    return os.pread(fd, ROOM, 0)


def _line(desk_id: str, event: Event) -> bytes:
    _, kind, _, payload = event_row(event)
    return msgspec.json.encode((desk_id, kind, payload)) + b"\n"


def _whole_lines(data: bytes) -> Iterator[bytes]:
    """The lines up to the first that is none: what was being written when the desk died was not acted on."""
    for line in data.split(b"\n")[:-1]:
        try:
            msgspec.json.decode(line, type=tuple[str, str, str])
        except msgspec.MsgspecError:
            return
        yield line + b"\n"


def _events(data: bytes, desk_id: str) -> list[Event]:
    found: list[Event] = []
    for line in _whole_lines(data):
        desk, kind, payload = msgspec.json.decode(line, type=tuple[str, str, str])
        if desk == desk_id:
            with contextlib.suppress(KeyError, msgspec.MsgspecError):  # of another version of this program
                found.append(decode_event(kind, payload))
    return found
