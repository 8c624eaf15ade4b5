"""A candle."""

from __future__ import annotations

import msgspec


class Bar(msgspec.Struct, frozen=True):
    """Open, high, low, close and volume of `[ts, ts + interval)`; float64, because bars are for charts and research.

    `ts` is the OPEN time in UTC ns; `closed` is False for the bar that is still forming.
    """

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool = True
