"""How much a strategy buys: a rule that turns equity, price and risk into units. float64, for research and for orders.

Every rule is one `Sizing`; whatever it gives is capped by what the equity (times the leverage) pays for with its fee.
The order ticket's own amounts (units, value, percent of equity, risk to the stop) are exact: `trading/sizing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.strategies import indicators


class SizeKind(IntEnum):
    """What the numbers of a plan mean to an engine."""

    EQUITY = 0  # value with its fee, as a fraction of equity
    VALUE = 1  # value in money, the fee on top
    UNITS = 2
    STOP = 3  # fraction of equity lost, fees included, if the stop is hit
    PER_EQUITY = 4  # units for each unit of equity
    KELLY = 5  # fraction of equity from the closed trades so far


@dataclass(frozen=True, slots=True)
class SizePlan:
    """A rule worked out on candles: `amount` is one number a bar of the decision (or a single one for all).

    `fraction`, `cap` and `least_trades` are those of Kelly.
    """

    kind: SizeKind
    amount: Floats
    fraction: float = 0.0
    cap: float = 1.0
    least_trades: int = 0


@dataclass(frozen=True, slots=True)
class Sizing:
    """All of the equity into each entry, unless another rule is made by one of the class methods."""

    kind: SizeKind = SizeKind.EQUITY
    amount: float = 1.0
    length: int = 14
    fraction: float = 0.5
    cap: float = 1.0
    source: str = ""

    @classmethod
    def units(cls, quantity: float) -> Sizing:
        """A fixed quantity."""
        return cls(SizeKind.UNITS, _positive(quantity))

    @classmethod
    def value(cls, money: float) -> Sizing:
        """A fixed value in the quote currency."""
        return cls(SizeKind.VALUE, _positive(money))

    @classmethod
    def equity(cls, fraction: float) -> Sizing:
        """A fraction of the equity at the entry, its fee included: 1.0 is all of it, 2.0 needs a leverage of 2."""
        return cls(SizeKind.EQUITY, _positive(fraction))

    @classmethod
    def risk_to_stop(cls, fraction: float) -> Sizing:
        """The loss at the stop, with both fees, is this fraction of equity; nothing is bought without a stop.

        Fixed fractional sizing: R. Vince, Portfolio Management Formulas, 1990.
        """
        return cls(SizeKind.STOP, _positive(fraction))

    @classmethod
    def atr(cls, fraction: float, multiple: float = 2.0, length: int = 14) -> Sizing:
        """An adverse move of `multiple` average true ranges costs this fraction of equity (the turtles' unit:
        C. Faith, Way of the Turtle, 2007)."""
        return cls(SizeKind.PER_EQUITY, _positive(fraction) / _positive(multiple), length, source="atr")

    @classmethod
    def volatility_target(cls, annual: float, length: int = 20, cap: float = 1.0) -> Sizing:
        """Exposure = annual target / annual volatility of the last `length` closes, at most `cap` times equity
        (R. Carver, Systematic Trading, 2015)."""
        return cls(SizeKind.EQUITY, _positive(annual), length, cap=_positive(cap), source="volatility")

    @classmethod
    def kelly(cls, fraction: float = 0.5, cap: float = 1.0, base: float = 0.1, least_trades: int = 20) -> Sizing:
        """`fraction` of Kelly's share W − (1 − W) / R, at most `cap`, from this run's closed trades (W the share of
        winners, R average win over average loss, both by return); `base` of equity until `least_trades` are closed.

        J. L. Kelly, A New Interpretation of Information Rate, 1956.
        """
        return cls(SizeKind.KELLY, _positive(base), least_trades, _positive(fraction), _positive(cap))

    def plan(self, candles: Candles) -> SizePlan:
        """The rule worked out on candles; what is not known yet (a warm-up) buys nothing."""
        if self.kind is SizeKind.KELLY:
            return SizePlan(self.kind, np.array([self.amount]), self.fraction, self.cap, self.length)
        if self.source == "atr":
            with np.errstate(divide="ignore"):
                units = self.amount / indicators.atr(candles, self.length)
            return SizePlan(self.kind, np.where(np.isfinite(units), units, 0.0))
        if self.source == "volatility":
            wanted = self.amount / np.maximum(indicators.volatility(candles, self.length), 1e-12)
            return SizePlan(self.kind, np.nan_to_num(np.minimum(wanted, self.cap)))
        return SizePlan(self.kind, np.array([self.amount]))


def _positive(number: float) -> float:
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"A size must be above zero, not {number!r}.")
    return float(number)
