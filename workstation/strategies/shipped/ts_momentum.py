"""Time-series momentum.

Idea: what rose over the last months goes on rising.
Rules: every `hold` bars, long if the return of the last `lookback` bars is above `threshold`, else out. Short if it
is below −`threshold`.
Parameters: `lookback`, `hold` in bars, `threshold` as a fraction.
Source: T. Moskowitz, Y. Ooi, L. Pedersen, Time Series Momentum, Journal of Financial Economics 104 (2012).
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import momentum
from workstation.strategies.parameters import Float, Int


class TsMomentum(SignalStrategy):
    TITLE = "Time-series momentum"
    lookback = Int(252, low=2, high=5000, help="Bars of the return")
    hold = Int(21, low=1, high=1000, help="Bars between two decisions")
    threshold = Float(0.0, low=0, high=1, step=0.01, help="Least return, as a fraction")

    def signals(self, candles: Candles) -> Signals:
        change = momentum(candles, self.lookback)
        passed = candles.before + np.arange(len(candles)) - self.lookback  # from the series' first decision
        due = (passed >= 0) & (passed % self.hold == 0)
        return Signals(
            long_entry=due & (change > self.threshold),
            long_exit=due & ~(change > self.threshold),
            short_entry=due & (change < -self.threshold),
            short_exit=due & ~(change < -self.threshold),
        )
