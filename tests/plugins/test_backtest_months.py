"""The returns by month: the sum of a year stands there in a narrow pane too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.backtest.views import months
from screens.theme import DARK, INKS


@pytest.mark.parametrize("width", [54, 57, 58, 80, 97, 140])
def test_every_month_and_the_sum_of_the_year_stand_there(width: int) -> None:
    answer: Any = SimpleNamespace(months={2012: {month: -10.0 for month in range(1, 13)}})
    head, row = ("".join(text for text, _ in line) for line in months(answer, width, 3, INKS[DARK]))
    words = head.split()
    assert words[1:-1] == ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    assert words[0] == ("Yr" if width < 58 else "Year")
    assert words[-1] in ("Year", "All")
    assert row.split()[0] == ("12" if width < 58 else "2012")
    assert [float(value) for value in row.split()[1:]] == pytest.approx([-10.0] * 12 + [-71.8], abs=0.3)
