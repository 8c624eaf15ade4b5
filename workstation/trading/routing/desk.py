"""Sends orders to the best venues and follows them to their end, over restarts too.

What is durable decides: the route and the ids of its legs first, then each leg as an ordinary order with an intent of
its own. After a restart a leg that is no order was never sent, and is not sent then either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from workstation.clock import SECOND
from workstation.domain.events import OrderEvent, RouteEnded, RouteEvent, RouteStarted, TradingState
from workstation.domain.order import Order, OrderDraft, OrderState
from workstation.domain.plan import PlanState
from workstation.domain.route import ROUTE_PREFIX, Route, RouteId, RouteLeg
from workstation.trading.errors import Refused
from workstation.trading.keeper import KeeperParts, OrderKeeper
from workstation.trading.routing.looking import Age, RouteLook, route_look
from workstation.trading.routing.words import summary

_CANCEL_AGAIN = SECOND // 2


class RouteDesk(OrderKeeper):
    """What a trader or a screen can do with routes, and the one task that ends them."""

    TOPIC = "routes"
    WHAT = "a route"

    def __init__(self, parts: KeeperParts, stale_for: Age) -> None:
        """`stale_for`: age in ns of an instrument's newest market data where that is too old, else None."""
        super().__init__(parts)
        self._stale_for = stale_for
        self._last: tuple[OrderDraft, int] | None = None  # what was sent last, and when
        #: Called between the route's being durable and its first leg: tests stop the desk here.
        self.on_durable: Callable[[Route], None] = lambda _: None

    def look(self, draft: OrderDraft) -> RouteLook:
        """What the draft would do over all venues of its asset. Raises `Refused`."""
        return route_look(self._core, draft, self._clock.now(), self._gateway.link_up, self._stale_for)

    async def send(self, draft: OrderDraft) -> Order | Route:
        """Split afresh from the books as they are, make durable, and send. One venue's order is an ordinary one.
        Raises `Refused`."""
        look = self.look(draft)
        if look.problem:
            raise Refused(look.problem)
        self._refuse_bounce(draft)
        if len(look.drafts) == 1:
            return await self._gateway.submit(msgspec.structs.replace(look.drafts[0], leg="", note="best of"))
        return await self._started(look)

    def _refuse_bounce(self, draft: OrderDraft) -> None:
        """The same order a moment ago was a key that bounced, whatever its legs would be by now. Raises `Refused`."""
        now, last = self._clock.now(), self._last
        draft = msgspec.structs.replace(draft, seen_at=None)
        window = self._core.limits.duplicate_window_ms * 1_000_000
        if last is not None and last[0] == draft and draft.origin == "manual" and now - last[1] < window:
            raise Refused(f"The same order was entered {(now - last[1]) / 1e6:.0f} ms ago: taken for a bounced key.")
        self._last = (draft, now)

    async def _started(self, look: RouteLook) -> Route:
        now, draft = self._clock.now(), look.draft
        route_id = f"{ROUTE_PREFIX}{self._gateway.next_id()}"
        drafts = [msgspec.structs.replace(one, plan=route_id, note="best of") for one in look.drafts]
        legs = tuple(
            RouteLeg(instrument=one.instrument, client_id=self._gateway.next_id(), quantity=one.quantity)
            for one in drafts
        )
        route = Route(
            route_id=route_id,
            instrument=draft.instrument,
            base=look.instrument.base,
            side=draft.side,
            quantity=look.split.quantity,
            limit=draft.price,
            legs=legs,
            origin=draft.origin,
            created_at=now,
            updated_at=now,
        )
        self._handing[route_id] = {leg.instrument: leg.client_id for leg in legs}
        try:
            await asyncio.wrap_future(self.record(RouteStarted(ts=now, route=route)))
        except Exception as error:
            self._handing.pop(route_id, None)
            raise Refused(f"Nothing was sent, the store did not take it: {error}") from error
        self.on_durable(route)
        if not self._core.routes.sets[route_id].is_active:  # cancelled or halted meanwhile
            self._handing.pop(route_id, None)
            self._wake.set()
            raise Refused("Nothing was sent: the order was cancelled, or the desk halted, before.")
        for one, leg in zip(drafts, legs, strict=True):
            self._begin(one, leg.client_id)
        return self._core.routes.sets[route_id]

    async def cancel(self, route_id: RouteId, reason: str = "cancelled by the trader") -> Route:
        """End it: what works of its legs is pulled, what has traded stays. Raises `Refused`."""
        route = self._core.routes.sets.get(route_id)
        if route is None:
            raise Refused(f"There is no order {route_id}.")
        if not route.is_active:
            raise Refused(f"The order is over already: {route.reason}")
        event = RouteEnded(ts=self._clock.now(), route_id=route_id, state=PlanState.CANCELED, reason=reason)
        try:
            await asyncio.wrap_future(self.record(event))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error
        return self._core.routes.sets[route_id]

    # One look.

    def _concerns(self, event: OrderEvent) -> bool:
        order = self._core.orders.orders.get(event.client_id)
        return order is not None and order.plan in self._core.routes.sets

    def _look(self) -> None:
        wakes: list[int] = []
        for route in self._core.routes.unsettled():
            try:
                self._keep(route, wakes)
            except Exception as error:
                self._log.error(self.TOPIC, f"The order {route.route_id} could not be followed: {error!r}")
                wakes.append(self._clock.now() + SECOND)
        self._set_timer(min(wakes, default=None))

    def _keep(self, route: Route, wakes: list[int]) -> None:
        works = [order for order in self._core.routes.orders(route.route_id) if order.is_open]
        if not route.is_active:
            for order in works:
                if self._core.state is TradingState.HALTED or order.state is OrderState.PENDING_CANCEL:
                    continue
                again = order.updated_at + _CANCEL_AGAIN  # after a venue's refusal
                if order.reason and again > self._clock.now():
                    wakes.append(again)
                else:
                    self._pull(order.client_id, wakes)
        elif not works and not self._under_way(route.route_id):
            sentence, loud = summary(self._core, route)
            now = self._clock.now()
            event = RouteEnded(ts=now, route_id=route.route_id, state=PlanState.DONE, reason=sentence)
            self.record(event, loud)

    def record(self, event: RouteEvent, loud: bool = False) -> Future[None]:
        """Fold, journal, publish and log one event of a route; the future is done once it is durable."""
        stored = self._recorded(event)
        if isinstance(event, RouteStarted):
            route = event.route
            words = ", ".join(f"{leg.quantity} {leg.instrument}" for leg in route.legs)
            self._say(f"Best of: {route.side} {route.quantity} {route.base} as {words}", loud)
        else:
            self._say(f"Best of: {event.reason}", loud)
        return stored
