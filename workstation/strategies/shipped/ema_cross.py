"""Cross of two exponential moving averages.

Idea: as the cross of simple averages, with more weight on what is recent, so it turns earlier and errs oftener.
Rules: long on the close where EMA(`fast`) crosses above EMA(`slow`); out where it crosses below. Short is the mirror.
Parameters: `fast`, `slow` in bars.
Source: G. Appel, Technical Analysis: Power Tools for Active Investors, 2005.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed, ema
from workstation.strategies.parameters import Int


class EmaCross(SignalStrategy):
    TITLE = "EMA cross"
    fast = Int(12, low=1, high=500, help="Bars of the fast average")
    slow = Int(26, low=2, high=2000, help="Bars of the slow average")

    def signals(self, candles: Candles) -> Signals:
        fast, slow = ema(candles, self.fast), ema(candles, self.slow)
        up, down = crossed(fast, slow)
        return Signals(long_entry=up, long_exit=down, short_entry=down, short_exit=up)
