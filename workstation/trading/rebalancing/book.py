"""All rebalances of the desk and which orders are theirs: a fold over their events and the orders' intents."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from workstation.domain.events import RebalanceChanged, RebalanceEnded, RebalanceEvent, RebalanceStarted
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Order
from workstation.domain.plan import PlanState
from workstation.domain.rebalance import REBALANCE_PREFIX, Rebalance, RebalanceId


class RebalanceBook:
    """Feeding the journal into an empty book gives the same rebalances and the same orders of them again."""

    def __init__(self, orders: Mapping[ClientOrderId, Order]) -> None:
        """`orders`: every order of the desk, kept up to date by the order manager."""
        self.rebalances: dict[RebalanceId, Rebalance] = {}
        #: Grows with everything that happens to a rebalance or to an order of one.
        self.version = 0
        self._orders = orders
        self._children: dict[RebalanceId, dict[InstrumentId, list[ClientOrderId]]] = {}
        self._unsettled: dict[RebalanceId, None] = {}

    def apply(self, event: RebalanceEvent) -> Rebalance | None:
        """Fold one event in; the rebalance after it (None: it was never started)."""
        match event:
            case RebalanceStarted(rebalance=rebalance) | RebalanceChanged(rebalance=rebalance):
                after = rebalance
            case RebalanceEnded(rebalance_id=rebalance_id, state=state, reason=reason, ts=ts):
                known = self.rebalances.get(rebalance_id)
                if known is None:
                    return None
                after = msgspec.structs.replace(known, state=state, reason=reason, updated_at=ts, paused_at=None)
        self.rebalances[after.rebalance_id] = after
        self._unsettled[after.rebalance_id] = None
        self.version += 1
        return after

    def halt(self, ts: int, reason: str) -> None:
        """HALTED ends every rebalance: none of them comes back when the desk is re-armed."""
        for rebalance in self.active():
            self.apply(
                RebalanceEnded(ts=ts, rebalance_id=rebalance.rebalance_id, state=PlanState.HALTED, reason=reason)
            )

    def took(self, order: Order) -> None:
        """An order's intent is known: if it names a rebalance it is that one's from now on."""
        if order.plan.startswith(REBALANCE_PREFIX):
            self._children.setdefault(order.plan, {}).setdefault(order.leg, []).append(order.client_id)

    def touched(self, order: Order) -> None:
        """Something happened to an order of a rebalance."""
        if order.plan in self.rebalances:
            self._unsettled[order.plan] = None
            self.version += 1

    def of(self, order: Order) -> Rebalance | None:
        return self.rebalances.get(order.plan)

    def orders(self, rebalance_id: RebalanceId, instrument: InstrumentId | None = None) -> list[Order]:
        """Its orders (of one trade) as they stand now, each trade's oldest first."""
        by_trade = self._children.get(rebalance_id, {})
        wanted = by_trade.values() if instrument is None else [by_trade.get(instrument, [])]
        return [self._orders[client_id] for ids in wanted for client_id in ids]

    def active(self) -> list[Rebalance]:
        """Those that want something, paused ones too, oldest first."""
        return [rebalance for rebalance in self.unsettled() if rebalance.is_active]

    def unsettled(self) -> list[Rebalance]:
        """Those that want something, or whose orders are not all closed, oldest first."""
        for rebalance_id in list(self._unsettled):
            known = self.rebalances[rebalance_id]
            if not known.is_active and not any(order.is_open for order in self.orders(rebalance_id)):
                del self._unsettled[rebalance_id]
        found = [self.rebalances[rebalance_id] for rebalance_id in self._unsettled]
        found.sort(key=lambda one: (one.created_at, one.rebalance_id))
        return found
