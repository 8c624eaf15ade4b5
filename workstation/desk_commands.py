"""What a desk is asked to do with orders, plans and margin: the commands, beside what is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from workstation.desk_records import DeskRecords
from workstation.domain.instrument import InstrumentId
from workstation.domain.margin import MarginMode
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, Side
from workstation.domain.plan import Plan, PlanId, Trail
from workstation.domain.rebalance import REBALANCE_PREFIX, Rebalance, RebalanceId
from workstation.domain.route import ROUTE_PREFIX, Route
from workstation.trading.errors import Refused
from workstation.trading.exits import Exits
from workstation.trading.gateway import OrderGateway
from workstation.trading.plan_desk import PlanDesk
from workstation.trading.rebalancing.desk import Progress, RebalanceDesk
from workstation.trading.rebalancing.head import rebalance_head
from workstation.trading.rebalancing.looking import RebalancePreview
from workstation.trading.rebalancing.planning import Wish
from workstation.trading.routing.desk import RouteDesk
from workstation.trading.routing.words import route_head
from workstation.venues.contract import KeepsMargin, VenueError


class DeskCommands(DeskRecords):
    """Coroutines that end when the desk knows what became of the command. Each raises `Refused` with a sentence."""

    ready: bool
    gateway: OrderGateway
    _plans: PlanDesk
    _exits: Exits
    _rebalances: RebalanceDesk
    _routes: RouteDesk
    _answer_timeout: float

    def _open_for_orders(self) -> None:
        if not self.ready:
            raise Refused("The desk is still opening its store: try again in a moment.")

    async def submit(self, draft: OrderDraft) -> Order:
        """Check, store and send an order; it comes back DENIED with a reason if risk refuses it. A stop that its venue
        does not take is held by this desk, as a plan: it comes back as that one's row. Raises `Refused`."""
        self._open_for_orders()
        if self.holds(draft):
            return await self._plans.hold(draft)
        return await self.gateway.submit(draft)

    async def amend(
        self,
        client_id: ClientOrderId,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> Order:
        """Change an order's terms; `quantity` is the new total. Raises `Refused`."""
        self._open_for_orders()
        if (plan := self._plans.kept(client_id)) is not None:
            await self._plans.amend_kept(client_id, quantity, price, stop_price)
            return self.order(client_id) or self.plan_rows(self.core.plans.sets[plan.plan_id])[0]
        order = self.order(client_id)
        if order is not None:
            self._rebalances.order_taken(order)
        if order is not None and (moved := await self._plans.amend_leg(order, quantity, price, stop_price)) is not None:
            return moved
        return await self.gateway.amend(client_id, quantity, price, stop_price)

    async def cancel(self, client_id: ClientOrderId) -> Order:
        """Pull an order. An exit of a plan is taken out of the plan too; the own id of a plan or a set ends it."""
        self._open_for_orders()
        if client_id.startswith(REBALANCE_PREFIX):
            head = rebalance_head(self.core, await self._rebalances.cancel(client_id))
            return replace(head, state=OrderState.CANCELED, reason="")
        if client_id.startswith(ROUTE_PREFIX):
            return replace(
                route_head(self.core, await self._routes.cancel(client_id)), state=OrderState.CANCELED, reason=""
            )
        if (plan := self._plans.kept(client_id)) is not None:
            row = self.order(client_id) or self.plan_rows(plan)[0]
            await self._plans.cancel_kept(client_id)
            return replace(row, state=OrderState.CANCELED, reason="")
        order = self.order(client_id)
        if order is not None:
            self._rebalances.order_taken(order)
        if order is not None and await self._plans.drop_leg(order) and (after := self.core.orders.orders[client_id]):
            order = after
            if order.is_closed:
                return order
        return await self.gateway.cancel(client_id)

    async def cancel_all(self, instrument: InstrumentId | None = None, side: Side | None = None) -> list[Order]:
        """Pull every working order (of an instrument, of a side); plans that keep such orders end or do without."""
        self._open_for_orders()
        if side is None:
            self._plans.end_all(instrument, "all orders were cancelled by the trader")
        else:
            self._rebalances.stand_back(instrument, "its orders were cancelled by the trader")
            await self._plans.drop_side(instrument, side)
        return await self.gateway.cancel_all(instrument, side)

    async def start_plan(self, plan: Plan) -> Plan:
        """Begin a plan made by `trading.plans.terms` (bracket, exits, scale, chase). Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.start(plan)

    async def amend_plan(
        self,
        plan_id: PlanId,
        *,
        stop: Decimal | UnsetType | None = UNSET,
        target: Decimal | UnsetType | None = UNSET,
        trail: Trail | UnsetType | None = UNSET,
    ) -> Plan:
        """Move a plan's exits, or drop one (None). Their sizes follow by themselves. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.amend(plan_id, stop=stop, target=target, trail=trail)

    async def pause_plan(self, plan_id: PlanId) -> Plan:
        """Pull the slice of an execution algorithm and send none until it is resumed. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.pause(plan_id)

    async def resume_plan(self, plan_id: PlanId) -> Plan:
        """Let a paused execution algorithm go on. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.resume(plan_id)

    async def cancel_plan(self, plan_id: PlanId) -> Plan:
        """End a plan and pull its orders, exits too. Raises `Refused`."""
        self._open_for_orders()
        return await self._plans.cancel(plan_id)

    # Routes: one order over the venues that list its asset.

    async def route_order(self, draft: OrderDraft) -> Order | Route:
        """Split, judge, make durable and send; one order where one venue takes it all. Raises `Refused`."""
        self._open_for_orders()
        return await self._routes.send(draft)

    # Rebalances: target weights → orders, as one named plan over many instruments.

    def preview_rebalance(self, wish: Wish) -> RebalancePreview:
        """What the wish would trade now, what it costs and what risk says of each trade. Raises `Refused`."""
        self._open_for_orders()
        return self._rebalances.preview(wish)

    def rebalance_progress(self, rebalance_id: RebalanceId) -> Progress:
        """How far it is, and what it waits for. Raises KeyError for one that there never was."""
        return self._rebalances.progress(rebalance_id)

    async def start_rebalance(self, wish: Wish) -> Rebalance:
        """Plan, judge, make durable and begin. Raises `Refused` with the first thing that stands against it."""
        self._open_for_orders()
        return await self._rebalances.start(wish)

    async def pause_rebalance(self, rebalance_id: RebalanceId) -> Rebalance:
        """Pull its orders and send none until it is resumed. Raises `Refused`."""
        self._open_for_orders()
        return await self._rebalances.pause(rebalance_id)

    async def resume_rebalance(self, rebalance_id: RebalanceId) -> Rebalance:
        """Let a paused rebalance go on. Raises `Refused`."""
        self._open_for_orders()
        return await self._rebalances.resume(rebalance_id)

    async def cancel_rebalance(self, rebalance_id: RebalanceId, reason: str = "by the trader") -> Rebalance:
        """End it and pull its orders; what it has traded stays. Raises `Refused`."""
        self._open_for_orders()
        return await self._rebalances.cancel(rebalance_id, reason)

    async def chase(self, client_id: ClientOrderId, bound: Decimal) -> Plan:
        """Let a working limit order follow the best price up to `bound`. Raises `Refused`."""
        self._open_for_orders()
        order = self.order(client_id)
        if order is None:
            raise Refused(f"There is no order {client_id}.")
        return await self._plans.start(self._plans.chasing(order, bound))

    async def close_position(self, instrument: InstrumentId) -> Order:
        self._open_for_orders()
        return await self._exits.close(instrument)

    async def reverse(self, instrument: InstrumentId) -> Order:
        self._open_for_orders()
        return await self._exits.reverse(instrument)

    async def break_even(self, instrument: InstrumentId) -> Order | Plan:
        self._open_for_orders()
        return await self._exits.break_even(instrument)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        """At the venue; spot above 1 can be sold short. Raises `Refused`."""
        await self._margined(instrument, lambda venue: venue.set_leverage(instrument, leverage))

    async def set_margin_mode(self, instrument: InstrumentId, mode: MarginMode) -> None:
        """At the venue, without position and working orders only. Raises `Refused`."""
        await self._margined(instrument, lambda venue: venue.set_margin_mode(instrument, mode))

    async def _margined(self, instrument: InstrumentId, change: Callable[[KeepsMargin], Awaitable[None]]) -> None:
        self._open_for_orders()
        venue = self.venues[self.instrument(instrument).venue]
        if not isinstance(venue, KeepsMargin):
            raise Refused(f"The margin of {venue.name} cannot be changed from here: change it at the venue.")
        try:
            await asyncio.wait_for(change(venue), self._answer_timeout)
        except (VenueError, TimeoutError) as error:
            raise Refused(
                str(error) or f"{venue.name} gave no answer: look at the leverage before you trade."
            ) from error
