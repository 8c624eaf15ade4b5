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
from workstation.trading.order_sets import OrderSets
from workstation.trading.orders import venue_of
from workstation.trading.plans.tally import Tally


class PlanBook(OrderSets[Plan]):
    """Feeding the journal into an empty book gives the same plans and the same children again. A plan may have adopted
    an order that was there before it, too."""

    def __init__(self, orders: Mapping[ClientOrderId, Order], venues: frozenset[str] | None = None) -> None:
        """`orders`: every order of the desk, kept up to date by the order manager. `venues`: those of this desk (None:
        all); plans of another wait until it is one again."""
        super().__init__(orders)
        self._venues = venues
        self._adopted: dict[ClientOrderId, PlanId] = {}
        #: Instruments in which this desk holds stops and sees no price, and why (kept by `UnseenStops`).
        self.unseen: dict[InstrumentId, str] = {}

    def apply(self, event: PlanEvent) -> Plan | None:
        """Fold one event in; the plan after it (None: the event is of a plan that was never started)."""
        match event:
            case PlanStarted(plan=plan) | PlanChanged(plan=plan):
                after = plan
            case PlanEnded(plan_id=plan_id, state=state, reason=reason, ts=ts):
                known = self.sets.get(plan_id)
                if known is None:
                    return None
                after = msgspec.structs.replace(known, state=state, reason=reason, updated_at=ts)
        if after.adopted:
            self._adopted[after.adopted] = after.plan_id
        return self._put(after)

    def halt(self, ts: int, reason: str) -> None:
        """HALTED ends every plan: none of them comes back when the desk is re-armed."""
        for plan in self.active():
            self.apply(PlanEnded(ts=ts, plan_id=plan.plan_id, state=PlanState.HALTED, reason=reason))

    def _parent(self, order: Order) -> PlanId:
        return order.plan or self._adopted.get(order.client_id, "")

    def children(self, plan: Plan) -> list[Order]:
        """The plan's orders, oldest first, as they stand now; the adopted one first."""
        adopted = [self._orders[plan.adopted]] if plan.adopted in self._orders else []
        return adopted + self.orders(plan.plan_id)

    def tally(self, plan: Plan) -> Tally:
        return Tally(plan, self.children(plan))

    def active(self, instrument: InstrumentId | None = None) -> list[Plan]:
        """Plans that want something, oldest first."""
        return [plan for plan in self.unsettled(instrument) if plan.is_active]

    def unsettled(self, instrument: InstrumentId | None = None) -> list[Plan]:
        """Plans that want something, whose orders are not all closed, or that a late fill has taken up again."""
        plans = super().unsettled()
        here = plans if self._venues is None else [one for one in plans if venue_of(one.instrument) in self._venues]
        return [plan for plan in here if instrument in (None, plan.instrument)]

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
