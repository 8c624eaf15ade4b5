"""The shipped strategies: none looks ahead, each does what its docstring says, and all of them say it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.bars import candles, random_walk
from workstation.domain.spans import DAY
from workstation.market.candles import Candles
from workstation.strategies.contract import SignalStrategy, StrategyError
from workstation.strategies.library import StrategyInfo, list_strategies
from workstation.strategies.parameters import ParameterError
from workstation.strategies.shipped.ibs_mean_reversion import IbsMeanReversion
from workstation.strategies.shipped.pairs import Pairs
from workstation.strategies.shipped.rsi_bollinger import RsiBollinger
from workstation.strategies.shipped.sma_cross import SmaCross

SHIPPED = [info for info in list_strategies() if info.source.startswith("tws ")]
SIGNALS = [info for info in SHIPPED if info.cls is not None and issubclass(info.cls, SignalStrategy)]
WALK = random_walk(900, seed=21).with_peer(random_walk(900, seed=22))


def ids(info: StrategyInfo) -> str:
    return info.name


def made(info: StrategyInfo) -> SignalStrategy:
    assert info.cls is not None
    strategy = info.cls(direction="both") if info.name != "buy_and_hold" else info.cls()
    assert isinstance(strategy, SignalStrategy)
    return strategy


def test_all_of_them_are_there() -> None:
    names = {info.name for info in SHIPPED}
    assert names == {
        "sma_cross", "ema_cross", "macd", "rsi", "bollinger", "rsi_bollinger", "ibs_mean_reversion", "donchian",
        "supertrend", "adx_trend", "keltner_squeeze", "vwap_reversion", "ts_momentum", "trend_pullback", "buy_and_hold",
        "pairs", "grid", "dca", "equal_weights", "hold_weights",
    }  # fmt: skip


@pytest.mark.parametrize("info", SHIPPED, ids=ids)
def test_its_docstring_gives_idea_rules_parameters_and_source(info: StrategyInfo) -> None:
    for part in ("Idea:", "Rules:", "Parameters:", "Source:"):
        assert part in info.doc
    for name, parameter in info.parameters.items():
        assert parameter.help, name
        assert parameter.default in parameter.space() or parameter.kind in ("int", "float")
        assert parameter.parse(str(parameter.default)) == parameter.default


@pytest.mark.parametrize("info", SIGNALS, ids=ids)
def test_no_signal_depends_on_later_bars(info: StrategyInfo) -> None:
    whole = made(info).codes(WALK)
    assert np.count_nonzero(whole) > 0
    for cut in (250, 500, 777):
        np.testing.assert_array_equal(made(info).codes(WALK.slice(0, cut)), whole[:cut])


@pytest.mark.parametrize("info", SIGNALS, ids=ids)
def test_the_direction_keeps_to_its_side(info: StrategyInfo) -> None:
    assert info.cls is not None
    assert not np.any(info.cls(direction="long").codes(WALK) & 12)
    assert not np.any(info.cls(direction="short").codes(WALK) & 3)


def test_few_bars_are_no_error() -> None:
    short = random_walk(3).with_peer(random_walk(3, seed=9))
    for info in SIGNALS:
        assert len(made(info).codes(short)) == 3


def test_sma_cross_worked_by_hand() -> None:
    close = [10, 10, 10, 13, 13, 7, 7, 7]
    bars = candles([(c, c, c, c) for c in close])
    # SMA 2: – 10 10 11.5 13 10 7 7; SMA 3: – – 10 11 12 11 9 7: above on bars 3 and 4, below from bar 5, equal on 7.
    codes = SmaCross(fast=2, slow=3).codes(bars)
    assert list(codes) == [0, 0, 0, 1, 0, 2, 0, 0]
    assert list(SmaCross(fast=2, slow=3, direction="both").codes(bars)) == [0, 0, 0, 9, 0, 6, 0, 0]


def test_rsi_bollinger_follows_its_rule() -> None:
    import pandas as pd

    from workstation.strategies.indicators import rsi

    close = pd.Series(WALK.close)
    mean, spread = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    level = rsi(WALK, 14)
    signals = RsiBollinger().signals(WALK)
    np.testing.assert_array_equal(signals.long_entry, (level < 30) & (close < mean - 2 * spread))
    np.testing.assert_array_equal(signals.long_exit, (level > 70) | (close > mean + 2 * spread))


def test_ibs_mean_reversion_follows_its_rule() -> None:
    import pandas as pd

    daily = random_walk(900, seed=31, interval=DAY, step=0.02)
    high, low, close = (pd.Series(column) for column in (daily.high, daily.low, daily.close))
    band = high.rolling(10).max() - 2.5 * (high - low).rolling(25).mean()
    strength = (close - low) / (high - low)
    var = close.pct_change().rolling(100).quantile(0.05)
    signals = IbsMeanReversion(var_limit=-0.033).signals(daily)
    np.testing.assert_array_equal(signals.long_entry, (close < band) & (strength < 0.3) & (var > -0.033))
    np.testing.assert_array_equal(signals.long_exit, close > high.shift())
    unfiltered = IbsMeanReversion(var_limit=-0.5).signals(daily)
    assert np.count_nonzero(signals.long_entry) < np.count_nonzero(unfiltered.long_entry)


def test_pairs_asks_for_a_peer_and_signals_must_fit() -> None:
    alone: Candles = random_walk(50)
    with pytest.raises(StrategyError, match="second instrument"):
        Pairs().codes(alone)

    class Wrong(SignalStrategy):
        def signals(self, candles: Candles):  # type: ignore[no-untyped-def]
            from workstation.strategies.contract import Signals

            return Signals(long_entry=candles.close[:-1] > 100)

    with pytest.raises(StrategyError, match="one bool a bar"):
        Wrong().codes(alone)


def test_parameters_refuse_what_they_do_not_take() -> None:
    for name, value in {"fast": 0, "slow": "x", "fist": 3, "direction": "up"}.items():
        with pytest.raises(ParameterError, match=name):
            SmaCross(**{name: value})
    strategy = SmaCross(fast="7")
    assert strategy.params == {"fast": 7, "slow": 30, "direction": "long"}
    assert SmaCross().fast == 10  # an instance's value is its own
