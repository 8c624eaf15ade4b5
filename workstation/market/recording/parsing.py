"""What every parser of raw sessions offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent
from workstation.market.recording.lines import Line


class Parser(ABC):
    """Turns the lines of one venue's session, in order of time, into market events.

    First it is shown lines with `survey` until `surveyed` (metadata, symbols, steps); then `instruments` is settled
    and `parse` gets every line from the beginning. Both may raise msgspec.MsgspecError or ValueError for a line that
    is not what the venue sends: that line is left out and said to be.
    """

    venue: str

    @abstractmethod
    def survey(self, line: Line) -> None: ...

    @property
    @abstractmethod
    def surveyed(self) -> bool:
        """Whether enough was seen; otherwise the survey goes on to its limit."""

    @abstractmethod
    def instruments(self) -> Sequence[Instrument]:
        """The instruments that the session has books of; empty if it has none."""

    @property
    def notices(self) -> list[str]:
        """Sentences for the trader about what was left out."""
        return []

    @abstractmethod
    def parse(self, line: Line) -> Iterable[MarketEvent]: ...
