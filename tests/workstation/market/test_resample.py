"""Resampling is exact, keeps gaps, leaves out what the ends of the data cut, and may go in steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bars import HOUR, RECORDED, candles, random_walk, recorded
from workstation.market.candles import BadCandles, Candles
from workstation.market.resample import from_trades, resample
from workstation.market.timeframes import BadTimeframe, Timeframe

MINUTE = HOUR // 60
M1, M5, H1, H4, D1, W1, MONTH = (Timeframe.parse(word) for word in ("1m", "5m", "1h", "4h", "1d", "1w", "1M"))


def same(one: Candles, other: Candles) -> bool:
    columns = ("time", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


def test_first_open_highest_high_lowest_low_last_close_sum_of_volumes() -> None:
    bars = candles([(10, 12, 9, 11), (11, 15, 11, 14), (14, 14, 8, 9), (9, 9, 7, 8)], interval=HOUR // 2)
    made = resample(bars, H1).candles
    assert list(zip(made.time, made.open, made.high, made.low, made.close, made.volume, strict=True)) == [
        (0, 10, 15, 9, 14, 2),
        (HOUR, 14, 14, 7, 8, 2),
    ]


def test_gaps_stay_gaps() -> None:
    bars = candles([(1, 2, 1, 2)] * 12, interval=5 * MINUTE)
    hole = Candles(
        np.where(bars.time < 30 * MINUTE, bars.time, bars.time + 3 * HOUR),
        *(getattr(bars, name) for name in ("open", "high", "low", "close", "volume")),
    )
    made = resample(hole, H1, source=M5)
    assert list(made.candles.time) == [0, 3 * HOUR]
    assert list(made.candles.volume) == [6, 6]
    assert made.complete.all(), "a gap inside is the market's, not a cut of the data"


@pytest.mark.parametrize(("start", "bars", "whole"), [(0, 120, 2), (0, 119, 1), (1, 120, 1), (59, 62, 1), (0, 61, 1)])
def test_bars_that_the_ends_cut_are_left_out_or_marked(start: int, bars: int, whole: int) -> None:
    minutes = candles([(1, 2, 1, 2)] * bars, interval=MINUTE, start=start * MINUTE)
    made = resample(minutes, H1)
    assert len(made.candles) == whole
    assert made.complete.all()
    kept = resample(minutes, H1, partial="keep")
    assert list(kept.candles.time[kept.complete]) == list(made.candles.time)
    assert kept.candles.volume.sum() == bars, "nothing is lost"


def test_no_whole_bar_and_no_divisor_are_refused() -> None:
    with pytest.raises(BadCandles, match="does not cover one whole bar of 1h"):
        resample(candles([(1, 2, 1, 2)] * 30, interval=MINUTE), H1)
    with pytest.raises(BadCandles, match="bars of 1h do not make up bars of 5m"):
        resample(candles([(1, 2, 1, 2)] * 30), M5)
    with pytest.raises(BadCandles, match="do not make up"):
        resample(candles([(1, 2, 1, 2)] * 30, interval=7 * MINUTE), H1)
    with pytest.raises(BadCandles, match="single bar"):
        resample(candles([(1, 2, 1, 2)]), H1)


def test_weeks_begin_on_mondays_and_months_on_their_first_in_utc() -> None:
    goog = random_walk(200, interval=24 * HOUR)
    weeks = resample(goog, W1, source=D1).candles
    assert set(pd.to_datetime(weeks.time).day_of_week) == {0}
    months = resample(goog, MONTH, source=D1).candles
    assert set(pd.to_datetime(months.time).day) == {1}
    assert not W1.divides(MONTH)


@st.composite
def minutes(draw: st.DrawFn) -> Candles:
    """Minutes with gaps, starting anywhere. Volumes are whole lots: their sums are exact in any order."""
    steps = draw(st.lists(st.one_of(st.just(1), st.integers(1, 200)), min_size=1, max_size=150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    time = (draw(st.integers(0, 300)) + np.concatenate([[0], np.cumsum(steps)])) * MINUTE
    four = rng.uniform(1, 2, (len(time), 4))
    return Candles(time, four[:, 0], four.max(axis=1), four.min(axis=1), four[:, 3], rng.integers(0, 99, len(time)))


@given(minutes(), st.sampled_from(["drop", "keep"]))
@settings(max_examples=100, deadline=None)
def test_one_minute_to_five_to_an_hour_is_one_minute_to_an_hour(bars: Candles, partial: str) -> None:
    try:
        straight = resample(bars, H1, source=M1, partial=partial)  # type: ignore[arg-type]
    except BadCandles:
        straight = None
    try:
        five = resample(bars, M5, source=M1, partial=partial)  # type: ignore[arg-type]
        stepped = resample(
            five.candles,
            H1,
            source=M5,
            since=five.since,
            until=five.until,
            partial=partial,  # type: ignore[arg-type]
        )
    except BadCandles:
        stepped = None
    assert (straight is None) == (stepped is None)
    if straight is not None and stepped is not None:
        assert same(straight.candles, stepped.candles)
        assert np.array_equal(straight.complete, stepped.complete)


@given(minutes())
@settings(max_examples=50, deadline=None)
def test_it_is_what_pandas_makes_of_it(bars: Candles) -> None:
    made = resample(bars, H1, source=M1, partial="keep").candles
    frame = pd.DataFrame({"o": bars.open, "h": bars.high, "l": bars.low, "c": bars.close, "v": bars.volume})
    frame.index = pd.to_datetime(bars.time)
    how = {"o": "first", "h": "max", "l": "min", "c": "last", "v": "sum"}
    theirs = frame.resample("1h").agg(how).dropna(subset="o")
    assert np.array_equal(made.time, theirs.index.as_unit("ns").astype("int64"))
    ours = np.array([made.open, made.high, made.low, made.close, made.volume]).T
    assert np.array_equal(ours, theirs.to_numpy())


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_recorded_five_minutes_make_the_recorded_hours(coin: str) -> None:
    """Two recordings of one market by different people: prices are the same in every hour, volumes to 1e-9."""
    five, hours = recorded(f"binance_{coin}-USDT_5m"), recorded(f"binance_{coin}-USDT_1h")
    made = resample(five, H1).candles
    _, mine, theirs = np.intersect1d(made.time, hours.time, return_indices=True)
    assert len(mine) == 4_368 == len(made)
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(made, name)[mine], getattr(hours, name)[theirs]), name
    np.testing.assert_allclose(made.volume[mine], hours.volume[theirs], rtol=1e-9)


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_recorded_hours_make_the_recorded_four_hours(coin: str) -> None:
    hours, four = recorded(f"binance_{coin}-USDT_1h"), recorded(f"binance_{coin}-USDT_4h")
    made = resample(hours, H4).candles
    _, mine, theirs = np.intersect1d(made.time, four.time, return_indices=True)
    assert len(mine) == 499
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(made, name)[mine], getattr(four, name)[theirs]), name


def test_recorded_trades_make_the_recorded_minutes() -> None:
    file = RECORDED.parent / "trades" / "freqtrade_XRP-ETH_trades.parquet"
    if not file.exists():
        pytest.skip(f"the recording {file} is not here")
    trades, minutes = pd.read_parquet(file), recorded("freqtrade_XRP-ETH_1m")
    made = from_trades(
        trades["timestamp"].to_numpy(dtype=np.int64) * 1_000_000,
        trades["price"].to_numpy(dtype=np.float64),
        trades["amount"].to_numpy(dtype=np.float64),
        M1,
    )
    _, mine, theirs = np.intersect1d(made.time, minutes.time, return_indices=True)
    assert len(mine) == len(minutes) == 2_469
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(made, name)[mine], getattr(minutes, name)[theirs]), name
    np.testing.assert_allclose(made.volume[mine], minutes.volume[theirs], rtol=1e-9)


def test_trades_that_are_none_or_out_of_order_are_refused() -> None:
    none = np.array([], dtype=np.int64)
    with pytest.raises(BadCandles, match="no trade"):
        from_trades(none, none.astype(float), none.astype(float), M1)
    one = np.ones(2)
    with pytest.raises(BadCandles, match="not in order"):
        from_trades(np.array([2, 1]), one, one, M1)


@pytest.mark.parametrize("word", ["1m", "5m", "4h", "1d", "2w", "1M", "30s"])
def test_timeframes_are_written_as_they_are_read(word: str) -> None:
    assert str(Timeframe.parse(word)) == word


@pytest.mark.parametrize("word", ["", "m", "0m", "-1h", "1y", "1 h", "60", "1H"])
def test_what_is_no_timeframe_is_said(word: str) -> None:
    with pytest.raises(BadTimeframe, match="A timeframe is a number"):
        Timeframe.parse(word)
