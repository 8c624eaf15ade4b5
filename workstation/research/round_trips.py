"""Fills to trades: one net position at its average price; each order that closes some of it is a row."""

from __future__ import annotations

import numpy as np

from workstation.market.candles import Ints
from workstation.research.trades import Trades
from workstation.strategies.exits import Reason


class RoundTrips:
    """Times are UTC ns. Fees, funding and slippage of the entry are shared by what closes it, by quantity."""

    def __init__(self) -> None:
        self.units = self.entry = 0.0
        self._since = 0
        self._fees = self._paid = 0.0
        self._whole: list[tuple[int, int, int, int]] = []
        self._real: list[tuple[float, float, float, float, float, float, float]] = []
        self._tags: list[str] = []
        self._closer = ("", 0.0)  # the order that closed last, and the entry that it closed

    def fill(
        self, sign: int, units: float, price: float, fee: float, ts: int, tag: str, reason: Reason, order: str = ""
    ) -> None:
        """An execution; `sign` 1 bought, −1 sold. Parts of one `order` that close the same entry are one row."""
        closing = min(units, abs(self.units)) if self.units * sign < 0 else 0.0
        if closing:
            self._close(closing, price, fee * closing / units, ts, tag, reason, order)
        opening = units - closing
        if opening > 1e-15 * units:
            held = abs(self.units)
            if not held:
                self._since, self.entry, self._fees, self._paid = ts, price, 0.0, 0.0
            else:
                self.entry = (held * self.entry + opening * price) / (held + opening)
            self.units += sign * opening
            self._fees += fee * opening / units

    def carry(self, amount: float) -> None:
        """Funding or interest paid (received below zero) while the position is open."""
        self._paid += amount

    def value_open(self, price: float, ts: int) -> None:
        """The position that is kept at the end, valued at `price`."""
        if self.units:
            self._close(abs(self.units), price, 0.0, ts, "open", Reason.OPEN)

    def _close(
        self, units: float, price: float, fee: float, ts: int, tag: str, reason: Reason, order: str = ""
    ) -> None:
        held, side = abs(self.units), 1 if self.units > 0 else -1
        share = min(1.0, units / held)
        fees, paid = self._fees * share, self._paid * share
        net = side * units * (price - self.entry) - fees - fee - paid
        whole = (self._since, ts, side, int(reason))
        real = (units, self.entry, price, net, fees + fee, paid, 0.0)
        if order and self._closer == (order, self.entry) and self._whole[-1][0] == self._since:
            size, entry, at, *sums = self._real[-1]
            mean = (size * at + units * price) / (size + units)
            added = [a + b for a, b in zip(sums, real[3:], strict=True)]
            self._whole[-1] = whole
            self._real[-1] = (size + units, entry, mean, *added)  # type: ignore[assignment]
        else:
            self._whole.append(whole)
            self._real.append(real)
            self._tags.append(tag or reason.name.lower())
        self._closer = (order, self.entry)
        self._fees, self._paid = self._fees - fees, self._paid - paid
        self.units -= side * units
        if abs(self.units) < 1e-12 * held:
            self.units = self.entry = 0.0

    def trades(self, bars: Ints) -> Trades:
        """The trades by the bars in which they began and ended; `bars` are the bars' opens."""
        whole = np.array(self._whole, dtype=np.int64).reshape(-1, 4)
        whole[:, :2] = np.clip(np.searchsorted(bars, whole[:, :2], side="right") - 1, 0, max(0, len(bars) - 1))
        return Trades.of(whole, np.array(self._real, dtype=np.float64).reshape(-1, 7), tuple(self._tags))
