"""What a held trigger does by what trades and marks prove, where there is no book to go by: stop, target and trail, of
a long and of a short."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from plan_world import PERP, SPOT

from workstation.domain.instrument import Instrument
from workstation.domain.numbers import ZERO
from workstation.domain.order import OrderType, Side, TimeInForce
from workstation.domain.plan import STOP_LEG, TARGET_LEG, Distance, Plan, PlanKind, Trail
from workstation.trading.plans.decide import decide
from workstation.trading.plans.intents import Change, Intent, Send, Situation
from workstation.trading.plans.tally import Tally

D = Decimal


def held(side: Side, *proofs: tuple[int, int], terms: Instrument = PERP, **wanted: object) -> Situation:
    """One unit entered at 1,000, whose exits this desk holds; no book."""
    plan = Plan(
        plan_id="P", kind=PlanKind.EXIT, instrument=terms.id, side=side, covers=D(1), reference=D(1_000),
        **wanted,  # type: ignore[arg-type]
    )  # fmt: skip
    return Situation(
        plan=plan,
        tally=Tally(plan, []),
        instrument=terms,
        available=D(1),
        now=1,
        bid=None,
        ask=None,
        rests_stops=False,
        rests_both=not terms.is_spot,
        fee=ZERO,
        proofs=tuple((D(low), D(high)) for low, high in proofs),
    )


def sent(intents: list[Intent]) -> list[tuple[str, OrderType]]:
    return [(one.draft.leg, one.draft.type) for one in intents if isinstance(one, Send)]


@pytest.mark.parametrize(
    ("side", "stop", "proof", "fires"),
    [
        (Side.BUY, 990, (980, 989), True),
        (Side.BUY, 990, (980, 990), True),
        (Side.BUY, 990, (980, 991), False),
        (Side.SELL, 1_010, (1_011, 1_020), True),
        (Side.SELL, 1_010, (1_009, 1_020), False),
    ],
)
def test_a_stop_fires_where_all_that_agrees_is_beyond_it(
    side: Side, stop: int, proof: tuple[int, int], fires: bool
) -> None:
    intents = decide(held(side, proof, stop=D(stop)))
    assert sent(intents) == ([(STOP_LEG, OrderType.MARKET)] if fires else [])


def test_one_of_two_proofs_is_enough_and_none_fires_nothing() -> None:
    assert sent(decide(held(Side.BUY, (995, 999), (980, 985), stop=D(990)))) == [(STOP_LEG, OrderType.MARKET)]
    assert sent(decide(held(Side.BUY, stop=D(990)))) == []


def test_a_target_is_taken_at_its_price_where_all_that_agrees_has_reached_it() -> None:
    wanted = {"stop": D(990), "target": D(1_050)}
    assert decide(held(Side.BUY, (1_049, 1_060), terms=SPOT, **wanted)) == []
    [take] = decide(held(Side.BUY, (1_050, 1_060), terms=SPOT, **wanted))
    assert isinstance(take, Send)
    assert (take.draft.leg, take.draft.price, take.draft.tif) == (TARGET_LEG, D(1_050), TimeInForce.IOC)


@pytest.mark.parametrize(("side", "proof", "stop"), [(Side.BUY, (1_100, 1_120), 1_050), (Side.SELL, (880, 900), 950)])
def test_a_trail_follows_the_least_of_what_agrees(side: Side, proof: tuple[int, int], stop: int) -> None:
    trail = Trail(distance=Distance(D(50)))
    [change] = decide(held(side, proof, trail=trail))
    assert isinstance(change, Change)
    assert change.plan.stop == D(stop)


@pytest.mark.parametrize(("side", "beside", "fires"), [(Side.BUY, 985, True), (Side.BUY, 995, False)])
def test_of_a_book_with_offers_alone_a_held_stop_goes_by_them(side: Side, beside: int, fires: bool) -> None:
    s = msgspec.structs.replace(held(side, stop=D(990)), ask=D(beside))
    assert bool(sent(decide(s))) is fires
    assert not sent(decide(msgspec.structs.replace(held(side, stop=D(990)), bid=D(beside))))
