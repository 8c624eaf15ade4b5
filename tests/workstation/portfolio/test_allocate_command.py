"""`tws allocate`: weights as JSON, bounds as words, mistakes as one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.universes import walks
from workstation.cli import main


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    table = walks(6, 150)
    file = tmp_path / "prices.csv"
    lines = ["date," + ",".join(table.assets)]
    for time, row in zip(table.times.tolist(), table.values.tolist(), strict=True):
        lines.append(f"{np.datetime64(time, 'ns').astype('datetime64[D]')}," + ",".join(f"{v:.6f}" for v in row))
    file.write_text("\n".join(lines) + "\n")
    return file


METHODS = (
    "max_ratio", "min_risk", "max_return", "max_utility", "risk_parity", "hrp", "herc", "nco", "equal_weight",
    "inverse_volatility", "max_diversification", "max_decorrelation", "min_variance", "relaxed_risk_parity",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_its_weights_as_json(prices: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocate", "--prices", str(prices), "--method", method, "--risk", "CVaR", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["method"], found["risk"], err) == (method, "CVaR", "")
    assert list(found["weights"]) == [f"A{i:03}" for i in range(6)]
    assert sum(found["weights"].values()) == pytest.approx(1)
    assert min(found["weights"].values()) >= -1e-9
    for key in ("expected_return", "risk_value", "sharpe", "seconds"):
        assert isinstance(found[key], float)
    assert found["sharpe"] == pytest.approx(found["expected_return"] / found["risk_value"])
    assert isinstance(found["solver"], str)


def test_bounds_and_groups_hold(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--min", "2%", "--max", "0.4", "--max", "A001=10%", "--group", "pair=A002,A003:0.3:0.35", "--method"]
    assert main(["allocate", "--prices", str(prices), *words, "min_risk", "--risk", "mad", "--json"]) == 0
    weights = json.loads(capsys.readouterr().out)["weights"]
    assert min(weights.values()) >= 0.02 - 1e-7
    assert weights["A001"] <= 0.1 + 1e-7
    assert 0.3 - 1e-7 <= weights["A002"] + weights["A003"] <= 0.35 + 1e-7


def test_whole_lots_leave_cash(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocate", "--prices", str(prices), "--method", "hrp", "--money", "5000", "--json"]) == 0
    lots = json.loads(capsys.readouterr().out)["lots"]
    assert all(float(q) == int(float(q)) for q in lots["quantities"].values())
    assert 0 <= float(lots["cash"]) < 5000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--method", "max_rati"], "Did you mean max_ratio?"),
        (["--risk", "CVAR2"], "There is no risk measure 'CVAR2'"),
        (["--risk", "VaR"], "is not convex: only hrp and herc can use it"),
        (["--method", "risk_parity", "--risk", "MDD"], "Risk parity on MDD is not defined"),
        (["--max", "0.1"], "The highest weights sum to 60.00%"),
        (["--min", "0.2"], "The lowest weights sum to 120.00%"),
        (["--max", "A009=0.1"], "a bound on A009, which is not among the assets"),
        (["--max", "much"], "--max wants a number"),
        (["--group", "x"], "--group wants NAME=ASSET,ASSET:LOW:HIGH"),
        (["--min-return", "0.5"], "without the least return there is one"),
        (["--rf", "0.9"], "no ratio can be maximised"),
        (["--held", "A000=1", "--turnover", "0.1", "--max", "0.3"], "without the limit of turnover"),
        (["--expected", "BL"], "Black-Litterman needs a view"),
        (["--assets", "A000"], "two assets or more"),
        (["--last", "10"], "has only 10 prices"),
        (["--exclude", "B"], "--exclude names B"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_1(
    prices: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["allocate", "--prices", str(prices), *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.startswith("tws: ")
    assert err.count("\n") == 1


def test_without_prices_it_says_what_it_wants(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocate"]) == 1
    assert "--prices is missing" in capsys.readouterr().err
    assert main(["allocate", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "Conditional value at risk" in listed
    assert "Graphical lasso" in listed
