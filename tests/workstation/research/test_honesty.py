"""The honesty band: what a result owes to a belief about the inside of the bars, and the trades that differ."""

from __future__ import annotations

import pytest

from tests.support.bars import Scripted, candles, random_walk
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.honesty import Band, band
from workstation.strategies.exits import Exits
from workstation.strategies.shipped.grid import Grid
from workstation.strategies.shipped.sma_cross import SmaCross

FLAT = (100.0, 100.0, 100.0, 100.0)
BOTH = (100.0, 106.0, 94.0, 101.0)  # reaches 95 and 105; 106 and 94 are as far from the open


def scripted() -> Scripted:
    strategy = Scripted(long_entry=[0], short_entry=[3])
    strategy.exits = Exits(stop=0.05, take_profit=0.05)
    return strategy


@pytest.mark.parametrize("name", ["fast", "event"])
def test_the_trades_that_differ_are_named_with_each_paths_end(name: str) -> None:
    rows = [FLAT, BOTH, FLAT, FLAT, (100.0, 105.5, 90.0, 91.0), FLAT]
    found = band(scripted, candles(rows), Costs(), engine(name))
    ends = {
        path: [(trade.side, trade.exit_price, trade.tag) for trade in result.rows()]
        for path, result in found.results.items()
    }
    assert ends["pessimistic"] == [("long", pytest.approx(95), "stop"), ("short", pytest.approx(105), "stop")]
    assert ends["optimistic"] == [("long", pytest.approx(105), "target"), ("short", pytest.approx(95), "target")]
    # Long: as far up as down, the stop counts. Short: its stop at 105 lies nearer to the open than the low of 90.
    assert ends["adaptive"] == [("long", pytest.approx(95), "stop"), ("short", pytest.approx(105), "stop")]
    assert [(each.entry_bar, each.side) for each in found.differences] == [(1, "long"), (4, "short")]
    assert "2 of 2 trades" in found.verdict
    assert "Whether it gains or loses" in found.verdict
    shown = found.as_json()
    assert shown["differences"][0]["optimistic"] == {
        "exit_bar": 1, "exit_price": pytest.approx(105), "pnl": pytest.approx(500), "tag": "target",
    }  # fmt: skip
    assert shown["width_pct"] == pytest.approx(100 * (1.05**2 - 0.95**2))


def test_without_levels_every_path_is_the_same() -> None:
    found = band(lambda: SmaCross(fast=5, slow=20), random_walk(600), Costs(), engine("fast"))
    assert found.differences == ()
    assert found.width == 0
    assert found.verdict.startswith("The same under every path")


def test_both_engines_give_the_same_band_on_a_walk() -> None:
    def make() -> SmaCross:
        strategy = SmaCross(fast=3, slow=8, direction="both")
        strategy.exits = Exits(stop=0.006, take_profit=0.006)
        return strategy

    fast, event = (band(make, random_walk(1_500, seed=4), Costs(fee=0.0005), engine(e)) for e in ("fast", "event"))
    assert len(fast.differences) > 10
    assert [(each.entry_bar, each.side) for each in fast.differences] == [
        (each.entry_bar, each.side) for each in event.differences
    ]
    for path in fast.results:
        assert event.results[path].equity[-1] == pytest.approx(fast.results[path].equity[-1], abs=0.005), path
    gained = {path: result.equity[-1] for path, result in fast.results.items()}
    assert gained["pessimistic"] < gained["adaptive"] < gained["optimistic"]


def test_a_strategy_on_events_has_a_band_too() -> None:
    found: Band = band(lambda: Grid(step=0.5, levels=3), random_walk(500, seed=2), Costs(), engine("event"))
    assert set(found.results) == {"pessimistic", "optimistic", "adaptive"}


def test_an_engine_of_one_path_says_so() -> None:
    with pytest.raises(BacktestError, match="pessimistic path only"):
        band(scripted, candles([FLAT] * 3), Costs(), engine("backtesting"))
