"""Buy and hold.

Idea: what every other strategy is measured against.
Rules: long on the first close, to the end. Short is the mirror image.
Parameters: none.
Source: W. F. Sharpe, The Arithmetic of Active Management, 1991, for why it is hard to beat.
"""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.parameters import Choice


class BuyAndHold(SignalStrategy):
    TITLE = "Buy and hold"
    direction = Choice("long", ("long", "short"), help="Holds a long or a short")

    def signals(self, candles: Candles) -> Signals:
        always = np.ones(len(candles), dtype=np.bool_)  # the first close that it sees: on the desk not that of the data
        return Signals(long_entry=always, short_entry=always)
