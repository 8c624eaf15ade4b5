"""Averaging down with safety orders.

Idea: a dip that is bought in growing portions needs only a small recovery to pay.
Rules: buys `base` per cent of the capital at the market and rests `orders` safety buys below: the first `deviation`
per cent under the first fill, each next one `step_scale` times as far from the one before and `size_scale` times as
large. One limit sell for all that is held stands `profit` per cent above the average price and moves with it. When it
is filled the safety orders are pulled and on the next bar it begins anew.
Parameters: as above.
Source: the dollar-cost-averaging bots of 3Commas, whose words for the parameters these are.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.numbers import floor_to
from workstation.domain.order import Side
from workstation.strategies.contract import Strategy
from workstation.strategies.parameters import Float, Int

_ZERO = Decimal(0)


class Dca(Strategy):
    TITLE = "DCA with safety orders"
    base = Float(5.0, low=0.1, high=100, step=0.5, help="Per cent of the capital that the first order buys")
    orders = Int(5, low=0, high=30, help="Safety orders")
    deviation = Float(1.0, low=0.1, high=20, step=0.1, help="Per cent below the first fill for the first of them")
    step_scale = Float(1.5, low=0.5, high=5, step=0.1, help="Each is this many times as far from the one before")
    size_scale = Float(1.5, low=0.5, high=5, step=0.1, help="Each is this many times as large as the one before")
    profit = Float(1.0, low=0.1, high=20, step=0.1, help="Take profit, in per cent above the average price")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._first = self._capital = 0.0  # price of the first fill, equity before it; 0 between two rounds
        self._units = self._paid = _ZERO  # what was bought in this round and for how much
        self._entering = False
        self._bought: set[int] = set()  # safety orders that were filled
        self._safety: dict[str, tuple[int, Decimal]] = {}  # order → which, and what is left of it
        self._target = ""

    def on_save(self) -> dict[str, Any]:
        return {"first": self._first, "capital": self._capital, "units": str(self._units), "paid": str(self._paid),
                "bought": sorted(self._bought)}  # fmt: skip

    def on_load(self, state: dict[str, Any]) -> None:
        self._first, self._capital = state.get("first", 0.0), state.get("capital", 0.0)
        self._units, self._paid = Decimal(state.get("units", "0")), Decimal(state.get("paid", "0"))
        self._bought = set(state.get("bought", []))

    def on_start(self) -> None:
        if self._first and self.trader.position > 0:
            self._rest()
        else:
            self._reset()

    def on_bar(self, bar: Bar) -> None:
        if self._first:
            self._rest()  # what was refused is tried again
        elif not self._entering:
            self._capital = float(self.trader.equity)
            self.trader.order(Side.BUY, Decimal(repr(self._capital * self.base / 100 / bar.close)), tag="base")
            self._entering = True

    def on_fill(self, fill: Fill) -> None:
        if fill.side is Side.SELL:
            if self.trader.position <= 0:
                self.trader.cancel_all()
                self._reset()
            return
        self._units, self._paid = self._units + fill.quantity, self._paid + fill.quantity * fill.price
        if not self._first:
            self._first, self._entering = float(fill.price), False
        if fill.client_id in self._safety:
            which, left = self._safety.pop(fill.client_id)
            if left > fill.quantity:
                self._safety[fill.client_id] = (which, left - fill.quantity)
            else:
                self._bought.add(which)
        if self._target:
            self.trader.cancel(self._target)
            self._target = ""
        self._rest()

    def on_reject(self, client_id: str, reason: str) -> None:
        self._safety.pop(client_id, None)
        if client_id == self._target:
            self._target = ""
        if not self._first:
            self._entering = False

    def safety(self, which: int) -> tuple[float, float]:
        """Price and money of a safety order, the first being 0."""
        away = sum(self.deviation * self.step_scale**i for i in range(which + 1))
        return self._first * (1 - away / 100), self._capital * self.base / 100 * self.size_scale ** (which + 1)

    def _rest(self) -> None:
        """The target over all that is held, and the safety orders that are not there yet."""
        lot = self.trader.instrument.lot
        held = floor_to(self.trader.position, lot)
        if not self._target and held > 0 and self._units:
            limit = self._paid / self._units * (1 + Decimal(repr(self.profit)) / 100)
            self._target = self.trader.order(Side.SELL, held, limit=limit, reduce_only=True, tag="target")
        there = {which for which, _ in self._safety.values()} | self._bought
        for which in range(self.orders):
            price, money = self.safety(which)
            if which in there or price <= 0:
                continue
            quantity = floor_to(Decimal(repr(money / price)), lot)
            if quantity > 0:
                order = self.trader.order(Side.BUY, quantity, limit=Decimal(repr(price)), tag=f"safety {which + 1}")
                self._safety[order] = (which, quantity)

    def _reset(self) -> None:
        self._first, self._units, self._paid, self._entering = 0.0, _ZERO, _ZERO, False
        self._bought.clear()
        self._safety.clear()
        self._target = ""
