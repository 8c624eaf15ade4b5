"""What must hold of the matching engine whatever the market and we do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_desk import FOK, GTC, IOC, UNIT, Bench, order

from workstation.domain import events as e
from workstation.domain.fill import Fill, Liquidity
from workstation.domain.order import Order, OrderState, OrderType, Side
from workstation.domain.trailing import tighter
from workstation.trading import order_state
from workstation.venues.matching import ProbabilisticQueue, RiskAverseQueue

PRICES = st.integers(95, 105)
SIZES = st.integers(1, 12)
SIDES = st.sampled_from(Side)

BOOKS = st.tuples(
    st.just("book"),
    st.dictionaries(st.integers(94, 100), SIZES, max_size=4),
    st.dictionaries(st.integers(101, 107), SIZES, max_size=4),
)
DELTAS = st.tuples(st.just("delta"), SIDES, PRICES, st.integers(0, 12))
TRADES = st.tuples(st.just("trade"), PRICES, SIZES, st.booleans())
ORDERS = st.tuples(
    st.just("order"),
    st.fixed_dictionaries(
        {
            "side": SIDES,
            "quantity": SIZES,
            "price": st.none() | PRICES,
            "trigger": st.none()
            | st.none()
            | st.fixed_dictionaries({"stop": PRICES})
            | st.fixed_dictionaries({"touch": PRICES})
            | st.fixed_dictionaries({"trail": st.integers(1, 4), "activation": st.none() | PRICES}),
            "display": st.none() | st.none() | st.integers(1, 4),
            "tif": st.sampled_from([GTC, GTC, GTC, IOC, FOK]),
            "post_only": st.sampled_from([False, False, True]),
            "reduce_only": st.sampled_from([False, False, True]),
        }
    ),
)
AMENDS = st.tuples(st.just("amend"), st.integers(0, 9), st.none() | SIZES, st.none() | PRICES, st.none() | PRICES)
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 9))
LIVES = st.lists(BOOKS | DELTAS | DELTAS | TRADES | TRADES | ORDERS | ORDERS | AMENDS | CANCELS, max_size=40)


class Auditor:
    """Follows the market and the reports by itself, and complains."""

    def __init__(self, queue: Any) -> None:
        self.bench = Bench(queue=queue, emit=self.audit)
        self.orders: dict[str, Order] = {}
        self.place: dict[str, int] = {}  # time priority
        self.slices: dict[str, int] = {}  # what is left of the slice that an iceberg shows
        self.last: int | None = None
        self.followed: dict[str, list[int]] = {}  # trades that a trailing stop has to follow
        self.places = 0
        self.depth: dict[bool, dict[int, int]] = {True: {}, False: {}}  # what a buyer / a seller may still take
        self.shown: dict[bool, dict[int, int]] = {True: {}, False: {}}
        self.whole = False
        self.trade_left: int | None = None
        self.position = 0
        self.cash = Decimal(0)

    # What the market does

    def run(self, life: list[tuple[Any, ...]]) -> list[e.OrderEvent]:
        for number, (what, *terms) in enumerate(life):
            self.trade_left = None
            getattr(self, what)(number, *terms)
            self.check()
        return self.bench.events

    def book(self, _: int, bids: dict[int, int], asks: dict[int, int]) -> None:
        for buyer, levels in ((True, asks), (False, bids)):
            for price in set(levels) | set(self.shown[buyer]):
                if levels.get(price) != self.shown[buyer].get(price):
                    self.depth[buyer][price] = levels.get(price, 0)
            self.shown[buyer] = dict(levels)
        self.whole = True
        self.bench.book(bids, asks)

    def delta(self, _: int, side: Side, price: int, size: int) -> None:
        if self.whole:
            buyer = side is Side.SELL
            self.depth[buyer][price] = size
            self.shown[buyer].pop(price, None)
            if size:
                self.shown[buyer][price] = size
        self.bench.delta(**{"asks" if side is Side.SELL else "bids": {price: size}})

    def trade(self, _: int, price: int, quantity: int, buyer: bool) -> None:
        self.trade_left = quantity
        self.last = price
        for client_id, trades in self.followed.items():
            trades.append(price)
            if len(trades) == 1 and not self.reached(self.orders[client_id], price):
                trades.clear()
        (self.bench.bought if buyer else self.bench.sold)(quantity, price)

    @staticmethod
    def reached(wanted: Order, price: int) -> bool:
        """Whether a trade at the price lets the trailing stop begin."""
        start = wanted.activation_price
        return start is None or (price <= start if wanted.side is Side.BUY else price >= start)

    def order(self, number: int, terms: dict[str, Any]) -> None:
        trigger = terms["trigger"] or {}
        plain = {name: term for name, term in terms.items() if name != "trigger"}
        wanted = order(**trigger, **plain, client_id=f"o{number}")
        if wanted.type is OrderType.TRAILING_STOP:
            begins = self.last is not None and self.reached(wanted, self.last)
            self.followed[wanted.client_id] = [self.last] if begins and self.last is not None else []
        self.orders[wanted.client_id] = order_state.apply(wanted, e.OrderSubmitted(client_id=wanted.client_id, ts=0))
        self.bench.ts += 1
        self.bench.engine.submit(wanted, f"v{number}", self.bench.ts)
        if wanted.type is OrderType.MARKET or (wanted.tif is not GTC and not wanted.type.has_trigger):
            assert self.orders[wanted.client_id].is_closed

    def amend(self, _: int, which: int, quantity: int | None, price: int | None, stop: int | None) -> None:
        self.bench.amend(self.pick(which), quantity, price, stop)

    def cancel(self, _: int, which: int) -> None:
        client_id = self.pick(which)
        was_open = client_id in self.orders and self.orders[client_id].is_open
        self.bench.cancel(client_id)
        assert not was_open or self.orders[client_id].state is OrderState.CANCELED

    def pick(self, which: int) -> str:
        ids = list(self.orders)
        return ids[-1 - which % len(ids)] if ids else "nobody"

    # What the engine says

    def audit(self, event: e.OrderEvent) -> None:
        self.bench.events.append(event)
        if isinstance(event, e.OrderAmendRejected | e.OrderCancelRejected):
            return
        before = self.orders[event.client_id]
        if isinstance(event, e.OrderFilled):
            self.audit_fill(before, event.fill)
        if isinstance(event, e.OrderTrailed):
            assert tighter(before.side, event.stop_price, before.stop_price), "a trailing stop was loosened"
        # Every report is legal, and no fill goes beyond the quantity: the order state machine raises otherwise.
        now = self.orders[event.client_id] = order_state.apply(before, event)
        if isinstance(event, e.OrderCanceled) and before.tif is FOK:
            assert before.filled == 0, "FOK fills in full or not at all"
        dearer = isinstance(event, e.OrderAmended) and (
            now.price != before.price or now.stop_price != before.stop_price or now.quantity > before.quantity
        )
        if isinstance(event, e.OrderAccepted | e.OrderTriggered) or dearer:
            self.to_the_back(event.client_id)
        slice_used_up = isinstance(event, e.OrderFilled) and self.slices.get(event.client_id) == 0
        if slice_used_up:
            self.to_the_back(event.client_id)

    def to_the_back(self, client_id: str) -> None:
        self.places += 1
        self.place[client_id] = self.places
        display = self.orders[client_id].display
        if display is not None:
            self.slices[client_id] = int(display)

    def audit_fill(self, before: Order, fill: Fill) -> None:
        lots, price = int(fill.quantity), int(fill.price)
        buyer = before.side is Side.BUY
        assert lots > 0
        if before.price is not None:
            assert fill.price <= before.price if buyer else fill.price >= before.price, "filled beyond the limit"
        if fill.liquidity is Liquidity.TAKER:
            self.use_up(buyer, price, lots)
        else:
            assert fill.price == before.price, "a maker fills at his own price"
            rivals = [o for o in self.orders.values() if self.rests_with(o, before)]
            assert all(self.place[o.client_id] > self.place[before.client_id] for o in rivals), "not first in first out"
            if before.display is not None:
                self.slices[before.client_id] -= lots
                assert self.slices[before.client_id] >= 0, "an iceberg filled more than it showed"
            if self.trade_left is not None:
                self.trade_left -= lots
                assert self.trade_left >= 0, "a trade was used twice"
            else:
                self.use_up_to(buyer, price, lots)
        signed = lots if buyer else -lots
        if before.reduce_only:
            assert self.position * signed < 0, "reduce-only added"
            assert abs(signed) <= abs(self.position), "reduce-only flipped"
        self.position += signed
        value = fill.quantity * fill.price
        rate = UNIT.taker_fee if fill.liquidity is Liquidity.TAKER else UNIT.maker_fee
        assert fill.fee == value * rate
        self.cash -= value * before.side.sign + fill.fee

    @staticmethod
    def rests_with(other: Order, one: Order) -> bool:
        waits = other.type.has_trigger and not other.triggered
        same_level = other.side is one.side and other.price == one.price and not waits
        return same_level and other.is_open and other.client_id != one.client_id

    def use_up(self, buyer: bool, price: int, lots: int) -> None:
        left = self.depth[buyer].get(price, 0) - lots
        assert left >= 0, "depth was taken twice"
        self.depth[buyer][price] = left

    def use_up_to(self, buyer: bool, limit: int, lots: int) -> None:
        for price in sorted(self.depth[buyer], reverse=not buyer):
            if price <= limit if buyer else price >= limit:
                taken = min(lots, self.depth[buyer][price])
                self.use_up(buyer, price, taken)
                lots -= taken
        assert lots == 0, "depth was taken twice"

    def check(self) -> None:
        engine = self.bench.engine
        assert engine.position == self.position
        working = {o.client_id for o in self.orders.values() if o.is_open}
        assert set(engine.orders) == working
        for client_id in working:
            wanted, here = self.orders[client_id], engine.orders[client_id]
            assert (here.quantity, here.filled) == (wanted.quantity, wanted.filled)
            if here.reduce_only:
                assert 0 < here.leaves <= abs(self.position)
            assert (engine.queue_ahead(client_id) or 0) >= 0
            if wanted.display is not None:
                assert 0 <= here.shown <= wanted.display, "an iceberg shows more than its display"
            if client_id in self.followed and not wanted.triggered:
                self.check_trail(wanted)
        assert self.cash == -sum(o.filled_value * o.side.sign + o.fees for o in self.orders.values())

    def check_trail(self, wanted: Order) -> None:
        """A waiting trailing stop is no looser than its distance behind the best trade that it has seen."""
        assert wanted.trail is not None
        for price in self.followed[wanted.client_id]:
            behind = price + wanted.trail if wanted.side is Side.BUY else price - wanted.trail
            assert not tighter(wanted.side, behind, wanted.stop_price), "a trailing stop did not follow"


@pytest.mark.parametrize("queue", [RiskAverseQueue(), ProbabilisticQueue()], ids=["risk-averse", "probabilistic"])
@settings(max_examples=100, deadline=None)
@given(life=LIVES)
def test_whatever_happens(queue: Any, life: list[tuple[Any, ...]]) -> None:
    """Quantity and cash are conserved, no fill goes beyond limit or quantity, levels are first in first out, depth and
    trades are used once, reduce-only never adds or flips, IOC never rests, FOK is all or nothing, reports are legal,
    a trailing stop follows and never loosens, an iceberg never shows or fills more than its slice."""
    Auditor(queue).run(life)


@settings(max_examples=30, deadline=None)
@given(life=LIVES)
def test_equal_inputs_give_equal_reports(life: list[tuple[Any, ...]]) -> None:
    assert Auditor(RiskAverseQueue()).run(life) == Auditor(RiskAverseQueue()).run(life)
