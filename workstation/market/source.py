"""Where simulated venues get their market from: the demo market and recordings are both a `MarketSource`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.market import BookSnapshot, MarketEvent


class MarketSource(Protocol):
    """A market as a stream of events in the order of their `ts` (UTC ns). Synchronous and deterministic.

    The first book event of every instrument is a `BookSnapshot`.
    """

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def start(self) -> int:
        """Time of the first event."""
        ...

    @property
    def end(self) -> int | None:
        """Time of the last event; None for a market without an end."""
        ...

    def until(self, ts: int) -> Iterable[MarketEvent]:
        """The events that have not been given yet, up to and including time `ts`."""
        ...

    def next_time(self) -> int | None:
        """Time of the next event, or None after the last."""
        ...

    def seek(self, ts: int) -> Sequence[BookSnapshot]:
        """Go to `ts` (backwards too); the books as they stood then. Raises `SeekError` where it is impossible."""
        ...

    def history(self, instrument: InstrumentId, interval: int, count: int) -> Sequence[Bar]:
        """Up to `count` bars of `interval` ns from before `start`, or before the moment that was last sought, oldest
        first; the last one may still be forming. Empty if there are none."""
        ...


class SeekError(Exception):
    """The source cannot go there; the text is a sentence for the trader."""
