"""The fast engine on several instruments with one account: a signal strategy on each, through the compiled loop."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from workstation.market.candles import Floats, Ints
from workstation.research import shared_kernel
from workstation.research.costs import BacktestError, Costs
from workstation.research.kernel import cache_files
from workstation.research.result import SharedResult
from workstation.research.shared_candles import SharedCandles
from workstation.research.trades import Trades
from workstation.strategies.contract import SignalStrategy, strategy_name


def run(strategy: SignalStrategy, candles: SharedCandles, costs: Costs) -> SharedResult:
    """One backtest: the numbers of `run_shared`, to the last digit. Raises `BacktestError`."""
    legs, whole, real, equity = simulate(strategy, candles, costs)
    names = tuple(candles.sets)
    return SharedResult(
        strategy_name(type(strategy)), strategy.params, "fast", candles, costs, Trades.of(whole, real), equity,
        instruments=tuple(names[leg] for leg in legs), names=names,
    )  # fmt: skip


def simulate(
    strategy: SignalStrategy, candles: SharedCandles, costs: Costs, *, first: int = 0, equity: Floats | None = None
) -> tuple[Ints, Ints, Floats, Floats]:
    """The number of each trade's instrument, and as `fast.simulate`: the trades' columns in order of their ends, and
    the equity at each time. Raises `BacktestError`."""
    if strategy.NEEDS_PEER:
        raise BacktestError(f"{strategy_name(type(strategy))} has a second instrument of its own: run it alone.")
    candles.check(costs)
    if equity is None:
        equity = np.empty(len(candles))
    series, steps = list(candles.sets.values()), candles.steps
    made = [strategy, *(deepcopy(strategy) for _ in series[1:])]  # each has its own, as fresh as the first
    codes, plans = [one.codes(bars) for one, bars in zip(made, series, strict=True)], []
    for one, bars, each, name in zip(made, series, codes, steps, strict=True):
        each[: np.searchsorted(steps[name], first)] = 0
        plans.append((one.sizing.plan(bars), one.exits.atr(bars), costs.funding_rates(bars)))
    exits, plan = strategy.exits, plans[0][0]
    legs, whole, real = shared_kernel.walk(
        *candles.memo.get("columns", lambda: _columns(candles)),
        np.concatenate(codes),
        _column([atr for _, atr, _ in plans]),
        int(plan.kind),
        _column([sizes.amount for sizes, _, _ in plans]),
        np.array([plan.fraction, plan.cap, float(plan.least_trades)]),
        exits.numbers,
        exits.roi_table,
        strategy.protections.numbers,
        _column([rates for _, _, rates in plans]),
        np.array([candles.shares[name] for name in candles.sets]),
        float(costs.cash),
        float(costs.fee),
        float(costs.slippage),
        float(costs.leverage),
        float(costs.maintenance),
        bool(costs.close_at_end),
        int(costs.path),
        equity,
    )
    order = np.lexsort((legs, whole[:, 1]))  # of one time in the order of the instruments
    return legs[order], whole[order], real[order], equity


def is_compiled() -> bool:
    """Whether the loop's machine code is in memory or on the disk."""
    return bool(shared_kernel.walk.signatures or cache_files(str(shared_kernel.__file__)))


def _columns(candles: SharedCandles) -> tuple[Ints | Floats, ...]:
    """The first seven arguments of the kernel."""
    series, steps = list(candles.sets.values()), list(candles.steps.values())
    starts = np.cumsum([0, *(len(one) for one in series)])
    at, whose = np.concatenate(steps), np.repeat(np.arange(len(series)), [len(one) for one in series])
    order = np.lexsort((whose, at))
    first = np.searchsorted(at[order], np.arange(len(candles) + 1))
    prices = (np.concatenate([getattr(one, name) for one in series]) for name in ("open", "high", "low", "close"))
    return starts, first, whose[order], *prices


def _column(parts: list[Floats]) -> Floats:
    """One number a bar of each instrument behind the other, or the single one that they all have."""
    return parts[0] if len(parts[0]) == 1 else np.concatenate(parts)
