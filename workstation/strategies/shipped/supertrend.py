"""Supertrend.

Idea: a stop line that follows the price at a distance of its average true range; the trend is on the side of the
line.
Rules: long on the close where the line turns up, out where it turns down. Short is the mirror image.
Parameters: `length` of the ATR in bars, `factor` times the ATR is the distance.
Source: O. Seban, 2009.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed, supertrend
from workstation.strategies.parameters import Float, Int


class Supertrend(SignalStrategy):
    TITLE = "Supertrend"
    length = Int(10, low=2, high=200, help="Bars of the average true range")
    factor = Float(3.0, low=0.5, high=10, step=0.1, help="Distance of the line in average true ranges")

    def signals(self, candles: Candles) -> Signals:
        _, side = supertrend(candles, self.length, self.factor)
        up, down = crossed(side, 0.0)
        return Signals(long_entry=up, long_exit=down, short_entry=down, short_exit=up)
