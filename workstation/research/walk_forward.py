"""Walk-forward: the best parameters of the past, traded on what came next, again and again; the curve out of sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import Crew
from workstation.research.recipe import Maker
from workstation.research.trades import Trades
from workstation.research.verdicts import figure_words


@dataclass(frozen=True, slots=True)
class Fold:
    """Bars [train, split) choose, bars [split, end) are traded."""

    train: int
    split: int
    end: int


@dataclass(frozen=True, eq=False)
class Step:
    """What one fold gave: the chosen parameters, their figure in and out of sample, trades and equity of the test bars.

    `params` is None where no combination had the figure: nothing was traded.
    """

    fold: Fold
    params: dict[str, Any] | None
    inside: float
    outside: float
    trades: Trades
    equity: Floats


def folds(bars: int, train: int, test: int, anchored: bool = False) -> list[Fold]:
    """Windows of `train` bars, each followed by `test` bars that overlap nowhere; anchored windows all begin with the
    first bar. The last may be shorter. Raises `BacktestError` where there is no room for one."""
    if train < 2 or test < 2 or train + 2 > bars:
        raise BacktestError(f"{bars:,} bars have no room for a walk of {train:,} to learn from and {test:,} to trade.")
    splits = range(train, bars - 1, test)
    return [Fold(0 if anchored else split - train, split, min(split + test, bars)) for split in splits]


def walk_forward(
    make: Maker,
    candles: Candles,
    combinations: Sequence[Mapping[str, Any]],
    costs: Costs,
    *,
    train: int,
    test: int,
    anchored: bool = False,
    rank: str = "sharpe",
    crew: Crew | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Each step as it is done. Each test begins flat, with the equity that the one before left; its indicators are warm
    from the training bars, its first decision falls on the last of them. `crew` does the sweeps, threads on all cores
    otherwise. Ends when `cancelled` says so or the money is gone. Raises `BacktestError`."""
    from workstation.research.fast import simulate
    from workstation.research.metrics import period_ends, periods_per_year
    from workstation.research.summary import FIGURES, summarise
    from workstation.research.sweep import best_row, sweep

    cash = costs.cash
    for fold in folds(len(candles), train, test, anchored):
        past = candles.slice(fold.train, fold.split)
        rows = list(sweep(make, past, combinations, costs, crew=crew, cancelled=cancelled))
        if cancelled() or cash <= 0:
            return
        best = best_row(rows, rank)
        if best is None:
            none = Trades.of(np.empty((0, 4), np.int64), np.empty((0, 7)))
            yield Step(fold, None, float("nan"), float("nan"), none, np.full(fold.end - fold.split, cash))
            continue
        window = candles.slice(fold.train, fold.end)
        begin = fold.split - fold.train
        whole, real, equity = simulate(make(**best.params), window, replace(costs, cash=cash), first=begin - 1)
        tested = candles.slice(fold.split, fold.end)
        whole[:, :2] -= begin
        numbers = summarise(whole, real, equity[begin:], period_ends(tested), periods_per_year(candles), float(cash))
        outside = float(numbers[FIGURES.index(rank)])
        whole[:, :2] += fold.split
        yield Step(fold, best.params, best.metrics[rank], outside, Trades.of(whole, real), equity[begin:])
        cash = float(equity[-1])


def stitched(steps: Sequence[Step]) -> Floats:
    """The equity out of sample, one number a bar from the first test bar on."""
    return np.concatenate([step.equity for step in steps]) if steps else np.empty(0)


@dataclass(frozen=True, eq=False)
class HoldOut:
    """The best parameters of the first part of the bars, traded on the rest that the search never saw. `kept` is the
    figure out of sample over that in sample; NaN where that says nothing."""

    step: Step
    rank: str

    @property
    def kept(self) -> float:
        inside, outside = self.step.inside, self.step.outside
        return outside / inside if inside > 0 else float("nan")

    @property
    def verdict(self) -> str:
        """In words."""
        if self.step.params is None:
            return f"No parameters have a {figure_words(self.rank)} in sample: nothing was traded."
        inside, outside = self.step.inside, self.step.outside
        told = f"{figure_words(self.rank)} {inside:.2f} in sample, {outside:.2f} on what was held out"
        if not inside > 0:
            return f"Worthless before it began: {told}."
        if self.kept >= 0.5:
            return f"Holds: {told}."
        return f"Weaker: {told}." if self.kept > 0 else f"Fails: {told}."


def hold_out(
    make: Maker,
    candles: Candles,
    combinations: Sequence[Mapping[str, Any]],
    costs: Costs,
    *,
    share: float = 0.3,
    rank: str = "sharpe",
    crew: Crew | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> HoldOut | None:
    """Choose on the first 1 − `share` of the bars, trade the rest once. None if it was cancelled. Raises
    `BacktestError`."""
    if not 0 < share < 1:
        raise BacktestError(f"The part that is held out is between 0 and 1, not {share:g}.")
    test = max(2, round(len(candles) * share))
    train = len(candles) - test
    walked = walk_forward(
        make, candles, combinations, costs, train=train, test=test, rank=rank, crew=crew, cancelled=cancelled
    )
    step = next(walked, None)
    return None if step is None else HoldOut(step, rank)
