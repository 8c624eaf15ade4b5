"""Schedules: everything is due by the end, in order, in whole lots, in slices that the venue takes."""

from __future__ import annotations

from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.clock import SECOND
from workstation.domain.bar import Bar
from workstation.domain.instrument import Instrument
from workstation.domain.order import Side
from workstation.trading.errors import Refused
from workstation.trading.execution import schedule, terms

BTC = Instrument(
    venue="V", symbol="BTC-USDT", base="BTC", quote="USDT", tick=D("0.5"), lot=D("0.001"), min_notional=D(10)
)
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@settings(max_examples=80, deadline=None)
@given(
    lots=st.integers(1, 10**6),
    weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=60),
    smallest=st.integers(1, 50),
    seed=st.integers(0, 2**32),
)
def test_steps_grow_to_the_quantity(lots: int, weights: list[float], smallest: int, seed: int) -> None:
    quantity, least = BTC.quantity(lots), BTC.quantity(min(smallest, lots))
    made = schedule.steps(BTC, quantity, 30 * MINUTE, weights, least, seed)
    assert made == schedule.steps(BTC, quantity, 30 * MINUTE, weights, least, seed)
    assert made[-1].total == quantity
    totals, times = [D(0), *(step.total for step in made)], [step.at for step in made]
    assert all(b - a >= least for a, b in pairwise(totals))
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < 30 * MINUTE
    assert all(total % BTC.lot == 0 for total in totals)


def test_a_twap_is_even_but_for_the_jitter() -> None:
    plan = terms.twap(BTC, Side.BUY, D(3), 30 * MINUTE, price=D(60_000), seed=7)
    assert plan.execution is not None
    steps = plan.execution.steps
    assert len(steps) == 30
    for number, step in enumerate(steps):
        assert number <= step.at / MINUTE <= number + 0.5
        assert abs(step.total - D("0.1") * (number + 1)) < D("0.25")


def test_the_venues_minimum_makes_fewer_slices() -> None:
    plan = terms.twap(BTC, Side.BUY, D("0.004"), 30 * MINUTE, price=D(10_000), seed=1)
    assert plan.execution is not None
    assert [step.total for step in plan.execution.steps][-1] == D("0.004")
    assert len(plan.execution.steps) <= 2  # 10 USDT and a tenth are 0.002 at that price


def test_usual_volumes_are_the_means_of_the_time_of_day() -> None:
    # Two days of hourly bars: the hour h of the first day trades h, of the second 3 h.
    bars = [
        Bar(day * DAY + h * 3_600 * SECOND, 1, 1, 1, 1, h * (1 + 2 * day), True) for day in (0, 1) for h in range(24)
    ]
    assert schedule.usual_volumes(bars, 3_600 * SECOND, 2 * DAY + 5 * 3_600 * SECOND, 4 * 3_600 * SECOND, 4) == [
        10, 12, 14, 16,
    ]  # fmt: skip


def test_usual_volumes_go_over_midnight_and_know_no_bars() -> None:
    bars = [Bar(h * 3_600 * SECOND, 1, 1, 1, 1, h + 1, True) for h in range(24)]
    assert schedule.usual_volumes(bars, 3_600 * SECOND, 23 * 3_600 * SECOND, 2 * 3_600 * SECOND, 2) == [24, 1]
    assert schedule.usual_volumes([], 300 * SECOND, 0, MINUTE, 3) == [1, 1, 1]
    fine = schedule.usual_volumes(bars, 3_600 * SECOND, 3_600 * SECOND, 3_600 * SECOND, 4)
    assert all(volume in (1.0, 2.0, 3.0, 12.5) or 1 <= volume <= 24 for volume in fine)


def test_a_vwap_trades_more_where_more_is_usual() -> None:
    bars = [Bar(h * 3_600 * SECOND, 1, 1, 1, 1, 90 if h == 1 else 10, True) for h in range(24)]
    plan = terms.vwap(
        BTC, Side.SELL, D(10), 2 * 3_600 * SECOND, price=D(60_000), seed=3, bars=bars, interval=3_600 * SECOND, now=0,
        every=3_600 * SECOND,
    )  # fmt: skip
    assert plan.execution is not None
    first, second = (step.total for step in plan.execution.steps)
    assert second - first > first * 4


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: terms.twap(BTC, Side.BUY, D(1), 5 * SECOND, price=D(1), seed=1), "20 seconds at least"),
        (lambda: terms.twap(BTC, Side.BUY, D("0.001"), MINUTE, price=D(1_000), seed=1), "smallest order of 0.011"),
        (lambda: terms.pov(BTC, Side.BUY, D(1), D("0.6"), price=D(1_000), seed=1), "at most 50%"),
        (lambda: terms.iceberg(BTC, Side.BUY, D(1), D(2), D(1_000), seed=1), "no more than the order's 1"),
        (
            lambda: terms.twap(BTC, Side.BUY, D(1), MINUTE, price=D(900), seed=1, limit=D("900.1")),
            "multiple of the tick",
        ),
    ],
)
def test_what_cannot_be_worked_is_refused(make: object, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        make()  # type: ignore[operator]
