"""Files that are there whole or not at all: written beside their place, and put into it once all of them is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def in_place_of(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """The file to write in place of `path`: it takes that place when the block ends, and is gone where that raises.

    `durable`: it is on the disk when this returns, which takes a moment; so is its name, unless the file system cannot
    flush folders (some over a network). Without it a power cut may take the new file and, on some file systems, the one
    before it too: for what can be made again. Raises OSError while what stood there before still stands.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            flush(part)
        part.replace(path)
        if durable:
            with suppress(OSError):  # it stands in its place: that it "cannot be written" would not be true
                flush(path.parent)
    finally:
        part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
