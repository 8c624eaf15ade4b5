"""Keeps the plans: looks at each whenever something happened to it, and carries what its rule wants to the gateway.

It is woken by order events, by moves of the best prices of instruments that have plans, and by timers. All that it
knows beside the journal is which legs are being handed over at this moment: a crash loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from decimal import Decimal

from workstation.clock import SECOND
from workstation.domain.events import OrderEvent, PlanChanged, PlanEnded, PlanEvent
from workstation.domain.numbers import ZERO, add, plain
from workstation.domain.order import ClientOrderId, OrderDraft, OrderType, Side
from workstation.domain.plan import EXIT_LEGS, STOP_LEG, Plan, PlanId
from workstation.market.proof import proofs
from workstation.trading import pools
from workstation.trading.errors import Refused
from workstation.trading.keeper import KeeperParts, OrderKeeper
from workstation.trading.lost_orders import LostOrders
from workstation.trading.missed import Missed
from workstation.trading.orders import venue_of
from workstation.trading.plans import held_entries
from workstation.trading.plans.decide import decide
from workstation.trading.plans.intents import Amend, Change, End, Pull, Send, Situation, Wake
from workstation.trading.plans.rows import is_unprotected
from workstation.trading.plans.tally import Tally
from workstation.trading.plans.words import in_words
from workstation.trading.unseen_stops import UnseenStops
from workstation.venues.contract import LinkState, Venue

#: How often a plan is looked at without pause before the runner lets others have a turn.
_LOOKS = 20
#: Pause after a change or cancel was refused by the desk before it is tried again.
_QUIET = SECOND
#: How often it is looked whether what was missed of a venue is booked.
_LOOK = SECOND // 5


class PlanRunner(OrderKeeper):
    """Keeps the orders of every plan."""

    TOPIC = "plans"
    WHAT = "a plan"

    def __init__(self, parts: KeeperParts, venues: Mapping[str, Venue], lost: LostOrders) -> None:
        super().__init__(parts)
        self._venues, self._lost = venues, lost
        self._told: dict[ClientOrderId, str] = {}
        self._since: dict[PlanId, tuple[int, Decimal]] = {}
        self._sighted: dict[PlanId, int] = {}  # when the market was seen before the price of an entry that is held
        self.unseen = UnseenStops(parts.core, parts.log)
        self._missed = Missed(parts.core, parts.clock)

    def _concerns(self, event: OrderEvent) -> bool:
        return self._core.plans.stirs

    # One look.

    def _look(self) -> None:
        plans = self._core.plans.unsettled()
        self._watched = {plan.instrument for plan in plans}
        alive = {plan.plan_id for plan in plans}
        self._since = {plan_id: since for plan_id, since in self._since.items() if plan_id in alive}
        self._sighted = {plan_id: at for plan_id, at in self._sighted.items() if plan_id in alive}
        wakes: list[int] = []
        for plan in plans:
            try:
                if plan.is_active and self._unsure(plan):
                    wakes.append(self._clock.now() + _LOOK)
                else:
                    self._keep(plan.plan_id, wakes)
            except Exception as error:
                self._log.error("plans", f"The plan {plan.kind} of {plan.instrument} could not be kept: {error!r}")
                wakes.append(self._clock.now() + SECOND)
        if (again := self.unseen.look(filter(self._watches, plans), self._clock.now())) is not None:
            wakes.append(again)
        self._set_timer(min(wakes, default=None))

    def _watches(self, plan: Plan) -> bool:
        """Whether only this desk's own eyes can fire the plan's stop, or an entry that waits for its price."""
        if self._rests_stops(plan):
            return False
        plan = self._core.plans.sets[plan.plan_id]
        tally = self._core.plans.tally(plan)
        return is_unprotected(plan, tally) or bool(held_entries.waiting(plan, tally, False))

    def _rests_stops(self, plan: Plan) -> bool:
        return OrderType.STOP in self._venues[venue_of(plan.instrument)].capabilities.order_types

    def _keep(self, plan_id: PlanId, wakes: list[int]) -> None:
        """Carry out what the plan wants; changed terms are looked at again at once."""
        for _ in range(_LOOKS):
            plan = self._core.plans.sets[plan_id]
            again = False
            situation = self.situation(plan)
            self._note_sight(situation)
            for intent in decide(situation):
                match intent:
                    case Change(plan=changed, reason=reason, loud=loud):
                        self.record(PlanChanged(ts=self._clock.now(), plan=changed, reason=reason), loud)
                        again = True
                    case End(plan_id=ended, state=state, reason=reason, loud=loud):
                        event = PlanEnded(ts=self._clock.now(), plan_id=ended, state=state, reason=reason)
                        self.record(event, loud)
                        again = True
                    case Wake(at=at):
                        wakes.append(at)
                    case Send(draft=draft):
                        self._begin(draft)
                    case Amend(client_id=client_id) | Pull(client_id=client_id):
                        quiet = self._quiet.get(client_id, 0)
                        if quiet > self._clock.now():
                            wakes.append(quiet)
                        elif client_id not in self._changing:
                            self._changing.add(client_id)
                            self._task(self._change(intent))
            if not again:
                self._alarm(plan)
                return
        self._wake.set()

    def _note_sight(self, s: Situation) -> None:
        held = held_entries.waiting(s.plan, s.tally, s.rests_stops)
        if held and s.sees and not any(held_entries.passed(s, draft) for draft in held):
            self._sighted[s.plan.plan_id] = s.now

    def _unsure(self, plan: Plan) -> bool:
        """Whether what the plan holds may be gone: then an exit of spot waits (see missed.py; of contracts it is
        reduce-only), and so does whatever is worked in slices."""
        instrument = self._core.instruments[plan.instrument]
        name = instrument.venue
        if not instrument.is_spot and plan.execution is None:
            return False
        if self._missed.waits(name, self._venues[name].link is LinkState.CONNECTED):
            return True
        if (since := self._missed.given_up(name)) is not None and self._told.get(name) != str(since):
            self._told[name] = str(since)
            self._log.error("plans", f"{name} cannot be compared: exits there go by this desk's own books until it is.")
        return False

    def _alarm(self, plan: Plan) -> None:
        """A position whose stop was refused, or whose exit its venue denies, is an error that the trader must see, once
        for each refusal."""
        tally = self._core.plans.tally(plan)
        follows = self._followed(plan, tally)
        for order in (one for leg in EXIT_LEGS for one in tally.live(leg)):
            if self._lost.denials(order.client_id) and order.client_id not in self._told:
                self._told[order.client_id] = words = self._lost.words(order)
                then = "another follows" if order.leg in follows else "nothing is sent beside it: both could close it"
                what = f"{plain(tally.open)} {plan.instrument} may be NOT PROTECTED"
                self._log.error("plans", f"{what}: the {order.leg} is lost. {words}; {then}.")
        refused = tally.refusals(STOP_LEG)
        if not refused or not is_unprotected(plan, tally) or self._told.get(plan.plan_id) == refused[-1].client_id:
            return
        self._told[plan.plan_id] = refused[-1].client_id
        what = f"{plain(tally.open)} {plan.instrument} are NOT PROTECTED"
        self._log.error("plans", f"{what}: the stop was {refused[-1].state}, {refused[-1].reason} It is tried again.")

    def situation(self, plan: Plan) -> Situation:
        """All that the plan's rule looks at, now."""
        core = self._core
        venue = self._venues[venue_of(plan.instrument)]
        terms = core.instruments[plan.instrument]
        market = core.market.markets[plan.instrument]
        book = market.book
        bid, ask = (None, None) if book.stale is not None else (book.best_bid, book.best_ask)
        now = self._clock.now()
        tally = core.plans.tally(plan)
        seen, entered = self._watched_since(plan, tally)
        short = terms.pooled and plan.side is Side.SELL and plan.has_exits
        exits = [order for leg in EXIT_LEGS for order in tally.live(leg)] if short else []
        return Situation(
            plan=plan,
            tally=tally,
            instrument=terms,
            available=core.plans.available(plan, core.closable(plan.instrument, plan.side)),
            now=now,
            bid=None if bid is None else terms.price(bid),
            ask=None if ask is None else terms.price(ask),
            state=core.state,
            busy=frozenset(self._under_way(plan.plan_id)),
            room=self._room(),
            rests_stops=self._rests_stops(plan),
            proofs=proofs(market, now),
            sighted=self._sighted.get(plan.plan_id),
            rests_both=self._reduces(plan),
            lost=self._lost_exits(plan, tally),
            amends=venue.capabilities.amend,
            volume=terms.quantity(market.volume - seen),
            entered_before=entered,
            fee=pools.fee_in_coins(core, terms, add(tally.open, tally.exited)) if short else ZERO,
            spare=pools.spare(core, terms, tally.open, but=exits) if short else ZERO,
        )

    def _reduces(self, plan: Plan) -> bool:
        """Whether the plan's venue sees to it that reduce-only orders close no more than there is."""
        terms = self._core.instruments[plan.instrument]
        return self._venues[terms.venue].capabilities.reduce_only and not terms.is_spot

    def _followed(self, plan: Plan, tally: Tally) -> frozenset[str]:
        """Legs of which a lost order is followed by another: the stop's where two of them cannot close more than there
        is; the target's only where the account holds nothing else of which both could close some: there is time."""
        if not self._reduces(plan):
            return frozenset()
        alone = abs(self._core.portfolio.position(plan.instrument).quantity) <= tally.open
        return EXIT_LEGS if alone else frozenset({STOP_LEG})

    def _lost_exits(self, plan: Plan, tally: Tally) -> frozenset[ClientOrderId]:
        live = [order.client_id for leg in self._followed(plan, tally) for order in tally.live(leg)]
        return frozenset(client_id for client_id in live if self._lost.denied(client_id))

    def _watched_since(self, plan: Plan, tally: Tally) -> tuple[int, Decimal]:
        """The market's volume and the plan's filled quantity when the desk began to watch it, or it was resumed."""
        volume = self._core.market.markets[plan.instrument].volume
        paused = plan.execution is not None and plan.execution.paused_at is not None
        if plan.execution is None or plan.execution.share is None:
            return volume, ZERO
        if paused or plan.plan_id not in self._since:
            self._since[plan.plan_id] = (volume, tally.entered)
        return self._since[plan.plan_id]

    def first_orders(self, plan: Plan) -> list[OrderDraft]:
        """The orders that a plan which has not begun would send at once."""
        return [intent.draft for intent in decide(self.situation(plan)) if isinstance(intent, Send)]

    # Carrying out.

    async def _change(self, intent: Amend | Pull) -> None:
        client_id = intent.client_id
        try:
            if isinstance(intent, Amend):
                await self._gateway.amend(client_id, intent.quantity, intent.price, intent.stop_price)
            else:
                await self._gateway.cancel(client_id)
            self._told.pop(client_id, None)
            self._quiet.pop(client_id, None)
        except Refused as refused:
            self._quiet[client_id] = self._clock.now() + _QUIET
            order = self._core.orders.orders[client_id]
            if order.is_open and self._told.get(client_id) != str(refused):
                self._told[client_id] = str(refused)
                self._log.warning("plans", f"The {order.leg or 'order'} of a plan was not changed: {refused}")
        finally:
            self._changing.discard(client_id)

    def record(self, event: PlanEvent, loud: bool = False) -> Future[None]:
        """Fold, journal, publish and log one event of a plan; the future is done once it is durable."""
        stored = self._recorded(event)
        plan_id = event.plan_id if isinstance(event, PlanEnded) else event.plan.plan_id
        self._say(in_words(event, self._core.plans.sets[plan_id]), loud)
        return stored
