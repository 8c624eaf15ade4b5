"""The fast engine: a signal strategy through the compiled kernel."""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from workstation.market.candles import Candles, Codes, Floats, Ints
from workstation.research import kernel
from workstation.research.costs import BacktestError, Costs, refuse_hedged
from workstation.research.metrics import period_ends, periods_per_year
from workstation.research.result import Result
from workstation.research.shared_candles import SharedCandles
from workstation.research.summary import FIGURES
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


#: Runs of one call of the kernel at most, and bytes of their codes.
_RUNS, _CODES = 16, 4_000_000
_NO_ENDS, _NO_FIGURES = np.zeros(0, np.int64), np.zeros((0, 0))


class Scratch:
    """What a thread fills again in each of many runs: columns of so many bars, and the rules of the run before as the
    kernel reads them, which are mostly those of the next one.

    New columns for every run cost as much as the kernel: their pages are given back and asked for each time, above all
    in workers whose allocator keeps little. And what is not done over again is not done under the interpreter's lock.
    """

    def __init__(self, bars: int) -> None:
        self.equity = np.empty(bars)
        #: The codes of so many runs as are walked in one call.
        self.codes = np.empty((max(1, min(_RUNS, _CODES // bars)), bars), np.uint8)
        self._rules: tuple[object, ...] = ()
        self._candles: Callable[[], Candles | None] = lambda: None
        self._terms: tuple[Any, ...] = ()

    def terms(self, strategy: SignalStrategy, candles: Candles, costs: Costs) -> tuple[Any, ...]:
        """As `terms`, worked out anew only where a rule, the costs or the candles are others than before."""
        rules = (strategy.sizing, strategy.exits, strategy.protections, costs)
        if self._candles() is not candles or not all(map(operator.is_, rules, self._rules)):
            self._terms = terms(strategy, candles, costs)
            self._rules, self._candles = rules, weakref.ref(candles)
        return self._terms


def terms(strategy: SignalStrategy, candles: Candles, costs: Costs) -> tuple[Any, ...]:
    """What the kernel is told of rules and costs: its arguments between the codes and the equity. Every number is a
    float: another type would compile another kernel."""
    plan = strategy.sizing.plan(candles)
    return (
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
    )


def simulate(
    strategy: SignalStrategy, candles: Candles, costs: Costs, *, first: int = 0, scratch: Scratch | None = None
) -> tuple[Ints, Floats, Floats]:
    """The kernel's raw answer (see `kernel.walk`) and the equity at each bar's close; bars before `first` only warm the
    indicators up. Of `SharedCandles` that of several instruments on one account. With a `scratch` the equity is its
    column: the next run on it writes over it.

    Raises `BacktestError` for fewer than 2 bars and a strategy that trades its peer too.
    """
    if len(candles) < 2:
        raise BacktestError("A backtest needs two bars at least: a decision fills at the next bar's open.")
    if isinstance(candles, SharedCandles):
        from workstation.research.shared_fast import simulate as simulate_shared

        equity = None if scratch is None else scratch.equity
        return simulate_shared(strategy, candles, costs, first=first, equity=equity)[1:]
    refuse_hedged(strategy)
    if scratch is None:
        told, codes, equity = terms(strategy, candles, costs), strategy.codes(candles), np.empty(len(candles))
    else:
        told, codes, equity = scratch.terms(strategy, candles, costs), scratch.codes[0], scratch.equity
        strategy.codes(candles, codes)
    codes[:first] = 0
    whole, real = _walk(candles, codes[np.newaxis], told, equity, _NO_ENDS, 0.0, _NO_FIGURES, _NO_FIGURES)
    return whole, real, equity


def measure(
    candles: Candles, runs: int, told: tuple[Any, ...], scratch: Scratch, paths: bool = False
) -> tuple[Floats, Floats]:
    """The figures (`summary.FIGURES`, a line each) of the runs whose codes are the first ones in `scratch`, by the same
    `terms`; with `paths` also their equity at the ends of the periods, else none."""
    ends = period_ends(candles)
    figures, ways = np.empty((runs, len(FIGURES))), np.empty((runs, len(ends))) if paths else _NO_FIGURES
    _walk(candles, scratch.codes[:runs], told, scratch.equity, ends, periods_per_year(candles), figures, ways)
    return figures, ways


def _walk(candles: Candles, codes: Codes, told: tuple[Any, ...], equity: Floats, *rest: Any) -> tuple[Ints, Floats]:
    columns = map(_read, (candles.open, candles.high, candles.low, candles.close))
    whole, real = kernel.walk(*columns, codes, *told, equity, *rest)
    return whole, real


def _read(column: Floats) -> Floats:
    """The column as one that cannot be written: what is shared with other processes cannot, what was read from a file
    can, and the two would be two kernels to numba, each with its seconds of compiling."""
    view = column.view()
    view.flags.writeable = False
    return view


_kept = threading.local()


def own_scratch(bars: int) -> Scratch:
    """This thread's scratch for runs over so many bars."""
    found: Scratch | None = getattr(_kept, "scratch", None)
    if found is None or len(found.equity) != bars:
        found = _kept.scratch = Scratch(bars)
    return found


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
