"""A pullback in the trend of a higher timeframe.

Idea: trade in the direction of the larger trend, and enter it when the smaller one has paused.
Rules: candles of `multiple` bars are in an up-trend while their last CLOSED close is above its EMA of `trend`. Long
on the close where RSI(`length`) comes back above `low` in an up-trend; out when RSI is above `high` or the trend has
ended. Short is the mirror image.
Parameters: `multiple`, `trend`, `length`, `low`, `high`.
Source: A. Elder, Trading for a Living, 1993 (triple screen).
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed_above, crossed_below, ema, resample, rsi
from workstation.strategies.parameters import Float, Int


class TrendPullback(SignalStrategy):
    TITLE = "Trend with pullback"
    multiple = Int(4, low=2, high=200, help="Bars of one candle of the higher timeframe")
    trend = Int(20, low=2, high=200, help="Higher candles of the trend's average")
    length = Int(5, low=2, high=100, help="Bars of the RSI")
    low = Float(35, low=5, high=50, step=1, help="A pullback is an RSI below this")
    high = Float(75, low=50, high=99, step=1, help="Leave above this RSI")

    def memory(self, interval: int) -> int:
        return 20 * max(self.multiple * self.trend, self.length)

    def signals(self, candles: Candles) -> Signals:
        higher, closed = resample(candles, self.multiple)
        average = ema(higher, self.trend)
        side = np.where(np.isnan(average), 0.0, np.sign(higher.close - average))
        now = np.where(closed >= 0, side[closed], 0.0)
        level = rsi(candles, self.length)
        return Signals(
            long_entry=crossed_above(level, self.low) & (now > 0),
            long_exit=(level > self.high) | (now < 0),
            short_entry=crossed_below(level, 100 - self.low) & (now < 0),
            short_exit=(level < 100 - self.high) | (now > 0),
        )
