"""How a strategy leaves a trade besides its own signals. Levels that move are moved at a close, for the next bar."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.strategies import indicators


class Reason(IntEnum):
    """Why a trade ended; `name.lower()` is its tag."""

    SIGNAL = 0
    STOP = 1
    TRAIL = 2
    TARGET = 3
    TIME = 4
    LIQUIDATION = 5
    END = 6  # the data's last bar
    OPEN = 7  # it has not ended: valued at the last close, without the fee of leaving


@dataclass(frozen=True, slots=True)
class Exits:
    """Fractions of the entry price (0.02 is 2 %); 0 switches a part off. Several parts go together: the nearest counts.

    - `stop`: a stop order this far from the entry.
    - `atr_stop`: a stop at this multiple of the average true range (of `atr_length` bars at the decision).
    - `trailing`: a stop this far from the best price since the entry, from the moment that the best price has gained
      `trailing_offset` (0: at once).
    - `break_even`: once the best price has gained this much, the stop stands where the trade pays its own fees.
    - `take_profit`: a limit order this far from the entry.
    - `roi`: ((bars, gain), …): after so many bars in the trade its target is that gain. (0, 0.04), (30, 0.01) takes 4 %
      at first and 1 % from the thirtieth bar.
    - `max_bars`: leaves at the open after so many closes in the trade.
    """

    stop: float = 0.0
    atr_stop: float = 0.0
    atr_length: int = 14
    trailing: float = 0.0
    trailing_offset: float = 0.0
    break_even: float = 0.0
    take_profit: float = 0.0
    roi: tuple[tuple[int, float], ...] = ()
    max_bars: int = 0

    def __post_init__(self) -> None:
        for name in ("stop", "atr_stop", "trailing", "trailing_offset", "break_even", "take_profit", "max_bars"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"The exit {name} must be zero (off) or above, not {value!r}.")
        if self.trailing >= 1:
            raise ValueError("The exit trailing is a fraction of the price: it must be below 1.")

    @property
    def numbers(self) -> Floats:
        """As the engines read them (see `levels`)."""
        return np.array(
            [
                self.stop,
                self.atr_stop,
                self.trailing,
                self.trailing_offset,
                self.break_even,
                self.take_profit,
                float(self.max_bars),
            ]
        )

    @property
    def roi_table(self) -> Floats:
        """Rows (bars, gain), by bars."""
        return np.array(sorted(self.roi), dtype=np.float64).reshape(-1, 2)

    def atr(self, candles: Candles) -> Floats:
        """The average true range that `atr_stop` is a multiple of; a single 0 where it is off."""
        return indicators.atr(candles, self.atr_length) if self.atr_stop > 0 else np.zeros(1)
