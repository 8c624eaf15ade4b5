"""Candles built live from trades, several intervals at a time, joined to the history that the market source has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workstation.domain.bar import Bar

SECOND = 1_000_000_000
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
    """Bars of one interval, oldest first: closed ones and the one that forms. Bars without trades do not exist."""

    def __init__(self, interval: int, closed: Sequence[Bar] = (), limit: int = 5_000) -> None:
        self.interval = interval
        self.limit = limit
        self.closed: list[Bar] = list(closed)[-limit:]
        self.version = 0
        self._ts = -1  # open time of the forming bar
        self._open = self._high = self._low = self._close = self._volume = 0.0

    def add(self, ts: int, price: float, volume: float) -> None:
        """Take a trade at `ts` (UTC ns). A trade older than the forming bar is counted into that bar."""
        start = ts - ts % self.interval
        if start > self._ts:
            forming = self.forming
            if forming is not None:
                self._push(forming)
            elif self.closed and self.closed[-1].ts >= start:  # history already covers the start of this bar
                last = self.closed.pop()
                self._set(last)
                self.add(ts, price, volume)
                return
            self._ts = start
            self._open = self._high = self._low = self._close = price
            self._volume = volume
        else:
            self._high = max(self._high, price)
            self._low = min(self._low, price)
            self._close = price
            self._volume += volume
        self.version += 1

    def merge(self, bar: Bar) -> None:
        """Take a whole bar of a finer series."""
        self.add(bar.ts, bar.open, 0.0)
        self._high = max(self._high, bar.high)
        self._low = min(self._low, bar.low)
        self._close = bar.close
        self._volume += bar.volume

    def _set(self, bar: Bar) -> None:
        self._ts = bar.ts
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._volume = bar.volume

    def _push(self, bar: Bar) -> None:
        self.closed.append(Bar(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, True))
        if len(self.closed) > self.limit + self.limit // 4:
            del self.closed[: -self.limit]

    @property
    def forming(self) -> Bar | None:
        """The bar that is not closed yet; None before the first trade."""
        if self._ts < 0:
            return None
        return Bar(self._ts, self._open, self._high, self._low, self._close, self._volume, False)

    def last(self, count: int) -> list[Bar]:
        """Up to `count` bars, oldest first, the forming one last."""
        forming = self.forming
        if forming is None:
            return self.closed[-count:]
        return [*self.closed[-(count - 1) :], forming] if count > 1 else [forming]


class Candles:
    """All intervals of one instrument. A series starts when it is first asked for, and knows what went before."""

    BASE = 5 * SECOND

    def __init__(self, history: Callable[[int, int], Sequence[Bar]]) -> None:
        """`history(interval, count)` gives closed bars that end before the first trade here."""
        self._history = history
        self._base = BarSeries(self.BASE, limit=20_000)
        self._series: dict[int, BarSeries] = {}

    def add(self, ts: int, price: float, volume: float) -> None:
        self._base.add(ts, price, volume)
        for series in self._series.values():
            series.add(ts, price, volume)

    def series(self, interval: int) -> BarSeries:
        """The live series of `interval` (ns, a multiple of 5 s)."""
        series = self._series.get(interval)
        if series is None:
            series = BarSeries(interval, self._history(interval, 2_000))
            for bar in self._base.last(len(self._base.closed) + 1):
                series.merge(bar)
            self._series[interval] = series
        return series

    def reset(self) -> None:
        """Forget everything (the market jumped to another time)."""
        self._base = BarSeries(self.BASE, limit=20_000)
        self._series.clear()
