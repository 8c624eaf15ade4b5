"""Getting out: close a position, reverse it, protect it at break-even. Each pulls the instrument's orders first."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from workstation.clock import Clock
from workstation.domain.instrument import Instrument, InstrumentId
from workstation.domain.numbers import add, floor_to, multiply, plain
from workstation.domain.order import ClientOrderId, Order, OrderDraft, OrderState, OrderType, Side
from workstation.domain.plan import STOP_LEG, Plan, PlanId
from workstation.domain.position import Position
from workstation.domain.prices import price_words
from workstation.trading import pools
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.lost_orders import LostOrders
from workstation.trading.orders import venue_of
from workstation.trading.plan_desk import PlanDesk
from workstation.trading.plans.terms import exits
from workstation.trading.results import CLOSE_NOTE

#: Wall-clock seconds that working orders get to be gone before the position is touched.
_PULL_TIMEOUT = 3.0
#: Checks whose denial no cancelled order changes.
_BEFORE_PULLING = ("state", "breaker", "link", "compared", "allowed", "price known")


def held_words(plan: Plan, terms: Instrument) -> str:
    """Of a stop that this desk holds, the rest of a sentence."""
    at = "" if plan.stop is None else f" at {price_words(plan.stop, terms)}"
    return f"held by this desk{at}, {terms.venue} takes none."


class Exits:
    """Commands on whole positions. Each raises `Refused` with a sentence."""

    def __init__(
        self,
        core: TradingCore,
        gateway: OrderGateway,
        plans: PlanDesk,
        lost: LostOrders,
        clock: Clock,
    ) -> None:
        self._core, self._clock = core, clock
        self._gateway = gateway
        self._plans = plans
        self._lost = lost
        self._late: set[asyncio.Task[None]] = set()

    async def close(self, instrument: InstrumentId, origin: str = "manual") -> Order:
        """Cancel the instrument's orders, then close its position by a reduce-only market order."""
        await self._caught_up(instrument)
        self._can_send(self._closing(self._position(instrument), origin))
        await self._pull(instrument)
        position = self._position(instrument)  # a pulled order may have filled meanwhile
        return await self._gateway.submit(self._closing(position, origin))

    async def reverse(self, instrument: InstrumentId, origin: str = "manual") -> Order:
        """Cancel the instrument's orders, then trade twice the position: long becomes short of the same size. Beside an
        order that may still come the position is closed alone, and `Refused` says so: with what comes of it, the other
        side would be another size than was meant."""
        terms = self._core.instruments[instrument]
        if not self._core.portfolio.margin.can_short(terms):
            raise Refused(f"{terms.symbol} is spot and cannot be sold short: close it, or trade the perpetual.")
        await self._caught_up(instrument)
        self._can_send(self._reversing(self._position(instrument), origin))
        lost = await self._pull(instrument)
        position = self._position(instrument)
        if lost:
            closing = await self._gateway.submit(self._closing(position, origin))
            if closing.state is OrderState.DENIED:
                return closing
            raise Refused(
                f"The position is being closed at the market, and the other side is not opened: "
                f"{self._lost.words(lost[0])}. Open it by an order of its own once that is clear."
            )
        return await self._gateway.submit(self._reversing(position, origin))

    async def break_even(self, instrument: InstrumentId, origin: str = "manual") -> Order | Plan:
        """A reduce-only stop at the price where closing pays entry and both fees; an older one of ours is replaced.

        Plans that hold the position move their stops there (never back); a stop of its own protects what they do not.
        Where the venue takes no stops this desk holds it: what comes back is the plan then.
        """
        position = self._position(instrument)
        terms = self._core.instruments[instrument]
        average = position.average_price(terms)
        mark = self._core.market.mark(instrument)
        if average is None or mark is None:
            raise Refused(f"There is no price of {terms.symbol} to protect the position at.")
        long = position.quantity > 0
        fees = multiply(average, multiply(terms.taker_fee, Decimal(2)))
        wanted = average + fees if long else average - fees
        stop = floor_to(wanted, terms.tick)
        if long and stop < wanted:
            stop += terms.tick
        if (mark <= stop) if long else (mark >= stop):
            raise Refused(
                f"The market ({price_words(mark, terms)}) has not passed break-even with fees "
                f"({price_words(stop, terms)}) yet: a stop there would close the position at once."
            )
        kept = await self._move_plans(instrument, stop, long)
        rest = floor_to(self._core.plans.unclaimed(instrument, position.quantity), terms.lot)
        held = OrderType.STOP not in self._gateway.venues[terms.venue].capabilities.order_types
        if kept and rest < max(terms.lot, terms.min_quantity):
            return self._core.plans.sets[kept[0]] if held else await self._stop_of(kept[0])
        if held:
            return await self._plans.start(exits(instrument, Side.BUY if long else Side.SELL, stop=stop, quantity=rest))
        for order in self._core.orders.open_orders(instrument):
            if order.note == "break-even" and order.reduce_only:
                await self._gateway.pull(order.client_id)
        draft = OrderDraft(
            instrument=instrument,
            side=Side.SELL if long else Side.BUY,
            quantity=rest,
            type=OrderType.STOP,
            stop_price=stop,
            reduce_only=True,
            origin=origin,
            note="break-even",
        )
        return await self._gateway.submit(draft)

    async def _move_plans(self, instrument: InstrumentId, stop: Decimal, long: bool) -> list[PlanId]:
        """Move the stops of the plans that hold the position; the plans' ids, oldest first."""
        kept = []
        for plan in self._core.plans.active(instrument):
            if not plan.has_exits or not self._core.plans.tally(plan).open or (plan.side is Side.BUY) is not long:
                continue
            kept.append(plan.plan_id)
            if plan.stop is None or (stop > plan.stop if long else stop < plan.stop):
                await self._plans.amend(plan.plan_id, stop=stop)
        return kept

    async def _stop_of(self, plan_id: PlanId) -> Order:
        """The plan's stop order once it stands where the plan wants it."""
        plan = self._core.plans.sets[plan_id]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PULL_TIMEOUT
        while loop.time() <= deadline:
            for order in self._core.plans.tally(plan).live(STOP_LEG):
                if order.stop_price == plan.stop and order.venue_order_id is not None:
                    return order
            await asyncio.sleep(0.01)
        raise Refused("The plan's stop is to move to break-even, but its venue has not confirmed it yet: look again.")

    def _position(self, instrument: InstrumentId) -> Position:
        position = self._core.portfolio.position(instrument)
        if position.is_flat:
            raise Refused(f"There is no position in {instrument.partition(':')[2]}.")
        return position

    def _closing(self, position: Position, origin: str) -> OrderDraft:
        terms = self._core.instruments[position.instrument]
        quantity = floor_to(abs(position.quantity), terms.lot)
        if quantity and terms.pooled and position.quantity < 0:
            quantity = pools.covering(self._core, terms, abs(position.quantity))
        if quantity == 0:
            size = plain(abs(position.quantity))
            raise Refused(f"The position of {size} is smaller than the lot of {terms.symbol}: it cannot be closed.")
        return OrderDraft(
            instrument=position.instrument,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            quantity=quantity,
            type=OrderType.MARKET,
            reduce_only=True,
            origin=origin,
            note=CLOSE_NOTE,
        )

    def _reversing(self, position: Position, origin: str) -> OrderDraft:
        terms = self._core.instruments[position.instrument]
        twice = floor_to(multiply(abs(position.quantity), Decimal(2)), terms.lot)
        if position.quantity < 0:
            twice = add(twice, pools.fee_in_coins(self._core, terms, twice))
        return OrderDraft(
            instrument=position.instrument,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            quantity=twice,
            type=OrderType.MARKET,
            origin=origin,
            note="reverse",
        )

    async def _caught_up(self, instrument: InstrumentId) -> None:
        """What the books have of spot may have been sold by hand while its venue was away: no exchange would keep the
        trader's other coins from being sold in their place."""
        venue, loop = venue_of(instrument), asyncio.get_running_loop()
        started = loop.time()
        while self._core.instruments[instrument].is_spot and self._gateway.link_up(instrument):
            if venue not in self._core.behind:
                return
            if loop.time() - started > _PULL_TIMEOUT:
                raise Refused(
                    f"What happened at {venue} while it was away is asked for, and the position may be gone: nothing "
                    f"was sent or cancelled. Try again in a moment, or trade by an order of its own."
                )
            await asyncio.sleep(0.01)

    def _can_send(self, draft: OrderDraft) -> None:
        """What would be denied all the same leaves the position what protects it."""
        verdicts = self._core.judge(draft, self._clock.now(), self._gateway.link_up(draft.instrument))
        for verdict in verdicts:
            if verdict.check in _BEFORE_PULLING and not verdict.ok:
                raise Refused(f"{verdict.sentence} Nothing was cancelled.")

    async def _pull(self, instrument: InstrumentId) -> list[Order]:
        """Pull what works there. What comes back are orders that their venue denies and that may still come, but cannot
        close the position too (of contracts, two reduce-only orders cannot close more than there is): they are no
        obstacle, and are pulled when they come."""
        self._plans.end_all(instrument, "the position is being closed")
        await self._gateway.cancel_all(instrument)
        spot = self._core.instruments[instrument].is_spot
        loop = asyncio.get_running_loop()
        started = loop.time()
        while left := self._core.orders.open_orders(instrument):
            held = self._core.portfolio.position(instrument).quantity
            # beside one of these what closes the position would close it twice
            twice = any(order.side.sign * held < 0 and (spot or not order.reduce_only) for order in left)
            if not twice and all(self._lost.denied(order.client_id) for order in left):
                for order in left:
                    task = asyncio.create_task(self._pull_late(order.client_id))
                    self._late.add(task)
                    task.add_done_callback(self._late.discard)
                return left
            lost = [order for order in left if self._lost.denials(order.client_id)]
            # one that was lost a moment ago is denied often enough soon
            patience = _PULL_TIMEOUT if twice or not lost else 2 * _PULL_TIMEOUT
            if loop.time() - started > patience:
                raise Refused(self._not_gone(lost))
            await asyncio.sleep(0.01)
        return []

    def _not_gone(self, lost: list[Order]) -> str:
        if not lost:
            return "Its working orders are not confirmed gone yet: nothing was sent. Try again."
        return f"{self._lost.words(lost[0])}: nothing was sent, or the position could be closed twice. Try again then."

    async def _pull_late(self, client_id: ClientOrderId) -> None:
        """An order that its venue did not know when it was to be pulled is pulled should it come after all."""
        pause = 0.1
        while (order := self._core.orders.orders[client_id]).is_open:
            if order.venue_order_id is not None and order.state is not OrderState.PENDING_CANCEL:
                await self._gateway.pull(client_id)
                pause = min(pause * 2, 5.0)
            await asyncio.sleep(pause)

    def close_tasks(self) -> None:
        """The desk closes."""
        for task in self._late:
            task.cancel()
