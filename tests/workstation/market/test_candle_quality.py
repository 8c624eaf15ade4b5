"""The quality report names every fault with its rows, and leaves the data alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.bars import HOUR, RECORDED, random_walk, recorded
from workstation.market.candle_files import RawCandles, load_candles
from workstation.market.candle_quality import Finding, Report, examine
from workstation.market.candles import Candles
from workstation.market.timeframes import Timeframe

DAY = 24 * HOUR


def raw(bars: int = 200, interval: int = HOUR) -> RawCandles:
    walk = random_walk(bars, interval=interval)
    return RawCandles(
        walk.time, walk.open.copy(), walk.high.copy(), walk.low.copy(), walk.close.copy(), walk.volume.copy(), "hand"
    )


def found(report: Report, kind: str) -> Finding:
    (one,) = [each for each in report.findings if each.kind == kind]
    return one


def taken(bars: RawCandles, rows: list[int] | np.ndarray) -> RawCandles:
    columns = {name: getattr(bars, name)[rows] for name in ("time", "open", "high", "low", "close", "volume")}
    return RawCandles(**columns, name=bars.name)


def test_clean_candles_have_nothing_to_remark() -> None:
    report = examine(raw())
    assert report.findings == ()
    assert report.usable
    assert report.timeframe == "1h"
    assert "nothing to remark" in report.text()


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("not_a_number", "close", np.nan),
        ("not_a_number", "volume", np.inf),
        ("not_positive", "open", 0.0),
        ("not_positive", "low", -5.0),
        ("negative_volume", "volume", -1.0),
        ("ohlc", "high", 1.0),
        ("ohlc", "low", 1e9),
    ],
)
def test_values_that_make_a_row_unusable(kind: str, column: str, value: float) -> None:
    bars = raw()
    for row in (3, 77):
        getattr(bars, column)[row] = value
    before = getattr(bars, column).copy()
    report = examine(bars)
    one = found(report, kind)
    assert (one.level, one.count, one.rows) == ("error", 2, (4, 78))
    assert not report.usable
    assert np.array_equal(getattr(bars, column), before, equal_nan=True), "nothing is repaired"


def test_rows_out_of_order_and_doubled() -> None:
    bars = raw(50)
    assert found(examine(taken(bars, [0, 2, 1, *range(3, 50)])), "disorder").rows == (3,)
    assert found(examine(taken(bars, [0, 1, 1, *range(2, 50)])), "doubled").rows == (3,)
    mixed = examine(taken(bars, [*range(25, 50), *range(30)]))
    assert found(mixed, "disorder").count == 1
    assert found(mixed, "doubled").count == 5, "doubles need not be neighbours"
    assert not mixed.usable


def test_gaps_are_counted_in_bars_the_longest_first() -> None:
    bars = taken(raw(100), np.delete(np.arange(100), [10, 40, 41, 42]))
    gaps = found(examine(bars), "gaps")
    assert (gaps.level, gaps.count) == ("note", 2)
    assert gaps.text.startswith("gaps: 2 with 4 missing bars (4 %), the longest of 3")
    assert gaps.rows == (40, 11), "the row after each gap, counted from 1"
    assert examine(bars).usable


def test_a_market_that_closes_at_weekends_has_no_gaps_then() -> None:
    days = raw(400, interval=DAY)
    weekday = (days.time // DAY + 3) % 7  # 1970-01-01 was a Thursday
    week = taken(days, np.flatnonzero(weekday < 5))
    assert [each.kind for each in examine(week).findings] == ["closed_hours"]
    holiday = taken(week, np.delete(np.arange(len(week)), 100))
    assert found(examine(holiday), "gaps").text.startswith("gaps: 1 with 1 missing bars")


def test_a_week_is_too_short_to_tell_closed_hours_from_gaps() -> None:
    days = raw(20, interval=DAY)
    week = taken(days, np.flatnonzero((days.time // DAY + 3) % 7 < 5))
    assert "gaps" in examine(week).counts()


def test_jumps_wicks_empty_volume_and_standing_still_are_notes() -> None:
    bars = raw(3_000)
    bars.high[500] *= 3  # a wick
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[2_000:] *= 0.25  # a split
    bars.volume[100:103] = 0
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[1_000:1_020] = bars.close[999]
    report = examine(bars)
    assert report.usable
    assert found(report, "spikes").rows == (501,)
    assert found(report, "jumps").rows == (2_001,)
    assert found(report, "zero_volume").count == 3
    assert found(report, "stale").text.startswith("stretches of 12 bars or more without any move: 1 (2")


def test_the_splits_of_apple_are_found() -> None:
    times = found(examine(recorded("lean-us_AAPL_1d")), "jumps").times
    assert {"2005-02-28T00:00:00Z", "2014-06-09T00:00:00Z", "2020-08-31T00:00:00Z"} <= set(times)


@pytest.mark.parametrize(
    ("name", "gaps", "missing"),
    [
        ("binance_BTC-USDT_1h", 7, 14),
        ("bittrex_ADA-BTC_5m", 5, 40),
        ("freqtrade_XRP-ETH_1m", 676, 1_091),
        ("bittrex_ZEC-BTC_5m", 2, 2),
    ],
)
def test_the_gaps_of_recordings_are_those_of_their_manifest(name: str, gaps: int, missing: int) -> None:
    one = found(examine(recorded(name)), "gaps")
    assert one.count == gaps
    assert f"with {missing:,} missing bars" in one.text


def test_every_recording_is_usable() -> None:
    recorded("binance_BTC-USDT_4h")
    for file in sorted(RECORDED.glob("*.parquet")):
        report = examine(load_candles(file))
        assert report.usable, report.text()
        assert report.counts().get("jumps", 0) + report.counts().get("spikes", 0) <= 25, report.text()


def test_one_row_and_none() -> None:
    one = examine(taken(raw(), [0]))
    assert not one.usable
    assert found(one, "single").level == "error"
    assert not examine(taken(raw(), [])).usable


def test_the_expected_timeframe_counts_where_it_is_said() -> None:
    report = examine(raw(50), Timeframe.parse("30m"))
    assert found(report, "gaps").count == 49
    assert found(examine(raw(50), Timeframe.parse("1d")), "off_grid").count == 49


def test_faults_on_both_sides_of_a_block_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long data goes through in blocks: the report is the same as in one piece."""
    bars = raw(5_000)
    bars.close[1_023:1_025] = np.nan
    bars.volume[2_047:2_050] = 0
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[3_060:3_080] = 50.0
    bars = taken(bars, [*range(4_096), *range(4_095, 5_000)])
    whole = examine(bars)
    monkeypatch.setattr("workstation.market.candle_quality._BLOCK", 1_024)
    assert examine(bars) == whole


def test_candles_are_examined_as_raw_columns_are() -> None:
    walk = random_walk(100)
    assert isinstance(walk, Candles)
    assert examine(replace(walk, name="x")).usable
