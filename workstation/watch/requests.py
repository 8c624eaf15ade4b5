"""Halt requests: small files beside a store that say "stop", written by `tws kill` before it tries anything else.

Whoever has the store honours them: a desk that starts at once, a desk that runs within a quarter of a second, also when
the process that asked has long gone. A request goes when HALTED and the kill stand in the store's journal, which keeps
them from then on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from hashlib import blake2b
from pathlib import Path

import msgspec

from workstation.whole_file import flush

#: Bytes of a request that is kept ready: room for a long reason.
_READY_SIZE = 1024
#: What the address of a local socket may hold on every system that the desk runs on.
_LONGEST_ADDRESS = 100


class HaltRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Stop everything; with `flatten`, close every position too. `id` becomes the id of the kill in the journal."""

    id: str
    flatten: bool
    reason: str


def new_request(flatten: bool, reason: str) -> HaltRequest:
    return HaltRequest(id=f"kill-{secrets.token_hex(8)}", flatten=flatten, reason=reason)


class Ticket:
    """A halt request on its way through the desk."""

    def __init__(self, request: HaltRequest, now: float) -> None:
        self.request = request
        self.heard = now
        self.taken = threading.Event()  # the loop has pressed the kill switch
        self.gone_round = threading.Event()  # the watchdog has done what it can without the loop
        self.durable = threading.Event()
        self.words = ""  # what could be done without the loop, and what could not


class HaltRequests:
    """The requests of one store."""

    def __init__(self, store: Path) -> None:
        self._folder = store.parent
        self._prefix = f"{store.name}.halt-"
        self._ready = self._folder / f".{store.name}.halt-ready"

    def path(self, request_id: str) -> Path:
        return self._folder / f"{self._prefix}{request_id}"

    def write(self, request: HaltRequest) -> Path:
        """Durable when this returns: the file's content and its name. Raises OSError, and leaves no half of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.path(request.id)
        unready = self._folder / f".{path.name}"
        try:
            fd = os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write_whole(fd, msgspec.json.encode(request))
                os.fsync(fd)
            finally:
                os.close(fd)
            unready.rename(path)
        except OSError:
            with contextlib.suppress(OSError):  # it would take room that what comes next may need
                unready.unlink()
            raise
        self._flush_folder()
        return path

    def make_ready(self) -> None:
        """Keep one request on the disk under a name that asks nothing, for a moment when the disk has no room for
        another. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._ready.exists():  # of a desk that was killed: to write it anew would need the room
            return
        empty = HaltRequest(id="", flatten=False, reason="the store could not keep a halt")
        fd = os.open(self._ready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(fd, msgspec.json.encode(empty).ljust(_READY_SIZE))
            os.fsync(fd)
        finally:
            os.close(fd)

    def drop_ready(self) -> None:
        """Raises OSError."""
        self._ready.unlink(missing_ok=True)

    def write_without_room(self, request: HaltRequest) -> None:
        """As `write`; where that fails, a file that is there already takes its name, and its words if they can still be
        put into it. Raises OSError if there is none."""
        try:
            self.write(request)
        except OSError:
            path = self.path(request.id)
            if not path.exists():
                self._room_for(request).rename(path)
                self._flush_folder()
            with contextlib.suppress(OSError):
                fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    _write_whole(fd, msgspec.json.encode(request).ljust(_READY_SIZE))
                    os.fsync(fd)
                finally:
                    os.close(fd)

    def _room_for(self, request: HaltRequest) -> Path:
        """The file that was made ready, or one that asks for no more than the request does."""
        if not self._ready.exists():
            for other in self.pending():
                if request.flatten or not other.flatten:
                    return self.path(other.id)
        return self._ready

    def pending(self) -> list[HaltRequest]:
        """What waits, whole or not: a file that cannot be read still says stop. Raises OSError."""
        try:
            with os.scandir(self._folder) as entries:
                names = sorted(entry.name for entry in entries if entry.name.startswith(self._prefix))
        except FileNotFoundError:
            return []
        return [self._read(name) for name in names]

    def _read(self, name: str) -> HaltRequest:
        request_id = name.removeprefix(self._prefix)
        try:
            request = msgspec.json.decode((self._folder / name).read_bytes(), type=HaltRequest)
        except (OSError, msgspec.MsgspecError):
            return HaltRequest(id=request_id, flatten=False, reason=f"a halt request that cannot be read ({name})")
        return msgspec.structs.replace(request, id=request_id)

    def remove(self, request_id: str) -> None:
        """The request is in the journal now. Raises OSError if the file cannot be removed."""
        self.path(request_id).unlink(missing_ok=True)

    def _flush_folder(self) -> None:
        flush(self._folder)


def _write_whole(fd: int, data: bytes) -> None:
    """All of it: a disk that is nearly full takes a part, and says so with the next one."""
    while data:
        data = data[os.write(fd, data) :]


class Doors(msgspec.Struct, frozen=True):
    """Where a desk can be reached from outside, and where it writes what its loop was doing in a stall."""

    store: Path
    socket: Path
    stall_log: Path

    @classmethod
    def of(cls, store: Path, state: Path) -> Doors:
        """The doors of the desk on a store; every process of this user finds the same ones."""
        store = store.absolute()
        mark = blake2b(os.fsencode(store), digest_size=6).hexdigest()
        socket = state / f"{store.stem}-{mark}.sock"
        if len(os.fsencode(socket)) > _LONGEST_ADDRESS:
            socket = Path("/tmp") / f"tws-{os.getuid()}" / f"{mark}.sock"  # checked to be ours alone
        return cls(store, socket, state / f"stalls-{store.stem}.log")
