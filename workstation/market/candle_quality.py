"""What is wrong with candles, and what is odd about them. Nothing is repaired here: it is counted and shown.

Errors make candles unusable: values that are no numbers, prices of zero or less, negative volume, a high or low that
the other prices contradict, doubled times, times out of order, fewer than two rows. Notes do not: gaps, rows off the
grid, jumps and spikes, bars without volume, runs of bars that stand still. The columns are examined in blocks, so that
ten million rows need little more memory than they take themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from workstation.domain.spans import SECOND
from workstation.market.candles import Bools, Floats, Ints
from workstation.market.timeframes import BadTimeframe, Timeframe

_BLOCK = 1 << 20
_EXAMPLES = 5
_HOUR, _DAY, _WEEK = 3_600 * SECOND, 86_400 * SECOND, 604_800 * SECOND
#: A change of the close is a jump, a wick a spike, beyond this many usual bar sizes (high to low, or change of the
#: close) of its neighbourhood (`_NEAR` bars) and of the whole. Recorded markets have a few in 10,000 bars: they are to
#: be looked at, not to be thrown away.
OUTLIER = 15.0
_NEAR = 1_000
#: Bars in a row whose four prices are all the same, from which on a market (or its recording) stood still.
STALE_BARS = 12


class Columns(Protocol):
    """Raw columns or candles: `time` UTC ns int64, the others float64."""

    @property
    def time(self) -> Ints: ...
    @property
    def open(self) -> Floats: ...
    @property
    def high(self) -> Floats: ...
    @property
    def low(self) -> Floats: ...
    @property
    def close(self) -> Floats: ...
    @property
    def volume(self) -> Floats: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found: how often, in a sentence, and the first rows (counted from 1) with times."""

    kind: str
    level: Literal["error", "note"]
    count: int
    text: str
    rows: tuple[int, ...] = ()
    times: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What `examine` found. `interval` is in ns, 0 where one row cannot tell; times are UTC ns."""

    name: str
    rows: int
    first: int
    last: int
    interval: int
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether a backtest may run on these candles."""
        return not any(each.level == "error" for each in self.findings)

    @property
    def timeframe(self) -> str:
        try:
            return str(Timeframe.of(self.interval))
        except BadTimeframe:
            return "?"

    def counts(self) -> dict[str, int]:
        """How often each kind was found; what the catalogue keeps."""
        return {each.kind: each.count for each in self.findings}

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "usable": self.usable,
            "rows": self.rows,
            "first": iso(self.first) if self.rows else None,
            "last": iso(self.last) if self.rows else None,
            "timeframe": self.timeframe,
            "findings": [
                {"kind": f.kind, "level": f.level, "count": f.count, "text": f.text, "rows": f.rows, "times": f.times}
                for f in self.findings
            ],
        }

    def text(self) -> str:
        """The report for the eye, with a line for each finding."""
        lines = [f"{self.name}: {_rows(self.rows)}"]
        if self.rows == 1:
            lines[0] += f", {iso(self.first)}"
        elif self.rows:
            lines[0] += f" of {self.timeframe}, {iso(self.first)} to {iso(self.last)}"
        for each in self.findings:
            lines.append(f"  {'ERROR' if each.level == 'error' else 'note '}  {each.text}")
            if each.times:
                more = " …" if each.count > len(each.times) else ""
                places = (f"row {row:,} ({when})" for row, when in zip(each.rows, each.times, strict=True))
                lines.append(f"         {', '.join(places)}{more}")
        if not self.findings:
            lines.append("  nothing to remark")
        lines.append("usable" if self.usable else "NOT usable: nothing is repaired for you; mend the source")
        return "\n".join(lines) + "\n"


def iso(ts: int) -> str:
    """A time in UTC ns to the second (to the ms where it has them)."""
    stamp = np.datetime64(ts, "ns")
    return f"{stamp.astype('datetime64[s]' if ts % SECOND == 0 else 'datetime64[ms]')}Z"


def examine(columns: Columns, timeframe: Timeframe | None = None) -> Report:
    """Everything worth saying about the columns. `timeframe` is what they should be; otherwise it is the distance that
    most neighbours have."""
    time = columns.time
    rows = len(time)
    if rows == 0:
        return Report(columns.name, 0, 0, 0, 0, (Finding("empty", "error", 1, "there is no row"),))
    interval = timeframe.ns if timeframe else usual_distance(time)
    found = [*_values(columns), *_times(time, interval)]
    if rows == 1:
        found.append(Finding("single", "error", 1, "there is one row only: a history begins with two"))
    ordered = not any(each.kind in ("disorder", "doubled") for each in found)
    if rows > 1 and interval > 0:
        found += _gaps(time if ordered else np.unique(time), interval)
    if not any(each.kind in ("not_a_number", "not_positive") for each in found):
        found += _outliers(columns)
    found += _still(columns)
    found.sort(key=lambda each: each.level != "error")
    return Report(columns.name, rows, int(time.min()), int(time.max()), interval, tuple(found))


def oddities(columns: Columns) -> tuple[str, ...]:
    """Gaps, jumps, bars that stand still, in sentences, to stand beside a result; not the hours of a closed market."""
    return tuple(one.text for one in examine(columns).findings if one.kind != "closed_hours")


def usual_distance(time: Ints) -> int:
    """The distance in ns that most neighbours have (looked up at both ends of long data); 0 if there is none."""
    parts = [time] if len(time) <= 400_000 else [time[:200_000], time[-200_000:]]
    steps = np.concatenate([np.diff(part) for part in parts])
    steps = steps[steps > 0]
    if len(steps) == 0:
        return 0
    distances, counts = np.unique(steps, return_counts=True)
    return int(distances[np.argmax(counts)])


class _Tally:
    """Counts the rows that are wrong in one way, over blocks, and keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[int] = []

    def add(self, wrong: Bools, offset: int) -> None:
        count = int(np.count_nonzero(wrong))
        if count:
            self.count += count
            if len(self.first) < _EXAMPLES:
                self.first += [offset + int(row) for row in np.flatnonzero(wrong)[: _EXAMPLES - len(self.first)]]

    def finding(self, kind: str, level: Literal["error", "note"], text: str, time: Ints) -> list[Finding]:
        if not self.count:
            return []
        places = tuple(row + 1 for row in self.first)
        times = tuple(iso(int(time[row])) for row in self.first)
        return [Finding(kind, level, self.count, text.format(rows=_rows(self.count)), places, times)]


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BLOCK):
        yield slice(start, min(rows, start + _BLOCK))


def _values(columns: Columns) -> list[Finding]:
    nan, low_price, volume, ohlc, empty = (_Tally() for _ in range(5))
    time = columns.time
    with np.errstate(invalid="ignore"):
        for part in _blocks(len(time)):
            prices = [column[part] for column in (columns.open, columns.high, columns.low, columns.close)]
            traded, at = columns.volume[part], part.start
            finite = np.isfinite(traded)
            for price in prices:
                finite &= np.isfinite(price)
            nan.add(~finite, at)
            bad = prices[0] <= 0
            for price in prices[1:]:
                bad |= price <= 0
            low_price.add(bad, at)
            volume.add(traded < 0, at)
            opened, high, low, close = prices
            ohlc.add(
                finite & ((high < np.maximum(np.maximum(opened, close), low)) | (low > np.minimum(opened, close))), at
            )
            empty.add(traded == 0, at)
    found = [
        *nan.finding("not_a_number", "error", "{rows} with a value that is missing or not finite", time),
        *low_price.finding("not_positive", "error", "{rows} with a price of zero or less", time),
        *volume.finding("negative_volume", "error", "{rows} with a negative volume", time),
        *ohlc.finding("ohlc", "error", "{rows} with a high below or a low above another price of the row", time),
    ]
    if empty.count == len(time):
        found.append(Finding("zero_volume", "note", empty.count, "no row has a volume"))
    else:
        found += empty.finding("zero_volume", "note", "{rows} without volume", time)
    return found


def _times(time: Ints, interval: int) -> list[Finding]:
    disorder, doubled, off = _Tally(), _Tally(), _Tally()
    for part in _blocks(len(time)):
        start = max(0, part.start - 1)
        steps = np.diff(time[start : part.stop])
        at = start + 1
        disorder.add(steps < 0, at)
        doubled.add(steps == 0, at)
        # Days of a local session shift by an hour with summer time: that is no fault.
        off.add((steps > 0) & (steps < interval * 0.9), at)
    found = [*disorder.finding("disorder", "error", "{rows} with an earlier time than the row before", time)]
    if disorder.count:  # doubles need not be neighbours
        twice = len(time) - len(np.unique(time))
        if twice:
            found.append(Finding("doubled", "error", twice, f"{_rows(twice)} with a time that another row has too"))
    else:
        found += doubled.finding("doubled", "error", "{rows} with the time of the row before", time)
    return found + off.finding("off_grid", "note", "{rows} sooner than one bar after the row before", time)


def _gaps(time: Ints, interval: int) -> list[Finding]:
    """Missing bars, those of hours in which the market is never open aside."""
    steps = np.diff(time)
    wide = np.flatnonzero(steps > 1.5 * interval)
    if len(wide) == 0:
        return []
    before, after = time[wide], time[wide + 1]
    missing = np.rint((after - before) / interval).astype(np.int64) - 1
    closed = _closed_bars(time, interval, before, after)
    open_missing = np.maximum(0, missing - closed)
    found: list[Finding] = []
    real = np.flatnonzero(open_missing > 0)
    if len(real):
        total, longest = int(open_missing[real].sum()), int(open_missing[real].max())
        share = 100 * total / (len(time) + total)
        text = f"gaps: {len(real):,} with {total:,} missing bars ({share:.3g} %), the longest of {longest:,}"
        first = real[np.argsort(-open_missing[real], kind="stable")][:_EXAMPLES]
        rows = tuple(int(wide[each]) + 2 for each in first)
        times = tuple(f"{int(open_missing[each]):,} before {iso(int(after[each]))}" for each in first)
        found.append(Finding("gaps", "note", len(real), text, rows, times))
    shut = int(np.minimum(missing, closed).sum())
    if shut:
        text = f"no gaps: {shut:,} bars absent at times of the week that never have any, when the market must be closed"
        found.append(Finding("closed_hours", "note", shut, text))
    return found


def _closed_bars(time: Ints, interval: int, before: Ints, after: Ints) -> Ints:
    """How many bars between `before` and `after` (both exclusive) fall into hours (days, for daily bars) of the week in
    which no row ever falls; none where the data is too short to tell (8 weeks)."""
    slot = max(interval, _HOUR)
    if interval > _DAY or _WEEK % slot or slot % interval or time[-1] - time[0] < 8 * _WEEK:
        return np.zeros(len(before), dtype=np.int64)
    slots, bars = _WEEK // slot, slot // interval
    seen = np.zeros(slots, dtype=np.bool_)
    for part in _blocks(len(time)):
        seen[np.unique(time[part] % _WEEK // slot)] = True
    shut = np.concatenate([[0], np.cumsum(~seen)]) * bars

    def closed_until(ts: Ints) -> Ints:
        weeks, rest = np.divmod(ts, _WEEK)
        place = rest // slot
        inside = np.where(seen[place], 0, rest % slot // interval)
        return np.asarray(weeks * shut[-1] + shut[place] + inside, dtype=np.int64)

    return closed_until(after) - closed_until(before)


def _outliers(columns: Columns) -> list[Finding]:
    time = columns.time
    if len(time) < 3:
        return []
    jump, spike = _Tally(), _Tally()
    for part in _blocks(len(time)):
        start = max(0, part.start - 1)
        opened, high, low, close = (
            np.log(column[start : part.stop]) for column in (columns.open, columns.high, columns.low, columns.close)
        )
        changes = np.abs(np.diff(close, prepend=close[:1]))
        sizes = np.maximum(high - low, changes)
        scale = OUTLIER * np.maximum(_neighbourhood(sizes), _usual(sizes))
        wicks = np.maximum(high - np.maximum(opened, close), np.minimum(opened, close) - low)
        new = slice(part.start - start, None)
        jump.add((changes > scale)[new], part.start)
        spike.add((wicks > scale)[new], part.start)
    odd = f"more than {OUTLIER:g} times the usual bar there"
    return [
        *jump.finding("jumps", "note", "{rows} whose close jumps by " + odd + " (a split, an error or an event)", time),
        *spike.finding("spikes", "note", "{rows} with a wick of " + odd, time),
    ]


def _usual(sizes: Floats) -> float:
    """The median of the sizes that are not zero."""
    moved = sizes[sizes > 0]
    return float(np.median(moved)) if len(moved) else 0.0


def _neighbourhood(sizes: Floats) -> Floats:
    """For each value the median of the stretch of `_NEAR` values in which it stands."""
    whole = len(sizes) // _NEAR * _NEAR
    if whole == 0:
        return np.full(len(sizes), np.median(sizes) if len(sizes) else 0.0)
    medians = np.median(sizes[:whole].reshape(-1, _NEAR), axis=1)
    return np.concatenate([np.repeat(medians, _NEAR), np.full(len(sizes) - whole, medians[-1])])


def _still(columns: Columns) -> list[Finding]:
    """Runs of bars whose prices are all the same as those of the bar before."""
    rows = len(columns.time)
    edges: list[Ints] = []
    for part in _blocks(rows):
        start = max(0, part.start - 1)
        close = columns.close[start : part.stop]
        flat = (columns.high[start : part.stop] == columns.low[start : part.stop])[1:] & (close[1:] == close[:-1])
        edges.append(np.flatnonzero(~flat) + start + 1)
    # A run lies between two rows that moved; the first row counts as one that moved.
    moved = np.concatenate([np.zeros(1, dtype=np.int64), *edges, np.array([rows], dtype=np.int64)])
    lengths = np.diff(moved)
    runs = np.flatnonzero(lengths >= STALE_BARS)
    if len(runs) == 0:
        return []
    total, longest = int(lengths[runs].sum()), int(lengths[runs].max())
    first = moved[runs[:_EXAMPLES]]
    bars = f"({total:,} bars, the longest {longest:,})"
    text = f"stretches of {STALE_BARS} bars or more without any move: {len(runs):,} {bars}"
    places, times = tuple(int(row) + 1 for row in first), tuple(iso(int(columns.time[row])) for row in first)
    return [Finding("stale", "note", len(runs), text, places, times)]
