"""Several instruments on one account: alone it is the event engine, together they share money, room and ruin."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tests.support.bars import HOUR, Scripted, candles, random_walk, recorded
from tests.workstation.research.test_engine_agreement import PARTS, assert_same
from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.funding import FundingHistory
from workstation.research.metrics import period_ends
from workstation.research.result import SharedResult
from workstation.research.shared_account import run_shared
from workstation.research.shared_candles import SharedCandles, on_one_account
from workstation.research.sweep import Job, grid, run_part, sweep
from workstation.research.trades import Trades
from workstation.research.walk_forward import walk_forward
from workstation.strategies.exits import Exits, Reason
from workstation.strategies.protections import Protections
from workstation.strategies.rules import way_to_ruin
from workstation.strategies.shipped.pairs import Pairs
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.sizing import Sizing

FLAT = (100.0, 100.0, 100.0, 100.0)


def flat(price: float, bars: int, first: int = 0) -> Candles:
    return candles([(price,) * 4] * bars, start=first * HOUR)


def scripts(
    *plans: dict[str, list[int]], exits: Exits | None = None, sizing: Sizing | None = None
) -> Callable[[], Scripted]:
    """One script an instrument, in their order."""
    left = list(plans)

    def make() -> Scripted:
        strategy = Scripted(**left.pop(0))
        strategy.exits, strategy.sizing = exits or Exits(), sizing or Sizing()
        return strategy

    return make


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("direction", ["long", "both"])
def test_one_instrument_alone_is_the_event_engine(direction: str, parts: tuple) -> None:  # type: ignore[type-arg]
    exits, sizing, protections, told = parts

    def make() -> SmaCross:
        strategy = SmaCross(fast=5, slow=15, direction=direction)
        strategy.exits, strategy.sizing, strategy.protections = exits, sizing, protections
        return strategy

    walk, costs = random_walk(1_200, seed=7), Costs(fee=0.0005, **told)
    alone = engine("event").run(make(), walk, costs)
    shared = run_shared(make, {"X": walk}, costs, shares={"X": 1.0})
    assert_same(alone, shared)
    assert len(shared.trades) > 3
    assert set(shared.instruments) == {"X"}


def _assert_to_the_digit(make: Callable[[], SmaCross], series: SharedCandles, costs: Costs) -> SharedResult:
    """The compiled loop and the event engine: every trade and every number."""
    event, fast = run_shared(make, series, costs), engine("fast").run(make(), series, costs)
    assert fast.instruments == event.instruments
    np.testing.assert_array_equal(fast.equity, event.equity)
    for one in fields(Trades):
        np.testing.assert_array_equal(getattr(fast.trades, one.name), getattr(event.trades, one.name), one.name)
    return event


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_the_compiled_loop_gives_the_same_digits(parts: tuple) -> None:  # type: ignore[type-arg]
    exits, sizing, protections, told = parts

    def make() -> SmaCross:
        strategy = SmaCross(fast=5, slow=15, direction="both")
        strategy.exits, strategy.sizing, strategy.protections = exits, sizing, protections
        return strategy

    late = random_walk(300, seed=9)
    series = on_one_account(
        {
            "A": random_walk(600, seed=7),
            "B": random_walk(450, seed=8, interval=2 * HOUR, step=0.02),
            "C": replace(late, time=late.time + 200 * HOUR + HOUR // 2),
        }
    )
    assert len(_assert_to_the_digit(make, series, Costs(fee=0.0005, **told)).trades) > 3


def test_the_compiled_loop_gives_the_same_digits_whatever_is_asked_of_it() -> None:
    """Chances of every kind, the account's liquidation among them."""
    rng, reasons = np.random.default_rng(1), set[int]()

    def one_of(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    for seed in range(90):
        sets = {}
        for number in range(int(rng.integers(1, 5))):
            walk = random_walk(
                int(rng.integers(50, 300)), seed=int(rng.integers(10_000)), step=one_of(0.01, 0.03, 0.06)
            )
            sets[f"{number}"] = replace(
                walk, time=walk.time[0] + (walk.time - walk.time[0]) * one_of(1, 2) + one_of(0, 50) * HOUR
            )
        leverage = one_of(1.0, 3.0, 10.0)
        costs = Costs(
            fee=0.0005, slippage=one_of(0, 0.001, 0.02), leverage=leverage, path=one_of(0, 1, 2),
            maintenance=one_of(0.0, 0.005) if leverage > 1 else 0.0, funding=one_of(0.0, 0.001),
            close_at_end=one_of(True, False),
        )  # fmt: skip
        exits = Exits(
            stop=one_of(0, 0, 0.03), take_profit=one_of(0, 0, 0.05), trailing=one_of(0, 0, 0.02),
            max_bars=one_of(0, 15), break_even=one_of(0, 0.02),
        )  # fmt: skip
        sizing = one_of(
            Sizing(),
            Sizing.equity(min(leverage, 8)),
            Sizing.kelly(least_trades=3),
            Sizing.units(20),
            Sizing.value(5_000),
        )
        protections = one_of(
            Protections(), Protections(cooldown=5),
            Protections(max_drawdown=0.05, max_drawdown_lock=20, stop_count=2, stop_lookback=50, stop_lock=20),
        )  # fmt: skip
        params = {"fast": 2 + seed % 4, "slow": 9, "direction": one_of("long", "short", "both")}

        def make() -> SmaCross:
            strategy = SmaCross(**params)  # noqa: B023
            strategy.exits, strategy.sizing, strategy.protections = exits, sizing, protections  # noqa: B023
            return strategy

        series = on_one_account(sets, one_of(0.3, 1.0, leverage))
        reasons |= set(_assert_to_the_digit(make, series, costs).trades.reason.tolist())
    assert reasons == {int(reason) for reason in Reason}


def test_a_sweep_a_search_and_a_walk_are_of_the_shared_account() -> None:
    """Each combination is the single run of it, from any process; a window is the single run of its bars."""
    series = on_one_account({"A": random_walk(600, seed=7), "B": random_walk(500, seed=8, interval=2 * HOUR)}, 0.4)
    costs, wanted = Costs(fee=0.001), grid(SmaCross, {"fast": [3, 5, 8], "slow": [15, 30]})
    rows = list(sweep(SmaCross, series, wanted, costs, levels=range(len(wanted))))
    shipped = pickle.loads(pickle.dumps(series))  # as another process gets it
    there = run_part(Job(SmaCross, shipped, wanted, costs), 0, len(wanted)).figures
    assert there.tolist() == [list(row.metrics.values()) for row in sorted(rows, key=lambda row: row.index)]
    for row in rows:
        single = run_shared(lambda row=row: SmaCross(**row.params), series, costs)  # type: ignore[misc]
        assert row.metrics["final_equity"] == single.equity[-1]
        assert row.levels is not None
        np.testing.assert_array_equal(row.levels, single.equity[period_ends(series)])
        for name, value in row.metrics.items():
            assert value == pytest.approx(single.metrics[name], rel=1e-9, nan_ok=True), name
    [step, *_] = walk_forward(SmaCross, series, wanted, costs, train=500, test=400)
    assert step.params is not None
    alone = run_shared(lambda: SmaCross(**step.params), series.slice(0, 500), costs)  # type: ignore[arg-type]
    assert step.inside == pytest.approx(alone.metrics["sharpe"])
    assert series.slice(0, 500).shares == {"A": 0.4, "B": 0.4}
    owed = Costs(recorded=FundingHistory(series.time[:1], np.array([0.01])))
    for run in (lambda: run_shared(SmaCross, series, owed), lambda: engine("fast").run(SmaCross(), series, owed)):
        with pytest.raises(BacktestError, match="of one instrument: several have a rate"):
            run()
    for name in ("event", "backtesting"):  # these would trade the index
        with pytest.raises(BacktestError, match="share one account in"):
            engine(name).run(SmaCross(), series, costs)
    # Before the second instrument has bars, its money waits: the first keeps its part.
    late = on_one_account({"A": random_walk(300, seed=7), "B": flat(10, 9, first=10**6)})
    assert list(late.slice(0, 200).sets) == ["A"]
    assert late.slice(0, 200).shares["A"] == 0.5


def test_the_same_instrument_in_two_halves_is_the_whole() -> None:
    walk = random_walk(1_500, seed=2)
    make = lambda: SmaCross(fast=5, slow=20, direction="both")  # noqa: E731
    whole = run_shared(make, {"X": walk}, Costs())
    halves = run_shared(make, {"X": walk, "Y": walk}, Costs())
    np.testing.assert_allclose(halves.equity, whole.equity, rtol=1e-9)
    np.testing.assert_allclose(halves.of("X").size, whole.trades.size / 2, rtol=1e-9)
    assert len(halves.trades) == 2 * len(whole.trades)


def test_money_that_an_exit_frees_is_there_for_an_entry_at_the_same_open() -> None:
    rows = [FLAT, FLAT, (110.0,) * 4, (110.0,) * 4, (110.0,) * 4]
    make = scripts({"long_entry": [2]}, {"long_entry": [0], "long_exit": [2]})
    result = run_shared(make, {"A": flat(50, 5), "B": candles(rows)}, Costs(), shares={"A": 1.0, "B": 1.0})
    b, a = result.rows()
    assert (b.entry_bar, b.exit_bar, b.size, b.pnl) == (1, 3, pytest.approx(100), pytest.approx(1_000))
    assert (a.entry_bar, a.size) == (3, pytest.approx(11_000 / 50))
    assert result.instruments == ("B", "A")


def test_entries_share_the_room_that_the_equity_gives() -> None:
    """Each wants 60 % of the equity: the second one gets the 40 % that are left; with leverage both get theirs."""
    series = {"A": flat(100, 4), "B": flat(10, 4)}
    both = {"long_entry": [0]}
    result = run_shared(scripts(both, both), series, Costs(), shares={"A": 0.6, "B": 0.6})
    assert result.of("A").size.tolist() == [pytest.approx(60)]
    assert result.of("B").size.tolist() == [pytest.approx(400)]
    wide = run_shared(scripts(both, both), series, Costs(leverage=2), shares={"A": 0.6, "B": 0.6})
    assert wide.of("B").size.tolist() == [pytest.approx(600)]


def test_shares_follow_the_equity_with_its_open_profit() -> None:
    rise = candles([FLAT, FLAT, (100, 120, 100, 120), (120,) * 4, (120,) * 4])
    series = {"A": rise, "B": flat(10, 5)}
    result = run_shared(scripts({"long_entry": [0]}, {"long_entry": [2]}), series, Costs(), shares={"A": 0.4, "B": 0.4})
    assert result.of("A").size.tolist() == [pytest.approx(40)]
    assert result.of("B").size.tolist() == [pytest.approx(0.4 * (10_000 + 40 * 20) / 10)]


def test_the_account_is_liquidated_as_a_whole() -> None:
    """5,000 in margin each at leverage 10: 500 A and 5,000 B, both bought at the start of money 10,000. At prices
    (1 − x) of the entry equity is 10,000 − 100,000 x and the maintenance 1 % of 100,000 (1 − x)."""
    x = (10_000 - 1_000) / (100_000 - 1_000)
    falls = lambda price: candles([(price,) * 4, (price,) * 4, (price, price, 0.8 * price, price), (price,) * 4])  # noqa: E731
    both, costs = {"long_entry": [0]}, Costs(leverage=10, maintenance=0.01)
    series = {"A": falls(100.0), "B": falls(10.0)}
    result = run_shared(scripts(both, both, sizing=Sizing.equity(10)), series, costs)
    a, b = result.rows()
    assert (a.tag, b.tag, a.exit_bar, b.exit_bar) == ("liquidation", "liquidation", 2, 2)
    assert (a.exit_price, b.exit_price) == (pytest.approx(100 * (1 - x)), pytest.approx(10 * (1 - x)))
    assert result.equity[-1] == pytest.approx(10_000 - 100_000 * x)
    # One that does not fall carries the other: no liquidation.
    calm = {"A": falls(100.0), "B": flat(10, 4)}
    small = run_shared(scripts(both, both, sizing=Sizing.equity(4)), calm, costs)
    assert {trade.tag for trade in small.rows()} == {"end"}


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [(9.0, -1.0, 0.9), (9.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, -1.0, 0.0), (1.0, 1.0, 0)],
)
def test_an_account_of_which_nothing_was_left_at_the_opens_is_liquidated_there(
    before: float, after: float, way: float
) -> None:
    """In every engine of several instruments."""
    assert (way_to_ruin(before, after), way_to_ruin.py_func(before, after)) == (way, way)


def test_a_gap_beyond_the_account_loses_the_account_and_no_more() -> None:
    gap = candles([FLAT, FLAT, (50.0,) * 4, (50.0,) * 4])
    result = run_shared(scripts({"long_entry": [0]}, {}, sizing=Sizing.equity(10)), {"A": gap, "B": flat(10, 4)},
                        Costs(leverage=10, maintenance=0.01), shares={"A": 1.0, "B": 1.0})  # fmt: skip
    assert result.equity[-1] == 0


def test_instruments_with_other_times_keep_their_last_price_between() -> None:
    late = candles([FLAT, FLAT, (100, 130, 100, 130)], interval=2 * HOUR, start=2 * HOUR)
    result = run_shared(scripts({}, {"long_entry": [0]}), {"A": flat(10, 8), "B": late}, Costs())
    assert result.candles.time.tolist() == [HOUR * i for i in range(8)]
    [trade] = result.rows()
    assert (trade.entry_bar, trade.exit_bar, trade.tag) == (4, 6, "end")
    assert result.equity.tolist() == pytest.approx([10_000] * 6 + [11_500] * 2)
    assert result.metrics["buy_hold_return_pct"] == pytest.approx(15)


@pytest.mark.slow
def test_three_recorded_coins_on_one_account_add_up() -> None:
    series = {name: recorded(f"binance_{name}-USDT_1h").slice(0, 8_000) for name in ("BTC", "ETH", "SOL")}

    def make() -> SmaCross:
        strategy = SmaCross(fast=20, slow=60, direction="both")
        strategy.exits = Exits(stop=0.05, trailing=0.06)
        return strategy

    costs = Costs(fee=0.001, slippage=0.0005, leverage=2, maintenance=0.005)
    result = run_shared(make, series, costs)
    assert result.equity[-1] == pytest.approx(costs.cash + result.trades.pnl.sum(), abs=0.005)
    assert set(result.instruments) == set(series)
    assert (np.diff(result.trades.exit_bar) >= 0).all()
    for name, bars in series.items():
        alone = engine("event").run(make(), bars, costs)
        np.testing.assert_array_equal(result.of(name).side, alone.trades.side)


def test_what_cannot_share_is_refused() -> None:
    with pytest.raises(BacktestError, match="run it alone"):
        run_shared(Pairs, {"A": flat(10, 5), "B": flat(10, 5)}, Costs())
    with pytest.raises(BacktestError, match="The share of B"):
        run_shared(SmaCross, {"A": flat(10, 5), "B": flat(10, 5)}, Costs(), shares={"A": 1.0})
    with pytest.raises(BacktestError, match="two bars"):
        run_shared(SmaCross, {"A": flat(10, 5), "B": flat(10, 1)}, Costs())
