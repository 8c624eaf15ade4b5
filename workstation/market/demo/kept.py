"""What the demo market really traded in earlier runs of the desk: its minutes, and when the desk was there to see them.

Minutes stand in rows: the minute (in minutes since 1970), then open, high, low, close (quote currency) and volume (base
units) of each instrument, 0 where it did not trade. Rows are what the file of `minutes_file` holds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.spans import MINUTE
from workstation.market.bar_columns import BarColumns

type Row = Sequence[float]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the demo market, from `start` (UTC ns): what its past was drawn from, and what its books opened at."""

    start: int
    seed: int
    rate: float
    prices: dict[str, float]  # by asset
    opening: dict[InstrumentId, float]  # middle of each book


class Span(msgspec.Struct, frozen=True):
    """What is kept of a session: from when and until when (UTC ns)."""

    session: Session
    start: int
    until: int


class Kept:
    """The minutes of earlier runs; `names` says in which order a row has the instruments. Nothing by itself."""

    def __init__(
        self,
        names: Sequence[InstrumentId] = (),
        sessions: Iterable[tuple[Session, int]] = (),
        rows: array[float] | None = None,
    ) -> None:
        """`sessions`: each with the time up to which its minutes are in `rows`, which are one after the other."""
        self.names = tuple(names)
        self.sessions = tuple(sessions)
        self.rows = array("d") if rows is None else rows
        self.width = 1 + 5 * len(self.names)
        self.minutes = array("q", (int(minute) * MINUTE for minute in self.rows[:: self.width]))
        first = self.minutes[0] if self.minutes else 0
        self.spans = tuple(
            Span(session, max(session.start, first), until)
            for session, until in self.sessions
            if self.minutes and until > max(session.start, first)
        )
        self._starts = [span.start for span in self.spans]
        self._bars: dict[InstrumentId, BarColumns] = {}

    @property
    def origin(self) -> Session | None:
        """The first run of all: what the market was before it is drawn from it, whatever came later."""
        return self.sessions[0][0] if self.sessions else None

    def covers(self, ts: int) -> bool:
        """Whether the market was traded at `ts` (UTC ns) and what it did is kept."""
        number = bisect_right(self._starts, ts)
        return number > 0 and ts <= self.spans[number - 1].until

    def row(self, ts: int) -> list[float] | None:
        """The row of the minute that begins at `ts`."""
        at = bisect_left(self.minutes, ts)
        if at == len(self.minutes) or self.minutes[at] != ts:
            return None
        return list(self.rows[at * self.width : (at + 1) * self.width])

    def bars(self, name: InstrumentId) -> BarColumns:
        """The minutes in which an instrument traded, oldest first."""
        bars = self._bars.get(name)
        if bars is None:
            at = 1 + 5 * self.names.index(name) if name in self.names else None
            bars = self._bars[name] = BarColumns() if at is None else self._columns(at)
        return bars

    def _columns(self, at: int) -> BarColumns:
        columns: list[array[Any]] = [self.minutes, *(self.rows[place :: self.width] for place in range(at, at + 5))]
        volume = columns[-1]
        if 0.0 in volume:
            columns = [array(column.typecode, compress(column, volume)) for column in columns]
        return BarColumns.of(*columns)


def joined(earlier: Row, later: Row) -> list[float]:
    """Two rows of one minute, as one."""
    row = [later[0]]
    for at in range(1, len(later), 5):
        a, b = earlier[at : at + 5], later[at : at + 5]
        if a[4] and b[4]:
            row += (a[0], max(a[1], b[1]), min(a[2], b[2]), b[3], a[4] + b[4])
        else:
            row += b if b[4] else a
    return row
