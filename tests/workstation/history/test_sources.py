"""What a picker offers from the first start, and that all of it loads."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.bars import HOUR, random_walk
from workstation.history.library import CandleLibrary
from workstation.history.names import HistoryError, HistoryName, hint
from workstation.history.sources import DEMO_END, load, sources
from workstation.market.candle_quality import examine


def test_the_first_start_offers_recorded_candles_and_the_demo_market(tmp_path: Path) -> None:
    offered = {source.spec: source for source in sources(tmp_path)}
    assert {"GOOG", "EURUSD", "BTCUSD", "NOVA:BTC-USDT:1h", "ORCA:BTC-USDT-PERP:1m"} <= set(offered)
    assert ("SP500" in offered) == (importlib.util.find_spec("arch") is not None)
    assert not list(tmp_path.iterdir()), "looking makes nothing"


@pytest.mark.parametrize(("spec", "rows"), [("GOOG", 2_148), ("EURUSD", 5_000), ("SP500", 5_031), ("NASDAQ", 5_031)])
def test_built_in_candles_load(spec: str, rows: int, tmp_path: Path) -> None:
    if not any(source.spec == spec for source in sources(tmp_path)):
        pytest.skip("its package is not installed")
    bars = load(spec, tmp_path)
    assert len(bars) == rows
    assert examine(bars).usable


def test_built_in_candles_of_a_longer_timeframe(tmp_path: Path) -> None:
    assert load("EURUSD:4h", tmp_path).interval == 4 * HOUR
    assert load("goog:1w", tmp_path).interval == 7 * 24 * HOUR


@pytest.mark.slow
def test_reading_the_candles_of_a_package_does_not_import_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workstation.history.sources import load, sources;"
        f"folder = Path({str(tmp_path)!r}); sources(folder); load('GOOG', folder);"
        "print([name for name in ('backtesting', 'arch', 'bokeh', 'ccxt') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_demo_history_is_the_same_at_every_time_and_joins_its_timeframes(tmp_path: Path) -> None:
    hours = load("nova:eth-usdt:1h", tmp_path)
    assert len(hours) == 730 * 24
    assert hours.time[-1] + HOUR == DEMO_END
    four = load("NOVA:ETH-USDT:4h", tmp_path)
    assert np.array_equal(four.open, hours.open[::4])
    assert np.array_equal(four.high, hours.high.reshape(-1, 4).max(axis=1))
    days = [load("NOVA:ETH-USDT:1d", tmp_path, seed=seed).fingerprint() for seed in (1, 2)]
    assert days[0] != days[1]


def test_a_stored_history_of_a_demo_venue_goes_before_the_drawn_one(tmp_path: Path) -> None:
    bars = random_walk(50)
    CandleLibrary(tmp_path).merge(HistoryName.parse("nova:BTC-USDT:1h"), bars, "recorded")
    assert load("NOVA:BTC-USDT:1h", tmp_path).fingerprint() == bars.fingerprint()
    assert sources(tmp_path)[0].spec == "nova:BTC-USDT:1h"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for spec, sentence in {
        "NOVA:XYZ-USDT:1h": "no history",
        "NOVA:BTC-USDT:30s": "no bars of 30s",
        "wat": "no candles 'wat'",
        "EURUSD:4x": "A timeframe is a number",
    }.items():
        with pytest.raises(HistoryError, match=sentence):
            load(spec, tmp_path)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("BTC_USDT-1h.feather", ("", "BTC-USDT", "1h")),
        ("BTC_USDT_USDT-1h-futures.feather", ("", "BTC-USDT-PERP", "1h")),
        ("binance_BTC-USDT_1h.parquet", ("binance", "BTC-USDT", "1h")),
        ("binanceusdm_DOGE-USDT-PERP_1m.parquet", ("binanceusdm", "DOGE-USDT-PERP", "1m")),
        ("AAPL_1d.csv.gz", ("", "AAPL", "1d")),
        ("lean-us_AAPL_1d.parquet", ("lean-us", "AAPL", "1d")),
        ("candles.csv", ("", "", "")),
    ],
)
def test_what_file_names_tell(file: str, told: tuple[str, str, str]) -> None:
    found = hint(Path(file))
    assert (found.venue, found.symbol, found.timeframe) == told
