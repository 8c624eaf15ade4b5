"""Indicators against pandas-ta in its function form, and the traps of pandas-ta."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.support.bars import random_walk
from workstation.domain.spans import DAY
from workstation.market.candles import Candles
from workstation.strategies import indicator_loops as loops
from workstation.strategies import indicators

WALK = random_walk(600, seed=11)
WARM = 300  # by then the beginnings of recursive indicators no longer show


def theirs(name: str, *columns: str, **arguments: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas_ta

        series = [pd.Series(getattr(WALK, column)) for column in columns]
        return np.asarray(getattr(pandas_ta, name)(*series, talib=False, **arguments), dtype=np.float64)


def test_averages_deviations_and_extremes() -> None:
    close = pd.Series(WALK.close)
    np.testing.assert_allclose(indicators.sma(WALK, 30), close.rolling(30).mean(), rtol=1e-12)
    np.testing.assert_allclose(indicators.ema(WALK, 20), theirs("ema", "close", length=20), rtol=1e-12)
    np.testing.assert_allclose(indicators.std(WALK, 20), close.rolling(20).std(ddof=0), rtol=1e-8)
    np.testing.assert_allclose(indicators.highest(WALK, 7), pd.Series(WALK.high).rolling(7).max())
    np.testing.assert_allclose(indicators.lowest(WALK, 7), pd.Series(WALK.low).rolling(7).min())
    lower, middle, upper = indicators.bollinger(WALK, 20, 2.5)
    np.testing.assert_allclose(upper - middle, 2.5 * close.rolling(20).std(ddof=0), rtol=1e-8)
    np.testing.assert_allclose(middle - lower, upper - middle, rtol=1e-8)


def test_a_long_sum_does_not_drift() -> None:
    walk = random_walk(50_000, seed=2)
    exact = np.lib.stride_tricks.sliding_window_view(walk.close, 10).mean(axis=1)
    np.testing.assert_allclose(indicators.sma(walk, 10)[9:], exact, rtol=1e-14)


@pytest.mark.parametrize(
    ("ours", "name", "columns", "arguments"),
    [
        (lambda: indicators.rsi(WALK, 14), "rsi", ("close",), {"length": 14}),
        (lambda: indicators.atr(WALK, 14), "atr", ("high", "low", "close"), {"length": 14}),
        (lambda: indicators.adx(WALK, 14)[0], "adx", ("high", "low", "close"), {"length": 14}),
        (lambda: indicators.macd(WALK, 12, 26, 9)[0], "macd", ("close",), {}),
    ],
    ids=["rsi", "atr", "adx", "macd"],
)
def test_recursive_indicators_meet_pandas_ta_after_their_warm_up(ours, name, columns, arguments) -> None:  # type: ignore[no-untyped-def]
    other = theirs(name, *columns, **arguments)
    other = other if other.ndim == 1 else other[:, 0]
    np.testing.assert_allclose(ours()[WARM:], other[WARM:], rtol=1e-5, atol=1e-5)


def test_macd_signal_and_supertrend_meet_pandas_ta() -> None:
    np.testing.assert_allclose(indicators.macd(WALK, 12, 26, 9)[1][WARM:], theirs("macd", "close")[WARM:, 2], rtol=1e-6)
    line, side = indicators.supertrend(WALK, 10, 3.0)
    other = theirs("supertrend", "high", "low", "close", length=10, multiplier=3.0)
    np.testing.assert_array_equal(side[WARM:], other[WARM:, 1])
    np.testing.assert_allclose(line[WARM:], other[WARM:, 0], rtol=1e-5)


@pytest.mark.parametrize("level", [0.0, None])
def test_crossings_are_known_on_both_bars_and_meet_each_side_alone(level: float | None) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(-1, 2, 500).astype(float), rng.integers(-1, 2, 500).astype(float)
    a[:7], a[100], b[200] = np.nan, np.nan, np.nan
    other = b if level is None else np.zeros(500)
    above = np.append(False, (a[1:] > other[1:]) & (a[:-1] <= other[:-1]))
    below = np.append(False, (a[1:] < other[1:]) & (a[:-1] >= other[:-1]))
    found = indicators.crossed(a, b if level is None else level)
    np.testing.assert_array_equal(found, (above, below))
    assert above.sum() > 50
    np.testing.assert_array_equal(indicators.crossed_above(a, other), above)
    np.testing.assert_array_equal(indicators.crossed_below(a, other), below)


def test_rolling_value_at_risk_is_the_quantile_of_returns() -> None:
    changes = pd.Series(WALK.close).pct_change()
    np.testing.assert_allclose(indicators.quantile(WALK, 50, 0.05), changes.rolling(50).quantile(0.05), rtol=1e-9)
    for length, share in ((50, 0.05), (7, 0.5), (20, 0.97), (1, 0.3)):  # digit for digit, with many equal values too
        values = indicators.returns(WALK)[1:].round(3)
        windows = np.lib.stride_tricks.sliding_window_view(values, length)
        found = loops.rolling_quantile(values, length, share)[length - 1 :]
        np.testing.assert_array_equal(found, np.quantile(windows, share, axis=1))


def test_session_vwap_worked_by_hand() -> None:
    price = np.array([10.0, 20, 40, 5])
    time = np.array([0, DAY // 2, DAY, DAY + DAY // 2])
    volume = np.array([1.0, 3, 2, 2])
    mean, spread = indicators.session_vwap(Candles(time, price, price, price, price, volume))
    np.testing.assert_allclose(mean, [10, 17.5, 40, 22.5])
    np.testing.assert_allclose(spread, [0, np.sqrt((7.5**2 + 3 * 2.5**2) / 4), 0, 17.5], atol=1e-9)


def test_cointegration_finds_the_ratio_of_a_pair_and_not_that_of_two_walks() -> None:
    rng = np.random.default_rng(4)
    peer = random_walk(500, seed=5)
    noise = rng.normal(0, 0.002, 500)
    price = np.exp(0.3 + 1.5 * np.log(peer.close) + noise)
    pair = Candles(peer.time, price, price, price, price, price).with_peer(peer)
    distance, ratio, statistic = indicators.cointegration(pair, 200)
    assert ratio[-1] == pytest.approx(1.5, abs=0.05)
    assert np.nanmax(statistic) < -5
    assert abs(np.nanmean(distance)) < 0.2
    assert np.nanstd(distance) == pytest.approx(1, abs=0.2)
    strangers = random_walk(500, seed=6).with_peer(peer)
    assert np.nanmean(indicators.cointegration(strangers, 200)[2]) > -3.34
    x = np.column_stack([np.ones(200), np.log(peer.close[-200:])])
    fitted, *_ = np.linalg.lstsq(x, np.log(price[-200:]), rcond=None)
    assert ratio[-1] == pytest.approx(fitted[1], rel=1e-6)


def test_a_higher_candle_is_seen_only_when_it_is_closed() -> None:
    time = np.arange(10) * 3_600_000_000_000
    price = np.arange(10) + 1.0
    candles = Candles(time, price, price + 0.5, price - 0.5, price, np.ones(10))
    higher, closed = indicators.resample(candles, 4)
    assert list(higher.close) == [4, 8, 10]
    assert list(higher.high) == [4.5, 8.5, 10.5]
    assert list(higher.volume) == [4, 4, 2]
    assert list(closed) == [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]


def test_the_rest_of_pandas_ta_without_its_traps() -> None:
    np.testing.assert_allclose(indicators.ta(WALK, "hma", length=16)[0][50:], theirs("hma", "close", length=16)[50:])
    [price] = indicators.ta(WALK, "wcp")
    np.testing.assert_allclose(price, (WALK.high + WALK.low + 2 * WALK.close) / 4)
    [cci] = indicators.ta(WALK, "cci", length=20)
    assert np.nanmax(np.abs(cci)) < 1_000  # pandas-ta's own is off by orders of magnitude
    typical = pd.Series((WALK.high + WALK.low + WALK.close) / 3).rolling(20)
    spread = typical.apply(lambda window: np.abs(window - window.mean()).mean(), raw=True)
    np.testing.assert_allclose(cci, ((WALK.high + WALK.low + WALK.close) / 3 - typical.mean()) / (0.015 * spread))
    for name in ("dpo", "zigzag", "tos_stdevall", "ichimoku"):
        with pytest.raises(indicators.IndicatorError, match="still to come"):
            indicators.ta(WALK, name)
    with pytest.raises(indicators.IndicatorError, match="no indicator 'smaa'"):
        indicators.ta(WALK, "smaa")
    with pytest.raises(indicators.IndicatorError, match="needs more bars"):
        indicators.ta(WALK.slice(0, 5), "sma", length=20)


def test_an_indicator_is_worked_out_once() -> None:
    assert indicators.sma(WALK, 12) is indicators.sma(WALK, 12)
    assert indicators.ta(WALK, "hma", length=9) is indicators.ta(WALK, "hma", length=9)


def test_without_ta_lib_its_indicators_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "talib.abstract", None)
    with pytest.raises(indicators.IndicatorError, match="RSI is an indicator of TA-Lib, which is not installed"):
        indicators.talib(random_walk(50), "rsi", timeperiod=14)


def test_indicators_of_ta_lib_where_it_is_installed() -> None:
    pytest.importorskip("talib", reason="TA-Lib is optional, and not installed here")
    [strength] = indicators.talib(WALK, "rsi", timeperiod=14)
    np.testing.assert_allclose(strength[14:], indicators.rsi(WALK, 14)[14:], rtol=1e-9)
    upper, middle, lower = indicators.talib(WALK, "BBANDS", timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
    for found, own in zip((lower, middle, upper), indicators.bollinger(WALK, 20, 2.0), strict=True):
        np.testing.assert_allclose(found[19:], own[19:], rtol=1e-6)
    with pytest.raises(indicators.IndicatorError, match="TA-Lib cannot work out NOSUCH"):
        indicators.talib(WALK, "nosuch")
