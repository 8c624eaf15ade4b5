"""Monte Carlo on a result: what other orders of the same luck would have looked like, with confidence bands.

`shuffle_trades` and `bootstrap` take what happened apart and put it together anew. `candle_noise` and
`parameter_jitter` run the strategy again: on prices that might as well have been, and with parameters that might as
well have been chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.market.candles import Candles, Floats, Memo
from workstation.research.costs import BacktestError, Costs
from workstation.research.metrics import period_ends
from workstation.research.recipe import Maker
from workstation.research.shared_candles import SharedCandles
from workstation.strategies.parameters import Float, Int, Parameter, ParameterError

#: The bands of a fan, as quantiles.
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Fan:
    """`paths`: one row for each of `BANDS`, the equity's quantile after each step, the start included. `final` and
    `drawdowns` (fractions, 0 or less): one number a run."""

    paths: Floats
    final: Floats
    drawdowns: Floats

    @property
    def loss_probability(self) -> float:
        """Share of the runs that end below the start."""
        return float(np.mean(self.final < self.paths[0, 0]))

    def drawdown_at(self, confidence: float = 0.95) -> float:
        """The drawdown that this share of the runs does not exceed."""
        return float(np.quantile(self.drawdowns, 1 - confidence))


def shuffle_trades(gains: Floats, cash: float, runs: int = 1_000, seed: int = 0) -> Fan:
    """The same trades in other orders: the end stays, the way there does not.

    `gains` are profits as fractions of the equity before each trade (`equity_gains`).
    """
    rng = np.random.default_rng(seed)
    return _fan(rng.permuted(np.tile(gains, (runs, 1)), axis=1), cash)


def bootstrap(returns: Floats, cash: float, block: float = 10.0, runs: int = 1_000, seed: int = 0) -> Fan:
    """Returns drawn anew in blocks of random length (mean `block`), which keeps their short memory.

    D. Politis and J. Romano, The Stationary Bootstrap, Journal of the American Statistical Association 89 (1994).
    Raises `ValueError` for no returns or a block shorter than 1.
    """
    n = len(returns)
    if n == 0 or block < 1:
        raise ValueError("A bootstrap needs returns, and blocks of one at least.")
    rng = np.random.default_rng(seed)
    fresh = rng.random((runs, n)) < 1 / block
    fresh[:, 0] = True
    starts = rng.integers(0, n, (runs, n))
    step = np.arange(n)
    begun = np.maximum.accumulate(np.where(fresh, step, 0), axis=1)
    rows = (np.take_along_axis(starts, begun, axis=1) + step - begun) % n
    return _fan(returns[rows], cash)


def equity_gains(pnl: Floats, cash: float) -> Floats:
    """Each trade's profit as a fraction of the closed equity before it."""
    before = cash + np.append(0.0, np.cumsum(pnl)[:-1])
    return np.divide(pnl, before, out=np.zeros_like(pnl), where=before > 0)


def candle_noise(
    make: Maker,
    candles: Candles,
    costs: Costs,
    *,
    size: float = 0.25,
    runs: int = 200,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Fan:
    """The strategy on prices with noise: each price moved by a normal error of `size` times the usual range of a bar
    (the median of (high − low) / close), every bar kept whole (its high the highest). What lives on single ticks dies
    here.

    Paths are of the periods that returns are taken over. Raises `BacktestError`.
    """
    from workstation.research.fast import simulate

    ends = period_ends(candles)

    def again(rng: np.random.Generator) -> Floats:
        return simulate(make(), noisy(candles, size, rng), costs)[2][ends]

    return _runs(again, costs.cash, runs, seed, cancelled)


def noisy(candles: Candles, size: float, rng: np.random.Generator) -> Candles:
    """The candles with an error in every price (see `candle_noise`); times, volumes and the peer stay."""
    if isinstance(candles, SharedCandles):
        sets = {name: noisy(one, size, rng) for name, one in candles.sets.items()}
        return replace(candles, sets=sets, memo=Memo())
    usual = float(np.median((candles.high - candles.low) / candles.close)) * size
    parts = [getattr(candles, name) * np.exp(rng.normal(0, usual, len(candles))) for name in ("open", "close")]
    opened, close = parts
    spread = [np.exp(np.abs(rng.normal(0, usual, len(candles)))) for _ in range(2)]
    # The shadows keep their length beyond the body, give or take the error.
    top, bottom = np.maximum(candles.open, candles.close), np.minimum(candles.open, candles.close)
    high = np.maximum(opened, close) * (candles.high / top) * spread[0]
    low = np.minimum(opened, close) * (candles.low / bottom) / spread[1]
    return Candles(candles.time, opened, high, low, close, candles.volume, candles.name, candles.peer)


def parameter_jitter(
    make: Maker,
    params: Mapping[str, Any],
    known: Mapping[str, Parameter[Any]],
    candles: Candles,
    costs: Costs,
    *,
    size: float = 0.1,
    runs: int = 200,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Fan:
    """The strategy with every number of its parameters moved by up to `size` of its value (at least one step, within
    its bounds). What hangs on one number is seen in the width of the fan. Sets that cannot be run are drawn again.

    `known`: the parameters' declarations. Paths are of the periods that returns are taken over. Raises `BacktestError`.
    """
    from workstation.research.fast import simulate

    ends = period_ends(candles)

    def again(rng: np.random.Generator) -> Floats:
        for _ in range(20):
            try:
                return simulate(make(**jittered(params, known, size, rng)), candles, costs)[2][ends]
            except ParameterError:
                continue
        raise BacktestError("No parameters near these can be run.")

    return _runs(again, costs.cash, runs, seed, cancelled)


def has_numbers(known: Mapping[str, Parameter[Any]]) -> bool:
    """Whether there is a parameter that could be moved."""
    return any(isinstance(parameter, Int | Float) for parameter in known.values())


def jittered(
    params: Mapping[str, Any], known: Mapping[str, Parameter[Any]], size: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Numbers moved evenly within ± `size` of their value, at least one step; words and switches stay."""
    moved = dict(params)
    for name, value in params.items():
        parameter = known.get(name)
        if isinstance(parameter, Int | Float) and not isinstance(value, bool):
            away = max(abs(float(value)) * size, float(parameter.step))
            drawn = float(np.clip(float(value) + rng.uniform(-away, away), parameter.low, parameter.high))
            moved[name] = round(drawn) if isinstance(parameter, Int) else drawn
    return moved


def _runs(
    again: Callable[[np.random.Generator], Floats], cash: float, runs: int, seed: int, cancelled: Callable[[], bool]
) -> Fan:
    """Equity curves of runs that each have a generator of their own; fewer where it was cancelled."""

    def curves() -> Iterator[Floats]:
        for number in range(runs):
            if cancelled() and number:
                return
            yield again(np.random.default_rng((seed, number)))

    paths = np.array([np.append(cash, curve) for curve in curves()])
    return _bands(np.maximum(paths, 0.0))


def _fan(gains: Floats, cash: float) -> Fan:
    paths = cash * np.cumprod(np.maximum(1 + gains, 0.0), axis=1)
    paths = np.concatenate([np.full((len(paths), 1), cash), paths], axis=1)
    return _bands(paths)


def _bands(paths: Floats) -> Fan:
    falls = (paths / np.maximum.accumulate(paths, axis=1) - 1).min(axis=1)
    return Fan(np.quantile(paths, BANDS, axis=0), paths[:, -1].copy(), falls)
