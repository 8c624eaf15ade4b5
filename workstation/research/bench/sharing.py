"""Several instruments on one account, for the page: the run, each one's candles on the times of all, the judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from workstation.market.candle_quality import oddities as odd_of
from workstation.market.candles import Candles, Floats, Ints
from workstation.research.bench.judging import detect, fans_again, fans_of, luck, period_returns, sharpe_of_period
from workstation.research.bench.messages import JudgeAnswer, Picture
from workstation.research.bench.pictures import Prices, picture
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.metrics import drawdowns, period_ends
from workstation.research.recipe import Maker
from workstation.research.result import Result
from workstation.research.shared_candles import SharedCandles
from workstation.research.verdicts import Verdict, no_proof
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.library import StrategyInfo


def signals_needed(info: StrategyInfo) -> None:
    """Raises `BacktestError` for a strategy that cannot share an account."""
    if info.cls is None or info.native or not issubclass(info.cls, SignalStrategy):
        raise BacktestError(
            f"{info.name} has no signals of ours: it trades one instrument, not several on one account."
        )


def aligned(candles: Candles, time: Ints) -> Prices:
    """An instrument on the times of all: where it has no bar it keeps its last price, before its first it has none."""
    place = np.searchsorted(time, candles.time)
    row = np.full(len(time), -1)
    row[place] = np.arange(len(candles))
    known = np.maximum.accumulate(row)
    here = row >= 0

    def column(values: Floats) -> Floats:
        return np.where(here, values[known], np.where(known >= 0, candles.close[known], np.nan))

    return Prices(*map(column, (candles.open, candles.high, candles.low, candles.close)))


def judge_shared(
    info: StrategyInfo,
    make: Maker,
    candles: SharedCandles,
    setup: Setup,
    costs: Costs,
    trials: Sequence[float],
    called_off: Callable[[], bool],
) -> JudgeAnswer:
    """Detectors on each instrument, deflated Sharpe ratio of the account, and its fans."""
    good: dict[str, Verdict] = {}
    caught: list[Verdict] = []
    for name, series in candles.sets.items():
        for one in detect(lambda: make(**setup.params), series):
            if one.level == "good":
                good.setdefault(one.head, one)
            else:
                caught.append(Verdict(one.level, one.head, f"{name}: {one.text}"))
        if called_off():
            return JudgeAnswer(tuple(caught), ())
    verdicts = caught or list(good.values())
    result = engine("fast").run(make(**setup.params), candles, costs)
    returns = period_returns(result.equity[period_ends(result.candles)])
    verdicts.append(no_proof(verdicts) or luck(returns, [*trials, sharpe_of_period(returns)], len(result.trades)))
    fans = fans_of(result, returns, setup.seed)
    if len(result.trades) >= 2 and not called_off():
        more, said = fans_again(info, make, candles, setup, result, called_off)
        fans, verdicts = [*fans, *more], [*verdicts, *said]
    return JudgeAnswer(tuple(verdicts), tuple(fans))


def instrument_numbers(result: Result) -> Ints | None:
    """Of each trade the number of its instrument; None of a run on one."""
    if not result.names:
        return None
    numbers = {name: number for number, name in enumerate(result.names)}
    return np.array([numbers[name] for name in result.instruments], dtype=np.int64)


class Shown:
    """What the chart shows of a result: of several instruments one, made when it is asked for first."""

    def __init__(self, result: Result, sets: Sequence[Candles]) -> None:
        self.result, self.falls = result, drawdowns(result.equity)
        self.numbers = instrument_numbers(result)
        self._sets = sets
        self._made: dict[int, Prices] = {}

    def picture(self, first: int, last: int, width: int, instrument: int) -> Picture:
        """Bars `first` … `last` − 1 in at most `width` columns."""
        if self.numbers is None:
            return picture(self.result, first, last, width, self.falls)
        number = instrument if 0 <= instrument < len(self._sets) else 0
        if number not in self._made:
            self._made[number] = aligned(self._sets[number], self.result.candles.time)
        return picture(
            self.result, first, last, width, self.falls, (number, self._made[number], self.numbers == number)
        )


def fingerprint(sets: Sequence[Candles], costs: Costs) -> str:
    """Names all data of a run: those of one instrument by its candles' own, else of all of them and recorded rates."""
    found = [candles.memo.get("fingerprint", candles.fingerprint) for candles in sets]
    if (rates := costs.recorded) is not None:
        found.append(hashlib.sha256(rates.time.tobytes() + rates.rate.tobytes()).hexdigest())
    return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()[: len(found[0])]


def oddities(sets: Mapping[str, Candles]) -> tuple[str, ...]:
    """What is odd about the candles, in sentences; of several with the instrument's name."""
    told = []
    for name, candles in sets.items():
        for words in candles.memo.get("odd", partial(odd_of, candles)):
            told.append(f"{name}: {words}" if len(sets) > 1 else words)
    return tuple(told)
