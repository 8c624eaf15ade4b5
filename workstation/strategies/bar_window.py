"""The newest bars of a running strategy, kept so that a closed bar is added without building the others again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.market.candles import Candles


def late_after(interval: int) -> int:
    """ns after a bar's close within which those of several instruments must have come for a decision on them."""
    return min(interval // 2, 60 * SECOND)


class BarWindow:
    """At least the `least` newest bars, at most twice as many: the older half is dropped at once, so that in between
    nothing of what is worked out on them moves. Bars that were dropped are counted (`Candles.before`)."""

    def __init__(self, least: int, bars: Iterable[Bar] = (), before: int = 0) -> None:
        self.least, self.before = least, before
        self._count = 0
        self._time = np.empty(2 * least, dtype=np.int64)
        self._prices = np.empty((5, 2 * least))
        for bar in bars:
            self.append(bar)

    def __len__(self) -> int:
        return self._count

    @property
    def first(self) -> int:
        """Opening time of the oldest bar (UTC ns); −1 of none."""
        return int(self._time[0]) if self._count else -1

    @property
    def last(self) -> int:
        """Opening time of the newest bar (UTC ns); −1 of none."""
        return int(self._time[self._count - 1]) if self._count else -1

    def widened(self, least: int, older: Sequence[Bar] = ()) -> BarWindow:
        """The same bars in a window of at least `least`, with `older` ones before them as far as it has room."""
        kept = older[-(2 * least - self._count) :][-self.before :] if self.before else ()
        found = BarWindow(least, kept, self.before - len(kept))
        start, end = found._count, found._count + self._count
        found._time[start:end] = self._time[: self._count]
        found._prices[:, start:end] = self._prices[:, : self._count]
        found._count = end
        return found

    def append(self, bar: Bar) -> None:
        if self._count == 2 * self.least:
            self._time, self._prices = self._time.copy(), self._prices.copy()  # candles may still look at these
            self._time[: self.least] = self._time[self.least :]
            self._prices[:, : self.least] = self._prices[:, self.least :]
            self._count, self.before = self.least, self.before + self.least
        i = self._count
        self._time[i] = bar.ts
        self._prices[:, i] = bar.open, bar.high, bar.low, bar.close, bar.volume
        self._count += 1

    def candles(self) -> Candles:
        """The bars as strategies read them: the window's own memory, nothing is copied. Raises `BadCandles`."""
        opened, high, low, close, volume = self._prices[:, : self._count]
        return Candles(self._time[: self._count], opened, high, low, close, volume, before=self.before)
