"""Drawdown now and in history, by hand and against the definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.portfolio.drawdown import Fall, drawdown


def test_by_hand():
    """100, up to 120, down to 90 (a quarter), back at 120, then at 108: a tenth below, and not ended."""
    found = drawdown([(1, 100.0), (2, 120.0), (3, 96.0), (4, 90.0), (5, 120.0), (6, 114.0), (7, 108.0), (8, 111.0)])
    assert found.falls == (Fall(2, 120.0, 4, 90.0, 5), Fall(5, 120.0, 7, 108.0))
    assert [fall.depth for fall in found.worst] == [0.25, pytest.approx(0.1)]
    assert found.now == pytest.approx(0.075)
    assert found.open == found.falls[1]


def test_money_paid_in_or_out_is_no_result():
    """20 of 100 are taken out at 3: no fall. Then 50 come in while it is down by 8: it still is, of 130."""
    found = drawdown([(1, 100.0), (2, 100.0), (3, 80.0), (4, 72.0), (5, 122.0)], [(5, 50.0), (3, -20.0), (1, 100.0)])
    assert found.falls == (Fall(3, 130.0, 4, 122.0),)
    assert [depth for _, depth in found.line] == [0, 0, 0, pytest.approx(0.1), pytest.approx(8 / 130)]


def test_nothing_has_no_drawdown():
    found = drawdown([])
    assert (found.now, found.falls, found.open) == (0.0, (), None)


@given(st.lists(st.floats(1, 1_000), min_size=1, max_size=40))
def test_the_deepest_fall_is_the_largest_fall_from_any_peak_before(values):
    found = drawdown(list(enumerate(values)))
    peaks = [max(values[: at + 1]) for at in range(len(values))]
    depths = [(peak - value) / peak for peak, value in zip(peaks, values, strict=True)]
    assert max((fall.depth for fall in found.falls), default=0.0) == pytest.approx(max(depths))
    assert [depth for _, depth in found.line] == pytest.approx(depths)
    for fall in found.falls:
        assert fall.began < fall.deepest
        assert fall.ended is None or fall.ended > fall.deepest
