"""Candles built live from trades, several intervals at a time, joined to the history that the market source has."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from workstation.domain.bar import Bar
from workstation.domain.spans import SECOND
from workstation.market.bar_columns import BarColumns

#: Names that traders use for intervals, in ns.
INTERVALS: dict[str, int] = {
    "5s": 5 * SECOND,
    "15s": 15 * SECOND,
    "1m": 60 * SECOND,
    "5m": 300 * SECOND,
    "15m": 900 * SECOND,
    "1h": 3_600 * SECOND,
    "4h": 14_400 * SECOND,
    "1d": 86_400 * SECOND,
}


class BarSeries:
    """Bars of one interval, oldest first: closed ones and the one that forms. Bars without trades do not exist.

    Bars are counted from midnight UTC of 1970-01-01; a trade exactly on a boundary belongs to the bar that it opens. A
    closed bar never changes: a trade that comes late is counted into the bar that forms, whose close is always the
    price of the trade that came last. A last bar of the history that is not closed goes on forming.
    """

    def __init__(self, interval: int, closed: Sequence[Bar] = (), limit: int = 5_000) -> None:
        self.interval = interval
        self.limit = limit
        self.version = 0
        self._ts = self._end = -1  # of the forming bar
        self._open = self._high = self._low = self._close = self._volume = 0.0
        self._merged: tuple[tuple[int, int], Bar] | None = None  # the closed bars that `merged` has made one of
        forming = closed[-1] if closed and not closed[-1].closed else None
        self.closed = BarColumns(closed[-limit:] if forming is None else closed[-limit:-1])
        if forming is not None:
            self._resume(forming)

    def add(self, ts: int, price: float, volume: float) -> None:
        """Take a trade at `ts` (UTC ns)."""
        if ts < self._end:
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            self._close = price
            self._volume += volume
            self.version += 1
        else:
            self._add(ts - ts % self.interval, price, price, price, price, volume)

    def merge(self, bar: Bar) -> None:
        """Take a whole bar of a finer series, whose interval divides this one's."""
        self._add(bar.ts - bar.ts % self.interval, bar.open, bar.high, bar.low, bar.close, bar.volume)

    def _add(self, start: int, opened: float, high: float, low: float, close: float, volume: float) -> None:
        if self._ts < 0 and self.closed and self.closed.ts[-1] >= start:
            self._resume(self.closed.pop())  # the history reaches into this bar already
        if start > self._ts:
            if self._ts >= 0:
                self._close_bar()
            self._ts, self._end = start, start + self.interval
            self._open, self._high, self._low, self._volume = opened, high, low, volume
        else:
            self._high = max(self._high, high)
            self._low = min(self._low, low)
            self._volume += volume
        self._close = close
        self.version += 1

    def _resume(self, bar: Bar) -> None:
        self._ts, self._end = bar.ts, bar.ts + self.interval
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._volume = bar.volume

    def _close_bar(self) -> None:
        self.closed.append(self._ts, self._open, self._high, self._low, self._close, self._volume)
        if len(self.closed) > self.limit + self.limit // 4:
            self.closed.forget(len(self.closed) - self.limit)

    def prepend(self, older: Sequence[Bar]) -> int:
        """Put closed bars that are older than all here in front, up to the limit; how many there were."""
        first = self.first
        kept = [bar for bar in older if first is None or bar.ts < first.ts]
        room = max(0, self.limit - len(self.closed))
        kept = kept[-room:] if room else []
        if kept:
            self.closed.prepend(kept)
            self.version += 1
        return len(kept)

    @property
    def first(self) -> Bar | None:
        """The oldest bar."""
        return self.closed[0] if self.closed else self.forming

    @property
    def forming(self) -> Bar | None:
        """The bar that is not closed yet; None before the first trade."""
        if self._ts < 0:
            return None
        return Bar(self._ts, self._open, self._high, self._low, self._close, self._volume, False)

    def last(self, count: int) -> list[Bar]:
        """Up to `count` bars, oldest first, the forming one last."""
        if count <= 0:
            return []
        forming = self.forming
        if forming is None:
            return self.closed[-count:]
        return [*self.closed[-(count - 1) :], forming] if count > 1 else [forming]

    def closes(self, count: int) -> tuple[float, ...]:
        """The closes of what `last` gives, without making bars of them."""
        if self._ts < 0 or count <= 0:
            return tuple(self.closed.close[-count:]) if count > 0 else ()
        return (*self.closed.close[len(self.closed) - min(len(self.closed), count - 1) :], self._close)

    def merged(self, span: int) -> Bar | None:
        """The newest bar and those that opened less than `span` ns before it, as one; None without a bar."""
        last = self.forming or (self.closed[-1] if self.closed else None)
        if last is None:
            return None
        start = bisect_right(self.closed.ts, last.ts - span)
        if start >= len(self.closed):
            return last
        before = self._whole(start)
        return Bar(
            before.ts,
            before.open,
            max(last.high, before.high),
            min(last.low, before.low),
            last.close,
            before.volume + (0.0 if last.closed else last.volume),
            last.closed,
        )

    def _whole(self, start: int) -> Bar:
        """The closed bars from the one at `start` on as one, which is made anew when one more has closed."""
        closed, key = self.closed, (start, self.closed.version)
        if self._merged is None or self._merged[0] != key:
            high, low, volume = max(closed.high[start:]), min(closed.low[start:]), sum(closed.volume[start:])
            self._merged = key, Bar(closed.ts[start], closed.open[start], high, low, closed.close[-1], volume)
        return self._merged[1]

    def until(self, ts: int, count: int) -> list[Bar]:
        """Up to `count` bars that open at or before `ts`, oldest first."""
        if count <= 0:
            return []
        if 0 <= self._ts <= ts:
            return self.last(count)
        end = bisect_right(self.closed.ts, ts)
        return self.closed[max(0, end - count) : end]

    def since(self, ts: int, count: int) -> list[Bar]:
        """Up to `count` bars that open at or after `ts`, oldest first."""
        start = bisect_left(self.closed.ts, ts)
        bars = self.closed[start : start + max(0, count)]
        forming = self.forming
        if forming is not None and forming.ts >= ts and len(bars) < count:
            bars.append(forming)
        return bars


class Candles:
    """All intervals of one instrument. A series starts when it is first asked for, and knows what went before.

    Every trade goes into one series of 5 s, 1 min and 1 h each; a series that is asked for late is made of the
    longest of them that divides it, and so has the same bars, as far back as that reaches, as if it had been there from
    the start.
    """

    BASE = 5 * SECOND
    #: Intervals that are no whole minutes keep bars of this span only: a desk that is open all day must not grow.
    SHORT_SPAN = 9_000 * SECOND
    #: What a series gets of the history at once: a day of minutes, and more than a screen is wide of the others.
    FIRST_BARS = 600
    FIRST_MINUTES = 1_500

    def __init__(self, history: Callable[[int, int], Sequence[Bar]], kept: int = 5_000) -> None:
        """`history(interval, count)` gives bars that end before the first trade here, oldest first; `kept`: how many
        bars each series keeps."""
        self._history = history
        self._kept = kept
        self._ladder = self._new_ladder()
        self._series: dict[int, BarSeries] = {}
        self._asked: dict[int, int] = {}  # bars of history asked for so far

    def add(self, ts: int, price: float, volume: float) -> None:
        for series in self._ladder:
            series.add(ts, price, volume)
        for series in self._series.values():
            series.add(ts, price, volume)

    def series(self, interval: int) -> BarSeries:
        """The live series of `interval`: ns, a multiple of 5 s. Raises ValueError for another interval."""
        series = self._series.get(interval)
        if series is None:
            self._asked[interval] = self.FIRST_MINUTES if interval == INTERVALS["1m"] else self.FIRST_BARS
            series = self._series[interval] = self._made(interval, self._asked[interval])
        return series

    def drawn(self, interval: int) -> bool:
        """Whether the series is there: the first question for one draws it."""
        return interval in self._series

    def recent(self, interval: int, count: int) -> list[Bar]:
        """The last `count` bars of a series, oldest first; one that nobody has asked for yet is not drawn whole for
        them, which is a day of minutes."""
        series = self._series.get(interval)
        return (self._made(interval, count) if series is None else series).last(count)

    def _made(self, interval: int, count: int) -> BarSeries:
        """`count` bars of the history, and what has been traded since."""
        if interval <= 0 or interval % self.BASE:
            raise ValueError(f"candles come in multiples of 5 s, not of {interval / SECOND:g} s")
        series = self._past(interval, count)
        finer = next(one for one in reversed(self._ladder) if interval % one.interval == 0)
        for bar in finer.last(len(finer.closed) + 1):
            series.merge(bar)
        return series

    @property
    def live_minutes(self) -> BarSeries:
        """The minutes that were traded here, without the history: the newest 20,000."""
        return self._ladder[1]

    def older(self, interval: int) -> bool:
        """Fetch more of the history of a series; False if there is no more."""
        series = self.series(interval)
        asked = self._asked[interval]
        if asked >= series.limit:
            return False
        self._asked[interval] = min(series.limit, 2 * asked)
        return series.prepend(self._history(interval, self._asked[interval])) > 0

    def _past(self, interval: int, count: int) -> BarSeries:
        """The history, and of the interval in which it ends what shorter intervals tell."""
        bars = self._history(interval, count)
        series = BarSeries(interval, bars, self._limit(interval, self._kept))
        if not bars or not bars[-1].closed:
            return series
        covered = bars[-1].ts + interval
        gap = interval  # the history ends within so long of what is covered
        for step in (INTERVALS["1h"], INTERVALS["1m"], self.BASE):
            if step < interval and interval % step == 0:
                finer = self._history(step, gap // step)
                for bar in finer:
                    if bar.ts >= covered:
                        series.merge(bar)
                        covered = bar.ts + step
                if finer and finer[-1].closed:
                    gap = step
        return series

    def reset(self) -> None:
        """Forget everything (the market jumped to another time)."""
        self._ladder = self._new_ladder()
        self._series.clear()
        self._asked.clear()

    def _new_ladder(self) -> tuple[BarSeries, ...]:
        """The series that are always there, the shortest interval first: they hold 2½ h, 13 d and 2 years."""
        return tuple(
            BarSeries(interval, limit=self._limit(interval, 20_000))
            for interval in (self.BASE, INTERVALS["1m"], INTERVALS["1h"])
        )

    def _limit(self, interval: int, kept: int) -> int:
        return min(kept, self.SHORT_SPAN // interval) if interval % INTERVALS["1m"] else kept
