"""Whatever venues and prices do and whenever the desk is killed: a rebalance never sells more than is held, never
spends more than there is, never trades more than it planned, and money is conserved."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workstation.trading.rebalancing.rebalance_world import PRICES, World
from workstation.clock import SECOND
from workstation.domain.numbers import ZERO, floor_to, multiply
from workstation.domain.order import Side
from workstation.trading.execution.schedule import smallest_slice
from workstation.trading.rebalancing.planning import Wish

D = Decimal
SPOTS = ("V:BTC-USDT", "V:ETH-USDT", "V:SOL-USDT", "W:XRP-USDT")
PERP = "V:BTC-PERP"


@st.composite
def weights(draw: st.DrawFn) -> dict[str, Decimal]:
    """Weights of spot that sum to 1 at most, and sometimes a perpetual, long or short."""
    parts = draw(st.lists(st.integers(0, 100), min_size=4, max_size=4))
    whole = max(1, sum(parts) + draw(st.integers(0, 100)))
    found = {name: D(part) / whole for name, part in zip(SPOTS, parts, strict=True)}
    found = {name: weight.quantize(D("0.000001"), rounding="ROUND_DOWN") for name, weight in found.items()}
    if draw(st.booleans()):
        found[PERP] = D(draw(st.integers(-100, 100))) / 100
    return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World({"V": D(draw(st.integers(1_000, 1_000_000))), "W": D(draw(st.integers(0, 100_000)))})
    for name in SPOTS:
        if draw(st.booleans()):
            share = D(draw(st.integers(1, 60))) / 100
            terms = world.core.instruments[name]
            there = world.cash(terms.venue)
            quantity = floor_to(share * there / (PRICES[name] * D("1.01")), terms.lot)
            if quantity:
                world.give(name, quantity)
    if draw(st.booleans()):
        world.give(PERP, D(draw(st.integers(-5, 5)) or 1) / 1000)
    return world


@given(worlds(), weights())
@settings(max_examples=60, deadline=None)
def test_a_proposal_can_be_paid_sells_only_what_is_held_and_ends_within_a_lot(
    world: World, targets: dict[str, Decimal]
) -> None:
    wish = Wish(targets=targets, least=ZERO)
    found = world.propose(wish)
    money = {venue: world.core.free_funds(venue, "USDT") for venue in ("V", "W")}
    cut = bool(found.notes)
    for row in found.rows:
        terms, trade = row.instrument, row.trade
        base = found.budget * (1 - wish.reserve) - found.cost
        wanted = targets.get(terms.id, ZERO) * base / row.unit
        if trade is None:
            continue
        assert trade.quantity > 0
        assert floor_to(trade.quantity, terms.lot) == trade.quantity
        signed = trade.quantity * trade.side.sign
        if terms.is_spot:
            assert row.held + signed >= 0
            if trade.side is Side.SELL:
                assert trade.quantity <= row.held
            value = terms.notional(trade.quantity, row.price or ZERO)
            money[terms.venue] -= value * trade.side.sign + value * terms.taker_fee
        if not (cut and trade.side is Side.BUY) and row.note == "":
            # one lot, and what one lot less of everything has changed of the costs
            assert abs(row.held + signed - wanted) <= terms.lot + abs(wanted) * D("0.002")
    assert all(amount >= D("-0.000001") for amount in money.values()) or PERP in targets
    assert found.cost == sum((row.fee + row.spread for row in found.rows), ZERO)


#: (what happens, how, share)
STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 10)), min_size=3, max_size=40)


@given(worlds(), weights(), STEPS, st.sampled_from([0, 5 * SECOND]))
@settings(max_examples=50, deadline=None)
def test_whatever_happens_nothing_is_overdone(
    world: World, targets: dict[str, Decimal], steps: list[tuple[int, int, int]], patience: int
) -> None:
    before = {name: world.held(name) for name in targets}
    equity = world.core.portfolio.equity(world.market.mark)
    rebalance = world.start(Wish(targets=targets, patience=patience))
    for action, how, tenth in steps:
        world.now += SECOND
        if action == 0:
            world.restart()
        elif action == 1:
            name = sorted(targets)[tenth % len(targets)]
            world.quote(name, floor_to(world.prices[name] * (1 + D(how - 1) / 200), world.core.instruments[name].tick))
        elif action == 2:
            world.resolve(how, D(tenth) / 10)
        elif world.rebalance.is_active:
            for order in world.look():
                world.answer(order, how, D(tenth) / 10)
        check(world, before)
    world.resolve(0, ZERO)
    for _ in range(60):
        if not world.rebalance.is_active:
            break
        world.now += 40 * SECOND
        for order in world.look():
            world.answer(order, 3, D(1))
        check(world, before)
    assert not world.rebalance.is_active
    world.look()
    assert not world.core.orders.open_orders()
    marks = {name: world.market.mark(name) for name in PRICES}
    folded = (dict(world.core.portfolio.accounts), world.core.rebalances.rebalances)
    world.restart()
    assert (dict(world.core.portfolio.accounts), world.core.rebalances.rebalances) == folded
    # cash is conserved: opening money + realised + unrealised − fees, to the last digit
    now = world.core.portfolio.equity(lambda name: marks[name])
    opening = equity.total - equity.realized - equity.unrealized + equity.fees
    assert now.total == opening + now.realized + now.unrealized - now.fees
    if rebalance.trades and world.rebalance.reason == "every trade is done":
        for trade in rebalance.trades:
            left = trade.quantity - world.filled(trade.instrument)
            assert left < smallest_slice(world.core.instruments[trade.instrument], trade.reference * D("0.9"))


def check(world: World, before: dict[str, Decimal]) -> None:
    for trade in world.rebalance.trades:
        orders = world.core.rebalances.orders("rb-1", trade.instrument)
        live = [order for order in orders if order.is_open]
        assert len(live) <= 1, "two orders of one trade are out"
        worst = world.filled(trade.instrument) + sum((order.worst_quantity for order in live), ZERO)
        assert worst <= trade.quantity, "more is out than the trade wants"
        terms = world.core.instruments[trade.instrument]
        if terms.is_spot:
            assert world.held(trade.instrument) >= 0, "more was sold than was held"
        if trade.side is Side.SELL and terms.is_spot:
            assert worst <= before[trade.instrument]
        for order in live:
            worst_price = multiply(trade.reference, 1 + world.rebalance.drift * trade.side.sign)
            assert order.price is not None
            assert (order.price <= worst_price) if trade.side is Side.BUY else (order.price >= worst_price)
    for venue in ("V", "W"):
        assert world.cash(venue) >= 0, "more was spent than there was"
    buys = [o for o in world.core.orders.open_orders() if o.side is Side.BUY and o.plan]
    for order in buys:
        pool = world.core.instruments[order.instrument].venue
        unfinished = [
            trade for trade in world.rebalance.trades
            if trade.side is Side.SELL and world.core.instruments[trade.instrument].venue == pool
            and any(o.is_open for o in world.core.rebalances.orders("rb-1", trade.instrument))
        ]  # fmt: skip
        assert not unfinished, "a buy is out while a sale of its money still works"
