"""Tables of prices for tests of portfolios: recorded ones, and random walks with common factors."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from workstation.portfolio.prices import PriceTable, read_prices

RECORDED = Path(__file__).parents[2].parent / "shared" / "data" / "universe"
DAY = 86_400_000_000_000


@cache
def recorded_universe(name: str = "sp500_20_close_1d", rows: int = 501) -> PriceTable:
    """The last rows of a recorded universe; the test is skipped where the recordings are absent."""
    file = RECORDED / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")
    table = read_prices(file)
    return table.rows(len(table) - rows, len(table))


def walks(assets: int, rows: int, seed: int = 1) -> PriceTable:
    """Daily random walks that share three factors, with drifts of their own."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(0, 0.008, (rows - 1, 3)) @ rng.normal(0, 1, (3, assets))
    returns = rng.normal(0.0004, 0.0004, assets) + factors + rng.normal(0, 0.01, (rows - 1, assets))
    values = 100 * np.cumprod(1 + np.vstack([np.zeros(assets), np.clip(returns, -0.5, 0.5)]), axis=0)
    times = 1_600_000_000_000_000_000 // DAY * DAY + DAY * np.arange(rows, dtype=np.int64)
    return PriceTable(tuple(f"A{i:03}" for i in range(assets)), times, values, "walks")
