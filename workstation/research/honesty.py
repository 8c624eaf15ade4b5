"""The honesty band: one run under each belief about what happened inside the bars, and the trades that hang on it.

Candles do not say in which order a bar reached its high and its low. Where both a stop and a target lie inside one bar,
the result is a belief: the stop came first (pessimistic, the default), the target did (optimistic), or what lies nearer
to the bar's open did (adaptive). A result that needs one of them is no result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.domain.backtest_terms import PATHS
from workstation.market.candles import Candles
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import Engine
from workstation.research.result import Result
from workstation.research.trades import Trades
from workstation.strategies.contract import Strategy


@dataclass(frozen=True, slots=True)
class Difference:
    """A position that ends differently, by the path's name: the row of its trade in that path's result, None where that
    path has no trade from this bar on this side."""

    entry_bar: int
    side: str
    rows: Mapping[str, int | None]


@dataclass(frozen=True, eq=False)
class Band:
    """One result a path, and what differs between them. `verdict` says it to the trader."""

    results: Mapping[str, Result]
    differences: tuple[Difference, ...]
    verdict: str

    @property
    def width(self) -> float:
        """Optimistic less pessimistic return, in percentage points."""
        gained = {name: result.metrics["return_pct"] for name, result in self.results.items()}
        return float(max(gained.values()) - min(gained.values()))

    def as_json(self) -> dict[str, Any]:
        """As `tws backtest --band --json` prints it."""
        figures = ("final_equity", "return_pct", "max_drawdown_pct", "sharpe", "win_rate_pct", "n_trades")
        paths = {name: {key: result.metrics[key] for key in figures} for name, result in self.results.items()}
        rows = {name: list(result.rows()) for name, result in self.results.items()}
        different = []
        for each in self.differences:
            ends = {}
            for name, row in each.rows.items():
                trade = None if row is None else rows[name][row]
                shown = ("exit_bar", "exit_price", "pnl", "tag")
                ends[name] = None if trade is None else {key: getattr(trade, key) for key in shown}
            different.append({"entry_bar": each.entry_bar, "side": each.side, **ends})
        return {"width_pct": self.width, "verdict": self.verdict, "paths": paths, "differences": different}


def band(make: Callable[[], Strategy], candles: Candles, costs: Costs, engine: Engine) -> Band:
    """Run under every path; `make` gives a fresh strategy each time. Raises `BacktestError` for an engine that knows
    one path only."""
    if engine.name == "backtesting":
        raise BacktestError("backtesting.py knows the pessimistic path only: the band needs --engine fast or event.")
    results = {name: engine.run(make(), candles, replace(costs, path=path)) for path, name in enumerate(PATHS)}
    found = differences({name: result.trades for name, result in results.items()})
    return Band(results, found, _verdict(results, found))


def differences(trades: Mapping[str, Trades]) -> tuple[Difference, ...]:
    """Where the paths' trades part: by the bar and the side of the entry, other exits or no such trade."""
    places = {name: _by_entry(each) for name, each in trades.items()}
    keys = sorted({key for place in places.values() for key in place})
    found = []
    for key in keys:
        rows = {name: place.get(key) for name, place in places.items()}
        ends = {None if row is None else _end(trades[name], row) for name, row in rows.items()}
        if len(ends) > 1:
            bar, side, _ = key
            found.append(Difference(bar, "long" if side > 0 else "short", rows))
    return tuple(found)


def _by_entry(trades: Trades) -> dict[tuple[int, int, int], int]:
    """Row of a trade by its entry's bar, its side, and its number among those of the same bar and side."""
    rows: dict[tuple[int, int, int], int] = {}
    order = np.lexsort((trades.exit_bar, trades.entry_bar))
    for row in order.tolist():
        bar, side, number = int(trades.entry_bar[row]), int(trades.side[row]), 0
        while (bar, side, number) in rows:
            number += 1
        rows[bar, side, number] = row
    return rows


def _end(trades: Trades, row: int) -> tuple[int, float, int]:
    return int(trades.exit_bar[row]), float(trades.exit_price[row]), int(trades.reason[row])


def _verdict(results: Mapping[str, Result], found: tuple[Difference, ...]) -> str:
    gained = {name: float(result.metrics["return_pct"]) for name, result in results.items()}
    most = max(len(result.trades) for result in results.values())
    if not found:
        return f"The same under every path inside the bars: {gained['pessimistic']:+.2f} %."
    spread = ", ".join(f"{name} {gained[name]:+.2f} %" for name in results)
    share = f"{len(found):,} of {most:,} trades"
    if min(gained.values()) < 0 < max(gained.values()):
        return f"Whether it gains or loses hangs on what happened inside the bars ({share} differ): {spread}."
    return f"{share} hang on what happened inside the bars: {spread}."
