"""Mark price and funding of a perpetual, from its own book and the spot book beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.market import MarketEvent, MarkPrice
from workstation.domain.numbers import from_float
from workstation.domain.spans import SECOND
from workstation.market.demo.book import DemoBook

FUNDING_INTERVAL = 8 * 3600 * SECOND
_INTEREST, _CLAMP = 1e-4, 5e-4
_STEP = Decimal("0.00000001")
_MARK_SMOOTHING = math.exp(-1 / 30)  # of the premium, a second: 30 s
_FUNDING_SMOOTHING = math.exp(-1 / 3600)  # an hour


class Funding:
    """Once a second: mark = spot mid × (1 + smoothed premium), funding = P + clamp(I − P, ±0.05 %) by the premium P.

    The formula is Binance's for USDT-margined perpetuals: I = 0.01 % for 8 hours.
    """

    def __init__(
        self, instrument: Instrument, perpetual: DemoBook, spot: DemoBook, emit: Callable[[MarketEvent], None]
    ) -> None:
        self._instrument = instrument
        self._perpetual = perpetual
        self._spot = spot
        self._emit = emit
        self._premium = self._average = perpetual.mid / spot.mid - 1

    def wait(self) -> int:
        return SECOND

    def step(self, ts: int) -> None:
        premium = self._perpetual.mid / self._spot.mid - 1
        self._premium += (premium - self._premium) * (1 - _MARK_SMOOTHING)
        self._average += (premium - self._average) * (1 - _FUNDING_SMOOTHING)
        rate = self._average + min(_CLAMP, max(-_CLAMP, _INTEREST - self._average))
        self._emit(
            MarkPrice(
                self._instrument.id,
                ts,
                from_float(self._spot.mid * (1 + self._premium), self._instrument.tick),
                from_float(rate, _STEP),
                ts - ts % FUNDING_INTERVAL + FUNDING_INTERVAL,
                FUNDING_INTERVAL,
            )
        )
