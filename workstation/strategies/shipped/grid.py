"""A grid: buys below the market, sells above it, and earns each swing between two rungs.

Idea: a market without direction crosses the same prices again and again.
Rules: rungs stand `step` per cent apart around the price of the first bar: `arithmetic` of that price, the others of
the rung before. A rung trades `share` per cent of the capital. `arithmetic` and `geometric` buy `levels` shares at
once, rest as many sells above and buys below; a filled buy rests a sell one rung above, a filled sell a buy one rung
below. `infinity` has no highest rung: it holds `keep` per cent of the capital at every price, selling a little at each
rung up and buying it back at each rung down. `reverse` begins with sells above only, which it buys back one rung below.
Parameters: as above.
Source: the grid orders of currency dealers; the manuals of Pionex and Binance for infinity and reverse grids.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.numbers import floor_to
from workstation.domain.order import Side
from workstation.strategies.contract import Strategy
from workstation.strategies.parameters import Choice, Float, Int


class Grid(Strategy):
    TITLE = "Grid"
    kind = Choice("arithmetic", ("arithmetic", "geometric", "infinity", "reverse"), help="How the rungs stand")
    levels = Int(5, low=1, high=50, help="Rungs on each side of the first price")
    step = Float(1.0, low=0.05, high=20, step=0.05, help="Per cent from rung to rung")
    share = Float(5.0, low=0.1, high=50, step=0.1, help="Per cent of the capital that a rung trades")
    keep = Float(50.0, low=1, high=95, step=1, help="Per cent of the capital that an infinity grid holds")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._first = self._capital = 0.0  # the price around which the grid stands; the equity then
        self._wanted: set[tuple[int, Side]] = set()
        self._resting: dict[str, tuple[int, Side, Decimal]] = {}  # order → rung, side, what is left of it

    def on_save(self) -> dict[str, Any]:
        wanted = sorted((rung, str(side)) for rung, side in self._wanted)
        return {"first": self._first, "capital": self._capital, "wanted": [list(pair) for pair in wanted]}

    def on_load(self, state: dict[str, Any]) -> None:
        self._first, self._capital = state.get("first", 0.0), state.get("capital", 0.0)
        self._wanted = {(int(rung), Side(side)) for rung, side in state.get("wanted", [])}

    def on_start(self) -> None:
        self._resting.clear()
        if self._first:
            self._rest_all()

    def on_bar(self, bar: Bar) -> None:
        if not self._first:
            self._build(bar.close)
        self._rest_all()  # those of the start, and what was refused since

    def on_fill(self, fill: Fill) -> None:
        if fill.client_id not in self._resting:
            return
        rung, side, left = self._resting[fill.client_id]
        left -= fill.quantity
        if left > 0:
            self._resting[fill.client_id] = (rung, side, left)
            return
        del self._resting[fill.client_id]
        self._wanted.discard((rung, side))
        if self.kind == "infinity":
            self.trader.cancel_all()
            self._resting.clear()
            self._wanted = {(rung + 1, Side.SELL), (rung - 1, Side.BUY)}
        else:
            self._wanted.add((rung + side.sign, side.opposite))
        self._rest_all()

    def on_reject(self, client_id: str, reason: str) -> None:
        self._resting.pop(client_id, None)

    def price(self, rung: int) -> float:
        """Of a rung: 0 is the first price, 1 the rung above it."""
        step = self.step / 100
        return self._first * (1 + rung * step if self.kind == "arithmetic" else (1 + step) ** rung)

    def _build(self, price: float) -> None:
        self._first, self._capital = price, float(self.trader.equity)
        above, below = range(1, self.levels + 1), range(-1, -self.levels - 1, -1)
        if self.kind == "infinity":
            self._wanted = {(1, Side.SELL), (-1, Side.BUY)}
            self._buy(self._capital * self.keep / 100 / price)
            return
        self._wanted = {(rung, Side.SELL) for rung in above}
        if self.kind != "reverse":
            self._wanted |= {(rung, Side.BUY) for rung in below if self.price(rung) > 0}
            self._buy(float(self._unit()) * self.levels)

    def _buy(self, units: float) -> None:
        self.trader.order(Side.BUY, Decimal(repr(units)), tag="first")

    def _unit(self) -> Decimal:
        return Decimal(repr(self._capital * self.share / 100 / self._first))

    def _quantity(self, rung: int, side: Side) -> Decimal:
        units = self._unit()
        if self.kind == "infinity":  # what brings the holding back to its value
            value = self._capital * self.keep / 100
            units = Decimal(repr(abs(value / self.price(rung) - value / self.price(rung + side.sign))))
        return floor_to(units, self.trader.instrument.lot)

    def _rest_all(self) -> None:
        """Rest what is wanted and does not rest yet, the nearest rungs first."""
        there = {(rung, side) for rung, side, _ in self._resting.values()}
        for rung, side in sorted(self._wanted - there, key=lambda pair: (abs(pair[0]), pair[1])):
            quantity = self._quantity(rung, side)
            if quantity > 0 and (side is Side.BUY or self._covered(quantity)):
                limit = Decimal(repr(self.price(rung)))
                order = self.trader.order(side, quantity, limit=limit, tag=f"rung {rung}")
                self._resting[order] = (rung, side, quantity)

    def _covered(self, quantity: Decimal) -> bool:
        """Whether the position covers one more sell; a reverse grid sells what it does not hold."""
        if self.kind == "reverse":
            return True
        selling = sum((left for _, side, left in self._resting.values() if side is Side.SELL), Decimal(0))
        return self.trader.position >= selling + quantity
