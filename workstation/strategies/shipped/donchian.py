"""Donchian's channel breakout, the turtles' way.

Idea: a new high of many bars starts a trend; a new low of fewer bars ends it.
Rules: long on a close above the highest high of the `entry` bars before it; out on a close below the lowest low of
the `leave` bars before it. Short is the mirror image.
Parameters: `entry`, `leave` in bars.
Source: R. D. Donchian's four-week rule; C. Faith, Way of the Turtle, 2007 (system 1: 20 and 10, system 2: 55 and 20).
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import highest, lowest
from workstation.strategies.parameters import Int


class Donchian(SignalStrategy):
    TITLE = "Donchian breakout"
    entry = Int(20, low=2, high=500, help="Bars of the channel that is broken")
    leave = Int(10, low=2, high=500, help="Bars of the channel that ends the trade")

    def signals(self, candles: Candles) -> Signals:
        close = candles.close
        return Signals(
            long_entry=close > _before(highest(candles, self.entry)),
            long_exit=close < _before(lowest(candles, self.leave)),
            short_entry=close < _before(lowest(candles, self.entry)),
            short_exit=close > _before(highest(candles, self.leave)),
        )


def _before(values: Floats) -> Floats:
    return np.append(np.nan, values[:-1])
