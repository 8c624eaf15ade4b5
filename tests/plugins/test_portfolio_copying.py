"""The portfolio page's tables as texts: figures alone in their cells, in full, every row."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import numpy as np
import pytest

from plugins.portfolio.asking import Choice
from plugins.portfolio.copying import (
    compared_table,
    figures_table,
    progress_table,
    risk_table,
    saved_table,
    weights_table,
)
from plugins.portfolio.session import Compared
from screens.table_export import as_csv
from screens.testing import BTC, ETH
from workstation.domain.order import Side
from workstation.domain.rebalance import Rebalance, RebalanceTrade
from workstation.portfolio.comparing import figures
from workstation.portfolio.methods import METHODS
from workstation.trading.errors import Refused
from workstation.trading.rebalancing.desk import Progress, TradeProgress

COUNT = 60  # more than fit beside the frontier
NAMES = [f"C{number}-USDT" for number in range(COUNT)]
WEIGHTS = {name: (at + 1) / 1850 for at, name in enumerate(NAMES)}
CHOICE = Choice("Minimum risk", WEIGHTS, 0.02, 0.001, {name: 0.02 * weight for name, weight in WEIGHTS.items()})


def read(titles, rows) -> list[dict[str, str]]:
    """As another program reads the file."""
    assert all(len(row) == len(titles) for row in rows)
    return list(csv.DictReader(io.StringIO(as_csv(titles, rows))))


def test_weights_of_all_assets_and_the_money_left():
    listed = {name: None if name == NAMES[0] else f"NOVA:{name}" for name in NAMES}
    *rows, money = read(*weights_table(CHOICE, {NAMES[-1]: 0.5}, listed))
    assert [row["Asset"] for row in rows] == NAMES[::-1]
    assert float(rows[0]["Target %"]) == pytest.approx(100 * 60 / 1850, abs=1e-4)
    assert (rows[0]["Now %"], float(rows[0]["Change %"])) == ("50.0000", pytest.approx(6000 / 1850 - 50, abs=1e-4))
    assert (rows[-1]["Now %"], rows[-1]["Change %"]) == ("", "")  # no venue lists it
    assert float(rows[1]["Share of risk %"]) == pytest.approx(100 * WEIGHTS[NAMES[-2]], abs=1e-4)
    assert float(money["Target %"]) == pytest.approx(100 * (1 - sum(WEIGHTS.values())), abs=1e-3)
    assert money["Now %"] == "50.0000"


def test_risk_of_all_assets_in_a_years_figures():
    rows = read(*risk_table(CHOICE, 10.0))
    assert len(rows) == COUNT
    assert float(rows[0]["Adds %"]) == pytest.approx(100 * 10 * 0.02 * WEIGHTS[NAMES[-1]], abs=1e-4)
    assert rows[0]["Ratio"] == "1.0000"
    with pytest.raises(Refused, match="being worked out"):
        risk_table(Choice("", WEIGHTS, 0.02, 0.001, None), 1.0)


def test_figures_in_and_out_of_sample():
    inside = figures(np.array([0.01, -0.02, 0.03]), 365.0)
    rows = {row["Figure"]: row for row in read(*figures_table(inside, None))}
    assert float(rows["Deepest fall %"]["In sample"]) == pytest.approx(-2.0)
    assert rows["Periods"]["In sample"] == "3"
    assert {row["Out of sample"] for row in rows.values()} == {""}


def test_methods_compared_the_best_first_and_why_one_is_not_there():
    good, bad = figures(np.array([0.01, 0.02]), 365.0, turnover=1.5), figures(np.array([0.01, -0.02]), 365.0)
    found = [Compared("hrp", None, "too few rows"), Compared("min_risk", bad), Compared("equal_weight", good)]
    rows = read(*compared_table(found))
    assert [row["Method"] for row in rows] == [METHODS[one].name for one in ("equal_weight", "min_risk", "hrp")]
    assert (rows[0]["Turnover"], rows[0]["Not fitted"]) == ("1.5000", "")
    assert (rows[2]["Ratio"], rows[2]["Not fitted"]) == ("", "too few rows")
    with pytest.raises(Refused, match="compared"):
        compared_table([])


def test_a_row_for_each_weight_of_each_saved_portfolio():
    kept = {"one": {"what": "Minimum risk", "weights": {"NOVA:ETH-USDT": 0.25, "NOVA:BTC-USDT": 0.7512345}}, "two": {}}
    assert saved_table(kept)[1] == [
        ("one", "Minimum risk", "NOVA:BTC-USDT", "75.1235"),
        ("one", "Minimum risk", "NOVA:ETH-USDT", "25.0000"),
        ("two", "", "–", "–"),
    ]
    with pytest.raises(Refused, match="saved"):
        saved_table({})


def test_a_rebalance_under_way_says_what_has_filled_and_what_waits():
    trades = tuple(
        RebalanceTrade(instrument=one.id, side=side, quantity=Decimal(2), reference=Decimal(100))
        for one, side in ((BTC, Side.SELL), (ETH, Side.BUY))
    )
    rebalance = Rebalance(rebalance_id="r", name="min risk", trades=trades, targets={}, budget=Decimal(1), created_at=0)
    filled = TradeProgress(
        instrument=BTC.id, quantity=Decimal(2), filled=Decimal(2), working=False, price=Decimal("64200.5")
    )
    waits = TradeProgress(
        instrument=ETH.id, quantity=Decimal(2), filled=Decimal("0.5"), working=False, waits="the market is far"
    )
    found = Progress(rebalance=rebalance, trades=(filled, waits), share=0.6, fees=Decimal(1), left=None)
    sold, bought = read(*progress_table(found, {BTC.id: BTC, ETH.id: ETH}))
    assert (sold["Side"], sold["Filled %"], sold["State"]) == ("sell", "100.0000", "done")
    assert float(sold["Average price"]) == 64_200.5
    assert (bought["Filled"], bought["Average price"], bought["State"]) == ("0.5", "", "the market is far")
