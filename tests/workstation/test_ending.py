"""What is written to a terminal that is gone is lost and nothing fails; any other failure is told."""

from __future__ import annotations

import io
import os
import pty

import pytest

from workstation.ending import Lasting, is_gone


def writer(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.FileIO(number, "w"), write_through=True)  # type: ignore[arg-type]


def test_a_picture_for_a_terminal_that_is_gone_is_lost() -> None:
    master, slave = pty.openpty()
    stream = writer(slave)
    assert Lasting(stream).isatty()
    assert not is_gone(slave)
    os.close(master)
    assert is_gone(slave)
    with pytest.raises(OSError, match="Input/output"):
        stream.write("a picture")
    Lasting(stream).write("a picture")
    Lasting(stream).flush()


def test_what_another_file_cannot_take_is_told() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    assert not is_gone(writes)
    with pytest.raises(BrokenPipeError):
        Lasting(writer(writes)).write("a picture")
