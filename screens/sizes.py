"""Order size presets that ladder, chart and ticket share: round quantities around useful values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO, floor_to
from workstation.trading.order_defaults import NONE, OrderDefaults

#: What a unit of a coin in which others are quoted is taken to be worth, for round presets alone: 1,000 means money.
_WORTH = {"BTC": Decimal(50_000), "XBT": Decimal(50_000), "ETH": Decimal(2_500), "BNB": Decimal(500)}

#: The preset that an instrument starts with is the one worth about this much.
_FIRST = Decimal(1_000)


def presets(instrument: Instrument, price: Decimal | None, values: Sequence[Decimal]) -> list[Decimal]:
    """Ascending round quantities (1, 2, 2.5 or 5 × 10ⁿ, in whole lots) worth about the `values` at `price`."""
    least = max(instrument.lot, instrument.min_quantity)
    if price is None or price <= 0:
        return [least * factor for factor in (1, 2, 5, 10, 20, 50, 100)]
    result: list[Decimal] = []
    unit = _WORTH.get(instrument.quote, Decimal(1))
    for value in (value / unit for value in values):
        if instrument.is_inverse:
            wanted = value / instrument.multiplier
        else:
            wanted = value / (price * instrument.multiplier)
        quantity = max(least, floor_to(_rounded(wanted), instrument.lot))
        if instrument.notional(quantity, price) < instrument.min_notional:
            continue
        if quantity not in result:
            result.append(quantity)
    return result or [least]


def _worth(quantity: Decimal, instrument: Instrument, price: Decimal) -> Decimal:
    """About, as the presets' values have it."""
    value = quantity * instrument.multiplier * (1 if instrument.is_inverse else price)
    return value * _WORTH.get(instrument.quote, Decimal(1))


def _rounded(quantity: Decimal) -> Decimal:
    """The nearest of 1, 2, 2.5 and 5 times a power of ten."""
    power = Decimal(1).scaleb(quantity.adjusted())
    return min((power * step for step in (1, 2, Decimal("2.5"), 5, 10)), key=lambda one: abs(one - quantity))


def _in_lots(size: Decimal, instrument: Instrument) -> Decimal:
    """A size of the settings, which may be of a whole pattern of instruments, as this one can have it."""
    return max(instrument.lot, instrument.min_quantity, floor_to(size, instrument.lot))


class Sizes:
    """The chosen size of each instrument."""

    def __init__(self, values: Sequence[Decimal], defaults: Callable[[str], OrderDefaults] = lambda _: NONE) -> None:
        """`values`: what the presets are worth in the quote currency, ascending; `defaults`: an instrument's own."""
        self._values = values
        self._defaults = defaults
        self._chosen: dict[str, Decimal] = {}

    def use(self, values: Sequence[Decimal]) -> None:
        """Step between presets worth other `values` from now on."""
        self._values = values

    def get(self, instrument: Instrument, price: Decimal | None) -> Decimal:
        if instrument.id not in self._chosen:
            if (own := self._defaults(instrument.id)).size is not None:
                self._chosen[instrument.id] = _in_lots(own.size, instrument)
                return self._chosen[instrument.id]
            steps = self._steps(instrument, price, self._values)
            if price is None:
                return steps[0]
            self._chosen[instrument.id] = min(steps, key=lambda size: abs(_worth(size, instrument, price) - _FIRST))
        return self._chosen[instrument.id]

    def _steps(self, instrument: Instrument, price: Decimal | None, values: Sequence[Decimal]) -> list[Decimal]:
        own = sorted({_in_lots(size, instrument) for size in self._defaults(instrument.id).sizes})
        return own or presets(instrument, price, values)

    def begin_anew(self) -> None:
        """Forget what was chosen: the defaults are others."""
        self._chosen.clear()

    def set(self, instrument: Instrument, quantity: Decimal) -> None:
        """Choose a size. Raises ValueError where it is not above zero."""
        if quantity <= ZERO:
            raise ValueError("the order size must be above zero")
        self._chosen[instrument.id] = quantity

    def step(self, instrument: Instrument, price: Decimal | None, steps: int) -> Decimal:
        """Go `steps` presets up (or down, below zero), from whatever size is chosen."""
        known = self._steps(instrument, price, self._values)
        for _ in range(abs(steps)):
            now = self.get(instrument, price)
            if steps > 0:
                self._chosen[instrument.id] = next((size for size in known if size > now), now)
            else:
                self._chosen[instrument.id] = next((size for size in reversed(known) if size < now), now)
        return self.get(instrument, price)
