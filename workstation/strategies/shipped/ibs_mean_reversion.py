"""Mean reversion by internal bar strength under a band, while the value at risk is bearable.

Idea: a close near the low of its bar and well under the recent highs is followed by a bounce, unless the market is in
disorder.
Rules: the band is the `high_length`-bar high less `width` times the mean of high − low over `range_length` bars. Long
on a close below the band with IBS = (close − low) / (high − low) under `ibs`, while the 95 % value at risk of the
last `var_length` bar returns is better than `var_limit`; out on a close above yesterday's high. Short is the mirror
image: above the low plus the same distance, IBS over 1 − `ibs`, out below yesterday's low.
Parameters: as above; `var_limit` is a return, so −0.05 means "in 95 of 100 bars no loss above 5 %".
Source: the band and the exit: Quantitativo, A Mean Reversion Strategy with 2.11 Sharpe, 2024; IBS: R. Connors and C.
Alvarez, Short Term Trading Strategies That Work, 2008, and A. Pagonidis, The IBS Effect, 2013.
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicator_loops import rolling_mean
from workstation.strategies.indicators import bar_strength, highest, lowest, quantile
from workstation.strategies.parameters import Float, Int


class IbsMeanReversion(SignalStrategy):
    TITLE = "IBS mean reversion"
    range_length = Int(25, low=2, high=200, help="Bars of the mean of high − low")
    high_length = Int(10, low=2, high=200, help="Bars of the high that the band hangs from")
    width = Float(2.5, low=0.1, high=10, step=0.1, help="Distance of the band in mean ranges")
    ibs = Float(0.3, low=0.05, high=0.95, step=0.05, help="Enter under this internal bar strength")
    var_length = Int(100, low=20, high=1000, step=10, help="Bars of the value at risk")
    var_limit = Float(-0.05, low=-0.5, high=0, step=0.005, help="Trade only while the 95 % VaR is better than this")

    def signals(self, candles: Candles) -> Signals:
        spread = candles.memo.get(
            ("mean range", self.range_length), lambda: rolling_mean(candles.high - candles.low, self.range_length)
        )
        strength = bar_strength(candles)
        calm = quantile(candles, self.var_length, 0.05) > self.var_limit
        close = candles.close
        before_high = np.append(np.nan, candles.high[:-1])
        before_low = np.append(np.nan, candles.low[:-1])
        return Signals(
            long_entry=(close < highest(candles, self.high_length) - self.width * spread)
            & (strength < self.ibs)
            & calm,
            long_exit=close > before_high,
            short_entry=(close > lowest(candles, self.high_length) + self.width * spread)
            & (strength > 1 - self.ibs)
            & calm,
            short_exit=close < before_low,
        )
