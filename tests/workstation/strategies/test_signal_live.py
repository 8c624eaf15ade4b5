"""What a signal strategy decides on the desk, bar by bar, is what it decides in a backtest over the same bars."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.bars import random_walk
from workstation.domain.bar import Bar
from workstation.domain.fill import Fill
from workstation.domain.order import Side
from workstation.domain.trade_rules import UNCHANGED, TradeRules
from workstation.market.candles import Bools, Candles
from workstation.research.bar_broker import BarOrder
from workstation.research.engine import Costs, engine
from workstation.research.trades import Trades
from workstation.strategies.contract import Signals, SignalStrategy, Trader
from workstation.strategies.exits import Exits, Reason
from workstation.strategies.library import list_strategies
from workstation.strategies.protections import Protections
from workstation.strategies.shipped.sma_cross import SmaCross
from workstation.strategies.signal_live import SignalLive
from workstation.strategies.signal_play import SignalPlay
from workstation.strategies.sizing import Sizing
from workstation.strategies.trade_rules import put_on

SHIPPED = {
    info.name: info.cls
    for info in list_strategies()
    if info.cls is not None
    and issubclass(info.cls, SignalStrategy)
    and info.source.startswith("tws ")
    and not info.cls.NEEDS_PEER
}


def assert_same_decisions(strategy: SignalStrategy, bars: int, seed: int) -> int:
    """Live: one closed bar after another, all signals worked out anew. Size is small: sizes are taken at the close."""
    strategy.sizing = Sizing.units(1)
    candles = random_walk(bars, seed=seed)
    fast = engine("fast").run(strategy, candles, Costs(cash=1e6))
    live = engine("event").run(SignalLive(strategy), candles, Costs(cash=1e6))
    np.testing.assert_array_equal(fast.trades.entry_bar, live.trades.entry_bar)
    np.testing.assert_array_equal(fast.trades.exit_bar, live.trades.exit_bar)
    np.testing.assert_array_equal(fast.trades.side, live.trades.side)
    np.testing.assert_allclose(fast.trades.exit_price, live.trades.exit_price, rtol=1e-7)
    return len(fast.trades)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_strategy_decides_live_as_in_a_backtest(name: str) -> None:
    assert_same_decisions(SHIPPED[name](), 200, seed=4)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 10_000),
    st.integers(1, 6),
    st.sampled_from(
        [
            (Exits(), Protections()),
            (Exits(stop=0.01), Protections(cooldown=3)),
            (Exits(trailing=0.02, trailing_offset=0.01, max_bars=15), Protections()),
        ]
    ),
)
def test_the_same_decisions_whatever_the_market_and_the_exits(
    seed: int, fast: int, parts: tuple[Exits, Protections]
) -> None:
    strategy = SmaCross(fast=fast, slow=fast + 5)
    strategy.exits, strategy.protections = parts
    assert_same_decisions(strategy, 120, seed)


class Restarted(SignalLive):
    """One whose desk is closed and opened again after every other bar on which nothing is under way: it goes on from
    what was saved as JSON, with the bars of before as history and its orders pulled."""

    def __init__(self, inner: SignalStrategy) -> None:
        super().__init__(inner, interval=60_000_000_000)
        self.heard: list[Bar] = []
        self.restarts = 0

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.heard.append(bar)
        working: list[BarOrder] = list(self.trader._working.values())  # type: ignore[attr-defined]
        if len(self.heard) % 2 or self._closing is not None or any(not order.stop for order in working):
            return
        state, trader, heard = json.loads(json.dumps(self.on_save())), self.trader, self.heard
        trader.cancel_all()
        SignalLive.__init__(self, self.inner, heard, interval=60_000_000_000)
        self.trader = trader
        self.on_load(state)
        self.on_start()
        self.restarts += 1


@pytest.mark.parametrize(
    "rules",
    [
        TradeRules(stop=0.01, cooldown=9),
        TradeRules(trailing=0.02, trailing_offset=0.004, break_even=0.01, max_bars=7),
        TradeRules(stop=0.004, stop_count=2, stop_lookback=60, stop_lock=25),
        TradeRules(max_drawdown=0.002, max_drawdown_lock=30),
        TradeRules(profit_trades=3, profit_lookback=80, profit_lock=20),
        TradeRules(atr_stop=1.5, size_rule="kelly", size=0.5, size_length=4),
        TradeRules(atr_stop=2, size_rule="risk", size=0.005),
    ],
    ids=lambda rules: " ".join(rules.given),
)
def test_a_restart_changes_nothing_of_what_its_rules_decide(rules: TradeRules) -> None:
    def cross(some: TradeRules) -> SmaCross:
        strategy = SmaCross(fast=2, slow=5, direction="both")
        put_on(some if some.size_rule else replace(some, size_rule="units", size=1.0), strategy)
        return strategy

    def run(live: SignalLive) -> Trades:
        return engine("event").run(live, random_walk(400, seed=8), Costs(cash=2_000)).trades

    restarted = Restarted(cross(rules))
    whole, parts, free = run(SignalLive(cross(rules))), run(restarted), run(SignalLive(cross(UNCHANGED)))
    assert restarted.restarts > 50
    assert len(whole) > 10
    for column in ("entry_bar", "exit_bar", "side", "size", "exit_price"):
        np.testing.assert_allclose(getattr(parts, column), getattr(whole, column), err_msg=column)
    assert not np.array_equal(free.size, whole.size), "the rules decide something here"


def test_bars_that_closed_while_the_desk_was_away_count_in_the_trade() -> None:
    """Held time, locks and the best price go on through them."""
    inner = SmaCross(direction="long")
    put_on(TradeRules(stop=0.05, trailing=0.02, max_bars=10, cooldown=5), inner)
    play = SignalPlay(inner, cash=1e4, fee=0.0)
    play.decide(0, 0, 1.0, 0.0)
    play.entered(1, 100.0, 3)
    play.lock = 12
    state = json.loads(json.dumps(play.state(6)))
    again = SignalPlay(inner, cash=1e4, fee=0.0)
    again.restore(state, -4)  # bars 6 to 9 were missed: bar 10 is number 0 from now on
    assert (again.entry_bar, again.lock) == (3 - 10, 12 - 10)
    for number in range(-4, 0):
        again.closed_bar(number, 110.0, 99.0)
    assert again.stop == pytest.approx(110 * 0.98)
    assert again.decide(1, 0, 1.0, 0.0)[0] is None
    assert again.decide(2, 0, 1.0, 0.0)[0] is Reason.TIME, "ten bars held, four of them unseen"


def test_bars_that_were_missed_count_once_though_the_desk_restarts_twice_before_the_next() -> None:
    bars = [Bar(n * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0) for n in range(40)]

    def opened(state: dict[str, object], history: list[Bar]) -> SignalLive:
        live = SignalLive(SmaCross(direction="long"), history, interval=60_000_000_000)
        live.trader = cast(Trader, SimpleNamespace(equity=1e4, position=0))
        live.on_load(json.loads(json.dumps(state)))
        live.on_start()
        return live

    first = opened({}, bars[:20])
    assert first._play is not None
    first._last, first._play.side, first._play.entry_bar = bars[19].ts, 1, -2
    second = opened(first.on_save(), bars[:30])
    third = opened(second.on_save(), bars[:30])
    assert second._play is not None
    assert third._play is not None
    assert third._play.entry_bar == second._play.entry_bar == -12


def test_no_second_entry_while_the_first_has_no_answer() -> None:
    sent: list[str] = []

    def order(_side: Side, _units: Decimal, **_terms: object) -> str:
        sent.append(f"o{len(sent)}")
        return sent[-1]

    class Up(SignalStrategy):
        def signals(self, candles: Candles) -> Signals:
            return Signals(long_entry=np.ones(len(candles), dtype=bool))

    live = SignalLive(Up(), interval=60_000_000_000)
    live.trader = cast(Trader, SimpleNamespace(equity=1e4, position=0, order=order))
    live.on_start()
    for number in range(4):
        live.on_bar(Bar(number * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    assert sent == ["o0"]
    live.on_reject("o0", "the venue says no")
    live.on_bar(Bar(4 * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    assert sent == ["o0", "o1"]


class Told(SignalStrategy):
    """Decides on bar n what `says` has for it."""

    says: tuple[str, ...] = ()

    def signals(self, candles: Candles) -> Signals:
        bars = candles.before + np.arange(len(candles))
        found = [self.says[n] if n < len(self.says) else "" for n in bars]

        def when(word: str) -> Bools:
            return np.array([one == word for one in found])

        return Signals(when("long"), when("out"), when("short"), when("out"))


class Slow:
    """A trader whose orders are answered when the test says so."""

    equity, instrument = 1e4, None

    def __init__(self) -> None:
        self.position = Decimal(0)
        self.sent: list[str] = []
        self.timers: list[tuple[float, str]] = []
        self.said: list[tuple[str, bool]] = []

    def order(self, side: Side, units: Decimal, **_terms: object) -> str:
        self.sent.append(f"{side} {len(self.sent)}")
        return self.sent[-1]

    def close(self, tag: str = "") -> None:
        self.sent.append(f"close {tag}")

    def cancel(self, client_id: str) -> None:
        pass

    def timer(self, seconds: float, name: str = "") -> None:
        self.timers.append((seconds, name))

    def say(self, text: str, *, loud: bool = False) -> None:
        self.said.append((text, loud))


def told(*says: str) -> tuple[SignalLive, Slow, Callable[[str, int], None]]:
    """One that has heard a bar for each word, its trader, and how an order of it fills: side and what is held then."""
    inner = Told(direction="both")
    inner.says, inner.sizing = says, Sizing.units(1)
    live, trader = SignalLive(inner, interval=60_000_000_000), Slow()
    live.trader = cast(Trader, trader)
    live.on_start()

    def fill(side: str, held: int) -> None:
        trader.position = Decimal(held)
        live.on_fill(cast(Fill, SimpleNamespace(client_id="", side=Side(side), price=Decimal(100))))

    for number in range(len(says)):
        live.on_bar(Bar(number * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    return live, trader, fill


def test_an_entry_that_fills_after_its_exit_signal_is_left_at_once() -> None:
    _, trader, fill = told("long", "out", "")
    assert trader.sent == ["buy 0"]
    fill("buy", 1)
    assert trader.sent == ["buy 0", "close signal"]
    fill("sell", 0)
    assert trader.sent == ["buy 0", "close signal"]


def test_an_entry_that_waits_for_the_answer_goes_on_where_nothing_speaks_against_it() -> None:
    for says in (("long", "", ""), ("long", "out", "long")):
        _, trader, fill = told(*says)
        fill("buy", 1)
        assert trader.sent == ["buy 0"]


def test_the_other_way_round_before_the_entry_has_filled_is_entered_once_that_is_left() -> None:
    live, trader, fill = told("long", "short")
    fill("buy", 1)
    fill("sell", 0)
    assert trader.sent == ["buy 0", "close signal", "sell 2"]
    live, trader, fill = told("long", "short")
    live.on_reject("buy 0", "the venue says no")
    assert trader.sent == ["buy 0", "sell 1"]
    live, trader, fill = told("long", "short", "out")
    live.on_reject("buy 0", "the venue says no")
    assert trader.sent == ["buy 0"]


def test_a_reversal_that_waits_for_the_old_position_is_forgotten_with_its_own_exit_signal() -> None:
    live, trader, fill = told("long")
    fill("buy", 1)
    live.inner.says = ("long", "short", "out")  # type: ignore[attr-defined]
    for number in (1, 2):
        live.on_bar(Bar(number * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    fill("sell", 0)
    assert trader.sent == ["buy 0", "close signal"]


def test_an_exit_that_is_refused_is_tried_again_on_the_next_close() -> None:
    live, trader, fill = told("long")
    fill("buy", 1)
    live.inner.says = ("long", "out", "", "")  # type: ignore[attr-defined]
    for number in (1, 2, 3):
        live.on_bar(Bar(number * 60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
        if number == 1:
            live.on_reject("the desk's own", "no price")
    assert trader.sent == ["buy 0", "close signal", "close signal"]


def test_a_position_whose_stop_is_refused_is_closed_and_told_and_a_refused_close_is_tried_again_soon() -> None:
    live, trader, fill = told("long")
    live.inner.exits = Exits(stop=0.05)
    live._play = None
    live.on_start()
    live.on_bar(Bar(60_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    live.inner.says = ("long", "long")  # type: ignore[attr-defined]
    live.on_bar(Bar(120_000_000_000, 100.0, 101.0, 99.0, 100.0, 1.0))
    fill("buy", 1)
    assert live._stop_id == trader.sent[-1] == "sell 1"
    live.on_reject("sell 1", "The venue takes no stops.")
    assert trader.sent[-1] == "close stop"
    assert trader.said == [("has no stop (The venue takes no stops), and closes what it holds at the market.", True)]
    for number in (1, 2):
        live.on_reject("the desk's own", "no price")
        assert trader.timers == [(10.0, "again")] * number
        assert trader.said[-1] == (
            "holds its position WITHOUT A STOP: it cannot close it (no price) and tries again.",
            number == 1,
        )
        live.on_timer("again")
        assert trader.sent[1:] == ["sell 1"] + ["close stop"] * (number + 1)
    live.on_timer("again")  # nothing was refused since
    assert trader.sent[1:] == ["sell 1"] + ["close stop"] * 3
    fill("sell", 0)
    assert live._told_refused is False


class Recorded(SignalLive):
    """Keeps what it read of each bar."""

    def __init__(self, inner: SignalStrategy, interval: int) -> None:
        super().__init__(inner, interval=interval)
        self.codes: list[int] = []

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.codes.append(self.last_code)


#: Parameters that let the oldest bars be dropped again and again within the test's bars.
SHORT = {
    "ts_momentum": {"lookback": 12, "hold": 7},
    "ibs_mean_reversion": {"range_length": 10, "var_length": 20},
    "trend_pullback": {"multiple": 2, "trend": 5},
    "sma_cross": {"fast": 3, "slow": 10},
    "macd": {"fast": 5, "slow": 12, "signal": 4},
    "ema_cross": {"fast": 3, "slow": 10},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_signals_over_the_newest_bars_are_those_over_all_bars(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk drops what a strategy cannot hang on any more; each bar's signals stay what they are in a backtest."""
    monkeypatch.setattr("workstation.strategies.signal_live.LEAST_BARS", 60)
    strategy = SHIPPED[name](direction="long" if name == "buy_and_hold" else "both", **SHORT.get(name, {}))
    strategy.sizing = Sizing.units(1)
    candles = random_walk(900, seed=11, interval=15 * 60_000_000_000)
    live = Recorded(strategy, candles.interval)
    engine("event").run(live, candles, Costs(cash=1e6))

    assert live._bars.before > 0
    whole = strategy.codes(candles)[: len(live.codes)]
    np.testing.assert_array_equal(live.codes, whole)
    assert np.count_nonzero(whole) > 0


def test_a_market_that_jumps_back_begins_a_new_series() -> None:
    live, trader, _ = told("", "", "long")
    live.on_bar(Bar(0, 100.0, 101.0, 99.0, 100.0, 1.0))
    assert len(live._bars) == 1
    assert trader.sent == ["buy 0"]
