"""A result thinned out to the columns that a terminal can show, and its trades packed."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workstation.market.candles import Floats, Ints
from workstation.research.bench.messages import Picture, TradeColumns
from workstation.research.metrics import drawdowns
from workstation.research.result import Result
from workstation.strategies.exits import Reason

type Bools = npt.NDArray[np.bool_]
_TAGS = {int(reason): reason.name.lower() for reason in Reason}
_LONG_IN, _LONG_OUT, _SHORT_IN, _SHORT_OUT = 1, 2, 4, 8


class Prices(NamedTuple):
    """One instrument on the times of all; NaN where it has no price yet."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def picture(
    result: Result,
    first: int,
    last: int,
    width: int,
    falls: Floats | None = None,
    shown: tuple[int, Prices, Bools] | None = None,
) -> Picture:
    """Bars `first` … `last` − 1 (`last` 0: to the end) in at most `width` columns. `shown`, of several instruments: the
    number of the one that is shown, its prices on the times of all (NaN before its first bar), and which trades are
    its."""
    trades, bars = result.trades, len(result.candles)
    number, candles, its = (0, result.candles, None) if shown is None else shown
    last = bars if last <= 0 else min(last, bars)
    first = max(0, min(first, last - 1))
    edges = _edges(first, last, max(1, width))
    starts = edges[:-1]
    marks = np.zeros(len(starts), dtype=np.int64)
    long, short = trades.side > 0, trades.side <= 0
    if its is not None:
        long, short = long & its, short & its
    for at, chosen, bit in (
        (trades.entry_bar, long, _LONG_IN),
        (trades.exit_bar, long, _LONG_OUT),
        (trades.entry_bar, short, _SHORT_IN),
        (trades.exit_bar, short, _SHORT_OUT),
    ):
        inside = at[chosen & (at >= first) & (at < last)]
        marks[np.searchsorted(edges, inside, side="right") - 1] |= bit
    halves = _edges(first, last, 2 * max(1, width))
    ends = halves[1:] - 1
    if falls is None:
        falls = drawdowns(result.equity)
    index = result.candles.close
    hold = result.costs.cash * index[ends] / index[0]
    closes, opens = candles.close[edges[1:] - 1], candles.open[starts]
    if shown is not None:
        opens = np.where(np.isnan(opens), closes, opens)  # a column in which it begins
    return Picture(
        first,
        last,
        opens.tolist(),
        np.fmax.reduceat(candles.high[first:last], starts - first).tolist(),
        np.fmin.reduceat(candles.low[first:last], starts - first).tolist(),
        closes.tolist(),
        marks.tolist(),
        starts.tolist(),
        result.candles.time[starts].tolist(),
        result.equity[ends].tolist(),
        hold.tolist(),
        np.minimum.reduceat(falls[first:last], halves[:-1] - first).tolist(),
        number,
    )


def _edges(first: int, last: int, columns: int) -> Any:
    columns = min(columns, last - first)
    return first + np.arange(columns + 1) * (last - first) // columns


def packed(result: Result, instrument: Ints | None = None) -> TradeColumns:
    """The trades by column; `instrument`: the number of each one's, of several."""
    trades, time = result.trades, result.candles.time

    def whole(values: Any) -> bytes:
        return np.ascontiguousarray(values, dtype=np.int64).tobytes()

    def real(values: Any) -> bytes:
        return np.ascontiguousarray(values, dtype=np.float64).tobytes()

    return TradeColumns(
        len(trades),
        whole(trades.entry_bar),
        whole(trades.exit_bar),
        whole(time[trades.entry_bar]),
        whole(time[trades.exit_bar]),
        whole(trades.side),
        real(trades.size),
        real(trades.entry_price),
        real(trades.exit_price),
        real(trades.pnl),
        real(trades.fees),
        real(trades.returns),
        trades.tags if trades.tags is not None else tuple(map(_TAGS.__getitem__, trades.reason.tolist())),
        b"" if instrument is None else whole(instrument),
    )


def digest(result: Result) -> str:
    """Names every number of the result: two runs with the same digest agree to the last digit (hex, 16 characters)."""
    found = hashlib.sha256(np.ascontiguousarray(result.equity).tobytes())
    trades = result.trades
    for column in (trades.entry_bar, trades.exit_bar, trades.side, trades.size, trades.entry_price, trades.exit_price,
                   trades.pnl, trades.fees):  # fmt: skip
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()[:16]
