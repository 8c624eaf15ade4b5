"""MACD against its signal line.

Idea: the distance of two averages is momentum; its own average tells when momentum turns.
Rules: long on the close where the MACD line crosses above its signal line; out where it crosses below. Short is the
mirror.
Parameters: `fast`, `slow` of the line, `signal` of its average, in bars.
Source: G. Appel, The Moving Average Convergence-Divergence Trading Method, 1979.
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed, macd
from workstation.strategies.parameters import Int


class Macd(SignalStrategy):
    TITLE = "MACD"
    fast = Int(12, low=2, high=200, help="Bars of the fast average")
    slow = Int(26, low=3, high=500, help="Bars of the slow average")
    signal = Int(9, low=2, high=100, help="Bars of the signal line")

    def signals(self, candles: Candles) -> Signals:
        line, average = macd(candles, self.fast, self.slow, self.signal)
        up, down = crossed(line, average)
        return Signals(long_entry=up, long_exit=down, short_entry=down, short_exit=up)
