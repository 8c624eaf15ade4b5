"""A planted look-ahead and a planted unstable warm-up are caught and named; honest strategies are not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.bars import random_walk
from workstation.market.candles import Candles
from workstation.research.detectors import looks_ahead, unstable_warm_up
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.shipped.macd import Macd
from workstation.strategies.shipped.sma_cross import SmaCross

WALK = random_walk(2_000, seed=13)


class Peeks(SignalStrategy):
    """Buys when the next close is higher."""

    def signals(self, candles: Candles) -> Signals:
        up = np.append(candles.close[1:] > candles.close[:-1], False)
        return Signals(long_entry=up, long_exit=~up)


class Scales(SignalStrategy):
    """Buys below the mean of ALL closes: a subtle look ahead that also depends on where the data begin."""

    def signals(self, candles: Candles) -> Signals:
        below = candles.close < candles.close.mean()
        return Signals(long_entry=below, long_exit=~below)


class Accumulates(SignalStrategy):
    """Honest about the future, but its sum since the first bar never forgets."""

    def signals(self, candles: Candles) -> Signals:
        level = np.cumsum(candles.close - candles.open) > 0
        return Signals(long_entry=level, long_exit=~level)


@pytest.mark.parametrize("cls", [Peeks, Scales])
def test_a_planted_look_ahead_is_caught_and_named(cls: type[SignalStrategy]) -> None:
    found = looks_ahead(cls, WALK)
    assert found.caught
    assert found.bar is not None
    assert "looks ahead" in found.sentence
    assert set(found.signals) <= {"long entry", "long exit"}
    assert found.signals


def test_a_planted_unstable_warm_up_is_caught_and_named() -> None:
    found = unstable_warm_up(Accumulates, WALK)
    assert found.caught
    assert "warm-up is unstable" in found.sentence
    assert not looks_ahead(Accumulates, WALK).caught


@pytest.mark.parametrize("cls", [SmaCross, Macd])
def test_honest_strategies_pass(cls: type[SignalStrategy]) -> None:
    assert not looks_ahead(cls, WALK).caught
    found = unstable_warm_up(cls, WALK)
    assert not found.caught, found.sentence
