"""The risk report's views as tables: figures alone in their cells, in full, every row of every view."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from plugins.var.copying import falls_table, table_of
from plugins.var.margin import Margins
from screens.table_export import as_csv
from workstation.clock import SECOND
from workstation.portfolio.drawdown import drawdown
from workstation.portfolio.exposure import Holding
from workstation.portfolio.prices import PriceTable
from workstation.portfolio.risk_report import RiskQuestion, RiskReport, report
from workstation.trading.errors import Refused

DAY = 86_400 * SECOND
NAMES = tuple(f"NOVA:C{number}-USDT" for number in range(30))  # more than fit on any screen
MARGINS = Margins((("NOVA USDT", 1_234.5, 8_765.5, 0.12345), ("NOVA BTC", 1.0, 0.0, None)), (("C1", 3_000.25, 0.2),))


@pytest.fixture(scope="module")
def found() -> RiskReport:
    rng = np.random.default_rng(3)
    moves = 0.02 * (0.6 * rng.standard_normal((300, 1)) + 0.4 * rng.standard_normal((300, len(NAMES))))
    table = PriceTable(NAMES, DAY * np.arange(300), 100 * np.exp(np.cumsum(moves, axis=0)), "test")
    holdings = tuple(
        Holding(name, 12_345.678 - 700 * at, "NOVA", "manual" if at % 2 else "trend", "USDT", 1e6 if at else 0.0)
        for at, name in enumerate(NAMES)
    )
    return report(RiskQuestion(holdings, 50_000.0, table))


def read(titles, rows) -> list[dict[str, str]]:
    """As another program reads the file."""
    assert all(len(row) == len(titles) for row in rows)
    return list(csv.DictReader(io.StringIO(as_csv(titles, rows))))


def test_var_has_each_method_at_each_tail_and_the_figures_below(found):
    rows = read(*table_of("var", found, MARGINS))
    for one, row in zip(found.tails, rows, strict=False):
        assert (row["Measure"], row["Exceeded 1 in"]) == (f"VaR, {one.method}", str(round(1 / one.tail)))
        assert float(row["Value"]) == pytest.approx(one.var, abs=0.005)
        assert float(row["Of equity %"]) == pytest.approx(one.var / 500, abs=1e-4)
        assert float(row["Shortfall"]) == pytest.approx(one.shortfall, abs=0.005)
    others = {row["Measure"]: row for row in rows[len(found.tails) :]}
    assert float(others["volatility of a bar"]["Value"]) == pytest.approx(found.volatility, abs=0.005)
    assert float(others[found.backtest.kupiec.name]["p"]) == pytest.approx(found.backtest.kupiec.p_value, abs=1e-4)
    assert others["periods exceeded"]["Value"] == str(found.backtest.exceeded)


def test_parts_of_all_positions_add_up_to_the_var(found):
    *rows, total = read(*table_of("parts", found, MARGINS))
    assert {row["Position"] for row in rows} == set(NAMES)
    assert sum(float(row["Part of VaR"]) for row in rows) == pytest.approx(float(total["Part of VaR"]), abs=0.2)
    assert sum(float(row["Share of VaR %"]) for row in rows) == pytest.approx(100, abs=0.01)
    first = next(row for row in rows if row["Position"] == NAMES[0])
    assert float(first["Value"]) == 12_345.68
    assert float(first["Without it"]) == pytest.approx(-found.contributions.incremental[0], abs=0.005)


def test_the_matrix_is_whole_and_symmetric(found):
    titles, rows = table_of("together", found, MARGINS)
    assert sorted(titles[2:]) == sorted(NAMES)
    assert [row[0] for row in rows] == list(titles[2:])
    matrix = np.array([[float(cell) for cell in row[2:]] for row in rows])
    assert np.allclose(matrix, matrix.T)
    assert np.all(np.diag(matrix) == 1)
    at, other = NAMES.index(titles[2]), NAMES.index(titles[3])
    assert matrix[0, 1] == pytest.approx(found.together.correlation[at, other], abs=1e-4)


def test_stress_rows_have_their_notes_in_a_cell(found):
    rows = read(*table_of("stress", found, MARGINS))
    assert [row["Scenario"] for row in rows] == [one.name for one in found.stress]
    for row, one in zip(rows, found.stress, strict=True):
        assert float(row["Profit"]) == pytest.approx(one.profit, abs=0.005)
        assert row["Note"] == one.note


def test_exposure_adds_up_by_every_grouping(found):
    rows = read(*table_of("exposure", found, MARGINS))
    whole = rows[0]
    assert float(whole["Leverage"]) == pytest.approx(found.exposure.leverage, abs=1e-4)
    for group in ("asset", "venue", "strategy", "currency"):
        members = [row for row in rows if row["By"] == group]
        assert sum(float(row["Net"]) for row in members) == pytest.approx(float(whole["Net"]), abs=0.2)
    days = {row["Name"]: row["Days to flatten"] for row in rows if row["By"] == "asset"}
    assert days[NAMES[0]] == ""  # nobody knows what trades of it
    assert float(days[NAMES[1]]) == pytest.approx((12_345.678 - 700) / 1e5, abs=1e-6)
    first, second = (row for row in rows if row["By"] == "margin")
    assert (first["Margin used"], first["Margin of equity %"]) == ("1234.50000000", "12.3450")
    assert (second["Margin free"], second["Margin of equity %"]) == ("0.00000000", "")
    assert (rows[-1]["Name"], rows[-1]["Liquidation price"], rows[-1]["Away %"]) == ("C1", "3000.25", "20.0000")


def test_all_falls_the_deepest_first_and_one_that_has_not_ended():
    equity = [100.0, 90.0, 101.0, *(102.0 + step + (-1.0 if step % 2 else 1.0) for step in range(50)), 120.0]
    fallen = drawdown([(at * DAY, value) for at, value in enumerate(equity)])
    rows = read(*falls_table(fallen))
    assert len(rows) == len(fallen.falls) > 20
    depths = [float(row["Depth %"]) for row in rows]
    assert depths == sorted(depths, reverse=True)
    opened = next(row for row in rows if not row["Back"])
    assert float(opened["Lost"]) == pytest.approx(fallen.open.lost, abs=0.005)
    assert int(opened["Seconds"]) * SECOND == fallen.line[-1][0] - fallen.open.began


@pytest.mark.parametrize(("equity", "words"), [([100.0], "no history"), ([100.0, 101.0], "has not fallen")])
def test_without_falls_it_is_refused(equity, words):
    with pytest.raises(Refused, match=words):
        falls_table(drawdown([(at * DAY, value) for at, value in enumerate(equity)]))
