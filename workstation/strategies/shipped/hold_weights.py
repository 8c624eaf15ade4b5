"""Hold these weights: a portfolio that is looked at every so many hours, and rebalanced where it has drifted."""

from __future__ import annotations

from workstation.strategies.contract import Strategy
from workstation.strategies.parameters import Float, Int, ParameterError, Text

_HOUR = 3_600.0


class HoldWeights(Strategy):
    """Idea: a portfolio that is once chosen is kept as it was chosen; what has risen is sold for what has fallen.

    Rules: every `hours` the weights are looked at; if one is more than `band` points off, all are brought back. Weights
    are of the capital with what it has won or lost; what they leave of 100 stays in money. The instrument that it is
    started on lends its venue: BTC-USDT without a venue is that of the same venue.
    Parameters: weights (pairs of an instrument and percent), hours, band.
    Source: Perold and Sharpe, Dynamic Strategies for Asset Allocation (1988), constant mix.
    """

    NAME = "hold_weights"
    TITLE = "Hold these weights"

    weights = Text("BTC-USDT 50 ETH-USDT 30", help="Instruments and their weights in percent")
    hours = Int(24, low=1, high=8_760, help="Hours from one look to the next")
    band = Float(2.0, low=0.0, high=50.0, step=0.5, help="Points that a weight may be off before all are brought back")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.parsed()

    def parsed(self) -> dict[str, float]:
        """Weights by symbol as typed, in percent. Raises `ParameterError`."""
        words = self.weights.replace(",", " ").replace("%", "").split()
        if len(words) % 2 or not words:
            raise ParameterError("weights are pairs of an instrument and a number: BTC-USDT 50 ETH-USDT 30.")
        found: dict[str, float] = {}
        for name, text in zip(words[::2], words[1::2], strict=True):
            try:
                weight = float(text)
            except ValueError:
                raise ParameterError(f"{text} is no weight of {name}: type BTC-USDT 50.") from None
            if not 0 <= weight <= 100 or name in found:
                raise ParameterError(f"The weight of {name} must be there once, from 0 to 100.")
            found[name] = weight
        if sum(found.values()) > 100.0001:
            raise ParameterError(f"The weights come to {sum(found.values()):g}, which is more than 100.")
        return found

    def targets(self) -> dict[str, float]:
        """Weights as fractions by "VENUE:SYMBOL"."""
        venue = self.trader.instrument.venue
        return {
            (name if ":" in name else f"{venue}:{name}").upper(): weight / 100 for name, weight in self.parsed().items()
        }

    def on_start(self) -> None:
        self.look()

    def on_timer(self, name: str) -> None:
        self.look()

    def look(self) -> None:
        self.trader.hold(self.targets(), band=self.band / 100)
        self.trader.timer(self.hours * _HOUR, "look")
