"""Any moment of a session is the fold of the journal up to it, whichever way one comes there."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.journals import PERP, SPOT, journal
from workstation.market.data import MarketData
from workstation.past.copying import copied
from workstation.past.timeline import Timeline
from workstation.trading.core import TradingCore
from workstation.trading.limits import RiskLimits

MARKET = MarketData([PERP, SPOT])
EVENTS = list(journal(3_000, seed=7))


def new_core() -> TradingCore:
    return TradingCore([PERP, SPOT], MARKET, RiskLimits(), histories=False)


def state_of(core: TradingCore) -> object:
    """All of a core's state, down to what it keeps for itself, as plain values in order."""

    def plain(one: object) -> object:
        if isinstance(one, msgspec.Struct):
            return msgspec.to_builtins(one)  # a value, not the struct: some are changed in place
        if isinstance(one, str | int | None):
            return one
        if isinstance(one, dict):
            return [(key, plain(value)) for key, value in one.items()]
        if isinstance(one, set):
            return sorted(one)
        if isinstance(one, list | tuple):
            return [plain(value) for value in one]
        if hasattr(one, "__dict__"):
            return [(name, plain(value)) for name, value in vars(one).items() if name not in ("market", "instruments")]
        return str(one)

    return plain(core)


def straight(count: int) -> TradingCore:
    core = new_core()
    core.fold(EVENTS[:count])
    return core


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return Timeline(EVENTS, new_core)


@given(steps=st.lists(st.integers(0, len(EVENTS)), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_wherever_one_comes_from_the_state_is_the_straight_fold(timeline: Timeline, steps: list[int]) -> None:
    for step in steps:
        core = timeline.core_at(step)
    assert state_of(core) == state_of(straight(steps[-1]))


def test_a_step_back_undoes_the_last_event(timeline: Timeline) -> None:
    for step in (timeline.count, timeline.count - 1, timeline.count - 2):
        assert state_of(timeline.core_at(step)) == state_of(straight(step))


def test_a_session_begins_with_what_went_before_it() -> None:
    late = Timeline(EVENTS, new_core, first=1_234, start=EVENTS[1_234].ts)
    assert late.count == len(EVENTS) - 1_234
    assert state_of(late.core_at(0)) == state_of(straight(1_234))
    assert state_of(late.core_at(10)) == state_of(straight(1_244))


def test_time_never_runs_backwards_and_finds_its_step(timeline: Timeline) -> None:
    assert timeline.times == sorted(timeline.times)
    ts = timeline.times[1_000]
    step = timeline.position_at(ts)
    assert timeline.times[step] == ts
    assert step == timeline.count or timeline.times[step + 1] > ts
    assert timeline.position_at(0) == 0


def test_the_events_of_an_order_end_at_the_moment(timeline: Timeline) -> None:
    client_id = "o2"
    all_of_it = [event for event in EVENTS if getattr(event, "client_id", "") == client_id]
    number = EVENTS.index(all_of_it[1])
    assert timeline.events_of(client_id, number) == all_of_it[:1]
    assert timeline.events_of(client_id, number + 1) == all_of_it[:2]
    assert timeline.events_of(client_id, timeline.count) == all_of_it


def test_there_is_no_moment_outside_the_session(timeline: Timeline) -> None:
    with pytest.raises(IndexError):
        timeline.core_at(timeline.count + 1)
    with pytest.raises(IndexError):
        timeline.core_at(-1)


def test_a_copy_goes_its_own_way_and_keeps_what_is_one_part() -> None:
    core = straight(500)
    before = state_of(core)
    copy = copied(core, (core.market, core.instruments))
    copy.fold(EVENTS[500:900])
    assert state_of(core) == before
    assert copy.plans._orders is copy.orders.orders  # the plans see the copy's orders
    assert copy.market is core.market


def test_what_cannot_be_copied_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be copied"):
        copied([lambda: None])
