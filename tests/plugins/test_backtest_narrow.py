"""Tables of the backtest in a narrow pane: what counts stands there whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from plugins.backtest.views import months, runs
from screens.theme import DARK, INKS


@pytest.mark.parametrize("width", [54, 57, 58, 80, 97, 140])
def test_every_month_and_the_sum_of_the_year_stand_there(width: int) -> None:
    answer: Any = SimpleNamespace(months={2012: dict.fromkeys(range(1, 13), -10.0)})
    head, row = ("".join(text for text, _ in line) for line in months(answer, width, 3, INKS[DARK]))
    words = head.split()
    assert words[1:-1] == ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    assert words[0] == ("Yr" if width < 58 else "Year")
    assert words[-1] in ("Year", "All")
    assert row.split()[0] == ("12" if width < 58 else "2012")
    assert [float(value) for value in row.split()[1:]] == pytest.approx([-10.0] * 12 + [-71.8], abs=0.3)


def test_a_stored_run_is_known_by_its_strategy_in_a_narrow_pane() -> None:
    run: Any = SimpleNamespace(id=1, ts=0, strategy="sma_cross", candles="GOOG", setup={"params": {}}, figures={
        "return_pct": 445.57, "max_drawdown_pct": -30.55, "sharpe": 1.0, "n_trades": 33})  # fmt: skip
    session: Any = SimpleNamespace(compared=())
    narrow, wide = (
        "".join(text for text, _ in runs([run], session, width, 3, INKS[DARK], 0, 0, True)[1]) for width in (54, 100)
    )
    assert "sma_cross on" in narrow
    assert "1.00" not in narrow
    assert "sma_cross on GOOG" in wide
    assert "1.00" in wide
