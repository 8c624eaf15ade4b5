"""What a signal strategy decides on the desk, bar by bar, is what it decides in a backtest over the same bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bars import random_walk
from workstation.domain.bar import Bar
from workstation.research.engine import Costs, engine
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.exits import Exits
from workstation.strategies.library import list_strategies
from workstation.strategies.protections import Protections
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.signal_live import SignalLive
from workstation.strategies.sizing import Sizing

SHIPPED = {
    info.name: info.cls
    for info in list_strategies()
    if info.cls is not None
    and issubclass(info.cls, SignalStrategy)
    and info.source.startswith("tws ")
    and not info.cls.NEEDS_PEER
}


def assert_same_decisions(strategy: SignalStrategy, bars: int, seed: int) -> int:
    """Live: one closed bar after another, all signals worked out anew. Size is small: sizes are taken at the close."""
    strategy.sizing = Sizing.units(1)
    candles = random_walk(bars, seed=seed)
    fast = engine("fast").run(strategy, candles, Costs(cash=1e6))
    live = engine("event").run(SignalLive(strategy), candles, Costs(cash=1e6))
    np.testing.assert_array_equal(fast.trades.entry_bar, live.trades.entry_bar)
    np.testing.assert_array_equal(fast.trades.exit_bar, live.trades.exit_bar)
    np.testing.assert_array_equal(fast.trades.side, live.trades.side)
    np.testing.assert_allclose(fast.trades.exit_price, live.trades.exit_price, rtol=1e-7)
    return len(fast.trades)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_strategy_decides_live_as_in_a_backtest(name: str) -> None:
    assert_same_decisions(SHIPPED[name](), 200, seed=4)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 10_000),
    st.integers(1, 6),
    st.sampled_from(
        [
            (Exits(), Protections()),
            (Exits(stop=0.01), Protections(cooldown=3)),
            (Exits(trailing=0.02, trailing_offset=0.01, max_bars=15), Protections()),
        ]
    ),
)
def test_the_same_decisions_whatever_the_market_and_the_exits(
    seed: int, fast: int, parts: tuple[Exits, Protections]
) -> None:
    strategy = SmaCross(fast=fast, slow=fast + 5)
    strategy.exits, strategy.protections = parts
    assert_same_decisions(strategy, 120, seed)


class Recorded(SignalLive):
    """Keeps what it read of each bar."""

    def __init__(self, inner: SignalStrategy, interval: int) -> None:
        super().__init__(inner, interval=interval)
        self.codes: list[int] = []

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.codes.append(self.last_code)


#: Parameters that let the oldest bars be dropped again and again within the test's bars.
SHORT = {
    "ts_momentum": {"lookback": 12, "hold": 7},
    "ibs_mean_reversion": {"range_length": 10, "var_length": 20},
    "trend_pullback": {"multiple": 2, "trend": 5},
    "sma_cross": {"fast": 3, "slow": 10},
    "macd": {"fast": 5, "slow": 12, "signal": 4},
    "ema_cross": {"fast": 3, "slow": 10},
}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_signals_over_the_newest_bars_are_those_over_all_bars(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk drops what a strategy cannot hang on any more; each bar's signals stay what they are in a backtest."""
    monkeypatch.setattr("workstation.strategies.signal_live.LEAST_BARS", 60)
    strategy = SHIPPED[name](direction="long" if name == "buy_and_hold" else "both", **SHORT.get(name, {}))
    strategy.sizing = Sizing.units(1)
    candles = random_walk(900, seed=11, interval=15 * 60_000_000_000)
    live = Recorded(strategy, candles.interval)
    engine("event").run(live, candles, Costs(cash=1e6))

    assert live._bars.before > 0
    whole = strategy.codes(candles)[: len(live.codes)]
    np.testing.assert_array_equal(live.codes, whole)
    assert np.count_nonzero(whole) > 0
