"""A result as a file: a tearsheet by QuantStats, all of it as JSON, the trades as CSV."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.bars import candles, random_walk
from workstation.cli import main
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.result import Result
from workstation.research.tearsheet import tearsheet, write_report
from workstation.strategies.shipped.sma_cross import SmaCross


@pytest.fixture(scope="module")
def result() -> Result:
    walk = random_walk(24 * 120, seed=2)
    return engine("fast").run(SmaCross(fast=5, slow=20, direction="both"), walk, Costs(fee=0.0005))


def test_the_trades_as_csv(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    write_report(result, file)
    rows = list(csv.DictReader(file.open()))
    assert len(rows) == len(result.trades)
    assert sum(float(row["pnl"]) for row in rows) == pytest.approx(result.trades.pnl.sum())
    assert rows[0]["entry_time"].endswith("Z")
    assert list(tmp_path.iterdir()) == [file]


def test_everything_as_json(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    write_report(result, file)
    told = json.loads(file.read_text())
    growth = 1.0
    for year in told["monthly"].values():
        for percent in year.values():
            growth *= 1 + percent / 100
    assert growth == pytest.approx(told["final_equity"] / told["initial_equity"])
    assert sum(part["n_trades"] for part in told["splits"]["hour"].values()) == told["n_trades"]
    assert told["equity"][-1]["equity"] == told["final_equity"]


@pytest.mark.slow
def test_the_tearsheet_has_our_figures_and_asks_nobody_for_anything(result: Result) -> None:
    page = tearsheet(result)
    figures = re.search(r"Sharpe</td>\s*<td[^>]*>([^<]*)</td>\s*<td[^>]*>([^<]*)</td>", page)
    assert figures is not None
    assert float(figures.group(2)) == pytest.approx(result.metrics["sharpe"], abs=0.011)
    assert "sma_cross (fast=5, slow=20, direction=both)" in page
    assert not re.search(r"<(link|script|img)[^>]*(href|src)=.http", page)


def test_what_cannot_be_written_is_a_sentence(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BacktestError, match=r"\.html, \.json or \.csv"):
        write_report(result, tmp_path / "report.pdf")
    still = engine("fast").run(SmaCross(), candles([(100, 100, 100, 100)] * 40), Costs())
    with pytest.raises(BacktestError, match="an account that moved"):
        tearsheet(still)
    monkeypatch.setitem(sys.modules, "quantstats", None)
    with pytest.raises(BacktestError, match="extra 'research'"):
        tearsheet(result)
    assert list(tmp_path.iterdir()) == []


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.csv", tmp_path / "a.json"]
    words = ["backtest", "sma_cross", "--candles", "GOOG", *(f"--report={file}" for file in files)]
    assert main(words) == 0
    assert "final equity" in capsys.readouterr().out
    assert all(file.stat().st_size > 500 for file in files)
