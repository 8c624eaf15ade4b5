"""What the Portfolio page's form says of groups, factors and the calendar."""

from __future__ import annotations

import pytest

from plugins.portfolio.form import Form, parse_groups
from workstation.clock import SECOND
from workstation.portfolio.problem import GroupBound
from workstation.trading.errors import Refused

DAY = 86_400 * SECOND


def test_groups_are_assets_and_the_per_cent_that_they_hold_together():
    assert parse_groups("BTC ETH 20..60; SOL, DOGE ..15 ; ADA 2.5..") == [
        GroupBound("BTC + ETH", ("BTC", "ETH"), 0.2, 0.6),
        GroupBound("SOL + DOGE", ("SOL", "DOGE"), 0.0, 0.15),
        GroupBound("ADA", ("ADA",), 0.025, 1.0),
    ]
    assert parse_groups("") == []


@pytest.mark.parametrize("text", ["BTC", "BTC ETH ..", "20..60", "BTC 60..20", "BTC 20-60"])
def test_what_is_no_group_is_a_sentence(text):
    with pytest.raises(Refused, match=r"is no group|least is above"):
        parse_groups(text)


def test_groups_and_factors_reach_the_optimiser_where_they_count():
    form = Form({"groups": "BTC ETH 20..60", "factors": "BTC, SOL", "expected": "hist"})
    asked = form.problem(365, {})
    assert [group.assets for group in asked.constraints.groups] == [("BTC", "ETH")]
    assert asked.factors == ()
    assert "factors" not in [field.key for field in form.fields()]
    form.put("expected", "FM")
    assert form.problem(365, {}).factors == ("BTC", "SOL")
    assert "factors" in [field.key for field in form.fields()]
    assert form.problem(365, {}, "hrp").constraints.groups == ()


def test_a_calendar_is_a_time_between_rebalances():
    assert Form({"calendar": "week"}).every == 7 * 86_400 * SECOND
    assert Form().every is None
