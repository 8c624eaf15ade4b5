"""A series of candles as research and strategies read it: float64 columns of numpy. See `candle_files` for loading."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Bools = npt.NDArray[np.bool_]
type Ints = npt.NDArray[np.int64]
type Codes = npt.NDArray[np.uint8]

#: Bytes of indicators that one series keeps: enough for a sweep over two hundred windows of 100,000 bars.
MEMO_BYTES = 200_000_000


class BadCandles(Exception):
    """The candles cannot be used; the text says which row is wrong and why."""


class Memo:
    """What was worked out on a series, by its key, least recently used first out; safe to share between threads."""

    def __init__(self, limit: int = MEMO_BYTES) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        return Memo, (self._limit,)  # another process works out its own

    def get[T](self, key: Hashable, work: Callable[[], T]) -> T:
        """The value under `key`, worked out by `work` if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key]
                return found
        value = work()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._bytes += _size(value)
                while self._bytes > self._limit and len(self._kept) > 1:
                    self._bytes -= _size(self._kept.popitem(last=False)[1])
        return value


def _size(value: object) -> int:
    if isinstance(value, tuple):
        return sum(_size(part) for part in value)
    return value.nbytes if isinstance(value, np.ndarray) else 0


@dataclass(frozen=True, eq=False)
class Candles:
    """Closed bars in order of time. `time` is the OPEN time in UTC ns, int64, strictly increasing; the other
    columns are float64 of the same length. `peer` is a second instrument on the same times; `before`: so many bars of
    the same series came earlier and are not kept. Raises `BadCandles`.

    What is wrong with the data is never repaired here: NaN or infinite values, prices of zero or less, negative volume,
    a high below or a low above the other prices, times out of order or doubled are refused with the row's number.
    """

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    name: str = ""
    peer: Candles | None = None
    memo: Memo = field(default_factory=Memo, repr=False)
    before: int = 0

    def __post_init__(self) -> None:
        for name in ("time", "open", "high", "low", "close", "volume"):
            kind = np.int64 if name == "time" else np.float64
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=kind))
        _examine(self)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def interval(self) -> int:
        """The usual distance of two bars in ns (the median, so gaps do not count); 0 of a single bar."""
        return self.memo.get("interval", lambda: int(np.median(np.diff(self.time))) if len(self) > 1 else 0)

    def slice(self, start: int, stop: int) -> Candles:
        """Bars start (inclusive) to stop (exclusive) as a series of its own, with a memo of its own."""
        part = slice(start, stop)
        return replace(
            self,
            **{name: getattr(self, name)[part] for name in ("time", "open", "high", "low", "close", "volume")},
            peer=None if self.peer is None else self.peer.slice(start, stop),
            memo=Memo(),
        )

    def with_peer(self, other: Candles) -> Candles:
        """These bars and those of another instrument, cut to the times that both have. Raises `BadCandles`."""
        _, mine, theirs = np.intersect1d(self.time, other.time, assume_unique=True, return_indices=True)
        if len(mine) < 2:
            raise BadCandles(f"{self.name or 'The candles'} and {other.name or 'the peer'} have no times in common.")
        return replace(_take(self, mine), peer=_take(other, theirs))

    def fingerprint(self) -> str:
        """A digest of every number, which names the data of a stored run (hex, 16 characters)."""
        import hashlib

        digest = hashlib.sha256()
        for column in (self.time, self.open, self.high, self.low, self.close, self.volume):
            digest.update(np.ascontiguousarray(column).tobytes())
        if self.peer is not None:
            digest.update(self.peer.fingerprint().encode())
        return digest.hexdigest()[:16]


def _take(candles: Candles, rows: npt.NDArray[np.intp]) -> Candles:
    columns = {name: getattr(candles, name)[rows] for name in ("time", "open", "high", "low", "close", "volume")}
    return replace(candles, **columns, peer=None, memo=Memo())


def _examine(candles: Candles) -> None:
    what = candles.name or "These candles"
    rows = len(candles.time)
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    if any(len(column) != rows for column in columns.values()):
        raise BadCandles(f"{what}: the columns are not equally long.")
    if rows == 0:
        raise BadCandles(f"{what}: there is no row.")
    for name, column in columns.items():
        _refuse(~np.isfinite(column), f"{what}: {name} is not a number", candles)
        if name == "volume":
            _refuse(column < 0, f"{what}: volume is negative", candles)
        else:
            _refuse(column <= 0, f"{what}: {name} is zero or negative", candles)
    highest = np.maximum(np.maximum(candles.open, candles.close), candles.low)
    lowest = np.minimum(np.minimum(candles.open, candles.close), candles.high)
    _refuse(candles.high < highest, f"{what}: high is below another price of its bar", candles)
    _refuse(candles.low > lowest, f"{what}: low is above another price of its bar", candles)
    if rows > 1:
        steps = np.diff(candles.time)
        _refuse(np.append(False, steps == 0), f"{what}: a time comes twice", candles)
        _refuse(np.append(False, steps < 0), f"{what}: the times are not in order", candles)


def _refuse(wrong: Bools, sentence: str, candles: Candles) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        row = int(np.argmax(wrong))
        when = np.datetime64(int(candles.time[row]), "ns").astype("datetime64[s]")
        more = f" ({count:,} rows in all)" if count > 1 else ""
        raise BadCandles(f"{sentence} in row {row + 1:,}, {when}Z{more}.")
