"""The rule of the execution algorithms against a market and a venue that do what they like."""

from __future__ import annotations

import random
from decimal import Decimal as D

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain.events import TradingState
from workstation.domain.execution import SLICE_LEG
from workstation.domain.instrument import Instrument
from workstation.domain.order import Order, OrderState, Side, TimeInForce
from workstation.domain.plan import Plan, PlanKind, PlanState
from workstation.trading.execution import terms
from workstation.trading.execution.schedule import smallest_slice
from workstation.trading.plans.decide import decide
from workstation.trading.plans.intents import End, Pull, Send, Situation
from workstation.trading.plans.tally import Tally

BTC = Instrument(
    venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.5"), lot=D("0.001"), min_notional=D(10)
)
START = 1_000 * SECOND
LENGTH = 120 * SECOND


class World:
    """A plan with its orders, a moving market, and a venue that fills by chance and cancels when it is asked."""

    def __init__(self, plan: Plan, seed: int, fills: float = 0.3) -> None:
        self.plan = msgspec.structs.replace(plan, plan_id="p", created_at=START)
        self.chance = random.Random(seed)
        self.fills = fills
        self.now = START
        self.mid = D(1_000)
        self.volume = D(0)
        self.orders: list[Order] = []
        self.state = TradingState.ACTIVE
        self.ended: End | None = None

    @property
    def filled(self) -> D:
        return sum((order.filled for order in self.orders), D(0))

    def look(self) -> None:
        situation = Situation(
            plan=self.plan,
            tally=Tally(self.plan, self.orders),
            instrument=BTC,
            available=D(0),
            now=self.now,
            bid=self.mid - D("0.5"),
            ask=self.mid + D("0.5"),
            state=self.state,
            volume=self.volume,
        )
        for intent in decide(situation):
            if isinstance(intent, Send):
                self.send(Order.from_draft(intent.draft, f"o{len(self.orders)}", self.now))
            elif isinstance(intent, Pull):
                self.replace(intent.client_id, state=OrderState.PENDING_CANCEL)
            elif isinstance(intent, End):
                self.ended = intent
                self.plan = msgspec.structs.replace(self.plan, state=PlanState.DONE)
        self.check()

    def send(self, order: Order) -> None:
        execution = self.plan.execution
        assert execution is not None
        assert self.state is TradingState.ACTIVE
        assert execution.paused_at is None
        assert not any(known.is_open for known in self.orders), "two slices out"
        left = execution.quantity - self.filled
        assert 0 < order.quantity <= left
        assert order.quantity % BTC.lot == 0
        assert order.price is not None
        assert order.quantity >= min(smallest_slice(BTC, order.price) - BTC.lot, left)
        if execution.limit is not None:
            assert (execution.limit - order.price) * order.side.sign >= 0, "beyond the limit"
        self.orders.append(msgspec.structs.replace(order, state=OrderState.ACCEPTED, venue_order_id="v"))
        if order.tif is TimeInForce.IOC:
            self.fill(self.orders[-1])
            if self.orders[-1].is_open:
                self.replace(order.client_id, state=OrderState.CANCELED)

    def fill(self, order: Order) -> None:
        lots = self.chance.randint(0, int(order.leaves / BTC.lot))
        filled = order.filled + lots * BTC.lot
        state = OrderState.FILLED if filled == order.quantity else order.state
        self.replace(order.client_id, filled=filled, filled_value=filled * (order.price or D(0)), state=state)

    def replace(self, client_id: str, **changes: object) -> None:
        self.orders = [
            msgspec.structs.replace(order, updated_at=self.now, **changes) if order.client_id == client_id else order
            for order in self.orders
        ]

    def tick(self) -> None:
        """A second of the world."""
        self.now += SECOND
        self.mid += D(self.chance.choice([-1, -1, 0, 1, 1])) / 2
        self.volume += D(self.chance.randint(0, 400)) / 1_000
        for order in self.orders:
            if order.is_open and self.chance.random() < self.fills:
                self.fill(order)
        for order in self.orders:
            if order.state is OrderState.PENDING_CANCEL and self.chance.random() < 0.5:
                self.replace(order.client_id, state=OrderState.CANCELED)
        self.look()

    def check(self) -> None:
        execution = self.plan.execution
        assert execution is not None
        working = sum((order.leaves for order in self.orders if order.is_open), D(0))
        assert self.filled + working <= execution.quantity, "more than the parent"
        if execution.share is not None:
            out = max((order.quantity for order in self.orders), default=D(0))
            assert self.filled + working <= execution.share * self.volume + out


PLANS = {
    PlanKind.TWAP: lambda side, limit, seed: terms.twap(
        BTC, side, D(2), LENGTH, price=D(1_000), seed=seed, limit=limit
    ),
    PlanKind.POV: lambda side, limit, seed: terms.pov(
        BTC, side, D(2), D("0.2"), price=D(1_000), seed=seed, limit=limit
    ),
    PlanKind.ICEBERG: lambda side, limit, seed: terms.iceberg(
        BTC, side, D(2), D("0.3"), limit or D(1_000), seed=seed
    ),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(PLANS)),
    side=st.sampled_from(Side),
    bound=st.none() | st.integers(-4, 8),
    seed=st.integers(0, 2**32),
    fills=st.sampled_from([0.0, 0.3, 1.0]),
    pauses=st.sets(st.integers(0, 200), max_size=4),
)
def test_whatever_the_market_does(
    kind: PlanKind, side: Side, bound: int | None, seed: int, fills: float, pauses: set[int]
) -> None:
    """Never two slices out, never more than the parent, never beyond the limit, nothing while paused; the end comes."""
    limit = None if bound is None else D(1_000) + side.sign * D(bound) / 2
    world = World(PLANS[kind](side, limit, seed), seed, fills)
    world.look()
    for second in range(260):
        execution = world.plan.execution
        assert execution is not None
        if second in pauses and world.ended is None:
            paused = None if execution.paused_at is not None else world.now
            shift = execution.shift + (world.now - execution.paused_at if execution.paused_at is not None else 0)
            changed = msgspec.structs.replace(execution, paused_at=paused, shift=shift)
            world.plan = msgspec.structs.replace(world.plan, execution=changed)
        world.tick()
    terms_now = world.plan.execution
    assert terms_now is not None
    if world.filled == terms_now.quantity:
        assert world.ended is not None
    if kind is PlanKind.TWAP and terms_now.paused_at is None and not terms_now.shift:
        assert world.ended is not None, "a schedule ends with its time"
        if limit is None:
            assert world.filled > 1  # what a venue leaves of a slice by chance is not made good after the end


def test_an_iceberg_never_shows_more_than_it_may() -> None:
    world = World(PLANS[PlanKind.ICEBERG](Side.BUY, None, 5), 5, 1.0)
    world.look()
    for _ in range(400):
        world.tick()
    assert world.filled == 2
    assert all(D("0.2") <= order.quantity <= D("0.3") for order in world.orders[:-1])
    assert len({order.quantity for order in world.orders}) > 2  # not to be told by its size


def test_a_slice_waits_at_its_own_side_and_then_takes() -> None:
    world = World(PLANS[PlanKind.TWAP](Side.BUY, None, 1), 1, 0.0)
    world.look()
    first = world.orders[0]
    assert (first.tif, first.price) == (TimeInForce.GTC, D("999.5"))
    while len(world.orders) == 1:
        world.tick()
    assert world.orders[0].state is OrderState.CANCELED
    assert world.orders[1].tif is TimeInForce.IOC
    assert world.orders[1].price == world.mid + D("0.5")


def test_halted_and_reducing_send_nothing() -> None:
    for state in (TradingState.HALTED, TradingState.REDUCING):
        world = World(PLANS[PlanKind.TWAP](Side.BUY, None, 1), 1)
        world.state = state
        for _ in range(60):
            world.tick()
        assert not world.orders


def test_a_desk_that_was_gone_catches_up_in_slices() -> None:
    world = World(PLANS[PlanKind.TWAP](Side.BUY, None, 1), 1, 1.0)
    world.now += 100 * SECOND
    world.look()
    assert [order.leg for order in world.orders] == [SLICE_LEG]
    assert world.orders[0].quantity < D("0.7")
