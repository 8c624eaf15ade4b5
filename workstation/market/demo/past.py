"""The past of a demo market: the minutes that earlier runs of it traded, and what is made up around them.

Before the first run of all there is what that run drew as its own past (`history`); between two runs, while no desk was
there, a path from the last price that was traded to the one at which the next run opened (`bridge`). Both come from
what is kept of those runs alone, so that every start shows the same past; what the file has let go of is a gap like any
other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from workstation.domain.bar import Bar
from workstation.domain.spans import MINUTE
from workstation.market.demo.bridge import Bridge
from workstation.market.demo.history import History, bar_of
from workstation.market.demo.kept import Kept, Session
from workstation.market.demo.listings import LISTINGS, START_PRICES, Listing

_NAMES = [listing.instrument.id for listing in LISTINGS]
_BASES = [listing.instrument.base for listing in LISTINGS]


class Past:
    """Bars from before `now` starts, of any instrument that is listed."""

    def __init__(self, kept: Kept, now: Session) -> None:
        self._kept = kept
        self._origin = origin = kept.origin or now
        self._history = History(origin.seed, origin.start, {**START_PRICES, **origin.prices}, origin.rate)
        self._begin = origin.start - origin.start % MINUTE  # here the history ends
        self._end = now.start - now.start % MINUTE
        self._gaps = tuple(self._bridges(now))

    def _bridges(self, now: Session) -> Iterator[Bridge]:
        begin, before = self._begin, self._origin
        for session, start, until in (
            *((span.session, span.start, span.until) for span in self._kept.spans),
            (now, now.start, now.start),
        ):
            end = start - start % MINUTE
            if end > begin:
                opens = [self._price(name, begin, -1, before, now) for name in _NAMES]
                cut_off = start != session.start  # the file has let go of its first minutes
                closes = [self._price(name, end, 0 if cut_off else None, session, now) for name in _NAMES]
                yield Bridge(self._origin.seed, begin, end, _BASES, opens, closes)
            begin, before = max(begin, until + -until % MINUTE), session

    def _price(self, name: str, ts: int, place: int | None, session: Session, now: Session) -> float:
        """What an instrument cost at `ts`: the close of its last minute before (`place` -1), the open of its first
        minute then (0), or what it opened at in the session, which stands for both where there is no minute."""
        bars = self._kept.bars(name)
        at = bisect_left(bars.ts, ts)
        if place == -1 and at:
            return bars.close[at - 1]
        if place == 0 and at < len(bars):
            return bars.open[at]
        return session.opening.get(name) or now.opening[name]

    def bars(self, listing: Listing, interval: int, count: int) -> Sequence[Bar]:
        """As `MarketSource.history`, for intervals that `History.bars` has."""
        instrument, temper = listing.instrument, listing.temper
        if self._begin == self._end and not self._kept.minutes:
            return self._history.bars(instrument, temper, interval, count)
        if not self._history.bars(instrument, temper, interval, 1):  # an interval that cannot be had
            return ()
        end = self._end - self._end % interval
        since = end - count * interval
        whole = self._begin - self._begin % interval  # up to here all is the history's
        bars = list(self._history.bars(instrument, temper, interval, max(0, (min(whole, end) - since) // interval)))
        if whole < end:
            pieces = sorted(self._pieces(listing, max(since, whole), end, interval), key=lambda bar: bar.ts)
            bars += _merged(pieces, interval)
        if interval == MINUTE and (row := self._kept_bars(instrument.id, end, end + MINUTE)):
            bars += [Bar(*_fields(row[0]), closed=False)]  # the minute in which the last run ended and this one began
        return bars[-count:] if count > 0 else ()

    def _pieces(self, listing: Listing, since: int, end: int, interval: int) -> Iterator[Bar]:
        """What there is from `since` to `end`, in no order: no piece reaches beyond a bar of `interval`."""
        instrument, temper = listing.instrument, listing.temper
        if since < self._begin:
            yield self._history.bar(instrument, temper, since, self._begin)
        column = _NAMES.index(instrument.id)
        for gap in self._gaps:
            at = max(since, gap.begin)
            while at < min(end, gap.end):
                until = min(at - at % interval + interval, gap.end)
                paths, volume = gap.path(at, until, column)
                yield bar_of(instrument, temper, at, paths, volume, self._origin.rate)
                at = until
        yield from self._kept_bars(instrument.id, since, end)

    def _kept_bars(self, name: str, since: int, end: int) -> list[Bar]:
        bars = self._kept.bars(name)
        return bars[bisect_left(bars.ts, since) : bisect_left(bars.ts, end)]


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
