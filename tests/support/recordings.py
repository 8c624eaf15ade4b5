"""Recordings of the demo market, made for a test."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from tests.support.desk import START
from workstation.clock import SECOND, SimClock
from workstation.market.demo import DemoMarket
from workstation.market.recording import RecordingWriter


def recorded(path: Path, seconds: float, *, seed: int = 7, only: Container[str] | None = None) -> Path:
    """The path, at which the first `seconds` of a demo market stand now: of all instruments, or `only` of some."""
    source = DemoMarket(seed, START)
    writer = RecordingWriter(path, source.instruments, SimClock(START))
    for event in source.until(START + round(seconds * SECOND)):
        if only is None or event.instrument in only:
            writer.write(event)
    writer.close()
    return path
