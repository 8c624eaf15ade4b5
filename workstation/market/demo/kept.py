"""What the demo market really traded in earlier runs of the desk: its minutes, and when the desk was there to see them.

Minutes stand in rows, by hours: the minute (in minutes since 1970), then open, high, low, close (quote currency) and
volume (base units) of each instrument, 0 where it did not trade. An hour is read when something of it is wanted: a
first frame wants one of them, a week takes some ten milliseconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from workstation.domain.bar import Bar
from workstation.domain.instrument import InstrumentId
from workstation.domain.spans import HOUR, MINUTE

type Row = Sequence[float]
#: The rows of some hours (by the time at which they begin) out of a file; what cannot be read is not among them.
type Read = Callable[[Sequence[int]], Mapping[int, array[float]]]
#: Hours back in which the last price of an instrument is looked for.
_LOOK_BACK = 6


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the demo market, from `start` (UTC ns): what its past was drawn from, and what its books opened at."""

    start: int
    seed: int
    rate: float
    prices: dict[str, float]  # by asset
    opening: dict[InstrumentId, float]  # middle of each book


class Span(msgspec.Struct, frozen=True):
    """What is kept of a session, or a part of it: from when and until when (UTC ns)."""

    session: Session
    start: int
    until: int


def _nothing(_hours: Sequence[int]) -> Mapping[int, array[float]]:
    return {}


class Kept:
    """The minutes of earlier runs; `names` says in which order a row has the instruments. Nothing by itself."""

    def __init__(
        self,
        names: Sequence[InstrumentId] = (),
        sessions: Iterable[tuple[Session, int]] = (),
        hours: Sequence[int] = (),
        read: Read = _nothing,
    ) -> None:
        """`sessions`: each with the time up to which its minutes are kept; `hours`: those that there are of them, when
        they begin, oldest first."""
        self.names = tuple(names)
        self.sessions = tuple(sessions)
        self.hours = tuple(hours)
        self._read = read
        self._rows: dict[int, array[float]] = {}
        self._width = 1 + 5 * len(self.names)
        self.spans = tuple(self._spans())
        self._starts = [span.start for span in self.spans]

    def _spans(self) -> Iterator[Span]:
        """Sessions without the hours that are gone."""
        for session, until in self.sessions:
            begin = session.start
            for hour in self.hours[bisect_right(self.hours, begin - HOUR) : bisect_left(self.hours, until)]:
                begin = max(begin, hour)
                end = min(hour + HOUR, until)
                if end > begin:
                    yield Span(session, begin, end)
                begin = end

    @property
    def origin(self) -> Session | None:
        """The first run of all: what the market was before it is drawn from it, whatever came later."""
        return self.sessions[0][0] if self.sessions else None

    def covers(self, since: int, until: int) -> bool:
        """Whether the market was traded all the time from `since` to `until` (UTC ns) and what it did is kept."""
        number = bisect_right(self._starts, since)
        if number == 0 or since > self.spans[number - 1].until:
            return False
        seen = self.spans[number - 1].until
        for span in self.spans[number:]:  # a run goes on from hour to hour
            if seen >= until or span.start > seen:
                break
            seen = span.until
        return until <= seen

    def rows(self, hour: int) -> list[Row]:
        """The minutes of the hour that begins then, oldest first."""
        self._want(hour, hour + HOUR)
        rows = self._rows.get(hour, array("d"))
        return [rows[at : at + self._width] for at in range(0, len(rows), self._width)]

    def row(self, ts: int) -> Row | None:
        """The row of the minute that begins at `ts`."""
        return next((row for row in self.rows(ts - ts % HOUR) if row[0] * MINUTE == ts), None)

    def bars(self, name: InstrumentId, since: int, until: int) -> list[Bar]:
        """The minutes from `since` to `until` in which an instrument traded, oldest first."""
        if name not in self.names:
            return []
        found: list[Bar] = []
        at, width = 1 + 5 * self.names.index(name), self._width
        for hour in self._want(since, until):
            rows = self._rows.get(hour)
            if rows is not None:
                columns = [rows[place::width] for place in range(at, at + 5)]
                times = [int(minute) * MINUTE for minute in rows[::width]]
                bars = map(Bar, times, *columns)
                whole = since <= hour and hour + HOUR <= until and 0.0 not in columns[-1]
                found += bars if whole else (bar for bar in bars if bar.volume and since <= bar.ts < until)
        return found

    def before(self, name: InstrumentId, ts: int) -> Bar | None:
        """The last minute in which an instrument traded in the hours before `ts`."""
        number = bisect_left(self.hours, ts)
        for hour in reversed(self.hours[max(0, number - _LOOK_BACK) : number]):
            if bars := self.bars(name, hour, min(ts, hour + HOUR)):
                return bars[-1]
        return None

    def _want(self, since: int, until: int) -> Sequence[int]:
        """Have the hours read that lie between; which ones they are."""
        hours = self.hours[bisect_right(self.hours, since - HOUR) : bisect_left(self.hours, until)]
        if missing := [hour for hour in hours if hour not in self._rows]:
            read = self._read(missing)
            self._rows.update((hour, read.get(hour, array("d"))) for hour in missing)
        return hours


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
