"""What a backtest gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workstation.market.candles import Candles, Floats
from workstation.research.costs import Costs
from workstation.research.metrics import measure
from workstation.research.trades import BacktestTrade, Trades


@dataclass(frozen=True, eq=False)
class Result:
    """What a backtest gave. `equity` is the account at each bar's close, the last one after the final exit.

    `stats` are figures that the engine took from elsewhere (backtesting.py's own, for its strategies); where it is None
    `metrics` are worked out here.
    """

    strategy: str
    params: dict[str, Any]
    engine: str
    candles: Candles
    costs: Costs
    trades: Trades
    equity: Floats
    stats: dict[str, Any] | None = None
    native: object = None  # what the engine itself can show: backtesting.py's Backtest, for its plot
    instruments: tuple[str, ...] = ()  # of several on one account: whose each trade is
    names: tuple[str, ...] = ()  # and all of them

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The figures by name (see `research/metrics.py`)."""
        return {**measure(self.equity, self.candles, self.trades, self.costs.cash), **(self.stats or {})}

    def rows(self) -> Iterator[BacktestTrade]:
        """The trades one by one."""
        t, time = self.trades, self.candles.time
        for i in range(len(t)):
            yield BacktestTrade(
                entry_bar=int(t.entry_bar[i]),
                exit_bar=int(t.exit_bar[i]),
                entry_time=int(time[t.entry_bar[i]]),
                exit_time=int(time[t.exit_bar[i]]),
                side="long" if t.side[i] > 0 else "short",
                size=float(t.size[i]),
                entry_price=float(t.entry_price[i]),
                exit_price=float(t.exit_price[i]),
                pnl=float(t.pnl[i]),
                fees=float(t.fees[i]),
                funding=float(t.funding[i]),
                slippage=float(t.slippage[i]),
                tag=t.tag(i),
            )


@dataclass(frozen=True, eq=False)
class SharedResult(Result):
    """A result of several instruments on one account: `candles` are `SharedCandles`, `trades` those of all,
    `instruments` whose each is."""

    def of(self, name: str) -> Trades:
        """The trades of one instrument, their bars counted as in `candles`."""
        return self.trades.only([row for row, each in enumerate(self.instruments) if each == name])
