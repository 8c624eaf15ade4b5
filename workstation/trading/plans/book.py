"""All plans of the desk and which orders are theirs: a fold over plan events and the orders' intents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from workstation.domain.events import PlanChanged, PlanEnded, PlanEvent, PlanStarted
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, subtract
from workstation.domain.order import ClientOrderId, Order, Side
from workstation.domain.plan import Plan, PlanId, PlanState
from workstation.trading.plans.tally import Tally


class PlanBook:
    """Feeding the journal into an empty book gives the same plans and the same children again."""

    def __init__(self, orders: Mapping[ClientOrderId, Order]) -> None:
        """`orders`: every order of the desk, kept up to date by the order manager."""
        self.plans: dict[PlanId, Plan] = {}
        self.version = 0
        self._orders = orders
        self._children: dict[PlanId, list[ClientOrderId]] = {}
        self._adopted: dict[ClientOrderId, PlanId] = {}
        self._stirring: dict[PlanId, None] = {}  # plans that may want something, oldest first

    def apply(self, event: PlanEvent) -> Plan | None:
        """Fold one event in; the plan after it (None: the event is of a plan that was never started)."""
        match event:
            case PlanStarted(plan=plan) | PlanChanged(plan=plan):
                after = plan
            case PlanEnded(plan_id=plan_id, state=state, reason=reason, ts=ts):
                known = self.plans.get(plan_id)
                if known is None:
                    return None
                after = msgspec.structs.replace(known, state=state, reason=reason, updated_at=ts)
        self.plans[after.plan_id] = after
        self._stirring[after.plan_id] = None
        if after.adopted:
            self._adopted[after.adopted] = after.plan_id
        self.version += 1
        return after

    def halt(self, ts: int, reason: str) -> None:
        """HALTED ends every plan: none of them comes back when the desk is re-armed."""
        for plan in self.active():
            self.apply(PlanEnded(ts=ts, plan_id=plan.plan_id, state=PlanState.HALTED, reason=reason))

    def took(self, order: Order) -> None:
        """An order's intent is known: if it names a plan it is that plan's child from now on."""
        if order.plan:
            self._children.setdefault(order.plan, []).append(order.client_id)

    def touched(self, order: Order) -> None:
        """Something happened to an order: its plan may want something again, even if it has ended (a late fill)."""
        plan_id = order.plan or self._adopted.get(order.client_id, "")
        if plan_id in self.plans:
            self._stirring[plan_id] = None
            self.version += 1

    def plan_of(self, order: Order) -> Plan | None:
        return self.plans.get(order.plan or self._adopted.get(order.client_id, ""))

    def children(self, plan: Plan) -> list[Order]:
        """The plan's orders, oldest first, as they stand now; the adopted one first."""
        ids = self._children.get(plan.plan_id, [])
        adopted = [self._orders[plan.adopted]] if plan.adopted in self._orders else []
        return adopted + [self._orders[client_id] for client_id in ids]

    def tally(self, plan: Plan) -> Tally:
        return Tally(plan, self.children(plan))

    def active(self, instrument: InstrumentId | None = None) -> list[Plan]:
        """Plans that want something, oldest first."""
        return [plan for plan in self.unsettled(instrument) if plan.is_active]

    def unsettled(self, instrument: InstrumentId | None = None) -> list[Plan]:
        """Plans that want something, whose orders are not all closed, or that a late fill has taken up again."""
        for plan_id in [plan_id for plan_id in self._stirring if self._is_settled(self.plans[plan_id])]:
            del self._stirring[plan_id]
        plans = [self.plans[plan_id] for plan_id in self._stirring]
        plans.sort(key=lambda plan: (plan.created_at, plan.plan_id))
        return [plan for plan in plans if instrument is None or plan.instrument == instrument]

    def _is_settled(self, plan: Plan) -> bool:
        if plan.is_active or any(order.is_open for order in self.children(plan)):
            return False
        return not (plan.state is PlanState.DONE and plan.has_exits and self.tally(plan).open > 0)

    def available(self, plan: Plan, position: Decimal) -> Decimal:
        """What of the signed position is there for the plan's exits: what older plans of its side do not protect."""
        left = position if plan.side.sign > 0 else position.copy_negate()
        for older in self.active(plan.instrument):
            if older.plan_id == plan.plan_id:
                break
            if older.side is plan.side and older.has_exits:
                left = subtract(left, self.tally(older).open)
        return max(ZERO, left)

    def unclaimed(self, instrument: InstrumentId, position: Decimal) -> Decimal:
        """What of the signed position no plan protects, unsigned."""
        left = abs(position)
        for plan in self.active(instrument):
            if plan.has_exits and (plan.side is Side.BUY) is (position > 0):
                left = subtract(left, self.tally(plan).open)
        return max(ZERO, left)

    @classmethod
    def fold(cls, events: Iterable[PlanEvent], orders: Mapping[ClientOrderId, Order]) -> PlanBook:
        book = cls(orders)
        for order in orders.values():
            book.took(order)
        for event in events:
            book.apply(event)
        return book
