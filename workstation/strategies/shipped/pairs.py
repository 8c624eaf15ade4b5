"""Statistical arbitrage of two cointegrated instruments, seen from the first.

Idea: two prices that move together come back together.
Rules: over the last `length` bars the log close is regressed on the peer's; the last residual in units of their
deviation is z. Long on a close with z below −`entry` while Engle and Granger's statistic is below `critical`; out
when z is above −`leave`, or below −`stop`. Short is the mirror image. With `legs` = first the first alone is traded and
the peer read; with both the peer is held against it, for each unit of value the regression's slope, as it is at the
entry. Sizes by value and equity are of both legs together then; stops and targets are of the first, and take both out.
Parameters: as above; −3.34 is the 5 % critical value for two series and a constant (J. MacKinnon, 2010).
Source: R. Engle and C. Granger, Co-integration and Error Correction, Econometrica 55 (1987); E. Gatev, W. Goetzmann,
G. Rouwenhorst, Pairs Trading, Review of Financial Studies 19 (2006).
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import cointegration
from workstation.strategies.parameters import Choice, Float, Int


class Pairs(SignalStrategy):
    TITLE = "Pairs"
    NEEDS_PEER = True
    length = Int(120, low=20, high=1000, step=10, help="Bars of the regression")
    entry = Float(2.0, low=0.5, high=5, step=0.1, help="Enter this many deviations from the balance")
    leave = Float(0.5, low=-1, high=3, step=0.1, help="Leave this many deviations from it")
    stop = Float(4.0, low=1, high=10, step=0.5, help="Give up this many deviations from it")
    legs = Choice("first", ("first", "both"), help="Trades the first alone, or the peer against it too")
    critical = Float(-3.34, low=-10, high=0, step=0.1, help="Cointegrated below this statistic; 0 asks for none")

    @property
    def hedged(self) -> bool:
        return bool(self.legs == "both")

    def hedge(self, candles: Candles) -> Floats:
        assert candles.peer is not None
        ratio = cointegration(candles, self.length)[1]
        return -ratio * candles.close / candles.peer.close

    def signals(self, candles: Candles) -> Signals:
        z, _, statistic = cointegration(candles, self.length)
        bound = statistic < self.critical if self.critical < 0 else ~np.isnan(statistic)
        return Signals(
            long_entry=(z < -self.entry) & (z > -self.stop) & bound,
            long_exit=(z > -self.leave) | (z < -self.stop),
            short_entry=(z > self.entry) & (z < self.stop) & bound,
            short_exit=(z < self.leave) | (z > self.stop),
        )
