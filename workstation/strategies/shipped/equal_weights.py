"""1/N: the same weight of each asset, brought back every so many hours (DeMiguel, Garlappi and Uppal 2009)."""

from __future__ import annotations

from workstation.strategies.parameters import Float, Int, ParameterError, Text
from workstation.strategies.shipped.hold_weights import HoldWeights


class EqualWeights(HoldWeights):
    """Idea: who cannot tell which asset will do best holds the same of each.

    Rules: every `hours` the weights are looked at; if one is more than `band` points off, all are brought back to 1/N
    of the capital less what is kept in money.
    Parameters: weights (the instruments), hours, band, kept (percent that stays in money).
    Source: DeMiguel, Garlappi and Uppal, Optimal Versus Naive Diversification (2009).
    """

    NAME = "equal_weights"
    TITLE = "1/N rebalancing"

    weights = Text("BTC-USDT ETH-USDT SOL-USDT", help="The instruments, each with the same weight")
    hours = Int(24, low=1, high=8_760, help="Hours from one look to the next")
    band = Float(2.0, low=0.0, high=50.0, step=0.5, help="Points that a weight may be off before all are brought back")
    kept = Float(1.0, low=0.0, high=99.0, step=1.0, help="Percent that stays in money")

    def parsed(self) -> dict[str, float]:
        names = self.weights.replace(",", " ").split()
        if len(names) < 2 or len(set(names)) < len(names):
            raise ParameterError("1/N needs two instruments at least, each once: BTC-USDT ETH-USDT.")
        return dict.fromkeys(names, (100.0 - self.kept) / len(names))
