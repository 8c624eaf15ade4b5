"""Mean reversion by RSI and Bollinger's bands together.

Idea: two measures of "too far" err less often than one.
Rules: long on a close with RSI < `low` and below the lower band; out with RSI > `high` or above the upper band. Short
is the mirror image.
Parameters: `rsi_length`, `low`, `high`; `length` and `width` of the bands.
Source: the combination of J. W. Wilder's RSI (1978) and J. Bollinger's bands (2001), a common teaching example.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import bollinger, rsi
from workstation.strategies.parameters import Float, Int


class RsiBollinger(SignalStrategy):
    TITLE = "RSI + Bollinger reversion"
    rsi_length = Int(14, low=2, high=200, help="Bars of the RSI")
    low = Float(30, low=1, high=50, step=1, help="Enter below this RSI")
    high = Float(70, low=50, high=99, step=1, help="Leave above this RSI")
    length = Int(20, low=2, high=500, help="Bars of the bands")
    width = Float(2.0, low=0.5, high=5, step=0.1, help="Half width of the bands in standard deviations")

    def signals(self, candles: Candles) -> Signals:
        level = rsi(candles, self.rsi_length)
        lower, _, upper = bollinger(candles, self.length, self.width)
        close = candles.close
        return Signals(
            long_entry=(level < self.low) & (close < lower),
            long_exit=(level > self.high) | (close > upper),
            short_entry=(level > self.high) & (close > upper),
            short_exit=(level < self.low) | (close < lower),
        )
