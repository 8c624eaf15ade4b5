"""How much of a result is luck, in words: what the research core measures, put as a trader would say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workstation.market.candles import Candles, Floats
from workstation.research.bench.messages import (
    FanLines,
    JudgeAnswer,
    SweepRequest,
)
from workstation.research.bench.setup import Setup
from workstation.research.costs import Costs
from workstation.research.engine import engine
from workstation.research.luck import LEAST_BARS
from workstation.research.luck import detect as find
from workstation.research.metrics import period_ends
from workstation.research.monte_carlo import (
    BANDS,
    Fan,
    bootstrap,
    candle_noise,
    equity_gains,
    has_numbers,
    parameter_jitter,
    shuffle_trades,
)
from workstation.research.overfitting import deflated_sharpe
from workstation.research.recipe import Maker
from workstation.research.result import Result
from workstation.research.sweep import Row
from workstation.research.sweep_verdicts import cross_validated, ground
from workstation.research.verdicts import Verdict, beats_luck, detected, neighbours, no_proof
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.library import StrategyInfo

POINTS = 240
#: Steps that a fan is made of, at most.
_MOST_STEPS = 1_500
#: Runs of the fans that run the strategy again: as many as so many bars make up, within bounds.
_BARS_AGAIN, _LEAST_RUNS, _MOST_RUNS = 5_000_000, 20, 200


def judge(
    info: StrategyInfo,
    make: Maker,
    candles: Candles,
    setup: Setup,
    costs: Costs,
    trials: Sequence[float],
    called_off: Callable[[], bool],
) -> JudgeAnswer:
    """Detectors, deflated Sharpe ratio and Monte Carlo of one run; nothing of strategies that have no signals."""
    if info.cls is None or info.native or not issubclass(info.cls, SignalStrategy):
        text = "Only strategies with signals are tested for looking ahead and warm-up."
        return JudgeAnswer((Verdict("unknown", "Not tested", text),), ())
    verdicts = detect(lambda: make(**setup.params), candles)
    if called_off():
        return JudgeAnswer(tuple(verdicts), ())
    strategy = make(**setup.params)
    hedged = strategy.hedged
    result = engine("event" if hedged else "fast").run(strategy, candles, costs)
    levels = result.equity[period_ends(candles)]
    returns = period_returns(levels)
    verdicts.append(no_proof(verdicts) or luck(returns, [*trials, sharpe_of_period(returns)], len(result.trades)))
    fans = fans_of(result, returns, setup.seed)
    if len(result.trades) >= 2 and not hedged and not called_off():
        more, said = fans_again(info, make, candles, setup, result, called_off)
        fans, verdicts = [*fans, *more], [*verdicts, *said]
    return JudgeAnswer(tuple(verdicts), tuple(fans))


def fans_again(
    info: StrategyInfo,
    make: Maker,
    candles: Candles,
    setup: Setup,
    result: Result,
    called_off: Callable[[], bool],
) -> tuple[list[FanLines], list[Verdict]]:
    """What the strategy itself would have made of other prices, and with other numbers."""
    costs, runs = result.costs, max(_LEAST_RUNS, min(_MOST_RUNS, _BARS_AGAIN // len(candles)))
    again: dict[str, Any] = {"runs": runs, "seed": setup.seed, "cancelled": called_off}
    fans = [_fan("prices with noise", candle_noise(lambda: make(**setup.params), candles, costs, **again))]
    if not has_numbers(info.parameters):
        return fans, []
    moved = parameter_jitter(make, setup.params, info.parameters, candles, costs, **again)
    fans.append(_fan("parameters moved by 10 %", moved))
    return fans, [neighbours(moved.loss_probability, float(result.metrics["return_pct"]))]


def fans_of(result: Result, returns: Floats, seed: int) -> list[FanLines]:
    """What other orders of its trades and other draws of its returns would have made of the account."""
    fans, cash = [], result.costs.cash
    if len(result.trades) >= 2:
        gains = equity_gains(result.trades.pnl, cash)[-_MOST_STEPS:]
        fans.append(_fan("trades shuffled", shuffle_trades(gains, cash, 500, seed)))
    if len(returns) >= 20:
        fans.append(_fan("returns redrawn", bootstrap(returns[-_MOST_STEPS:], cash, 10, 500, seed)))
    return fans


def detect(make: Callable[[], SignalStrategy], candles: Candles) -> list[Verdict]:
    """Whether it looks ahead or depends on where the data begin."""
    if len(candles) < LEAST_BARS:
        return [Verdict("unknown", "Not tested", "Fewer than 50 bars tell nothing of looking ahead.")]
    return detected(find(make, candles))


def luck(returns: Floats, trials: Sequence[float], trades: int) -> Verdict:
    """The deflated Sharpe ratio of a result, among `trials` of which it is one."""
    return beats_luck(deflated_sharpe(returns, trials), len(trials), trades)


def judge_sweep(
    request: SweepRequest, rows: Sequence[Row], best: Row, kept: Mapping[int, Floats]
) -> tuple[Verdict, ...]:
    """The best of a sweep: overfitting by cross-validation, deflated Sharpe ratio, and the ground around it."""
    ratios = [sharpe_of_period(period_returns(levels)) for levels in kept.values()]
    found = [
        cross_validated(kept, best.index),
        luck(period_returns(kept[best.index]), ratios, int(best.metrics["n_trades"])),
    ]
    columns = len(request.across_values)
    places = {row.index: divmod(row.index, columns) for row in rows}
    if (flat := ground(rows, request.rank, places, best.index)) is not None:
        found.append(flat)
    return tuple(found)


def _fan(title: str, fan: Fan) -> FanLines:
    lines = tuple(thinned(line, POINTS) for line in fan.paths)
    return FanLines(title, BANDS, lines, fan.loss_probability, fan.drawdown_at(), len(fan.final))


def thinned(values: Floats, most: int) -> tuple[float, ...]:
    """At most so many of the values, evenly, first and last included."""
    if len(values) > most:
        values = values[np.linspace(0, len(values) - 1, most).astype(int)]
    return tuple(values.tolist())


def period_returns(levels: Floats) -> Floats:
    """Between the account's levels at the ends of its periods; 0 of an account that is lost."""
    before = levels[:-1]
    return np.divide(levels[1:], before, out=np.ones(max(len(levels) - 1, 0)), where=before > 0) - 1


def sharpe_of_period(returns: Floats) -> float:
    """A Sharpe ratio of one period; NaN without variation."""
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / spread if spread > 0 else float("nan")
