"""The recording that runs beside the desk, if one does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.clock import Clock
from workstation.domain.instrument import Instrument
from workstation.domain.market import BookSnapshot, MarketEvent
from workstation.log import DeskLog
from workstation.market.data import MarketData
from workstation.trading.errors import Refused

if TYPE_CHECKING:
    from workstation.market.recording import RecordingWriter


class Recorder:
    """`write` is None while nothing is recorded, so that the market's path pays nothing for it."""

    def __init__(self, instruments: Sequence[Instrument], market: MarketData, clock: Clock, log: DeskLog) -> None:
        self._instruments = instruments
        self._market = market
        self._clock = clock
        self._log = log
        self._writer: RecordingWriter | None = None
        self.write: Callable[[MarketEvent], None] | None = None
        self.failure: str | None = None  # what the newest recording ended of, if it did not end whole

    @property
    def path(self) -> Path | None:
        """The file that is being written."""
        return None if self._writer is None else self._writer.path

    def start(self, path: Path) -> None:
        """Record into the new file `path` from now on. Raises RecordingError or `Refused`."""
        from workstation.market.recording import RecordingWriter

        if self._writer is not None:
            raise Refused(f"A recording is running already: {self._writer.path}.")
        self._writer = RecordingWriter(path, self._instruments, self._clock, books=self._books, on_failure=self._failed)
        self.failure = None
        for book in self._books():
            self._writer.write(book)
        self.write = self._writer.write
        self._log.info("market", f"Recording to {path}.")

    def stop(self) -> str:
        """End the recording, if one runs. What its file cannot take any more is said, and stops nothing else.

        Returns a sentence of what the file is short of, "" where it has all.
        """
        if self._writer is None:
            return ""
        from workstation.market.recording import RecordingError

        writer, self._writer, self.write = self._writer, None, None
        try:
            writer.close()
        except RecordingError as error:
            self.failure = str(error)
            self._log.error("market", self.failure)
            return self.failure
        lost = f"; {writer.dropped} events were lost because the disk was too slow" if writer.dropped else ""
        told = f"Recorded {writer.events} events to {writer.path}{lost}."
        self._log.info("market", told)
        return told if lost else ""

    def _books(self) -> list[BookSnapshot]:
        return [market.book.snapshot() for market in self._market.markets.values() if market.book.stale is None]

    def _failed(self, _: str) -> None:
        self.stop()
