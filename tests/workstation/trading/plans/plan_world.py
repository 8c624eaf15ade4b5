"""A desk and a venue made of the real pure parts, where every message waits until the test lets it through.

The desk: the real core, journal fold and rules. The venue: orders that fill, are refused, amended and cancelled as the
test says, whatever the market does; reduce-only is enforced only where `rests_both` says that it is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.instrument import ContractType, Instrument
from workstation.domain.numbers import ZERO
from workstation.domain.order import Order, OrderDraft, OrderState, OrderType, Side, TimeInForce
from workstation.domain.plan import EXIT_LEGS, Plan, PlanState
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.plans.decide import decide
from workstation.trading.plans.intents import Amend, Change, End, Intent, Pull, Send, Situation

SPOT = Instrument(venue="V", symbol="SPOT", base="BTC", quote="USDT", tick=Decimal(1), lot=Decimal("0.1"))
PERP = msgspec.structs.replace(SPOT, symbol="PERP", contract=ContractType.LINEAR)
START = 1_000 * SECOND


class VenueOrder:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.quantity = order.quantity
        self.filled = ZERO
        self.open = True

    @property
    def leaves(self) -> Decimal:
        return self.quantity - self.filled if self.open else ZERO


class World:
    def __init__(self, plan: Plan, *, rests_both: bool, amends: bool = True) -> None:
        self.instrument = PERP if rests_both else SPOT
        self.rests_both, self.amends = rests_both, amends
        self.journal: list[e.OrderEvent | e.AccountEvent] = []
        self.core = self._empty()
        self.now = START
        self.bid, self.ask = Decimal(1000), Decimal(1002)
        self.requests: list[tuple[Any, ...]] = []
        self.reports: dict[str, list[e.OrderEvent]] = {}
        self.venue: dict[str, VenueOrder] = {}
        self.venue_position = ZERO
        self.ids = 0
        self.sent: list[Order] = []
        plan = msgspec.structs.replace(
            plan,
            plan_id="P",
            instrument=self.instrument.id,
            entries=tuple(msgspec.structs.replace(d, instrument=self.instrument.id) for d in plan.entries),
            created_at=self.now,
        )
        self.note(e.PlanStarted(ts=self.now, plan=plan))

    def _empty(self) -> TradingCore:
        return TradingCore([self.instrument], MarketData([self.instrument]), RiskLimits())

    # The desk.

    @property
    def plan(self) -> Plan:
        return self.core.plans.sets["P"]

    @property
    def position(self) -> Decimal:
        return self.core.portfolio.position(self.instrument.id).quantity

    def orders(self) -> list[Order]:
        return list(self.core.orders.orders.values())

    def note(self, event: Any) -> None:
        """Fold an event in and store it; what the order manager refuses is not stored."""
        if isinstance(event, e.PlanStarted | e.PlanChanged | e.PlanEnded | e.TradingStateChanged):
            self.core.apply_account(event)
        elif self.core.apply_order(event).outcome != "applied":
            return
        self.journal.append(event)

    def situation(self, core: TradingCore | None = None) -> Situation:
        core = core or self.core
        plan = core.plans.sets["P"]
        position = core.portfolio.position(self.instrument.id).quantity
        return Situation(
            plan=plan,
            tally=core.plans.tally(plan),
            instrument=self.instrument,
            available=core.plans.available(plan, position),
            now=self.now,
            bid=self.bid,
            ask=self.ask,
            state=core.state,
            rests_both=self.rests_both,
            amends=self.amends,
        )

    def look(self) -> list[Intent]:
        """What the runner does when it is woken; the intents that were carried out."""
        done: list[Intent] = []
        for _ in range(30):
            again = False
            for intent in decide(self.situation()):
                done.append(intent)
                match intent:
                    case Change(plan=plan):
                        self.note(e.PlanChanged(ts=self.now, plan=plan))
                        again = True
                    case End(plan_id=plan_id, state=state, reason=reason):
                        self.note(e.PlanEnded(ts=self.now, plan_id=plan_id, state=state, reason=reason))
                        again = True
                    case Send(draft=draft):
                        self.send(draft)
                    case Amend(client_id=client_id, quantity=quantity, price=price, stop_price=stop):
                        self.note(
                            e.OrderPendingAmend(
                                client_id=client_id, ts=self.now, quantity=quantity, price=price, stop_price=stop
                            )
                        )
                        self.requests.append(("amend", client_id, quantity, price, stop))
                    case Pull(client_id=client_id):
                        self.pull(client_id)
            if not again:
                return done
        raise AssertionError(f"the rule does not come to rest: {done[-6:]}")

    def send(self, draft: OrderDraft) -> None:
        self.ids += 1
        client_id = f"o{self.ids}"
        order = Order.from_draft(draft, client_id, self.now)
        self.sent.append(order)
        self.note(e.OrderInitialized(client_id=client_id, ts=self.now, order=order))
        self.note(e.OrderSubmitted(client_id=client_id, ts=self.now))
        self.requests.append(("submit", order))

    def pull(self, client_id: str) -> None:
        self.note(e.OrderPendingCancel(client_id=client_id, ts=self.now))
        self.requests.append(("cancel", client_id))

    def crash(self) -> None:
        """SIGKILL and a restart: only the journal is left; requests on their way may or may not have arrived."""
        self.core = self._empty()
        self.core.fold(self.journal)
        for order in self.core.orders.open_orders():
            if order.state in (OrderState.INITIALIZED, OrderState.SUBMITTED):
                self.note(e.OrderUnknown(client_id=order.client_id, ts=self.now, reason="the desk stopped before"))

    def settle_unknown(self) -> None:
        """The reconciler asks about what is unclear and is not on its way any more."""
        under_way = {r[1].client_id if r[0] == "submit" else r[1] for r in self.requests}
        for order in self.core.orders.open_orders():
            client_id = order.client_id
            if client_id in under_way or self.reports.get(client_id):
                continue
            at = self.venue.get(client_id)
            if at is None:
                self.note(e.OrderRejected(client_id=client_id, ts=self.now, reason="never had it"))
            elif not at.open:
                self.note(e.OrderCanceled(client_id=client_id, ts=self.now))
            elif order.state in (OrderState.UNKNOWN, OrderState.SUBMITTED):
                self.note(e.OrderAccepted(client_id=client_id, ts=self.now, venue_order_id=client_id))
            elif order.state is OrderState.PENDING_AMEND:
                self.note(e.OrderAmendRejected(client_id=client_id, ts=self.now, reason="old terms"))
            elif order.state is OrderState.PENDING_CANCEL:
                self.requests.append(("cancel", client_id))

    # The venue.

    def deliver_request(self, index: int, outcome: int) -> None:
        """One request reaches the venue (outcome 0: refused, 1: lost on the way, else taken)."""
        if not self.requests:
            return
        kind, what, *terms = self.requests.pop(index % len(self.requests))
        if outcome == 1:
            if kind == "submit":
                self.note(e.OrderUnknown(client_id=what.client_id, ts=self.now, reason="no answer"))
            return
        if kind == "submit":
            self._take(what, refused=outcome == 0)
        elif kind == "cancel":
            self._cancel(what, refused=outcome == 0)
        else:
            self._amend(what, *terms, refused=outcome == 0)

    def _report(self, client_id: str, event: e.OrderEvent) -> None:
        self.reports.setdefault(client_id, []).append(event)

    def _take(self, order: Order, refused: bool) -> None:
        client_id = order.client_id
        assert client_id not in self.venue, "an order was sent twice"
        reducible = self.venue_position * -order.side.sign
        if refused or (self.rests_both and order.reduce_only and reducible <= 0):
            self._report(client_id, e.OrderRejected(client_id=client_id, ts=self.now, reason="refused"))
            return
        at = self.venue[client_id] = VenueOrder(order)
        self._report(client_id, e.OrderAccepted(client_id=client_id, ts=self.now, venue_order_id=client_id))
        self._shrink()
        if order.type is OrderType.MARKET:
            self.fill(client_id, Decimal(1))
        elif order.tif is TimeInForce.IOC:
            self.fill(client_id, Decimal("0.5"))
            if at.open:
                self._close(client_id)

    def _close(self, client_id: str) -> None:
        self.venue[client_id].open = False
        self._report(client_id, e.OrderCanceled(client_id=client_id, ts=self.now))

    def _cancel(self, client_id: str, refused: bool) -> None:
        at = self.venue.get(client_id)
        if at is None or not at.open or refused:
            self._report(client_id, e.OrderCancelRejected(client_id=client_id, ts=self.now, reason="refused"))
        else:
            self._close(client_id)

    def _amend(
        self,
        client_id: str,
        quantity: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
        refused: bool = False,
    ) -> None:
        at = self.venue.get(client_id)
        if at is None or not at.open or refused:
            self._report(client_id, e.OrderAmendRejected(client_id=client_id, ts=self.now, reason="refused"))
            return
        if quantity is not None:
            at.quantity = max(quantity, at.filled)
            quantity = at.quantity
        self._report(
            client_id,
            e.OrderAmended(client_id=client_id, ts=self.now, quantity=quantity, price=price, stop_price=stop_price),
        )
        if at.quantity == at.filled:
            at.open = False
        self._shrink()

    def fill(self, client_id: str, share: Decimal) -> None:
        """Fill a share of what the order can still trade, a lot at least."""
        at = self.venue[client_id]
        lot = self.instrument.lot
        quantity = max(lot, (at.leaves * share) // lot * lot)
        if not at.leaves:
            return
        quantity = min(quantity, at.leaves)
        at.filled += quantity
        at.open = at.filled < at.quantity
        self.venue_position += quantity * at.order.side.sign
        self.ids += 1
        fill = Fill(
            trade_id=f"f{self.ids}",
            client_id=client_id,
            instrument=self.instrument.id,
            side=at.order.side,
            quantity=quantity,
            price=at.order.price or self.bid,
            fee=ZERO,
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            ts=self.now,
        )
        self._report(client_id, e.OrderFilled(client_id=client_id, ts=self.now, fill=fill))
        self._shrink()

    def _shrink(self) -> None:
        """What a venue that enforces reduce-only does after every fill."""
        if not self.rests_both:
            return
        for client_id, at in self.venue.items():
            room = max(ZERO, self.venue_position * -at.order.side.sign)
            if at.open and at.order.reduce_only and at.leaves > room:
                if room:
                    at.quantity = at.filled + room
                    self._report(client_id, e.OrderAmended(client_id=client_id, ts=self.now, quantity=at.quantity))
                else:
                    self._close(client_id)

    def working_at_venue(self) -> list[str]:
        return [client_id for client_id, at in self.venue.items() if at.open]

    def deliver_report(self, index: int) -> None:
        """The oldest report of one order comes in."""
        waiting = [client_id for client_id, reports in self.reports.items() if reports]
        if waiting:
            self.note(self.reports[waiting[index % len(waiting)]].pop(0))

    def calm(self) -> None:
        """Let everything through and time go by until nothing moves any more."""
        quiet = 0
        while quiet < 4:
            before = len(self.journal)
            while self.requests:
                self.deliver_request(0, 2)
            while any(self.reports.values()):
                self.deliver_report(0)
            self.settle_unknown()
            self.look()
            self.now += 40 * SECOND
            quiet = quiet + 1 if len(self.journal) == before else 0
            assert len(self.journal) < 5_000, "the desk never comes to rest"

    # What must hold at every instant.

    def check(self) -> None:
        plan, orders = self.plan, self.orders()
        tally = self.core.plans.tally(plan)
        for leg in {o.leg for o in orders} - EXIT_LEGS:
            assert sum(o.leg == leg for o in self.sent) <= 1, f"{leg} was sent twice"
        assert tally.exited <= tally.entered, "the exits closed more than was entered"
        assert self.venue_position * plan.side.sign >= 0, "the exits went through the position"
        for leg in EXIT_LEGS:
            done = sum((o.filled for o in orders if o.leg == leg), ZERO)
            assert done + tally.working(leg) <= tally.entered, f"the {leg} is larger than what has filled"
        if not self.rests_both:
            live = sum((tally.working(leg) for leg in EXIT_LEGS), ZERO)
            assert live + tally.exited <= tally.entered, "stop and target together are larger than what has filled"

    def check_at_rest(self) -> None:
        """After the calm: protected, or flat without any exit left."""
        tally = self.core.plans.tally(self.plan)
        exits = [o for o in self.core.orders.open_orders() if o.leg in EXIT_LEGS]
        assert self.position == self.venue_position
        if self.core.state is e.TradingState.HALTED:
            return
        if not self.position:
            assert not exits, "an exit was left after flat"
            if not tally.entries_live():
                assert self.plan.state is not PlanState.ACTIVE
        elif not self.plan.is_active:
            assert not self.plan.has_exits, "a plan ended while its position is open"
        elif self.plan.stop is not None:
            assert sum((o.leaves for o in exits if o.leg == "stop"), ZERO) == abs(self.position), "not protected"


def entry(quantity: str, price: str | None = "1000", side: Side = Side.BUY) -> OrderDraft:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderDraft(
        instrument="", side=side, quantity=Decimal(quantity), type=kind, price=None if price is None else Decimal(price)
    )
