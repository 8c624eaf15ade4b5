"""Reversion from Bollinger's bands.

Idea: a close outside the bands is far from the average; prices return to it.
Rules: long on the close that comes back above the lower band; out at or above the middle. Short is the mirror.
Parameters: `length` in bars, `width` in standard deviations.
Source: J. Bollinger, Bollinger on Bollinger Bands, 2001.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import bollinger, crossed_above, crossed_below
from workstation.strategies.parameters import Float, Int


class Bollinger(SignalStrategy):
    TITLE = "Bollinger bands"
    length = Int(20, low=2, high=500, help="Bars of the average")
    width = Float(2.0, low=0.5, high=5, step=0.1, help="Half width of the bands in standard deviations")

    def signals(self, candles: Candles) -> Signals:
        lower, middle, upper = bollinger(candles, self.length, self.width)
        return Signals(
            long_entry=crossed_above(candles.close, lower),
            long_exit=candles.close >= middle,
            short_entry=crossed_below(candles.close, upper),
            short_exit=candles.close <= middle,
        )
