"""Candles and strategies for tests of research: hand-written bars, recorded ones, signals at will."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from workstation.market.candle_files import load_candles
from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy

HOUR = 3_600_000_000_000
RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "ohlcv"


def candles(rows: Sequence[tuple[float, float, float, float]], interval: int = HOUR, start: int = 0) -> Candles:
    """Candles of (open, high, low, close) rows, by default hourly from 1970."""
    o, h, low, c = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    time = start + interval * np.arange(len(rows), dtype=np.int64)
    return Candles(time, o, h, low, c, np.ones(len(rows)), name="hand")


def random_walk(bars: int, seed: int = 1, interval: int = HOUR, step: float = 0.01) -> Candles:
    """A reproducible walk whose bars have shadows and whose opens jump a little."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, step, bars)))
    open_ = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, step / 10, bars))
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high, low = top * (1 + rng.uniform(0, step, bars)), bottom * (1 - rng.uniform(0, step, bars))
    time = 1_600_000_000_000_000_000 + interval * np.arange(bars, dtype=np.int64)
    return Candles(time, open_, high, low, close, rng.uniform(1, 10, bars), name="walk")


@cache
def recorded(name: str) -> Candles:
    """A recorded series by its file's name; the test is skipped where the recordings are absent."""
    file = RECORDED / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")
    return load_candles(file)


class Scripted(SignalStrategy):
    """Enters and leaves on the bars that it is told."""

    def __init__(
        self,
        long_entry: Sequence[int] = (),
        long_exit: Sequence[int] = (),
        short_entry: Sequence[int] = (),
        short_exit: Sequence[int] = (),
    ) -> None:
        super().__init__(direction="both")
        self._bars = (long_entry, long_exit, short_entry, short_exit)

    def signals(self, candles: Candles) -> Signals:
        columns = []
        for bars in self._bars:
            column = np.zeros(len(candles), dtype=np.bool_)
            column[list(bars)] = True
            columns.append(column)
        return Signals(*columns)
