"""Measures the recordings and the demo market by the same figures, and reads the figures that its docstring states.

    PYTHONPATH=. python tests/calibration/demo_calibration.py

prints the table of `workstation.market.demo` anew, with the rows that are stated now; needs the shared recordings.
"""

from __future__ import annotations

import math
import statistics
from random import Random
from typing import NamedTuple

import numpy as np
from market_figures import Session, candle_figures, pair_figures
from recorded_sessions import COINM, DATA, SPOT, USDM, session

import workstation.market.demo
from workstation.clock import SECOND
from workstation.domain.market import MarketEvent
from workstation.market.demo import DemoMarket
from workstation.market.demo.history import FIVE
from workstation.market.demo.listings import ASSETS, START_PRICES
from workstation.market.demo.prices import EfficientPrices

START = 1_723_161_255_000_000_000  # the minute of the recordings
SEEDS = (1, 2, 3)
SECONDS = 300
DAYS = 8
HISTORY_BARS = 20 * 288
COARSE = 2 * SECOND  # grid of the efficient prices for days at a time


class Row(NamedTuple):
    """One stated figure; `apart` is how far the demo may be from the recording, as a part of the recording."""

    name: str
    recording: float
    demo: float
    apart: float
    how: str


def stated() -> list[Row]:
    """The rows of the table in the package's docstring."""
    rows = []
    for line in (workstation.market.demo.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and "." in cells[0]:
            rows.append(Row(cells[0], float(cells[1]), float(cells[2]), float(cells[3]), cells[4]))
    return rows


def recorded() -> dict[str, float]:
    """All figures of the recordings. Takes about 15 seconds."""
    from pyarrow import parquet

    sessions = {
        name: Session(session(*source), float(source[1]), float(source[2]))
        for name, source in (("spot", SPOT), ("perp", USDM), ("coinm", COINM))
    }
    result = _named(sessions)
    # the unbatched stream is the one whose updates are comparable in size
    for name in ("median", "mean"):
        result[f"perp.levels_per_update_{name}"] = result[f"coinm.levels_per_update_{name}"]
    result |= _prefixed("pair", pair_figures(sessions["perp"], sessions["spot"]))
    result |= _prefixed("venues", pair_figures(sessions["perp"], sessions["coinm"]))
    closes = {
        asset: parquet.read_table(DATA / "ohlcv" / f"binance_{asset}-USDT_5m.parquet")["close"].to_numpy()
        for asset in ASSETS
    }
    candles = candle_figures(closes)
    return result | _prefixed("live", candles) | _prefixed("history", candles)


def simulated() -> dict[str, float]:
    """The same figures of the demo market: means over `SEEDS`. Takes about 20 seconds."""
    runs = [_streams(seed) | _live(seed) | _history(seed) for seed in SEEDS]
    return {name: statistics.fmean(run[name] for run in runs) for name in runs[0]}


def _streams(seed: int) -> dict[str, float]:
    names = {"NOVA:BTC-USDT": "spot", "NOVA:BTC-USDT-PERP": "perp", "ORCA:BTC-USDT-PERP": "other"}
    market = DemoMarket(seed, START)
    events: dict[str, list[MarketEvent]] = {name: [] for name in names}
    for event in market.until(START + SECONDS * SECOND):
        if event.instrument in events:
            events[event.instrument].append(event)
    sessions = {
        names[i.id]: Session(events[i.id], float(i.tick), float(i.lot)) for i in market.instruments if i.id in names
    }
    result = _named(sessions)
    result |= _prefixed("pair", pair_figures(sessions["perp"], sessions["spot"]))
    return result | _prefixed("venues", pair_figures(sessions["perp"], sessions["other"]))


def _live(seed: int) -> dict[str, float]:
    prices = EfficientPrices(Random(seed), START, START_PRICES, grid=COARSE)
    closes: dict[str, list[float]] = {asset: [] for asset in ASSETS}
    for bar in range(DAYS * 288):
        prices.advance(START + bar * FIVE)
        for index, asset in enumerate(ASSETS):
            closes[asset].append(math.exp(prices.at(index)))
    return _prefixed("live", candle_figures({asset: np.array(close) for asset, close in closes.items()}))


def _history(seed: int) -> dict[str, float]:
    market = DemoMarket(seed, START)
    closes = {
        asset: np.array([bar.close for bar in market.history(f"NOVA:{asset}-USDT", FIVE, HISTORY_BARS)])
        for asset in ASSETS
    }
    return _prefixed("history", candle_figures(closes))


def _named(sessions: dict[str, Session]) -> dict[str, float]:
    result: dict[str, float] = {}
    for name, measured in sessions.items():
        result |= _prefixed(name, measured.figures())
    return result


def _prefixed(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}.{name}": value for name, value in figures.items()}


def main() -> None:
    real, demo = recorded(), simulated()
    for row in stated():
        r, d = real[row.name], demo[row.name]
        verdict = "" if abs(d - r) <= row.apart * abs(r) else "   <-- too far apart"
        print(f"{row.name:29} | {r:9.3g} | {d:8.3g} | {row.apart:5.2g} | {row.how}{verdict}")


if __name__ == "__main__":
    main()
