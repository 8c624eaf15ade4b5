"""Sizes, exits and protections that are changed while a signal strategy runs: what holds from which bar on."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.bars import random_walk
from workstation.domain.bar import Bar
from workstation.domain.trade_rules import TradeRules
from workstation.research.engine import Costs, Result, engine
from workstation.research.trades import Trades
from workstation.strategies.bar_window import BarWindow
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.signal_live import SignalLive
from workstation.strategies.trade_rules import put_on

CANDLES = random_walk(260, seed=8)
COLUMNS = ("entry_bar", "exit_bar", "side", "size", "exit_price")
UNITS = TradeRules(size_rule="units", size=1.0)


def cross(rules: TradeRules, **params: int) -> SmaCross:
    strategy = SmaCross(**{"fast": 3, "slow": 9, "direction": "long", **params})
    put_on(rules, strategy)
    return strategy


def sized(**rules: object) -> TradeRules:
    return TradeRules(**{**UNITS.given, **rules})


class Revised(SignalLive):
    """Does `act` once bar number `at` was heard."""

    def __init__(self, inner: SmaCross, at: int = -1, act: Callable[[Revised], None] = lambda _: None) -> None:
        super().__init__(inner, interval=60_000_000_000)
        self.at, self.act = at, act
        self.heard: list[Bar] = []
        self.levels: list[tuple[float, float]] = []

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.heard.append(bar)
        assert self._play is not None
        self.levels.append((self._play.stop, self._play.target))
        if len(self.heard) - 1 == self.at:
            self.act(self)


def run(live: SignalLive) -> Trades:
    return backtest(live).trades


def backtest(live: SignalLive) -> Result:
    return engine("event").run(live, CANDLES, Costs(cash=2_000))


def revise(rules: TradeRules) -> Callable[[Revised], None]:
    return lambda live: live.revise(cross(rules))


def reopen(rules: TradeRules) -> Callable[[Revised], None]:
    """The change was recorded, and the desk was closed before the next bar: it comes back with the new rules."""

    def act(live: Revised) -> None:
        state, trader, heard, levels = json.loads(json.dumps(live.on_save())), live.trader, live.heard, live.levels
        trader.cancel_all()
        Revised.__init__(live, cross(rules))
        SignalLive.__init__(live, live.inner, heard, interval=60_000_000_000)
        live.heard, live.levels, live.trader = heard, levels, trader
        live.on_load(state)
        live.on_start()

    return act


def standing(first: Trades, second: Trades) -> tuple[int, int]:
    """A trade that both have, and a bar within it in both."""
    for entry, left in zip(first.entry_bar, first.exit_bar, strict=True):
        found = np.flatnonzero(second.entry_bar == entry)
        if len(found) and (until := min(left, second.exit_bar[found[0]])) > entry + 3 and entry > 40:
            return int(entry), int(until) - 2
    raise AssertionError("no trade stands in both")


RULES = [
    sized(stop=0.012),
    sized(trailing=0.015),
    sized(atr_stop=1.8, atr_length=9),
    sized(take_profit=0.01),
    sized(roi=((0, 0.05), (4, 0.004))),
    sized(trailing=0.02, trailing_offset=0.01, break_even=0.008),
    sized(max_bars=6),
]


@pytest.mark.parametrize(
    ("before", "act"),
    [(UNITS, revise), (sized(stop=0.02, trailing=0.03, take_profit=0.09), reopen)],
    ids=["while it runs", "with a restart before the next bar"],
)
@pytest.mark.parametrize("after", RULES, ids=lambda rules: " ".join(list(rules.given)[2:]))
def test_a_position_that_stands_follows_new_exits_as_if_it_had_been_entered_with_them(
    before: TradeRules, after: TradeRules, act: Callable[[TradeRules], Callable[[Revised], None]]
) -> None:
    always, never = Revised(cross(after)), Revised(cross(before))
    wanted, free = run(always), run(never)
    entry, at = standing(wanted, free)
    live = Revised(cross(before), at, act(after))
    trades = run(live)
    assert live.levels[: at + 1] == never.levels[: at + 1], "until the next bar everything stays"
    assert live.levels[at + 1 :] == always.levels[at + 1 :]
    for column in COLUMNS:
        new = getattr(trades, column)[trades.entry_bar >= entry]
        np.testing.assert_allclose(new, getattr(wanted, column)[wanted.entry_bar >= entry], err_msg=column)
    assert always.levels != never.levels or not np.array_equal(wanted.exit_bar, free.exit_bar)


def test_a_stop_that_the_market_has_passed_already_leaves_at_once() -> None:
    free = run(Revised(cross(UNITS)))
    number = next(i for i in range(len(free)) if free.exit_bar[i] - free.entry_bar[i] > 3 and free.pnl[i] < 0)
    entry, left = int(free.entry_bar[number]), int(free.exit_bar[number])
    lowest = entry + 1 + int(np.argmin(CANDLES.close[entry + 1 : left - 1]))
    live = Revised(cross(UNITS), lowest - 1, revise(sized(stop=0.000_01)))
    [mine] = [row for row in backtest(live).rows() if row.entry_bar == entry]
    assert mine.exit_bar == lowest + 1
    assert mine.tag == "stop"
    assert mine.exit_price == CANDLES.open[lowest + 1]


def test_a_size_holds_from_the_next_entry_on() -> None:
    free = run(Revised(cross(UNITS)))
    entry, at = standing(free, free)
    trades = run(Revised(cross(UNITS), at, revise(TradeRules(size_rule="value", size=300.0))))
    before, after = trades.entry_bar <= entry, trades.entry_bar > entry
    assert set(trades.size[before]) == {1.0}
    np.testing.assert_allclose(trades.size[after] * trades.entry_price[after], 300, rtol=0.05)  # sized at the close


def test_a_lock_that_counts_goes_on_and_new_protections_know_of_the_trades_before() -> None:
    rules = sized(stop=0.004, cooldown=25)
    locked = run(Revised(cross(rules)))
    number = int(np.flatnonzero(locked.pnl < 0)[1])
    at = int(locked.exit_bar[number]) + 3
    freed = run(Revised(cross(rules), at, revise(sized(stop=0.004))))
    np.testing.assert_array_equal(freed.entry_bar[: number + 1], locked.entry_bar[: number + 1])
    assert freed.entry_bar[number + 1] == locked.entry_bar[number + 1] > locked.exit_bar[number] + 24
    later = freed.entry_bar[number + 2 :] - freed.exit_bar[number + 1 : -1]
    assert later.min() < 25, "then nothing holds it back"

    open_ = run(Revised(cross(sized(stop=0.004))))
    stops = np.flatnonzero(np.array(open_.tags) == "stop")[:3]
    at = int(open_.exit_bar[stops[2]]) - 2
    guard = sized(stop=0.004, stop_count=3, stop_lookback=1_000, stop_lock=40)
    guarded = run(Revised(cross(sized(stop=0.004)), at, revise(guard)))
    assert guarded.entry_bar[stops[2] + 1] >= open_.exit_bar[stops[2]] + 40, "the third stop since the start locks"


def test_parameters_that_look_back_further_are_given_the_bars_that_were_dropped() -> None:
    bars = [Bar(n * 60_000_000_000, 100.0 + n, 101.0 + n, 99.0 + n, 100.0 + n, 1.0) for n in range(100)]
    window = BarWindow(10, bars)
    assert (len(window), window.before) == (20, 80)
    wide = window.widened(30, bars[:80])
    whole = BarWindow(30, bars[40:], 40)
    assert (len(wide), wide.before, wide.first) == (60, 40, bars[40].ts)
    np.testing.assert_array_equal(wide.candles().close, whole.candles().close)
    new = Bar(100 * 60_000_000_000, 1.0, 1.0, 1.0, 1.0, 1.0)
    wide.append(new)
    assert wide.candles().close[-1] == 1.0
    assert BarWindow(10, bars[:5]).widened(30, ()).before == 0
