"""Directional movement while there is a trend.

Idea: follow the stronger direction, and only while ADX says that there is one.
Rules: long on a close with +DI above −DI and ADX above `level`; out when +DI falls below −DI or ADX below `leave`.
Short is the mirror image.
Parameters: `length` in bars, `level` and `leave` of the ADX.
Source: J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import adx
from workstation.strategies.parameters import Float, Int


class AdxTrend(SignalStrategy):
    TITLE = "ADX trend"
    length = Int(14, low=2, high=100, help="Bars of ADX and DI")
    level = Float(25, low=5, high=60, step=1, help="Enter above this ADX")
    leave = Float(20, low=0, high=60, step=1, help="Leave below this ADX")

    def signals(self, candles: Candles) -> Signals:
        strength, up, down = adx(candles, self.length)
        weak = strength < self.leave
        return Signals(
            long_entry=(up > down) & (strength > self.level),
            long_exit=(up < down) | weak,
            short_entry=(down > up) & (strength > self.level),
            short_exit=(down < up) | weak,
        )
