"""Time on the horizontal axis: one slot a bar, empty stretches filled flat, and labels in the user's zone.

Time is true: an interval without trades keeps its place as a flat continuation of the close. Only a stretch of more
than `FOLD` such intervals is folded, its last slot standing for the rest, so that a night or a break in a recording
does not push the market off the screen.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from screens.figures import calendar
from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.market.bars import BarSeries

#: Intervals without trades that are shown one by one.
FOLD = 12
_DAY = 86_400
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Kind(IntEnum):
    TRADED = 0
    FLAT = 1  # nothing traded: the close goes on
    FOLD = 2  # the rest of a long stretch without trades


class Slot(NamedTuple):
    """A place on the time axis; `bar.ts` is its opening time (of a fold: of its last interval)."""

    bar: Bar
    kind: Kind


def fill(bars: Sequence[Bar], interval: int, end: int) -> list[Slot]:
    """The slots from the first bar up to the interval that opens at `end` (at or after the last bar's)."""
    slots: list[Slot] = []
    for index, bar in enumerate(bars):
        slots.append(Slot(bar, Kind.TRADED))
        last = index + 1 == len(bars)
        until = end + interval if last else bars[index + 1].ts
        missing = (until - bar.ts) // interval - 1
        if missing <= 0:
            continue
        close = bar.close
        shown = missing if missing <= FOLD else FOLD - 1
        for number in range(1, shown + 1):
            slots.append(Slot(Bar(bar.ts + number * interval, close, close, close, close, 0.0), Kind.FLAT))
        if missing > FOLD:
            slots.append(Slot(Bar(until - interval, close, close, close, close, 0.0), Kind.FOLD))
    return slots


class Timeline:
    """The slots of a series as seen at `now`: windows of them that end live or at a chosen time."""

    def __init__(self, series: BarSeries, now: int) -> None:
        self.series = series
        newest = series.last(1)
        current = now - now % series.interval
        self.live_end: int | None = max(newest[-1].ts, current) if newest else None

    def window(self, end: int | None, count: int) -> list[Slot]:
        """Up to `count` slots, the last one at `end` (None for live), oldest first."""
        if self.live_end is None:
            return []
        if end is None or end > self.live_end:
            end = self.live_end
        slots = fill(self.series.until(end, count), self.series.interval, end)
        return slots[-count:] if count > 0 else []

    def back(self, end: int | None, by: int, count: int) -> int | None:
        """Where a window of `count` slots ends that is moved `by` slots into the past, but not beyond the first."""
        slots = self.window(end, count + by)
        by = min(by, len(slots) - count)
        return slots[-1 - by].bar.ts if by > 0 else end

    def forward(self, end: int | None, by: int) -> int | None:
        """Where a window ends that is moved `by` slots towards now; None once it is live."""
        if end is None or self.live_end is None:
            return None
        series = self.series
        bars = [*series.until(end, 1), *series.since(end + 1, by + 1)]
        newest = series.last(1)[-1].ts
        reaches = not bars or bars[-1].ts >= newest
        slots = fill(bars, series.interval, self.live_end if reaches else bars[-1].ts)
        index = slot_at(slots, end)
        if index is None or (reaches and index + by >= len(slots) - 1):
            return None
        return slots[min(index + by, len(slots) - 1)].bar.ts


def slot_at(slots: Sequence[Slot], ts: int) -> int | None:
    """The slot that a moment falls into; None before the first."""
    index = bisect_right(slots, ts, key=_opening) - 1
    return index if index >= 0 else None


def _opening(slot: Slot) -> int:
    return slot.bar.ts


class Label(NamedTuple):
    """A label under a slot; `day` if it names a day (month, year), not a time."""

    slot: int
    text: str
    day: bool


def time_labels(slots: Sequence[Slot], interval: int, columns: int) -> list[Label]:
    """Labels for slots of `columns` cells each, far enough apart to be read; where a day (or year) begins is marked."""
    local = [calendar(slot.bar.ts) for slot in slots]
    seconds = interval // SECOND
    width = 8 if seconds < 60 else 6
    least = seconds * (width + 3) / columns
    step = next((one for one in _STEPS if one >= least and one % min(seconds, one) == 0), None)
    labels: list[Label] = []
    days = [one.tm_yday + one.tm_year * 366 for one in local]
    if step is not None and seconds < _DAY:
        places = [(slot.bar.ts // SECOND + one.tm_gmtoff) // step for slot, one in zip(slots, local, strict=True)]
        for index in range(1, len(slots)):
            one = local[index]
            if days[index] != days[index - 1]:
                labels.append(Label(index, _day(one), True))
            elif places[index] != places[index - 1]:
                labels.append(Label(index, _clock(one, seconds), False))
        return labels
    days_apart = next((one for one in _DAYS if one * _DAY >= least), None)
    if days_apart is not None:
        # Counted from a Monday, so that weeks begin on Mondays.
        places = [
            ((slot.bar.ts // SECOND + one.tm_gmtoff) // _DAY + 3) // days_apart
            for slot, one in zip(slots, local, strict=True)
        ]
    else:
        months_apart = next((one for one in _MONTHS if one * 30 * _DAY >= least), _MONTHS[-1])
        places = [(one.tm_year * 12 + one.tm_mon - 1) // months_apart for one in local]
    for index in range(1, len(slots)):
        one, before = local[index], local[index - 1]
        if one.tm_year != before.tm_year:
            labels.append(Label(index, str(one.tm_year), True))
        elif places[index] != places[index - 1]:
            labels.append(Label(index, _day(one) if days_apart is not None else _NAMES[one.tm_mon - 1], False))
    return labels


def moment_text(ts: int, interval: int, now: int) -> str:
    """When a bar opened: 11:32 today, 14 Jan 11:32 before, with seconds or without a time as the interval needs."""
    one, today = calendar(ts), calendar(now)
    seconds = interval // SECOND
    year = f" {one.tm_year}" if one.tm_year != today.tm_year or seconds >= _DAY else ""
    if seconds >= _DAY:
        return _day(one) + year
    clock = _clock(one, seconds)
    same = (one.tm_year, one.tm_yday) == (today.tm_year, today.tm_yday)
    return clock if same else f"{_day(one)}{year} {clock}"


def _day(one: time.struct_time) -> str:
    return f"{one.tm_mday} {_NAMES[one.tm_mon - 1]}"


def _clock(one: time.struct_time, seconds: int) -> str:
    text = f"{one.tm_hour:02d}:{one.tm_min:02d}"
    return f"{text}:{one.tm_sec:02d}" if seconds < 60 else text
