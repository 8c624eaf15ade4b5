"""Recordings of the demo market, made for a test."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.desk import START
from workstation.clock import SECOND, SimClock
from workstation.market.demo import DemoMarket
from workstation.market.recording import RecordingWriter


def recorded(path: Path, seconds: float, *, seed: int = 7, only: Collection[str] | None = None) -> Path:
    """The path, at which the first `seconds` of a demo market stand now: of all instruments, or `only` of some."""
    path.write_bytes(_bytes(seconds, seed, None if only is None else frozenset(only)))
    return path


@lru_cache(4)
def _bytes(seconds: float, seed: int, only: frozenset[str] | None) -> bytes:
    source = DemoMarket(seed, START)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.tws"
        writer = RecordingWriter(path, source.instruments, SimClock(START))
        for event in source.until(START + round(seconds * SECOND)):
            if only is None or event.instrument in only:
                writer.write(event)
        writer.close()
        return path.read_bytes()
