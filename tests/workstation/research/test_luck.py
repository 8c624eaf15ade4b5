"""One run asked how much of it is luck: what is planted is named, what is fragile is called so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.bars import random_walk
from tests.workstation.research.test_detectors import Accumulates, Peeks
from workstation.cli import main
from workstation.market.candles import Candles
from workstation.research.bench.jobs import Jobs
from workstation.research.bench.messages import JudgeRequest
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs
from workstation.research.luck import luck_of
from workstation.strategies.shipped.buy_and_hold import BuyAndHold
from workstation.strategies.shipped.sma_cross import SmaCross

DAY = 86_400_000_000_000
WALK = random_walk(1_500, seed=13, interval=DAY)


def test_a_planted_look_ahead_and_an_unstable_warm_up_come_first_in_the_verdict() -> None:
    peeks = luck_of(Peeks, WALK, Costs(), runs=5)
    assert peeks.verdict.startswith("Looks ahead: It looks ahead")
    assert "Beats luck" not in {one.head for one in peeks.verdicts}, "what it won that way is no proof of anything"
    assert "parameters moved" not in peeks.fans, "it has no number that could be moved"
    assert luck_of(Accumulates, WALK, Costs(), runs=5).verdict.startswith("Unstable warm-up: ")


def test_a_cross_on_a_market_without_memory_may_be_luck() -> None:
    found = luck_of(lambda **told: SmaCross(**{"fast": 3, "slow": 9, **told}), WALK, Costs(fee=0.0005), runs=20)
    assert not any(each.caught for each in found.findings.values())
    assert found.verdict.startswith(("May be luck", "Luck", "Hangs on its numbers"))
    assert set(found.fans) == {"trades shuffled", "returns redrawn", "candles with noise", "parameters moved"}


def test_a_true_edge_is_not_called_luck() -> None:
    """A market with a trend in it, held."""
    drift = np.exp(0.003 * np.arange(len(WALK)))
    rising = Candles(
        WALK.time, *(getattr(WALK, name) * drift for name in ("open", "high", "low", "close")), WALK.volume
    )
    found = luck_of(BuyAndHold, rising, Costs(), runs=5)
    assert found.skill > 0.99
    assert "too few" in found.verdict  # one trade is no proof, whatever its ratio
    often = luck_of(lambda **told: SmaCross(**{"fast": 2, "slow": 6, **told}), rising, Costs(), runs=10)
    assert not {"Luck", "May be luck", "Too few trades"} & {one.head for one in often.verdicts}
    assert "Beats luck" in {one.head for one in often.verdicts}


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["backtest", "sma_cross", "--candles", "GOOG", "--luck"]
    assert main([*words, "--json"]) == 0
    luck = json.loads(capsys.readouterr().out)["luck"]
    assert luck["detectors"]["look-ahead"]["caught"] is False
    setup = Setup("sma_cross", "GOOG", {"fast": 10, "slow": 30, "direction": "long"}, fee=0.0)
    page = Jobs().do(JudgeRequest(setup), lambda part: None, lambda: False)
    heads = {one.head: one.text for one in page.verdicts}
    assert {one["head"]: one["says"] for one in luck["verdicts"]}.items() <= heads.items(), "one text for both"
    fan = luck["fans"]["parameters moved"]
    assert fan["final_equity"]["p5"] < fan["final_equity"]["p95"]
    assert main(words) == 0
    assert "candles with noise" in capsys.readouterr().out
    assert main(["backtest", "grid", "--candles", "GOOG", "--luck"]) == 1
    assert "lives on events" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "--grid", "fast=100:400:50", "--grid", "slow=700:1100:50"),
        ("search", "--sampler", "random", "--trials", "40", "--objective", "sharpe"),
    ],
    ids=lambda words: str(words[0]),
)
def test_the_best_of_many_with_a_trade_or_two_is_not_called_skill(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted to noise: of many sets on a walk without memory some hold through one good move."""
    monkeypatch.setenv("TWS_HOME", str(tmp_path / "home"))
    rows = zip(WALK.time // 1_000_000, WALK.open, WALK.high, WALK.low, WALK.close, strict=True)
    lines = ["timestamp,open,high,low,close", *(",".join(map(repr, map(float, row))) for row in rows)]
    file = tmp_path / "walk.csv"
    file.write_text("\n".join(lines))
    command, *rest = words
    line = [command, "sma_cross", "--candles", str(file), *rest]
    assert main([*line, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["best"]["metrics"]["n_trades"] < 30
    assert answer["luck"]["verdict"].startswith("Too few trades: ")
    assert "sets of parameters tried" in answer["luck"]["verdict"]
    assert main(line) == 0
    assert answer["luck"]["verdict"] in capsys.readouterr().out


def test_few_bars_tell_nothing() -> None:
    with pytest.raises(BacktestError, match="50 bars"):
        luck_of(SmaCross, WALK.slice(0, 30), Costs())
