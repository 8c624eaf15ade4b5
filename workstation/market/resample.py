"""Candles of a longer timeframe from shorter ones, and candles from trades. Exact: nothing is filled in or smoothed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from workstation.market.candles import BadCandles, Bools, Candles, Floats, Ints, Memo
from workstation.market.timeframes import Timeframe


@dataclass(frozen=True)
class Resampled:
    """Candles of a longer timeframe, and of each whether the data covers its whole time (`complete`).

    `since` and `until` (UTC ns) are the time that the data covers; they go on into a further resampling, so that
    1m → 5m → 1h is the same as 1m → 1h.
    """

    candles: Candles
    complete: Bools
    since: int
    until: int


def resample(
    candles: Candles,
    target: Timeframe,
    *,
    source: Timeframe | None = None,
    since: int | None = None,
    until: int | None = None,
    partial: Literal["drop", "keep"] = "drop",
) -> Resampled:
    """Bars of `target`, aligned to UTC: the first open, the highest high, the lowest low, the last close, the sum of
    the volumes. A stretch without bars stays without: a gap never becomes a bar.

    The bar in which the data begins and the one in which it ends may be cut; cut bars are left out, or with
    `partial="keep"` kept and marked in `complete`. `source` is the timeframe of `candles` (their usual distance
    otherwise); the data is taken to cover `since` (the first bar's open) to `until` (the last bar's end). Prices are
    exact; sums of volumes may differ in the last digit with the order of summation.

    Raises `BadCandles` if `source` does not divide `target` or no whole bar is left.
    """
    what = candles.name or "The candles"
    if source is None:
        if len(candles) < 2:
            raise BadCandles(f"{what}: the timeframe of a single bar cannot be told; say which it is.")
        source = Timeframe.of(candles.interval)
    if not source.divides(target):
        raise BadCandles(f"{what}: bars of {source} do not make up bars of {target}.")
    since = int(candles.time[0]) if since is None else since
    until = int(source.ends(candles.time[-1:])[0]) if until is None else until
    opens = target.opens(candles.time)
    first = _first_rows(opens)
    last = np.append(first[1:], len(opens)) - 1
    time = opens[first]
    complete = (time >= since) & (target.ends(time) <= until)
    kept = np.ones(len(time), dtype=np.bool_) if partial == "keep" else complete
    if not kept.any():
        raise BadCandles(f"{what}: the data does not cover one whole bar of {target}.")
    made = replace(
        candles,
        time=time[kept],
        open=candles.open[first][kept],
        high=np.maximum.reduceat(candles.high, first)[kept],
        low=np.minimum.reduceat(candles.low, first)[kept],
        close=candles.close[last][kept],
        volume=np.add.reduceat(candles.volume, first)[kept],
        peer=None,
        memo=Memo(),
    )
    return Resampled(made, complete[kept], since, until)


def from_trades(time: Ints, price: Floats, quantity: Floats, target: Timeframe, name: str = "trades") -> Candles:
    """The candles of trades in order of time (UTC ns); spans without trades have none. Raises `BadCandles`."""
    if len(time) == 0:
        raise BadCandles(f"{name}: there is no trade.")
    if not len(time) == len(price) == len(quantity):
        raise BadCandles(f"{name}: the columns are not equally long.")
    if bool((np.diff(time) < 0).any()):
        raise BadCandles(f"{name}: the trades are not in order of time.")
    opens = target.opens(time)
    first = _first_rows(opens)
    last = np.append(first[1:], len(opens)) - 1
    return Candles(
        time=opens[first],
        open=price[first],
        high=np.maximum.reduceat(price, first),
        low=np.minimum.reduceat(price, first),
        close=price[last],
        volume=np.add.reduceat(quantity, first),
        name=name,
    )


def _first_rows(opens: Ints) -> npt.NDArray[np.intp]:
    return np.concatenate([np.zeros(1, dtype=np.intp), np.flatnonzero(np.diff(opens)) + 1])
