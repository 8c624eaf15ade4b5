"""A signal strategy on the demo desk against the event engine on the very bars that the desk saw: the same trades."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.support.desk import BTC, GENEROUS, demo_desk
from workstation.domain.order import OrderState, Side
from workstation.domain.trade_rules import TradeRules
from workstation.market.candles import Candles
from workstation.research.engine import Costs, engine
from workstation.strategies.library import find_strategy
from workstation.strategies.live_run import LiveRun
from workstation.strategies.trade_rules import put_on

FIVE_SECONDS = 5_000_000_000
CAPITAL = Decimal(10_000)
SOURCE = '''
from workstation.market.candles import Candles
from workstation.strategies.contract import Signals, SignalStrategy
from workstation.strategies.exits import Exits
from workstation.strategies.indicators import sma
from workstation.strategies.parameters import Int


class Quick(SignalStrategy):
    """In above its average; how it leaves is left to its exits."""

    length = Int(4, low=2, high=50)
    exits = Exits(roi=((0, 0.0012), (4, 0.0006)), max_bars=7)
    since = 0  # nothing is entered before this time

    def signals(self, candles: Candles) -> Signals:
        return Signals(long_entry=(candles.close > sma(candles, self.length)) & (candles.time >= self.since))
'''


class Quiet:
    """Waits until a run has handled what it heard and its orders are answered."""

    def __init__(self, live: LiveRun) -> None:
        self._live, self._call, self._busy = live, live._call, False
        live._call = self._counted  # type: ignore[method-assign]

    async def _counted(self, call: Callable[[], None]) -> None:
        self._busy = True
        try:
            await self._call(call)
        finally:
            self._busy = False

    async def __call__(self) -> None:
        live, still = self._live, 0
        while still < 2:
            await asyncio.sleep(0.002)
            assert live.trader.alive, live._desk.log.entries[-1]
            moving = self._busy or live._events or live._out._outbox or live._out._submits or live._wake.is_set()
            still = 0 if moving else still + 1


@pytest.mark.slow
async def test_exits_sizes_and_protections_do_on_the_desk_what_they_do_in_a_backtest(tmp_path: Path) -> None:
    file = tmp_path / "quick.py"
    file.write_text(SOURCE)
    rules = TradeRules(stop=0.0006, trailing=0.0005, size_rule="value", size=2_000, cooldown=2)
    async with demo_desk(tmp_path, limits=GENEROUS) as desk:
        desk.engine.strategies.stop_after = 60.0
        run = await desk.engine.strategies.start(
            str(file), BTC, capital=CAPITAL, interval=FIVE_SECONDS, params={"direction": "long"}, rules=rules
        )
        assert run.rules == rules
        quiet = Quiet(desk.engine.strategies._live[run.run_id])
        for _ in range(235):
            await desk.run(1)
            await quiet()
        series = desk.engine.core.market.markets[BTC].candles.series(FIVE_SECONDS)
        bars = list(series.closed)
        done = [
            order for order in desk.engine.orders() if order.origin == run.run_id and order.state is OrderState.FILLED
        ]
        started = run.since
        fee = float(desk.engine.instrument(BTC).taker_fee)
    done.sort(key=lambda order: order.updated_at)
    columns = np.array([(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]).T
    candles = Candles(np.array([bar.ts for bar in bars]), *columns)
    strategy = find_strategy(str(file)).cls(direction="long")
    strategy.since = started
    put_on(rules, strategy)
    result = engine("event").run(strategy, candles, Costs(cash=float(CAPITAL), fee=fee))
    # The last trade is still open on one side or ended by the end of the bars on the other: it says nothing.
    trades = list(result.rows())[:-1]
    pairs = list(zip(done[0::2], done[1::2], strict=False))[: len(trades)]
    assert {trade.tag for trade in trades} == {"stop", "trail", "target"}
    assert len(pairs) == len(trades) == 5

    def bar_of(ts: int) -> int:
        return int(np.searchsorted(candles.time, ts, side="right")) - 1

    for trade, (entry, leaving) in zip(trades, pairs, strict=True):
        assert (entry.side, leaving.note) == (Side.BUY, trade.tag)
        assert bar_of(entry.updated_at) == trade.entry_bar
        assert bar_of(leaving.updated_at) - trade.exit_bar in (0, 1)  # it sees the book once a second here
        assert float(entry.quantity) == pytest.approx(trade.size, rel=1e-3)  # the desk sizes at the close, by lots
        for order, price in ((entry, trade.entry_price), (leaving, trade.exit_price)):  # it pays the spread
            assert float(order.average_price or 0) == pytest.approx(price, rel=1e-3)
