"""All rebalances of the desk: a fold over their events; `OrderSets` keeps which orders are theirs."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from workstation.domain.events import RebalanceChanged, RebalanceEnded, RebalanceEvent, RebalanceStarted
from workstation.domain.instrument import InstrumentId
from workstation.domain.plan import PlanState
from workstation.domain.rebalance import REBALANCE_PREFIX, Rebalance, RebalanceId
from workstation.trading.order_sets import OrderSets


class RebalanceBook(OrderSets[Rebalance]):
    PREFIX = REBALANCE_PREFIX

    @property
    def rebalances(self) -> dict[RebalanceId, Rebalance]:
        return self.sets

    def apply(self, event: RebalanceEvent) -> Rebalance | None:
        """Fold one event in; the rebalance after it (None: it was never started)."""
        match event:
            case RebalanceStarted(rebalance=rebalance) | RebalanceChanged(rebalance=rebalance):
                return self._put(rebalance)
            case RebalanceEnded(rebalance_id=rebalance_id, state=state, reason=reason, ts=ts):
                known = self.sets.get(rebalance_id)
                if known is None:
                    return None
                return self._put(
                    msgspec.structs.replace(known, state=state, reason=reason, updated_at=ts, paused_at=None)
                )

    def last_begun(self, instruments: Collection[InstrumentId]) -> int | None:
        """UTC ns at which the trader last began to bring exactly these instruments to their weights; one that he
        cancelled does not count, nor do those of strategies, which keep their own time."""
        wanted = set(instruments)
        for rebalance in reversed(self.sets.values()):
            mine = rebalance.origin == "manual" and rebalance.targets.keys() == wanted
            if mine and rebalance.state in (PlanState.ACTIVE, PlanState.DONE):
                return rebalance.created_at
        return None

    def halt(self, ts: int, reason: str) -> None:
        """HALTED ends every rebalance: none of them comes back when the desk is re-armed."""
        for rebalance in self.active():
            self.apply(
                RebalanceEnded(ts=ts, rebalance_id=rebalance.rebalance_id, state=PlanState.HALTED, reason=reason)
            )
