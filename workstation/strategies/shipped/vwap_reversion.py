"""Reversion to the session's volume-weighted average price.

Idea: within a day the VWAP is what the others paid; far from it prices come back.
Rules: long on a close more than `width` weighted deviations below the VWAP since 00:00 UTC; out at or above it. Short
is the mirror image. Nothing is entered in the first `warmup` bars of a day, and days carry no position rule of their
own.
Parameters: `width` in deviations, `warmup` in bars. On candles without volume every bar weighs the same.
Source: S. Berkowitz, D. Logue, E. Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43 (1988),
for the VWAP; the reversion rule is a day trader's commonplace.
"""

from __future__ import annotations

import numpy as np

from workstation.domain.spans import DAY
from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import session_vwap
from workstation.strategies.parameters import Float, Int


class VwapReversion(SignalStrategy):
    TITLE = "VWAP reversion"
    width = Float(2.0, low=0.5, high=6, step=0.1, help="Enter this many deviations from the VWAP")
    warmup = Int(6, low=1, high=500, help="Bars of a day before the first entry")

    def memory(self, interval: int) -> int:
        """The whole day."""
        return DAY // interval + 1 if interval else 0

    def signals(self, candles: Candles) -> Signals:
        mean, spread = session_vwap(candles)
        days = candles.time // DAY
        begin = np.append(True, np.diff(days) != 0)
        age = np.arange(len(candles)) - np.maximum.accumulate(np.where(begin, np.arange(len(candles)), 0))
        ready, close = age >= self.warmup, candles.close
        return Signals(
            long_entry=ready & (close < mean - self.width * spread),
            long_exit=close >= mean,
            short_entry=ready & (close > mean + self.width * spread),
            short_exit=close <= mean,
        )
