"""Plans: contingent orders that the desk keeps. A plan is the durable parent of the orders (legs) that it sends.

A bracket, an OCO, a trailing stop, a ladder of entries and a chase are all plans. What a plan wants stands in its
terms; what it has done so far is told by its orders, each of which names its plan and leg (`Order.plan`, `Order.leg`).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from workstation.domain.execution import Execution
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, multiply
from workstation.domain.order import ClientOrderId, OrderDraft, Side

type PlanId = str

#: Legs of the exits; every other leg is an entry, named by its draft.
STOP_LEG = "stop"
TARGET_LEG = "target"
EXIT_LEGS = frozenset({STOP_LEG, TARGET_LEG})
ENTRY_LEG = "entry"


class PlanKind(StrEnum):
    """What the trader asked for: it names the plan on the screen and picks its rule (`trading.plans.decide.RULES`)."""

    BRACKET = "bracket"  # an entry with exits
    EXIT = "exit"  # exits of a position that is there: OCO, take-profit, stop, trailing stop
    SCALE = "scale"  # a ladder of entries, with exits for the whole or without
    CHASE = "chase"  # a limit that follows the best price, with exits or without
    STOP = "stop"  # a stop or stop-limit order that the desk holds, for its venue takes none
    TWAP = "twap"  # these four work one quantity in slices (`Plan.execution`)
    VWAP = "vwap"
    POV = "pov"
    ICEBERG = "iceberg"


class PlanState(StrEnum):
    ACTIVE = "active"
    DONE = "done"  # nothing is left to do; a late fill takes it up again
    CANCELED = "canceled"  # by the trader
    HALTED = "halted"  # by the kill switch: it does not come back


class Distance(msgspec.Struct, frozen=True):
    """A distance in price: an amount of the quote currency, or a percentage of the price that it is measured from."""

    amount: Decimal
    percent: bool = False

    def of(self, price: Decimal) -> Decimal:
        return multiply(price, self.amount).scaleb(-2) if self.percent else self.amount


class Trail(msgspec.Struct, frozen=True):
    """A stop that follows the best price at `distance`, from when the market has gone `after` beyond the entry."""

    distance: Distance
    after: Distance = Distance(ZERO)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted now. `side` is the side that opens: BUY protects a long. Times are UTC ns.

    `covers`: quantity of a standing position that the exits took over, `reference` its entry price. `given_up`:
    quantity that others than the plan's own exits closed. `adopted`: an order from before the plan that serves as its
    entry leg. `stop` and `target` are the prices wanted now (trailing and break-even move `stop`).
    """

    plan_id: PlanId
    kind: PlanKind
    instrument: InstrumentId
    side: Side
    entries: tuple[OrderDraft, ...] = ()
    adopted: ClientOrderId = ""
    covers: Decimal = ZERO
    reference: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    trail: Trail | None = None
    trailing: bool = False  # the trail has begun
    chase_to: Decimal | None = None  # the worst price that a chase may follow to
    execution: Execution | None = None  # an algorithm that works one quantity in slices; such a plan has no exits
    given_up: Decimal = ZERO
    origin: str = "manual"
    note: str = ""
    created_at: int = 0
    updated_at: int = 0
    state: PlanState = PlanState.ACTIVE
    reason: str = ""

    @property
    def has_exits(self) -> bool:
        return self.stop is not None or self.target is not None or self.trail is not None

    @property
    def set_id(self) -> PlanId:
        return self.plan_id

    @property
    def is_active(self) -> bool:
        return self.state is PlanState.ACTIVE
