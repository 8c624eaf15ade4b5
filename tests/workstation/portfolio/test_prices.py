"""Prices come from files as they are found, and what cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.universes import DAY, walks
from workstation.portfolio.cleaning import clean
from workstation.portfolio.frontier import frontier
from workstation.portfolio.optimise import allocate
from workstation.portfolio.prices import PriceTable, built_in, read_prices
from workstation.portfolio.problem import PortfolioError, Problem


def table(values: np.ndarray, names: str = "ABCDEFGH") -> PriceTable:
    times = DAY * np.arange(len(values), dtype=np.int64)
    return PriceTable(tuple(names[: values.shape[1]]), times, values, "prices")


@pytest.fixture
def values() -> np.ndarray:
    return walks(4, 100).values.copy()


def test_a_csv_has_a_date_column_and_one_column_an_asset(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("# a remark\nDate,AAA,BBB\n2024-01-03,2,3\n2024-01-02,1,\n2024-01-04,,\n")
    read = read_prices(file)
    assert read.assets == ("AAA", "BBB")
    assert [str(np.datetime64(t, "ns"))[:10] for t in read.times.tolist()] == ["2024-01-02", "2024-01-03"]
    assert read.values[0, 0] == 1
    assert np.isnan(read.values[0, 1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("AAA,BBB\n1,2\n", "no date column; it has AAA, BBB"),
        ("date\n2024-01-01\n", "a date column and no asset"),
        ("date,AAA,AAA\n2024-01-01,1,2\n", "AAA more than once"),
        ("date,AAA,BBB\n2024-01-01,1,x\n", "BBB has 'x', which is no price"),
        ("date,AAA,BBB\n2024-01-01,1,2\n2024-01-01,1,2\n", "two rows for 2024-01-01"),
        ("date,open,high,low,close\n2024-01-01,1,2,1,2\n", "candles of one asset"),
        ("date,AAA,BBB\nsoon,1,2\n", "a time cannot be read"),
    ],
)
def test_a_file_that_is_no_table_of_prices_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(text)
    with pytest.raises(PortfolioError, match=sentence):
        read_prices(file)


def test_a_long_table_becomes_a_wide_one(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("timestamp,symbol,close\n1700000000000,B,5\n1700000000000,A,1\n1700086400000,A,2\n")
    read = read_prices(file)
    assert read.assets == ("A", "B")
    assert read.times.tolist() == [1_700_000_000_000_000_000, 1_700_086_400_000_000_000]
    assert np.isnan(read.values[1, 1])


def test_the_table_that_comes_with_a_package_has_ten_assets() -> None:
    stocks = built_in("stocks")
    assert stocks.assets[:2] == ("IBM", "AAPL")
    assert len(stocks.assets) == 10
    assert 11.5 < stocks.periods_per_year < 12.5
    assert "DELL" in clean(stocks).notes[0]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda v: v.__setitem__((slice(3, None), 1), np.nan), "B has only 3 prices"),
        (lambda v: v.__setitem__((slice(None), 1), 5.0), "B never moves from 5"),
        (lambda v: v.__setitem__((slice(None), 1), v[:, 0] * 2), "B moves exactly as A does"),
        (lambda v: v.__setitem__((slice(None), 1), np.round(v[:, 0] * 3, 2)), "B moves exactly as A does"),
        (lambda v: v.__setitem__((5, 1), 0.0), "B has the price 0 on 1970-01-06"),
        (lambda v: v.__setitem__((5, 1), -2.0), "B has the price -2"),
        (lambda v: v.__setitem__((5, 1), np.inf), "B has the price inf"),
        (lambda v: v.__setitem__((slice(None), 1), np.nan), "B has only no price"),
    ],
)
def test_an_asset_that_cannot_be_used_is_named_and_left_out_on_demand(values, spoil, sentence) -> None:
    spoil(values)
    with pytest.raises(PortfolioError, match=sentence.replace("only no price", "no price")):
        clean(table(values))
    cleaned = clean(table(values), leave_out=True)
    assert cleaned.left_out == ("B",)
    assert cleaned.table.assets == ("A", "C", "D")
    assert "B is left out" in cleaned.notes[0]


def test_disjoint_calendars_name_two_assets(values) -> None:
    values[::2, 1] = np.nan
    values[1::2, 2] = np.nan
    with pytest.raises(PortfolioError, match="B and C have no date in common"):
        clean(table(values))


def test_missing_prices_cost_their_rows_and_a_note(values) -> None:
    values[10:13, 1] = np.nan
    cleaned = clean(table(values))
    assert len(cleaned.table) == 97
    assert cleaned.notes == ("3 of 100 rows are left out because a price is missing (B lacks most: 3).",)


def test_one_asset_is_no_portfolio(values) -> None:
    with pytest.raises(PortfolioError, match="two assets or more"):
        clean(table(values[:, :1]))


def test_more_assets_than_returns_are_warned_of() -> None:
    assert "singular" in clean(walks(1_000, 60)).notes[-1]


@pytest.mark.parametrize(("method", "risk"), [("min_risk", "MV"), ("max_ratio", "MV"), ("min_risk", "MAD"),
                                              ("min_risk", "CVaR"), ("min_risk", "MDD")])  # fmt: skip
def test_weights_that_cancel_all_that_happened_are_refused(method: str, risk: str) -> None:
    with pytest.raises(PortfolioError, match=r"60 returns of 300 assets are too few.* fewer assets"):
        allocate(walks(300, 61), Problem(method=method, risk=risk))


def test_with_a_shrunk_covariance_many_assets_have_a_risk_and_a_frontier_of_none_is_refused() -> None:
    found = allocate(walks(300, 61), Problem(method="min_risk", covariance="ledoit"))
    assert sum(found.contributions) == pytest.approx(found.risk_value)
    assert found.risk_value > 1e-4
    with pytest.raises(PortfolioError, match="fewer assets or the covariance ledoit mends it"):
        frontier(walks(300, 61), Problem(), 5)


@pytest.mark.parametrize("risk", ["MV", "CVaR", "KT", "SKT"])
def test_quiet_prices_are_no_prices_without_risk(risk: str) -> None:
    values = 100 * np.cumprod(1 + np.random.default_rng(1).normal(0, 1e-5, (300, 20)), axis=0)
    table = walks(20, 300)
    quiet = PriceTable(table.assets, table.times, values, "quiet")
    assert allocate(quiet, Problem(method="equal_weight", risk=risk)).risk_value > 0


def test_an_asset_that_never_falls_may_be_held_for_its_drawdown_of_none() -> None:
    table = walks(3, 100)
    steady = 100 * 1.0001 ** np.arange(100) * (1 + 1e-5 * (np.arange(100) % 2))
    rising = PriceTable(("BILL", *table.assets), table.times, np.column_stack([steady, table.values]), "bills")
    assert allocate(rising, Problem(method="min_risk", risk="MDD")).weights["BILL"] > 0.99


def test_the_fingerprint_changes_with_any_number(values) -> None:
    before = table(values).fingerprint
    assert table(values.copy()).fingerprint == before
    values[50, 2] *= 1 + 1e-15
    assert table(values).fingerprint != before or values[50, 2] == 0
    values[50, 2] *= 1.001
    assert table(values).fingerprint != before
