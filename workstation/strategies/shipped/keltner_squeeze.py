"""Breakout from a squeeze: Bollinger's bands come out of Keltner's channel.

Idea: quiet is followed by a move; its direction is that of the momentum when the bands widen again.
Rules: a squeeze is on while the bands lie inside the channel. Long on the close that ends one with a close above the
middle of the channel; out on a close below the middle. Short is the mirror image.
Parameters: `length` of both in bars, `width` of the bands in deviations, `channel` in average true ranges.
Source: J. Carter, Mastering the Trade, 2005 (the TTM squeeze).
"""

from __future__ import annotations

from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import bollinger, crossed_below, keltner
from workstation.strategies.parameters import Float, Int


class KeltnerSqueeze(SignalStrategy):
    TITLE = "Keltner squeeze"
    length = Int(20, low=2, high=200, help="Bars of bands and channel")
    width = Float(2.0, low=0.5, high=5, step=0.1, help="Half width of the bands in standard deviations")
    channel = Float(1.5, low=0.5, high=5, step=0.1, help="Half width of the channel in average true ranges")

    def signals(self, candles: Candles) -> Signals:
        _, _, band = bollinger(candles, self.length, self.width)
        middle = keltner(candles, self.length, self.channel)[1]
        mean = bollinger(candles, self.length, self.width)[1]
        # Both are symmetrical: the bands are inside where their half width is the smaller.
        ended = crossed_below(keltner(candles, self.length, self.channel)[2] - middle, band - mean)
        close = candles.close
        return Signals(
            long_entry=ended & (close > middle),
            long_exit=close < middle,
            short_entry=ended & (close < middle),
            short_exit=close > middle,
        )
