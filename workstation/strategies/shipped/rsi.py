"""RSI out of its extremes.

Idea: what fell too fast comes back.
Rules: long on the close where RSI comes back above `low`; out where it rises above `high`. Short: enter where it
comes back below `high`, out where it falls below `low`.
Parameters: `length` in bars, `low` and `high` levels of the RSI.
Source: J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed_above, crossed_below, rsi
from workstation.strategies.parameters import Float, Int


class Rsi(SignalStrategy):
    TITLE = "RSI"
    length = Int(14, low=2, high=200, help="Bars of the RSI")
    low = Float(30, low=1, high=50, step=1, help="Below it the market is oversold")
    high = Float(70, low=50, high=99, step=1, help="Above it the market is overbought")

    def signals(self, candles: Candles) -> Signals:
        level = rsi(candles, self.length)
        return Signals(
            long_entry=crossed_above(level, self.low),
            long_exit=level > self.high,
            short_entry=crossed_below(level, self.high),
            short_exit=level < self.low,
        )
