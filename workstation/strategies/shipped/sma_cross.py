"""Cross of two simple moving averages.

Idea: a trend is on while the short average stands above the long one.
Rules: long on the close where `fast` crosses above `slow`; out where it crosses below. Short is the mirror image.
Parameters: `fast`, `slow` in bars.
Source: R. D. Donchian's moving average system; W. Brock, J. Lakonishok, B. LeBaron, Simple Technical Trading Rules
and the Stochastic Properties of Stock Returns, Journal of Finance 47 (1992).
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed, sma
from workstation.strategies.parameters import Int


class SmaCross(SignalStrategy):
    TITLE = "SMA cross"
    fast = Int(10, low=1, high=500, help="Bars of the fast average")
    slow = Int(30, low=2, high=2000, help="Bars of the slow average")

    def signals(self, candles: Candles) -> Signals:
        fast, slow = sma(candles, self.fast), sma(candles, self.slow)
        up, down = crossed(fast, slow)
        return Signals(long_entry=up, long_exit=down, short_entry=down, short_exit=up)
