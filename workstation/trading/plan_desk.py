"""Commands on plans: start one, change its exits, cancel it. Each raises `Refused` with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from workstation.clock import Clock
from workstation.domain.events import PlanChanged, PlanEnded, PlanStarted
from workstation.domain.execution import Execution
from workstation.domain.instrument import InstrumentId
from workstation.domain.numbers import ZERO, floor_to, subtract
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderType, Side, TimeInForce, state_word
from workstation.domain.plan import ENTRY_LEG, STOP_LEG, TARGET_LEG, Plan, PlanId, PlanKind, PlanState, Trail
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.orders import venue_of
from workstation.trading.plan_runner import PlanRunner
from workstation.trading.plans import held_entries
from workstation.trading.plans.rows import kept
from workstation.trading.plans.terms import exits, held_entry, problem
from workstation.trading.preview import held_verdicts


class PlanDesk:
    """What a trader can do with plans."""

    def __init__(
        self,
        core: TradingCore,
        gateway: OrderGateway,
        runner: PlanRunner,
        clock: Clock,
        next_id: Callable[[], ClientOrderId],
    ) -> None:
        self._core = core
        self._gateway = gateway
        self._runner = runner
        self._clock = clock
        self._next_id = next_id
        #: Told of an instrument (None: all) whose plans the trader ends at once, before their orders are pulled.
        self.on_end_all: Callable[[InstrumentId | None, str], None] = lambda *_: None

    async def start(self, plan: Plan) -> Plan:
        """Begin a plan made by `trading.plans.terms`; it comes back with its id, durable, its entries on their way."""
        core = self._core
        terms = core.instruments.get(plan.instrument)
        if terms is None:
            raise Refused(f"There is no instrument {plan.instrument}.")
        if plan.execution is None and not plan.entries and not plan.adopted:
            plan = self._covering(plan)
        market = core.market.markets[plan.instrument].mid()
        held = bool(plan.covers)
        if sentence := problem(plan, terms, self._entry_price(plan, market), market if held else None):
            raise Refused(sentence)
        for draft in plan.entries:
            self._judge_entry(draft)
        now = self._clock.now()
        if plan.execution is not None:
            for draft in self._runner.first_orders(msgspec.structs.replace(plan, created_at=now)):
                self._judge(draft)
        plan = msgspec.structs.replace(
            plan, plan_id=f"p{self._next_id()}", created_at=now, updated_at=now, state=PlanState.ACTIVE
        )
        stored = self._runner.record(PlanStarted(ts=now, plan=plan))
        try:
            await asyncio.wrap_future(stored)
        except Exception as error:
            raise Refused(f"The store did not take the plan: {error}") from error
        return self._core.plans.sets[plan.plan_id]

    def _judge(self, draft: OrderDraft) -> None:
        verdicts = self._core.judge(draft, self._clock.now(), self._gateway.link_up(draft.instrument))
        for verdict in verdicts:
            if not verdict.ok:
                raise Refused(verdict.sentence)

    def _judge_entry(self, draft: OrderDraft) -> None:
        """As the order that its venue will hear of. One that is held here must have a price that is still to come."""
        if not self.holds(draft):
            self._judge(draft)
            return
        for verdict in held_verdicts(self._core, draft, self._clock.now(), self._gateway.link_up(draft.instrument)):
            if not verdict.ok:
                raise Refused(verdict.sentence)

    def holds(self, draft: OrderDraft) -> bool:
        """Whether this desk has to hold the order: a stop that its venue does not take."""
        venue = self._gateway.venues.get(venue_of(draft.instrument))
        return venue is not None and held_entries.holds(draft, venue.capabilities.order_types)

    async def hold(self, draft: OrderDraft) -> Order:
        """Hold a stop order until the market passes its price, as a plan; it comes back as its row. One against the
        position is an exit of what is there. Raises `Refused`."""
        if draft.tif is TimeInForce.DAY and draft.expire_at is None:
            draft = msgspec.structs.replace(draft, expire_at=self._gateway.session_end())
        plan = await self.start(self._protecting(draft) or held_entry(draft))
        return kept(plan, self._core.plans.tally(plan), rests_stops=False)[0]

    def _protecting(self, draft: OrderDraft) -> Plan | None:
        """The exit that a stop against the position is. Of spot a fee has been taken from what was bought, mostly: what
        it asks for beyond that are coins that the trader had before. Those he has sold are owed to nobody."""
        terms = self._core.instruments[draft.instrument]
        position = self._core.portfolio.position(draft.instrument).quantity
        coins = terms.is_spot and not terms.pooled
        if draft.type is not OrderType.STOP or position * draft.side.sign >= 0 or (coins and position < 0):
            return None
        beyond = subtract(draft.quantity, abs(position))
        if beyond > 0 and not (coins and beyond <= terms.fee_in_coins_at_most(draft.quantity)):
            return None
        quantity = ZERO if beyond > 0 else draft.quantity
        return exits(draft.instrument, draft.side.opposite, stop=draft.stop_price, quantity=quantity)

    def _covering(self, plan: Plan) -> Plan:
        """The plan over the part of the position that no other plan protects."""
        terms = self._core.instruments[plan.instrument]
        position = self._core.portfolio.position(plan.instrument)
        if position.is_flat or (position.quantity > 0) is not (plan.side is Side.BUY):
            raise Refused(f"There is no position in {terms.symbol} that these exits could close.")
        if not plan.has_exits:
            raise Refused("Exits need a stop, a target or a trail.")
        free = floor_to(self._core.plans.available(plan, position.quantity), terms.lot)
        if free <= 0:
            raise Refused(f"Plans protect the whole position in {terms.symbol} already: change or cancel them.")
        if plan.covers > free:
            raise Refused(f"Only {free} of the position in {terms.symbol} are without exits.")
        return msgspec.structs.replace(plan, covers=plan.covers or free, reference=position.average_price(terms))

    def _entry_price(self, plan: Plan, market: Decimal | None) -> Decimal | None:
        """The entry that is nearest to the stop: where all fill only there the exits must still be on their sides."""
        prices = [d.price or d.stop_price if d.type is not OrderType.MARKET else market for d in plan.entries]
        known = [price for price in prices if price is not None]
        if not known:
            return plan.reference
        return min(known) if plan.side is Side.BUY else max(known)

    async def amend(
        self,
        plan_id: PlanId,
        *,
        stop: Decimal | UnsetType | None = UNSET,
        target: Decimal | UnsetType | None = UNSET,
        trail: Trail | UnsetType | None = UNSET,
    ) -> Plan:
        """Move or drop exits (None drops one); what is not given stays. Their sizes follow by themselves."""
        plan = self._active(plan_id)
        wanted = {"stop": stop, "target": target, "trail": trail}
        changes: dict[str, object] = {name: value for name, value in wanted.items() if value is not UNSET}
        if trail is not UNSET:
            changes["trailing"] = False
        after = msgspec.structs.replace(plan, **changes, updated_at=self._clock.now())
        tally = self._core.plans.tally(plan)
        market = self._core.market.markets[plan.instrument].mid()
        entry = tally.entry_price or self._entry_price(plan, market)
        terms = self._core.instruments[plan.instrument]
        if sentence := problem(after, terms, entry, market if tally.open else None):
            raise Refused(sentence)
        unprotected = bool(tally.open) and after.stop is None and after.trail is None and plan.stop is not None
        reason = "the stop was taken away: the position is NOT PROTECTED" if unprotected else "by the trader"
        await self._stored(PlanChanged(ts=self._clock.now(), plan=after, reason=reason), loud=unprotected)
        return self._core.plans.sets[plan_id]

    async def cancel(self, plan_id: PlanId, reason: str = "by the trader") -> Plan:
        """End a plan: its working orders are cancelled, exits too. A position that it held stays, without them."""
        plan = self._active(plan_id)
        held = self._core.plans.tally(plan).open if plan.has_exits else ZERO
        words = f"{reason}; the position stays without its exits" if held else reason
        await self._stored(
            PlanEnded(ts=self._clock.now(), plan_id=plan_id, state=PlanState.CANCELED, reason=words), loud=bool(held)
        )
        return self._core.plans.sets[plan_id]

    async def pause(self, plan_id: PlanId) -> Plan:
        """An execution algorithm's slice is pulled and none follows until `resume`."""
        plan, execution = self._executing(plan_id)
        if execution.paused_at is not None:
            raise Refused(f"The {plan.kind} is paused already.")
        return await self._with(plan, msgspec.structs.replace(execution, paused_at=self._clock.now()), "paused")

    async def resume(self, plan_id: PlanId) -> Plan:
        """A paused execution algorithm goes on where it stood; its time ends that much later."""
        plan, execution = self._executing(plan_id)
        if execution.paused_at is None:
            raise Refused(f"The {plan.kind} is not paused.")
        shift = execution.shift + self._clock.now() - execution.paused_at
        return await self._with(plan, msgspec.structs.replace(execution, paused_at=None, shift=shift), "resumed")

    def _executing(self, plan_id: PlanId) -> tuple[Plan, Execution]:
        plan = self._active(plan_id)
        if plan.execution is None:
            raise Refused(f"A {plan.kind} cannot be paused: cancel it, or change its exits.")
        return plan, plan.execution

    async def _with(self, plan: Plan, execution: Execution, reason: str) -> Plan:
        now = self._clock.now()
        after = msgspec.structs.replace(plan, execution=execution, updated_at=now)
        await self._stored(PlanChanged(ts=now, plan=after, reason=reason), loud=False)
        return self._core.plans.sets[plan.plan_id]

    def end_all(self, instrument: InstrumentId | None, reason: str) -> None:
        """End every active plan (of an instrument) at once, before its orders are pulled."""
        self.on_end_all(instrument, reason)
        for plan in self._core.plans.active(instrument):
            event = PlanEnded(ts=self._clock.now(), plan_id=plan.plan_id, state=PlanState.CANCELED, reason=reason)
            self._runner.record(event)

    async def _stored(self, event: PlanChanged | PlanEnded, loud: bool) -> None:
        try:
            await asyncio.wrap_future(self._runner.record(event, loud))
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error

    def _active(self, plan_id: PlanId) -> Plan:
        plan = self._core.plans.sets.get(plan_id)
        if plan is None:
            raise Refused(f"There is no plan {plan_id}.")
        if not plan.is_active:
            raise Refused(f"The plan is {state_word(plan.state)} already{f': {plan.reason}' if plan.reason else ''}.")
        return plan

    # A plan's orders, when the trader handles them one by one.

    async def amend_leg(
        self, order: Order, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> Order | None:
        """The trader changes an exit order of a plan: the plan's terms move. None: the order is none of these."""
        plan = self._core.plans.of(order)
        if plan is None or not plan.is_active or order.leg not in (STOP_LEG, TARGET_LEG):
            return None
        if quantity is not None and quantity != order.quantity:
            raise Refused(f"The size of this {order.leg} follows what the plan holds: move its price, or cancel it.")
        if order.leg == STOP_LEG and stop_price is not None:
            await self.amend(plan.plan_id, stop=stop_price)
        elif order.leg == TARGET_LEG and price is not None:
            await self.amend(plan.plan_id, target=price)
        return await self._under_way(order)

    async def _under_way(self, order: Order) -> Order:
        """The order once its change has been handed over, or has had time enough to be."""
        for _ in range(100):
            now = self._core.orders.orders[order.client_id]
            if now.updated_at != order.updated_at or now.state is not order.state or now.is_closed:
                return now
            await asyncio.sleep(0.01)
        return self._core.orders.orders[order.client_id]

    async def drop_leg(self, order: Order) -> bool:
        """The trader cancels an exit order of a plan: the plan does without that exit; a slice: the plan ends.

        False: it is none of these.
        """
        plan = self._core.plans.of(order)
        if plan is not None and plan.is_active and plan.execution is not None:
            await self.cancel(plan.plan_id, "its slice was cancelled by the trader")
            return True
        if plan is None or not plan.is_active or order.leg not in (STOP_LEG, TARGET_LEG):
            return False
        if order.leg == STOP_LEG:
            await self.amend(plan.plan_id, stop=None, trail=None)
        else:
            await self.amend(plan.plan_id, target=None)
        return True

    def kept(self, client_id: ClientOrderId) -> Plan | None:
        """The plan whose row this is: the plan's own, or that of an exit which the desk keeps."""
        return self._core.plans.sets.get(client_id.partition("/")[0])

    async def amend_kept(
        self, client_id: ClientOrderId, quantity: Decimal | None, price: Decimal | None, stop_price: Decimal | None
    ) -> None:
        """Move an exit that the desk keeps."""
        plan_id, _, leg = client_id.partition("/")
        if await self._amend_held(plan_id, leg, quantity, price, stop_price):
            return
        if quantity is not None:
            raise Refused("The size of a plan's exits follows what it holds: move the price, or cancel it.")
        if leg == STOP_LEG and stop_price is not None:
            await self.amend(plan_id, stop=stop_price)
        elif leg == TARGET_LEG and price is not None:
            await self.amend(plan_id, target=price)
        else:
            raise Refused("Move the stop or the target of the plan, in its own row.")

    async def _amend_held(
        self,
        plan_id: PlanId,
        leg: str,
        quantity: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
    ) -> bool:
        """Change an entry that waits here for its price. False: it is none of these."""
        plan = self._active(plan_id)
        waiting = held_entries.waiting(plan, self._core.plans.tally(plan), rests_stops=False)
        draft = next((each for each in waiting if each.leg == leg and self.holds(each)), None)
        if draft is None:
            return False
        wanted = {"quantity": quantity, "price": price, "stop_price": stop_price}
        after = msgspec.structs.replace(draft, **{name: value for name, value in wanted.items() if value is not None})
        self._judge_entry(after)
        entries = tuple(after if each is draft else each for each in plan.entries)
        changed = msgspec.structs.replace(plan, entries=entries, updated_at=self._clock.now())
        if sentence := problem(
            changed, self._core.instruments[plan.instrument], self._entry_price(changed, after.stop_price), None
        ):
            raise Refused(sentence)
        await self._stored(PlanChanged(ts=self._clock.now(), plan=changed, reason="by the trader"), loud=False)
        return True

    async def cancel_kept(self, client_id: ClientOrderId) -> None:
        """Take an exit that the desk keeps out of its plan; the plan's own id ends the plan."""
        plan_id, _, leg = client_id.partition("/")
        if leg == STOP_LEG:
            await self.amend(plan_id, stop=None, trail=None)
        elif leg == TARGET_LEG:
            await self.amend(plan_id, target=None)
        else:
            await self.cancel(plan_id)

    async def drop_side(self, instrument: InstrumentId | None, side: Side) -> None:
        """The trader cancels all orders of a side: plans do without their exits or entries of that side."""
        for plan in self._core.plans.active(instrument):
            if plan.side is not side and plan.has_exits:
                await self.amend(plan.plan_id, stop=None, target=None, trail=None)
            elif plan.side is side and (plan.execution is not None or not self._core.plans.tally(plan).open):
                await self.cancel(plan.plan_id, "its entries were cancelled by the trader")

    def chasing(self, order: Order, bound: Decimal) -> Plan:
        """A plan that lets a working limit order follow the best price. Raises `Refused`."""
        if order.is_closed or order.type is not OrderType.LIMIT or order.price is None:
            raise Refused("Only a working limit order can chase the best price.")
        if self._core.plans.of(order) is not None:
            raise Refused(f"The order belongs to a plan already ({order.leg or ENTRY_LEG}).")
        return Plan(
            plan_id="",
            kind=PlanKind.CHASE,
            instrument=order.instrument,
            side=order.side,
            adopted=order.client_id,
            chase_to=bound,
            origin=order.origin,
        )
