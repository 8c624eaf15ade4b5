"""Rebalances: one named plan over many instruments that moves what is held to target weights.

A rebalance is the durable parent of the orders that it sends: each names it (`Order.plan`) and its trade by the
instrument (`Order.leg`). What is wanted stands in its terms; what it has done is told by its orders.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO
from workstation.domain.order import Side
from workstation.domain.plan import PlanState
from workstation.domain.spans import MINUTE

type RebalanceId = str

#: Every rebalance's id begins so; ids of orders and of other plans do not.
REBALANCE_PREFIX = "rb-"


class RebalanceTrade(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be bought or sold of one instrument.

    `reference` is the middle price by which it was planned. `reduce_only`: a derivative's position only shrinks by it.
    """

    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reference: Decimal
    reduce_only: bool = False


class Rebalance(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted now. Times are UTC ns and ns, money in the account currency.

    `targets` are weights of `budget` by instrument. No order trades further than `drift` (a fraction) beyond its
    trade's reference: a market that is there is waited for. With `patience` an order first waits so long at the best
    price of its own side. The plan ends `length` after its start, whatever is left; `shift` is how long it has been
    paused so far, `paused_at` says that it is paused now. `cost` is what was expected to be paid as fees and spread.
    """

    rebalance_id: RebalanceId
    name: str
    trades: tuple[RebalanceTrade, ...]
    targets: dict[InstrumentId, Decimal]
    budget: Decimal
    cost: Decimal = ZERO
    drift: Decimal = Decimal("0.01")
    patience: int = 0
    length: int = 30 * MINUTE
    origin: str = "manual"
    created_at: int = 0
    updated_at: int = 0
    shift: int = 0
    paused_at: int | None = None
    state: PlanState = PlanState.ACTIVE
    reason: str = ""

    @property
    def set_id(self) -> RebalanceId:
        return self.rebalance_id

    @property
    def is_active(self) -> bool:
        return self.state is PlanState.ACTIVE

    @property
    def is_paused(self) -> bool:
        return self.is_active and self.paused_at is not None

    @property
    def ends_at(self) -> int:
        """UTC ns of its end, as long as it is not paused (again)."""
        return self.created_at + self.shift + self.length

    def trade(self, instrument: InstrumentId) -> RebalanceTrade | None:
        return next((trade for trade in self.trades if trade.instrument == instrument), None)
