"""`tws backtest` and `tws sweep` as a user types them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.bars import random_walk
from workstation.cli import main
from workstation.domain.trade_rules import TradeRules
from workstation.paths import Paths
from workstation.research.bench.jobs import Jobs
from workstation.research.bench.messages import (
    BandRequest,
    JudgeRequest,
    PictureRequest,
    ReportRequest,
    RunRequest,
    SearchRequest,
    SplitRequest,
    SweepRequest,
    WalkRequest,
)
from workstation.research.bench.setup import Setup
from workstation.research.engine import BacktestError, Costs, engine
from workstation.strategies.contract import StrategyError
from workstation.strategies.shipped.sma_cross import SmaCross

NATIVE = """
from backtesting import Strategy
from backtesting.lib import crossover

def average(values, n):
    import pandas as pd
    return pd.Series(values).rolling(n).mean()

class Cross(Strategy):
    fast = 5
    slow = 20

    def init(self):
        self.one = self.I(average, self.data.Close, self.fast)
        self.two = self.I(average, self.data.Close, self.slow)

    def next(self):
        if crossover(self.one, self.two):
            self.position.close()
            self.buy()
        elif crossover(self.two, self.one):
            self.position.close()
            self.sell()
"""

OWN = '''
"""A dip."""
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.indicators import crossed_above, crossed_below, sma
from workstation.strategies.parameters import Int

class Dip(SignalStrategy):
    length = Int(20, low=2, high=200, help="Bars of the average")

    def signals(self, candles):
        mean = sma(candles, self.length)
        return Signals(long_entry=crossed_below(candles.close, mean), long_exit=crossed_above(candles.close, mean))
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    walk, file = random_walk(800), tmp_path / "walk.csv"
    columns = (walk.time // 1_000_000, walk.open, walk.high, walk.low, walk.close, walk.volume)
    rows = [",".join(repr(v.item()) for v in row) for row in zip(*columns, strict=True)]
    file.write_text("\n".join(["Timestamp,Open,HIGH,low,Close,volume", *rows]))
    return file


def tws(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    [line] = [line for line in err.splitlines() if not line.startswith("tws: Compiling the backtest kernel")]
    return line


def test_what_is_odd_about_the_candles_stands_beside_the_result(
    capsys: pytest.CaptureFixture[str], csv: Path, tmp_path: Path
) -> None:
    head, *rows = csv.read_text().splitlines()
    torn = tmp_path / "torn.csv"
    torn.write_text("\n".join([head, *rows[:300], *rows[340:]]) + "\n")
    odd = tws(capsys, "backtest", "sma_cross", "--candles", torn, "--json")["odd"]
    assert len(odd) == 1
    assert "1 with 40 missing bars" in odd[0]
    assert main(["backtest", "sma_cross", "--candles", str(torn)]) == 0
    assert f"candles: {odd[0]}" in capsys.readouterr().out
    assert "odd" not in tws(capsys, "backtest", "sma_cross", "--candles", csv, "--json")
    several = ("backtest", "sma_cross", "--candles", csv, "--candles", torn)
    assert tws(capsys, *several, "--json")["odd"] == [f"{torn}: {odd[0]}"]
    assert main([str(word) for word in several]) == 0
    assert f"candles: {torn}: {odd[0]}" in capsys.readouterr().out


def test_a_backtest_as_json(capsys: pytest.CaptureFixture[str], csv: Path) -> None:
    words = ("--param", "fast=5", "--param", "slow=20", "--fee", "0.001", "--slippage", "0.0005", "--cash", "5000")
    answer = tws(capsys, "backtest", "sma_cross", "--candles", csv, *words, "--json")
    expected = engine("fast").run(SmaCross(fast=5, slow=20), random_walk(800), Costs(5_000, 0.001, 0.0005))
    assert answer["strategy"] == "sma_cross"
    assert answer["params"] == {"fast": 5, "slow": 20, "direction": "long"}
    assert (answer["engine"], answer["bars"]) == ("fast", 800)
    assert (answer["start"], answer["end"]) == ("2020-09-13T12:26:40Z", "2020-10-16T19:26:40Z")
    assert answer["initial_equity"] == 5_000
    assert answer["final_equity"] == pytest.approx(expected.equity[-1])
    assert answer["n_trades"] == len(expected.trades) == len(answer["trades"])
    keys = "return_pct max_drawdown_pct sharpe sortino calmar win_rate_pct profit_factor sqn fees_paid"
    assert all(isinstance(answer[key], float) for key in keys.split())
    first = answer["trades"][0]
    assert set(first) == {
        "entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "pnl", "fees", "tag",
    }  # fmt: skip
    assert answer["final_equity"] == pytest.approx(5_000 + sum(trade["pnl"] for trade in answer["trades"]))
    again = tws(capsys, "backtest", "sma_cross", "--candles", csv, *words, "--json", "--engine", "backtesting")
    assert again["engine"] == "backtesting"
    assert again["final_equity"] == pytest.approx(answer["final_equity"], abs=0.005)


def test_the_honesty_band_and_the_path_as_json(capsys: pytest.CaptureFixture[str], csv: Path) -> None:
    words = ("sma_cross", "--candles", csv, "--param", "fast=2", "--param", "slow=6", "--param", "direction=both",
             "--exit", "stop=0.006", "--exit", "take_profit=0.006", "--json")  # fmt: skip
    answer = tws(capsys, "backtest", *words, "--band")
    paths = answer["band"]["paths"]
    assert answer["final_equity"] == paths["pessimistic"]["final_equity"] < paths["optimistic"]["final_equity"]
    assert answer["band"]["differences"]
    optimistic = tws(capsys, "backtest", *words, "--path", "optimistic")
    assert optimistic["final_equity"] == paths["optimistic"]["final_equity"]
    assert "pessimistic path only" in refused(capsys, "backtest", *words, "--engine", "backtesting", "--band")


def test_several_candles_share_one_account(capsys: pytest.CaptureFixture[str], csv: Path) -> None:
    words = ("sma_cross", "--candles", csv, "--candles", "GOOG", "--fee", "0.001", "--json")
    answer = tws(capsys, "backtest", *words)
    assert answer["engine"] == "event"
    assert {trade["instrument"] for trade in answer["trades"]} == {str(csv), "GOOG"}
    assert answer["final_equity"] == pytest.approx(10_000 + sum(trade["pnl"] for trade in answer["trades"]))
    half = tws(capsys, "backtest", *words, "--share", "0.25")
    assert half["trades"][0]["size"] == pytest.approx(answer["trades"][0]["size"] / 2)
    swept = tws(capsys, "sweep", *words, "--grid", "fast=8:12:2", "--grid", "slow=30,40", "--walk", "2")
    rows = {(row["params"]["fast"], row["params"]["slow"]): row["metrics"] for row in swept["rows"]}
    assert rows[10, 30]["final_equity"] == answer["final_equity"]
    assert [window["params"]["slow"] in (30, 40) for window in swept["walk"]["windows"]] == [True, True]
    assert "Out of sample" in swept["walk"]["verdict"]["says"]
    found = tws(capsys, "search", *words, "--space", "fast=8:12:2", "--space", "slow=30,40", "--trials", "8")
    assert found["reused"] == 0
    for row in found["rows"]:
        assert row["metrics"]["final_equity"] == rows[row["params"]["fast"], row["params"]["slow"]]["final_equity"]
    again = tws(capsys, "search", *words, "--space", "fast=8:12:2", "--space", "slow=30,40", "--trials", "16")
    assert (again["reused"], again["rows"][:8]) == (8, found["rows"])
    assert "by their signals" in refused(capsys, "search", *words, "--engine", "event")
    assert "share one account in the event engine" in refused(capsys, "backtest", *words, "--engine", "fast")

    # The page makes the same run of it, stores it, makes it again, and shows each instrument by itself.
    params = {"fast": 10, "slow": 30, "direction": "long"}
    setup, jobs = Setup("sma_cross", str(csv), params, beside=("GOOG",)), Jobs()

    def ask(request: Any) -> Any:
        return jobs.do(request, lambda part: None, lambda: False)

    page = ask(RunRequest(setup, 60))
    assert page.metrics["final_equity"] == answer["final_equity"]
    assert page.instruments == ("walk", "GOOG")
    whose = np.frombuffer(page.trades.instrument, dtype=np.int64)
    assert [str(csv) if number == 0 else "GOOG" for number in whose] == [one["instrument"] for one in answer["trades"]]
    goog = ask(PictureRequest(60, 0, 0, 1))
    assert (page.picture.instrument, goog.instrument) == (0, 1)
    assert np.nanmax(goog.highs) > 700
    assert np.isnan(page.picture.closes[0]), "it has no price before its first bar"
    assert goog.equity == page.picture.equity
    groups = ask(SplitRequest()).groups["instrument"]
    assert [group.key for group in groups] == ["walk", "GOOG"]
    assert sum(group.profit for group in groups) == pytest.approx(answer["final_equity"] - 10_000)
    stored = Setup.of(json.loads(json.dumps(page.setup.stored)))
    again = ask(RunRequest(stored, 60))
    assert (again.digest, again.fingerprint) == (page.digest, page.fingerprint)
    assert ask(RunRequest(replace(setup, share=0.25), 60)).metrics["final_equity"] == half["final_equity"]
    assert {one.head for one in ask(JudgeRequest(setup)).verdicts} >= {"No look-ahead", "Stable warm-up"}
    report = ask(ReportRequest(setup, "csv", str(csv.with_name("trades.csv"))))
    assert Path(report).read_text().splitlines()[0].startswith("instrument,entry_bar")
    cells: dict[int, Any] = {}
    swept = jobs.do(
        SweepRequest(setup, "fast", (8, 10), "slow", (30,)), lambda part: cells.update(part.cells), lambda: False
    )
    assert cells[1]["final_equity"] == answer["final_equity"]
    assert {one.head for one in swept.verdicts} & {"Overfitted", "Doubtful", "Holds"}
    walked = ask(WalkRequest(SweepRequest(setup, "fast", (8, 10), "slow", (30,)), folds=2))
    assert (len(walked.steps), walked.field) == (2, 2)
    assert ask(SearchRequest(setup, trials=8)).best is not None
    with pytest.raises(BacktestError, match="honesty band is of one instrument"):
        ask(BandRequest(setup))
    with pytest.raises(BacktestError, match="trades one instrument, not several"):
        ask(RunRequest(Setup("grid", str(csv), beside=("GOOG",)), 60))


FALLING = """
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.parameters import Int

class Falling(SignalStrategy):
    fast = Int(5, low=1, high=20)
    slow = Int(9, low=1, high=20)

    def signals(self, candles):
        raise ValueError("the sky fell")
"""


def test_whatever_is_asked_of_a_strategy_that_raises_says_its_name_and_line(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_HOME", str(tmp_path))
    file = Paths.of().strategies / "falling.py"
    file.parent.mkdir(parents=True)
    file.write_text(FALLING)
    jobs, setup = Jobs(), Setup("falling", str(csv))
    sweep = SweepRequest(setup, "fast", (8, 10), "slow", (5,))
    asked = (RunRequest(setup, 60), BandRequest(setup), JudgeRequest(setup), sweep, WalkRequest(sweep, folds=2),
             SearchRequest(setup, trials=2))  # fmt: skip
    for request in asked:
        with pytest.raises(StrategyError) as caught:
            jobs.do(request, lambda part: None, lambda: False)
        words = f'falling raised ValueError: the sky fell ({file}, line 10: raise ValueError("the sky fell"))'
        assert str(caught.value) == words, request


def test_a_pair_on_the_page_takes_two_sets_as_the_command_does(capsys: pytest.CaptureFixture[str], csv: Path) -> None:
    twin = csv.with_name("twin.csv")
    head, *rows = csv.read_text().splitlines()
    lines = []
    for bar, row in enumerate(rows):
        scale = 1 + 0.02 * math.sin(bar / 5)
        time, *prices, volume = row.split(",")
        lines.append(",".join([time, *(repr(float(price) * scale) for price in prices), volume]))
    twin.write_text("\n".join([head, *lines]))
    words = ("--peer", twin, "--fee", "0.001", "--param", "entry=1", "--param", "critical=0")
    answer = tws(capsys, "backtest", "pairs", "--candles", csv, *words, "--json")
    assert answer["n_trades"] > 0
    setup = Setup("pairs", str(csv), answer["params"], beside=(str(twin),))
    page = Jobs().do(RunRequest(setup, 60), lambda part: None, lambda: False)
    assert (page.metrics["final_equity"], page.instruments) == (answer["final_equity"], ())
    both = tws(capsys, "backtest", "pairs", "--candles", csv, *words, "--param", "legs=both", "--json")
    assert (both["engine"], both["n_trades"]) == ("event", 2 * answer["n_trades"])
    setup = Setup("pairs", str(csv), both["params"], engine="event", beside=(str(twin),))
    page = Jobs().do(RunRequest(setup, 60), lambda part: None, lambda: False)
    assert page.metrics["final_equity"] == both["final_equity"]
    assert len(page.instruments) == 2
    assert sorted(set(page.trades.instrument)) == [0, 1]
    judged = Jobs().do(JudgeRequest(setup, ()), lambda part: None, lambda: False)
    assert judged.verdicts
    rates = csv.with_name("rates.csv")
    rates.write_text("timestamp,funding_rate\n1600070400000,0.001\n")
    owed = ("backtest", "pairs", "--candles", csv, *words, "--funding", rates)
    assert tws(capsys, *owed, "--json")["n_trades"] > 0
    assert "pairs trades two: give a rate" in refused(capsys, *owed, "--param", "legs=both")
    found = tws(capsys, "search", "pairs", "--candles", csv, *words, "--trials", "8", "--json")
    assert found["failed"] == 0
    assert "legs" not in found["rows"][0]["params"]
    with pytest.raises(BacktestError, match="mark two sets of candles"):
        Jobs().do(RunRequest(Setup("pairs", str(csv)), 60), lambda part: None, lambda: False)


def test_funding_is_a_rate_or_a_file(capsys: pytest.CaptureFixture[str], csv: Path, tmp_path: Path) -> None:
    words = ("backtest", "buy_and_hold", "--candles", csv, "--json")
    file = tmp_path / "funding.csv"
    file.write_text("timestamp,funding_rate\n1600070400000,0.001\n")
    assert tws(capsys, *words, "--funding", file)["funding_paid"] > 5
    assert tws(capsys, *words, "--funding", "0.0001")["funding_paid"] > 50
    assert "there is no file none.csv" in refused(capsys, *words, "--funding", "none.csv")


def test_a_strategy_for_backtesting_py_gives_what_backtesting_py_gives(
    capsys: pytest.CaptureFixture[str], csv: Path, tmp_path: Path
) -> None:
    from backtesting import Backtest

    from workstation.market.candle_files import load_candles
    from workstation.research.backtesting_engine import frame
    from workstation.strategies.library import find_strategy

    file = tmp_path / "cross.py"
    file.write_text(NATIVE)
    words = ("--cash", "20000", "--fee", "0.002", "--param", "fast=7", "--json")
    answer = tws(capsys, "backtest", file, "--candles", csv, *words)
    cls = find_strategy(str(file)).cls
    assert cls is not None
    test = Backtest(frame(load_candles(csv)), cls, cash=20_000, commission=0.002, finalize_trades=True)
    stats = test.run(fast=7)
    capsys.readouterr()
    assert (answer["strategy"], answer["engine"]) == ("cross", "backtesting")
    assert answer["params"] == {"fast": 7, "slow": 20}
    assert answer["n_trades"] == stats["# Trades"] > 5
    for ours, theirs in {
        "final_equity": "Equity Final [$]",
        "return_pct": "Return [%]",
        "max_drawdown_pct": "Max. Drawdown [%]",
        "sharpe": "Sharpe Ratio",
        "sortino": "Sortino Ratio",
        "calmar": "Calmar Ratio",
        "win_rate_pct": "Win Rate [%]",
        "profit_factor": "Profit Factor",
        "sqn": "SQN",
        "fees_paid": "Commissions [$]",
    }.items():
        assert answer[ours] == stats[theirs], ours
    table = stats["_trades"]
    assert [trade["pnl"] for trade in answer["trades"]] == list(table["PnL"])
    assert [trade["size"] for trade in answer["trades"]] == [abs(size) for size in table["Size"]]
    assert "only --engine backtesting" in refused(capsys, "backtest", file, "--candles", csv, "--engine", "fast")
    lacked = ("--funding", "0.0001", "--maintenance", "0.01")
    assert "knows no maintenance margin and no funding for its own strategies." in refused(
        capsys, "backtest", file, "--candles", csv, *lacked
    )


def test_a_dropped_in_strategy_runs_by_its_name(capsys: pytest.CaptureFixture[str], csv: Path, home: Path) -> None:
    folder = home / "strategies"
    folder.mkdir(parents=True)
    (folder / "dip.py").write_text(OWN)
    (folder / "broken.py").write_text("def oops(:\n")
    answer = tws(capsys, "backtest", "dip", "--candles", csv, "--exit", "stop=0.02", "--size", "equity=0.5", "--json")
    assert answer["n_trades"] > 3
    assert {trade["tag"] for trade in answer["trades"]} >= {"signal", "stop"}
    line = refused(capsys, "backtest", "broken", "--candles", csv)
    assert "broken.py, line 1:" in line
    assert line.count("broken.py") == 1
    # One that is called as another is does not go under without a word.
    (folder / "mine.py").write_text(OWN.replace("class Dip", "class SmaCross"))
    assert "there is a strategy sma_cross already" in refused(
        capsys, "backtest", "sma_cross (mine.py)", "--candles", csv
    )
    assert tws(capsys, "backtest", folder / "mine.py", "--candles", csv, "--json")["params"]["length"] == 20


def test_a_sweep_as_json_has_the_same_figures_as_single_runs(capsys: pytest.CaptureFixture[str], csv: Path) -> None:
    words = ("--grid", "fast=4:12:4", "--grid", "slow=20,30", "--fee", "0.001", "--rank", "final_equity", "--json")
    answer = tws(capsys, "sweep", "sma_cross", "--candles", csv, *words)
    assert answer["combos"] == len(answer["rows"]) == 6
    assert answer["seconds"] > 0
    assert [row["params"] for row in answer["rows"]][:3] == [
        {"fast": 4, "slow": 20},
        {"fast": 4, "slow": 30},
        {"fast": 8, "slow": 20},
    ]
    best = max(answer["rows"], key=lambda row: row["metrics"]["final_equity"])
    assert answer["best"] == {"params": best["params"], "metrics": best["metrics"]}
    for row in answer["rows"][:2]:
        single = engine("fast").run(SmaCross(**row["params"]), random_walk(800), Costs(fee=0.001))
        for name, value in row["metrics"].items():
            assert value == pytest.approx(single.metrics[name], rel=1e-9), name


def test_a_sweep_says_whether_its_best_is_overfitted_and_stands_alone_as_the_page_does(
    capsys: pytest.CaptureFixture[str], csv: Path
) -> None:
    words = ("--candles", csv, "--grid", "fast=4:12:2", "--grid", "slow=20:50:10")
    answer = tws(capsys, "sweep", "sma_cross", *words, "--json")
    setup = Setup("sma_cross", str(csv), {"direction": "long"}, fee=0.0)
    request = SweepRequest(setup, "slow", (20, 30, 40, 50), "fast", (4, 6, 8, 10, 12))
    page = Jobs().do(request, lambda part: None, lambda: False)
    said = {one["head"]: one["says"] for one in answer["verdicts"]}
    assert len(said) == 2
    assert said.items() <= {one.head: one.text for one in page.verdicts}.items()
    assert answer["luck"]["verdict"] in {f"{one.head}: {one.text}" for one in page.verdicts}
    assert main([str(word) for word in ("sweep", "sma_cross", *words)]) == 0
    out = capsys.readouterr().out
    assert all(f"{head + ':':<22}{text}\n" in out for head, text in said.items())
    alone = tws(capsys, "sweep", "sma_cross", *words[:2], "--json")
    assert "One combination alone" in alone["verdicts"][0]["says"]


RULES = TradeRules(
    size_rule="risk", size=0.01, stop=0.02, atr_stop=3, atr_length=10, roi=((0, 0.03), (3, 0.01)), trailing=0.012,
    trailing_offset=0.004, break_even=0.006, max_bars=4, cooldown=4, stop_count=2, stop_lookback=60, stop_lock=20,
)  # fmt: skip


def test_a_sweep_moves_sizes_exits_and_protections_as_it_moves_parameters(
    capsys: pytest.CaptureFixture[str], csv: Path
) -> None:
    words = ["sma_cross", "--candles", str(csv), "--param", "slow=6", "--exit", "trailing_offset=0.004"]
    words += ["--exit", "trailing=0.01"]
    grid = ["--grid", "fast=2,3", "--grid", "stop=0:0.04:0.02", "--grid", "rule:trailing=0,0.012"]
    rows = tws(capsys, "sweep", *words, *grid, "--grid", "cooldown=0,5", "--json")["rows"]
    assert len(rows) == 24
    assert len({row["metrics"]["final_equity"] for row in rows}) > 12
    for row in (rows[0], rows[7], rows[-1]):
        own = row["params"]
        said = [f"fast={own['fast']}", "slow=6"]
        exits = [f"stop={own['rule:stop']}"]
        if own["rule:trailing"]:  # switched off, it takes its offset along
            exits += [f"trailing={own['rule:trailing']}", "trailing_offset=0.004"]
        single = [part for word in said for part in ("--param", word)] + [part for e in exits for part in ("--exit", e)]
        single += ["--protect", f"cooldown={own['rule:cooldown']}"]
        alone = tws(capsys, "backtest", *words[:3], *single, "--json")
        assert alone["final_equity"] == row["metrics"]["final_equity"], own
    assert "rules are size_rule, size" in refused(capsys, "sweep", *words, "--grid", "roi=1,2")
    assert "stop must be a number from 0 to 0.9" in refused(capsys, "sweep", *words, "--grid", "stop=0.5,0.95")


def test_sizes_exits_and_protections_are_one_value_for_the_commands_the_page_and_every_engine(
    capsys: pytest.CaptureFixture[str], csv: Path
) -> None:
    words = ["sma_cross", "--candles", str(csv), "--param", "fast=2", "--param", "slow=6", "--size", "risk=0.01"]
    for name in ("stop=0.02", "atr_stop=3", "atr_length=10", "roi=0:0.03,3:0.01", "trailing=0.012",
                 "trailing_offset=0.004", "break_even=0.006", "max_bars=4"):  # fmt: skip
        words += ["--exit", name]
    for name in ("cooldown=4", "stop_count=2", "stop_lookback=60", "stop_lock=20"):
        words += ["--protect", name]
    fast = tws(capsys, "backtest", *words, "--json")
    assert TradeRules(**{**fast["rules"], "roi": RULES.roi}) == RULES
    assert {"trail", "target", "time"} <= {trade["tag"] for trade in fast["trades"]}
    for name in ("event", "backtesting"):
        other = tws(capsys, "backtest", *words, "--json", "--engine", name)
        assert other["final_equity"] == pytest.approx(fast["final_equity"], abs=0.005), name
        assert [trade["exit_time"] for trade in other["trades"]] == [trade["exit_time"] for trade in fast["trades"]]
    plain = tws(capsys, "backtest", *words[:7], "--json")
    assert plain["n_trades"] != fast["n_trades"]
    swept = tws(capsys, "sweep", *words[:3], *words[7:], "--grid", "fast=2,3", "--grid", "slow=6,9", "--json")
    assert swept["rows"][0]["metrics"]["final_equity"] == fast["final_equity"]
    setup = Setup("sma_cross", str(csv), {"fast": 2, "slow": 6, "direction": "long"}, fee=0.0, rules=RULES)
    page = Jobs().do(RunRequest(setup, 80), lambda part: None, lambda: False)
    assert page.metrics["final_equity"] == fast["final_equity"]
    stored = Setup.of(json.loads(json.dumps(page.setup.stored)))
    assert Jobs().do(RunRequest(stored, 80), lambda part: None, lambda: False).digest == page.digest


def test_leverage_funding_margin_and_path_are_one_value_for_the_commands_and_the_page(
    capsys: pytest.CaptureFixture[str], csv: Path, tmp_path: Path
) -> None:
    rates = tmp_path / "rates.csv"
    due = "".join(f"{1_600_000_000_000 + hour * 3_600_000},0.0001\n" for hour in range(1_000))
    rates.write_text("timestamp,funding_rate\n" + due)
    words = ["sma_cross", "--candles", str(csv), "--param", "fast=2", "--param", "slow=6", "--size", "equity=3",
             "--exit", "stop=0.015", "--exit", "take_profit=0.015"]  # fmt: skip
    terms = ["--leverage", "3", "--maintenance", "0.005", "--path", "optimistic"]
    rules = TradeRules(size_rule="equity", size=3.0, stop=0.015, take_profit=0.015)
    setup = Setup("sma_cross", str(csv), {"fast": 2, "slow": 6, "direction": "long"}, fee=0.0, rules=rules)
    setup = replace(setup, leverage=3.0, maintenance=0.005, path="optimistic")
    jobs, plain = Jobs(), tws(capsys, "backtest", *words, "--json")
    for word, funding in (("0.0001", 0.0001), (str(rates), str(rates))):
        said = tws(capsys, "backtest", *words, *terms, "--funding", word, "--json")
        assert said["funding_paid"] != 0
        assert said["final_equity"] != plain["final_equity"]
        page = jobs.do(RunRequest(replace(setup, funding=funding), 80), lambda part: None, lambda: False)
        assert page.metrics["final_equity"] == said["final_equity"]
        stored = Setup.of(json.loads(json.dumps(page.setup.stored)))
        assert jobs.do(RunRequest(stored, 80), lambda part: None, lambda: False).digest == page.digest
    assert main(["backtest", *words, *terms, "--funding", "0.0001"]) == 0
    assert "leverage 3, maintenance 0.5 %, funding 0.01 % / 8 h, optimistic path" in capsys.readouterr().out
    with pytest.raises(BacktestError, match="engine backtesting knows the pessimistic path only: choose fast"):
        jobs.do(RunRequest(replace(setup, engine="backtesting"), 80), lambda part: None, lambda: False)
    with pytest.raises(BacktestError, match="there is no file gone"):
        jobs.do(RunRequest(replace(setup, funding="gone.csv"), 80), lambda part: None, lambda: False)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("backtest", "sma_cros", "--candles", "CSV"), "did you mean 'sma_cross'?"),
        (("backtest", "sma_cross", "--candles", "nowhere.csv"), "There is no file nowhere.csv."),
        (("backtest", "sma_cross", "--candles", "kraken:BTC/USDT:1h"), "There is no history"),
        (("backtest", "sma_cross", "--candles", "CSV", "--param", "fst=3"), "has no parameter 'fst'"),
        (("backtest", "sma_cross", "--candles", "CSV", "--param", "fast=3.5"), "fast must be a whole number"),
        (("backtest", "sma_cross", "--candles", "CSV", "--fee", "5"), "The fee is a fraction"),
        (("backtest", "sma_cross", "--candles", "CSV", "--exit", "stp=1"), "There is no exit 'stp'"),
        (("backtest", "sma_cross", "--candles", "CSV", "--size", "half=1"), "There is no size rule 'half'"),
        (("backtest", "sma_cross", "--candles", "CSV", "--size", "risk=0.01"), "needs a stop"),
        (("backtest", "sma_cross", "--candles", "CSV", "--protect", "max_drawdown=0.1"), "without max_drawdown_lock"),
        (("sweep", "sma_cross", "--candles", "CSV", "--exit", "stop=7", "--grid", "fast=5:9:1"), "from 0 to 0.9"),
        (("backtest", "grid", "--candles", "CSV", "--exit", "stop=0.1"), "sizes and protections of its own"),
        (("sweep", "sma_cross", "--candles", "CSV", "--grid", "fast=9:5:1"), "is empty"),
        (("sweep", "sma_cross", "--candles", "CSV", "--grid", "fast=5:9:1", "--rank", "luck"), "no figure 'luck'"),
    ],
)
def test_errors_are_one_sentence(
    capsys: pytest.CaptureFixture[str], csv: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(capsys, *(str(csv) if word == "CSV" else word for word in words))


def test_a_strategy_that_raises_is_named_with_its_line(
    capsys: pytest.CaptureFixture[str], csv: Path, tmp_path: Path
) -> None:
    file = tmp_path / "bad.py"
    file.write_text(OWN.replace("mean = sma(candles, self.length)", "mean = 1 / 0"))
    line = refused(capsys, "backtest", file, "--candles", csv)
    assert "dip raised ZeroDivisionError: division by zero" in line
    assert "bad.py, line 11" in line


def test_the_help_of_the_commands_loads_no_research_library() -> None:
    code = (
        "import sys\nfrom workstation.cli import main\n"
        "try: main(['backtest', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'pandas', 'numba', 'backtesting', 'pandas_ta'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_walk_of_these_tests_is_no_flat_line() -> None:
    assert np.ptp(random_walk(800).close) > 10
