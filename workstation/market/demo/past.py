"""The past of a demo market: the minutes that earlier runs of it traded, and what is made up around them.

Before the first run of all there is what that run drew as its own past (`history`); between two runs, while no desk was
there, a path from the last price that was traded to the one at which the next run opened (`bridge`). Both come from
what is kept of those runs alone, so that every start shows the same past; what the file has let go of is a gap like any
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from operator import attrgetter

from workstation.domain.bar import Bar
from workstation.domain.spans import HOUR, MINUTE
from workstation.market.demo.bridge import Bridge
from workstation.market.demo.history import History, Scale
from workstation.market.demo.kept import Kept, Session, Span
from workstation.market.demo.listings import LISTINGS, START_PRICES, Listing

_NAMES = [listing.instrument.id for listing in LISTINGS]
_BASES = [listing.instrument.base for listing in LISTINGS]


class _Gap:
    """A stretch of whole minutes of which nothing is kept; what opens and closes it is looked up when it is drawn."""

    def __init__(self, begin: int, end: int, draw: Callable[[int, int], Bridge]) -> None:
        self.begin, self.end = begin, end
        self._draw = draw

    @cached_property
    def bridge(self) -> Bridge:
        return self._draw(self.begin, self.end)


class Past:
    """Bars from before `now` starts, of any instrument that is listed."""

    def __init__(self, kept: Kept, now: Session) -> None:
        self._kept = kept
        self._now = now
        self._origin = origin = kept.origin or now
        self._history = History(origin.seed, origin.start, {**START_PRICES, **origin.prices}, origin.rate)
        self._begin = origin.start - origin.start % MINUTE  # here the history ends
        self._end = now.start - now.start % MINUTE
        self._gaps = tuple(self._between())

    def _between(self) -> Iterator[_Gap]:
        begin, before = self._begin, self._origin
        for span in (*self._kept.spans, Span(self._now, self._now.start, self._now.start)):
            end = span.start - span.start % MINUTE
            if end > begin:
                yield _Gap(begin, end, partial(self._bridge, before, span))
            begin, before = max(begin, span.until + -span.until % MINUTE), span.session

    def _bridge(self, before: Session, after: Span, begin: int, end: int) -> Bridge:
        """From the last price that is known before the gap to the first one after it."""
        opens, closes = [], []
        for name in _NAMES:
            last = self._kept.before(name, begin)
            opens.append(self._opening(before, name) if last is None else last.close)
            first = self._kept.bars(name, end, end + HOUR) if after.start != after.session.start else []
            closes.append(first[0].open if first else self._opening(after.session, name))
        return Bridge(self._origin.seed, begin, end, _BASES, opens, closes)

    def _opening(self, session: Session, name: str) -> float:
        return session.opening.get(name) or self._now.opening[name]

    def bars(self, listing: Listing, interval: int, count: int) -> Sequence[Bar]:
        """As `MarketSource.history`, for intervals that `History.bars` has."""
        instrument, temper = listing.instrument, listing.temper
        if self._begin == self._end and not self._kept.hours:
            return self._history.bars(instrument, temper, interval, count)
        if not self._history.bars(instrument, temper, interval, 1):  # an interval that cannot be had
            return ()
        end = self._end - self._end % interval
        since = end - count * interval
        whole = self._begin - self._begin % interval  # up to here all is the history's
        bars = list(self._history.bars(instrument, temper, interval, max(0, (min(whole, end) - since) // interval)))
        if whole < end:
            pieces = sorted(self._pieces(listing, max(since, whole), end, interval), key=attrgetter("ts"))
            bars += pieces if interval == MINUTE else _merged(pieces, interval)
        if interval == MINUTE and (begun := self._kept.bars(instrument.id, end, end + MINUTE)):
            bars.append(
                Bar(*_fields(begun[0]), closed=False)
            )  # the minute in which the last run ended and this one began
        return bars[-count:] if count > 0 else ()

    def _pieces(self, listing: Listing, since: int, end: int, interval: int) -> Iterator[Bar]:
        """What there is from `since` to `end`, in no order: no piece reaches beyond a bar of `interval`."""
        instrument, temper = listing.instrument, listing.temper
        if since < self._begin:
            yield self._history.bar(instrument, temper, since, self._begin)
        column, scale = _NAMES.index(instrument.id), Scale(instrument, temper, self._origin.rate)
        for gap in self._gaps:
            at = max(since, gap.begin)
            while at < min(end, gap.end):
                until = min(at - at % interval + interval, gap.end)
                paths, volume = gap.bridge.path(at, until, column)
                yield scale.bar(at, paths, volume)
                at = until
        yield from self._kept.bars(instrument.id, since, end)


def _fields(bar: Bar) -> tuple[int, float, float, float, float, float]:
    return bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume


def _merged(pieces: Sequence[Bar], interval: int) -> list[Bar]:
    """Bars of an interval from shorter ones, which are in order."""
    found: list[Bar] = []
    for piece in pieces:
        ts = piece.ts - piece.ts % interval
        if found and found[-1].ts == ts:
            last = found[-1]
            high, low = max(last.high, piece.high), min(last.low, piece.low)
            found[-1] = Bar(ts, last.open, high, low, piece.close, last.volume + piece.volume)
        else:
            found.append(Bar(ts, *_fields(piece)[1:]))
    return found
