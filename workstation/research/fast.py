"""The fast engine: a signal strategy through the compiled kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from workstation.market.candles import Candles, Floats, Ints
from workstation.research import kernel
from workstation.research.costs import BacktestError, Costs, refuse_hedged
from workstation.research.result import Result
from workstation.research.shared_candles import SharedCandles
from workstation.research.trades import Trades
from workstation.strategies.contract import SignalStrategy, Strategy, strategy_name


class FastEngine:
    """`SignalStrategy` only: an event strategy needs an engine that shows it one bar after another."""

    name = "fast"

    def run(self, strategy: Strategy, candles: Candles, costs: Costs) -> Result:
        """One backtest. Raises `BacktestError` for fewer than 2 bars or a strategy without signals."""
        if not isinstance(strategy, SignalStrategy):
            raise BacktestError(
                f"{strategy_name(type(strategy))} lives on events: the fast engine runs strategies with signals only."
            )
        if isinstance(candles, SharedCandles):
            from workstation.research.shared_fast import run

            return run(strategy, candles, costs)
        whole, real, equity = simulate(strategy, candles, costs)
        name = strategy_name(type(strategy))
        return Result(name, strategy.params, self.name, candles, costs, Trades.of(whole, real), equity)


def simulate(
    strategy: SignalStrategy, candles: Candles, costs: Costs, *, first: int = 0, equity: Floats | None = None
) -> tuple[Ints, Floats, Floats]:
    """The kernel's raw answer (see `kernel.walk`) and the equity at each bar's close, in `equity` if it is given; bars
    before `first` only warm the indicators up. Of `SharedCandles` that of several instruments on one account.

    Raises `BacktestError` for fewer than 2 bars and a strategy that trades its peer too.
    """
    if len(candles) < 2:
        raise BacktestError("A backtest needs two bars at least: a decision fills at the next bar's open.")
    if isinstance(candles, SharedCandles):
        from workstation.research.shared_fast import simulate as simulate_shared

        return simulate_shared(strategy, candles, costs, first=first, equity=equity)[1:]
    refuse_hedged(strategy)
    plan, codes = strategy.sizing.plan(candles), strategy.codes(candles)
    codes[:first] = 0
    if equity is None:
        equity = np.empty(len(candles))
    whole, real = kernel.walk(  # every number a float: another type would compile another kernel
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        codes,
        strategy.exits.atr(candles),
        int(plan.kind),
        plan.amount,
        np.array([plan.fraction, plan.cap, float(plan.least_trades)]),
        strategy.exits.numbers,
        strategy.exits.roi_table,
        strategy.protections.numbers,
        costs.funding_rates(candles),
        float(costs.cash),
        float(costs.fee),
        float(costs.slippage),
        float(costs.leverage),
        float(costs.maintenance),
        bool(costs.close_at_end),
        int(costs.path),
        equity,
    )
    return whole, real, equity


_kept = threading.local()


def scratch(bars: int) -> Floats:
    """A column for `simulate` that the thread fills again and again. A new one for each of many runs costs as much as
    the kernel: its pages are given back and asked for each time, above all in workers whose allocator keeps little."""
    column: Floats | None = getattr(_kept, "column", None)
    if column is None or len(column) != bars:
        column = _kept.column = np.empty(bars)
    return column


def is_compiled(candles: Candles | None = None) -> bool:
    """Whether the machine code of the kernel (for these candles) is in memory or cached on the disk; without it the
    first run takes seconds."""
    if isinstance(candles, SharedCandles):
        from workstation.research.shared_fast import is_compiled as is_shared_compiled

        return is_shared_compiled()
    return bool(kernel.walk.signatures or kernel.cache_files())


def announce_compiling(say: Callable[[str], object], candles: Candles | None = None) -> None:
    """Says through `say` that the next run compiles, if it does."""
    if not is_compiled(candles):
        say("Compiling the backtest kernel: only the first run after an installation takes these seconds.")
