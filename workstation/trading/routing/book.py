"""All routes of the desk: a fold over their events; `OrderSets` keeps which orders are their legs."""

from __future__ import annotations

import msgspec

from workstation.domain.events import RouteEnded, RouteEvent, RouteStarted
from workstation.domain.plan import PlanState
from workstation.domain.route import ROUTE_PREFIX, Route
from workstation.trading.order_sets import OrderSets


class RouteBook(OrderSets[Route]):
    PREFIX = ROUTE_PREFIX

    def apply(self, event: RouteEvent) -> Route | None:
        """Fold one event in; the route after it (None: it was never started)."""
        match event:
            case RouteStarted(route=route):
                return self._put(route)
            case RouteEnded(route_id=route_id, state=state, reason=reason, ts=ts):
                known = self.sets.get(route_id)
                if known is None:
                    return None
                return self._put(msgspec.structs.replace(known, state=state, reason=reason, updated_at=ts))

    def halt(self, ts: int, reason: str) -> None:
        """HALTED ends every route: legs that were not sent yet never are."""
        for route in self.active():
            self.apply(RouteEnded(ts=ts, route_id=route.route_id, state=PlanState.HALTED, reason=reason))
