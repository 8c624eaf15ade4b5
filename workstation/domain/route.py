"""Routes: one order that is split over several venues of the same asset, and is one to whoever sent it.

A route is the durable parent of its orders, its legs: each names it (`Order.plan`) and its instrument (`Order.leg`).
The ids of all legs stand in the route before the first of them is sent, so after a restart it is known of each whether
it ever became an order. A leg is sent once and never again, whatever becomes of it.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workstation.domain.instrument import InstrumentId
from workstation.domain.order import ClientOrderId, Side
from workstation.domain.plan import PlanState

type RouteId = str

#: Every route's id begins so; ids of orders and of other plans do not.
ROUTE_PREFIX = "rt-"


class RouteLeg(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue is to trade, in units of its instrument."""

    instrument: InstrumentId
    client_id: ClientOrderId
    quantity: Decimal


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent where. `quantity` is the whole order in units of `base`, what no book could take included; `limit`
    the worst price, None at market. Times are UTC ns."""

    route_id: RouteId
    instrument: InstrumentId  # of the venue at which the trader stood
    base: str
    side: Side
    quantity: Decimal
    limit: Decimal | None
    legs: tuple[RouteLeg, ...]
    origin: str = "manual"
    created_at: int = 0
    updated_at: int = 0
    state: PlanState = PlanState.ACTIVE
    reason: str = ""

    @property
    def set_id(self) -> RouteId:
        return self.route_id

    @property
    def is_active(self) -> bool:
        return self.state is PlanState.ACTIVE
