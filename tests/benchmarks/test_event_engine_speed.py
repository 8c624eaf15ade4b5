"""The event engine beside backtesting.py on the same strategy and bars, in one run. No assertion on time.

Run with: uv run pytest -m benchmark tests/benchmarks/test_event_engine_speed.py -s
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.bars import random_walk
from workstation.domain.bar import Bar
from workstation.domain.order import Side
from workstation.market.candles import Memo
from workstation.research.engine import Costs, engine
from workstation.strategies.contract import Strategy
from workstation.strategies.indicators import crossed_above, crossed_below, sma
from workstation.strategies.shipped.sma_cross import SmaCross

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

COSTS = Costs(cash=100_000, fee=0.0005)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the quicker of two rounds."""
    taken = []
    for _ in range(2):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def test_the_event_engine_beside_backtesting_py() -> None:
    from backtesting import Backtest
    from backtesting import Strategy as Theirs
    from backtesting.lib import crossover

    from workstation.research.backtesting_engine import frame

    bars = random_walk(100_000, seed=1, interval=60_000_000_000, step=0.0008)
    fast, slow = sma(bars, 10), sma(bars, 30)
    up, down = crossed_above(fast, slow).tolist(), crossed_below(fast, slow).tolist()

    class Cross(Strategy):
        bar = -1

        def on_bar(self, bar: Bar) -> None:
            self.bar += 1
            if up[self.bar]:
                self.trader.order(Side.BUY, self.trader.equity / 200)
            elif down[self.bar]:
                self.trader.close()

    class Library(Theirs):  # type: ignore[misc]
        def init(self) -> None:
            self.one, self.two = self.I(lambda: fast), self.I(lambda: slow)

        def next(self) -> None:
            if crossover(self.one, self.two):
                self.buy()
            elif crossover(self.two, self.one):
                self.position.close()

    signals = SmaCross(fast=10, slow=30)
    trades = len(engine("event").run(signals, bars, COSTS).trades)
    ours = seconds(lambda: engine("event").run(signals, replace(bars, memo=Memo()), COSTS))
    events = seconds(lambda: engine("event").run(Cross(), bars, COSTS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = Backtest(frame(bars), Library, cash=COSTS.cash, commission=COSTS.fee)
        theirs = seconds(test.run)
    print(f"\n{trades} trades on {len(bars):,} bars, CPU s (bars a CPU second):")
    for label, taken in (("signal strategy", ours), ("event strategy", events), ("backtesting.py", theirs)):
        print(f"  {label:16} {taken:7.3f}  ({len(bars) / taken:9,.0f})  {theirs / taken:6.1f}× backtesting.py")
