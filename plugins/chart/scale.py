"""Prices on the vertical axis: a scale that holds still, and round steps for its labels."""

from __future__ import annotations

import math
from decimal import Decimal

from workstation.domain.numbers import is_multiple

_PADDING = 0.05  # of the range, above and below
_LOOSE = 0.5  # a scale of which less than this is used is drawn in
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


class PriceScale:
    """Maps prices to rows, 0 at the top; half rows are counted too, two a row.

    `fit` changes the scale only when prices leave it or use too little of it, so that nothing moves with every trade.
    """

    def __init__(self, logarithmic: bool = False) -> None:
        self.logarithmic = logarithmic
        self.rows = 1
        self._low = self._high = 0.0  # as `_to` gives them
        self._set = False

    def reset(self) -> None:
        """Let the next `fit` start afresh."""
        self._set = False

    def fit(self, low: float, high: float, rows: int, tick: float) -> None:
        """Show `low` … `high` (> 0) in `rows` rows."""
        if high - low < tick * 4:
            middle = (low + high) / 2
            low, high = max(tick / 2, middle - tick * 2), middle + tick * 2
        bottom, top = self._to(low), self._to(high)
        if self._set and rows == self.rows and bottom >= self._low and top <= self._high:
            used = (top - bottom) / (self._high - self._low)
            if used >= _LOOSE:
                return
        self.rows = max(1, rows)
        padding = (top - bottom) * _PADDING
        self._low, self._high, self._set = bottom - padding, top + padding, True
        if not self.logarithmic and self._low <= 0:
            self._low = bottom / 2

    def _to(self, price: float) -> float:
        return math.log(price) if self.logarithmic else price

    def half_row(self, price: float) -> int:
        """The half row of a price, counted from the top; outside 0 … 2 × rows − 1 where the price does not show."""
        return self.part_row(price, 2)

    def part_row(self, price: float, parts: int) -> int:
        """As `half_row`, with so many parts to a row."""
        value = self._to(price) if price > 0 or not self.logarithmic else -math.inf
        if value == -math.inf:
            return parts * self.rows
        return math.floor((self._high - value) / (self._high - self._low) * parts * self.rows)

    def row(self, price: float) -> int:
        return self.half_row(price) // 2

    def shows(self, price: float) -> bool:
        return 0 <= self.half_row(price) < 2 * self.rows

    def price(self, row: float) -> float:
        """The price in the middle of a row."""
        value = self._high - (row + 0.5) / self.rows * (self._high - self._low)
        return math.exp(value) if self.logarithmic else value

    @property
    def low(self) -> float:
        return math.exp(self._low) if self.logarithmic else self._low

    @property
    def high(self) -> float:
        return math.exp(self._high) if self.logarithmic else self._high

    @property
    def row_height(self) -> float:
        """What a row in the middle of the scale is worth, in price."""
        middle = self.rows // 2
        return self.price(middle - 0.5) - self.price(middle + 0.5)


def round_step(least: float, tick: Decimal) -> Decimal:
    """The smallest of 1, 2, 2.5 and 5 × 10ⁿ that is at least `least` and a whole number of ticks."""
    power = Decimal(1).scaleb(math.floor(math.log10(max(least, float(tick)))) - 1)
    while True:
        for step in _STEPS[:-1]:
            wanted = step * power
            if float(wanted) >= least * (1 - 1e-9) and wanted >= tick and is_multiple(wanted, tick):
                return wanted
        power *= 10
        if power > tick * 10**12 and float(power) > least * 100:  # a tick like 0.3: its own multiples are round enough
            return tick * max(1, math.ceil(least / float(tick)))


def axis_prices(scale: PriceScale, tick: Decimal, gap: int) -> list[tuple[int, Decimal]]:
    """(row, price) of the labels: round prices at least `gap` rows apart, the highest first."""
    step = round_step(scale.row_height * gap, tick)
    found: list[tuple[int, Decimal]] = []
    price = Decimal(math.floor(scale.high / float(step))) * step
    while price > 0 and float(price) >= scale.low:
        row = scale.row(float(price))
        if 0 <= row < scale.rows and (not found or row - found[-1][0] >= max(2, gap - 1)):
            found.append((row, price))
        price -= step
    return found


def round_up(value: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ: the top of the volume scale, which does not twitch with every trade."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1.0, 2.0, 5.0) if step * power >= value), 10.0 * power)
