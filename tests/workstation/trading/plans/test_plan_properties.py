"""Whatever a venue does and whenever the desk is killed: exits never exceed what has filled, nothing is sent twice, no
exit is left after flat, and what is open ends up protected."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workstation.trading.plans.plan_world import World, entry
from workstation.clock import SECOND
from workstation.domain import events as e
from workstation.domain.order import Side
from workstation.domain.plan import Distance, Plan, PlanState, Trail
from workstation.market.data import MarketData
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits
from workstation.trading.plans import terms
from workstation.trading.plans.decide import decide

#: (what happens, to which, how): most steps let messages through, so that plans come far.
STEPS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 9), st.integers(0, 9)), min_size=8, max_size=60)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    side = draw(st.sampled_from(Side))
    up = side.sign
    stop = draw(st.sampled_from([None, Decimal(1000 - 40 * up)]))
    target = draw(st.sampled_from([None, Decimal(1000 + 40 * up)]))
    trail = draw(st.sampled_from([None, None, Trail(Distance(Decimal(20)), Distance(Decimal(10)))]))
    if stop is None and target is None and trail is None:
        stop = Decimal(1000 - 40 * up)
    prices = draw(st.sampled_from([["1000"], [None], ["1000", "990", "980"]]))
    drafts = [entry("1" if len(prices) == 1 else "0.4", price, side) for price in prices]
    if len(drafts) > 1:
        return terms.scale(drafts, stop=stop, target=target, trail=trail)
    if prices[0] is not None and draw(st.booleans()):
        return terms.chase(drafts[0], Decimal(1000 + 10 * up), stop=stop, target=target, trail=trail)
    return terms.bracket(drafts[0], stop=stop, target=target, trail=trail)


def step(world: World, action: int, a: int, b: int) -> None:
    match action:
        case 0 | 1:
            world.deliver_request(a, b)
        case 2:
            world.deliver_report(a)
        case 3 | 4:
            while world.requests:
                world.deliver_request(0, 2)
        case 5 | 6:
            while any(world.reports.values()):
                world.deliver_report(a)
        case 7 | 8 if working := world.working_at_venue():
            world.fill(working[a % len(working)], Decimal(b + 1) / 10)
        case 9 if working := world.working_at_venue():
            world._close(working[a % len(working)])
        case 10 | 11 | 12:
            up = world.plan.side.sign
            world.bid = Decimal(1000 + up * (0, 45, 60, 20, -20, 42, -45, 30, 50, 80)[a])
            world.ask = world.bid + 2
        case 13:
            world.now += SECOND * (b + 1) * (b + 1) // 10
            world.settle_unknown()
        case 14 if b < 5:
            world.crash()
        case 15 if world.plan.is_active:
            moved = {"stop": Decimal(1000 - 10 * (a + 1) * world.plan.side.sign)} if a < 7 else {"target": None}
            plan = msgspec.structs.replace(world.plan, **moved)
            world.note(e.PlanChanged(ts=world.now, plan=plan))
        case _:
            pass


@settings(max_examples=100, deadline=None)
@given(plan=plans(), rests_both=st.booleans(), amends=st.booleans(), steps=STEPS)
def test_exits_never_exceed_what_has_filled_whatever_the_venue_does(
    plan: Plan, rests_both: bool, amends: bool, steps: list[tuple[int, int, int]]
) -> None:
    world = World(plan, rests_both=rests_both, amends=amends)
    world.look()
    for action, a, b in steps:
        step(world, action, a, b)
        world.look()
        world.check()
    world.calm()
    world.check()
    world.check_at_rest()


@settings(max_examples=40, deadline=None)
@given(plan=plans(), rests_both=st.booleans(), steps=STEPS)
def test_every_beginning_of_the_journal_tells_the_same_plan_and_wants_the_same(
    plan: Plan, rests_both: bool, steps: list[tuple[int, int, int]]
) -> None:
    """The fold of what is stored is what was in memory, so a desk killed anywhere goes on as if it had not been."""
    world = World(plan, rests_both=rests_both)
    world.look()
    for action, a, b in steps:
        step(world, action, a, b)
        folded = TradingCore([world.instrument], MarketData([world.instrument]), RiskLimits())
        folded.fold(world.journal)
        assert folded.plans.sets == world.core.plans.sets
        assert folded.plans.children(world.plan) == world.core.plans.children(world.plan)
        assert decide(world.situation(folded)) == decide(world.situation())
        world.look()


@settings(max_examples=40, deadline=None)
@given(plan=plans(), rests_both=st.booleans(), steps=STEPS, at=st.integers(0, 200))
def test_a_desk_killed_between_any_two_events_sends_nothing_twice(
    plan: Plan, rests_both: bool, steps: list[tuple[int, int, int]], at: int
) -> None:
    """The journal is cut anywhere: an order whose intent is in it is never sent again, and the rest is protected."""
    world = World(plan, rests_both=rests_both)
    world.look()
    for action, a, b in steps:
        step(world, action, a, b)
        world.look()
    del world.journal[1 + at % len(world.journal) :]
    stored = {event.client_id for event in world.journal if isinstance(event, e.OrderInitialized)}
    world.requests = [r for r in world.requests if (r[1].client_id if r[0] == "submit" else r[1]) in stored]
    lost = set(world.venue) - stored  # an intent is durable before the venue hears of it
    for client_id in lost:
        del world.venue[client_id]
    world.sent = [order for order in world.sent if order.client_id in stored]
    world.reports = {}
    world.crash()
    world.look()
    entries = [order.leg for order in world.sent if order.leg.startswith("entry")]
    assert len(entries) == len(set(entries))


@settings(max_examples=40, deadline=None)
@given(plan=plans(), rests_both=st.booleans(), steps=STEPS)
def test_halted_ends_a_plan_for_good(plan: Plan, rests_both: bool, steps: list[tuple[int, int, int]]) -> None:
    world = World(plan, rests_both=rests_both)
    world.look()
    for action, a, b in steps:
        step(world, action, a, b)
        world.look()
    was_active = world.plan.is_active
    for state in (e.TradingState.HALTED, e.TradingState.ACTIVE):
        world.note(e.TradingStateChanged(ts=world.now, state=state, reason="test", by="test"))
        sent = len(world.sent)
        if was_active:
            assert world.plan.state is PlanState.HALTED
        world.look()
        if was_active:
            assert len(world.sent) == sent
    if was_active:
        world.crash()
        world.look()
        assert len(world.sent) == sent
