"""What a signal strategy has decided, between it and a broker that fills bar by bar: the engine that replays it through
backtesting.py's order book asks here for sizes, levels and reasons. Nothing here knows that library."""

from __future__ import annotations

from typing import Any

import numpy as np

from workstation.market.candles import Candles
from workstation.research.costs import Costs
from workstation.strategies import rules
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.exits import Reason
from workstation.strategies.sizing import SizeKind


class Replay:
    """What a signal strategy decides, and the state of its one open trade, between the strategy and the broker of
    backtesting.py. Prices here are the market's; the library sees them times `scale`, so that its whole units are fine
    ones. `scale` is a power of two: no price is rounded by it."""

    def __init__(self, strategy: SignalStrategy, candles: Candles, costs: Costs) -> None:
        self.costs = costs
        self.bars = len(candles)
        self.codes = strategy.codes(candles)
        self.plan = strategy.sizing.plan(candles)
        self.atr = strategy.exits.atr(candles)
        self.exits, self.roi = strategy.exits.numbers, strategy.exits.roi_table
        self.protections = strategy.protections.numbers
        self.funding = costs.funding_rates(candles)
        self.scale = 2.0 ** round(np.log2(costs.cash / float(np.median(candles.close))) - 48)
        self.entry = 0  # the side that the next open enters
        self.pending: Reason | None = None  # why the next open leaves
        self.stop = self.target = self.ruin = self.best = self.paid = self.slipped = self.shortfall = 0.0
        self.trailed = False
        self.lock, self.peak = -1, costs.cash
        self.rows: list[tuple[int, float, float, float]] = []  # reason, funding, slippage, shortfall of each trade
        self.exit_bars: list[int] = []
        self.pnls: list[float] = []
        self.gains: list[float] = []

    def size(self, equity: float, side: int, price: float, decided: int) -> float:
        """Units of an entry at `price` whose decision fell on bar `decided`; its first stop is kept."""
        self.stop = rules.first_stop(side, price, self.exits, _at(self.atr, decided))
        amount, kind = _at(self.plan.amount, decided), int(self.plan.kind)
        if kind == SizeKind.KELLY:
            plan, gains = self.plan, np.array(self.gains, dtype=np.float64)
            amount = rules.kelly_share(gains, len(gains), plan.fraction, plan.cap, amount, plan.least_trades)
            kind = int(SizeKind.EQUITY)
        fee, leverage = float(self.costs.fee), float(self.costs.leverage)
        return float(rules.units_for(kind, amount, equity, price, fee, leverage, self.stop))

    def funding_rate(self, bar: int) -> float:
        """Of a bar; none after the last one."""
        return _at(self.funding, bar) if bar < self.bars else 0.0

    def levels(self, trade: Any) -> None:
        """Give the library the stop (or the liquidation, where it is nearer) and the target as they stand."""
        side = int(np.sign(trade.size))
        stops = [level for level in (self.stop, self.ruin) if level > 0]
        stop = (max(stops) if side > 0 else min(stops)) * self.scale if stops else None
        target = self.target * self.scale if self.target > 0 else None
        if trade.sl != stop:
            trade.sl = stop
        if trade.tp != target:
            trade.tp = target

    def find_ruin(self, broker: Any, trade: Any) -> None:
        side, costs = int(np.sign(trade.size)), self.costs
        if costs.leverage > 1 or costs.maintenance > 0 or side < 0:
            entry, units = trade.entry_price / self.scale, abs(trade.size) * self.scale
            self.ruin = rules.liquidation_price(side, entry, units, broker._cash, costs.maintenance)

    def reason(self, side: int, price: float) -> Reason:
        """Why a trade is being closed at the market's `price`."""
        if self.pending is not None:
            return self.pending
        if self.stop > 0 and side * (price - self.stop) <= 0:
            if self.ruin > 0 and side * (self.ruin - self.stop) > 0:
                return Reason.LIQUIDATION
            return Reason.TRAIL if self.trailed else Reason.STOP
        if self.ruin > 0 and side * (price - self.ruin) <= 0:
            return Reason.LIQUIDATION
        return Reason.TARGET


def _at(column: Any, i: int) -> float:
    return float(column[i]) if len(column) > 1 else float(column[0])
