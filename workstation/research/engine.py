"""The engines by their names. What goes in and comes out is in `costs`, `trades` and `result`."""

from __future__ import annotations

from typing import Protocol

from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs
from workstation.research.result import Result
from workstation.research.trades import BacktestTrade, Trades
from workstation.strategies.contract import Strategy

__all__ = ["ENGINES", "BacktestError", "BacktestTrade", "Costs", "Engine", "Result", "Trades", "engine"]

ENGINES = ("fast", "event", "backtesting")


class Engine(Protocol):
    """Runs one strategy on candles. Raises `BacktestError`, or what the strategy itself raises."""

    name: str

    def run(self, strategy: Strategy, candles: Candles, costs: Costs) -> Result: ...


def engine(name: str) -> Engine:
    """The engine of that name, its libraries loaded now. Raises `BacktestError`."""
    match name:
        case "fast":
            from workstation.research.fast import FastEngine

            return FastEngine()
        case "backtesting":
            from workstation.research.backtesting_engine import BacktestingEngine

            return BacktestingEngine()
        case "event":
            from workstation.research.event_engine import EventEngine

            return EventEngine()
    raise BacktestError(f"There is no engine {name!r}: {', '.join(ENGINES)}.")
