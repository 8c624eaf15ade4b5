"""When a strategy may not enter for a while: after losses, stops, a drawdown or poor trades. Judged as trades close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.market.candles import Floats


@dataclass(frozen=True, slots=True)
class Protections:
    """Counted in bars; 0 switches a part off. Each forbids entries for its `…_lock` bars; exits are never held back.

    - `cooldown`: this many bars after a losing trade.
    - `max_drawdown`: when closed equity stands this fraction below its peak since the last such lock.
    - `stop_count` within `stop_lookback` bars: after so many stops (trailing and liquidation included) with a loss.
    - `profit_least` of the trades within `profit_lookback` bars, once they are `profit_trades` or more: when the sum of
      their returns is below it.
    """

    cooldown: int = 0
    max_drawdown: float = 0.0
    max_drawdown_lock: int = 0
    stop_count: int = 0
    stop_lookback: int = 0
    stop_lock: int = 0
    profit_trades: int = 0
    profit_lookback: int = 0
    profit_least: float = 0.0
    profit_lock: int = 0

    @property
    def active(self) -> bool:
        return bool(self.cooldown or self.max_drawdown_lock or self.stop_lock or self.profit_lock)

    @property
    def numbers(self) -> Floats:
        """As the engines read them; empty where nothing is on."""
        if not self.active:
            return np.zeros(0)
        return np.array(
            [
                self.cooldown,
                self.max_drawdown,
                self.max_drawdown_lock,
                self.stop_count,
                self.stop_lookback,
                self.stop_lock,
                self.profit_trades,
                self.profit_lookback,
                self.profit_least,
                self.profit_lock,
            ],
            dtype=np.float64,
        )
