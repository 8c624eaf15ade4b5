"""Parameter sweeps on the kernel: a grid or a random sample of it, over all cores, results as they come.

    for row in sweep(SmaCross, candles, grid(SmaCross, {"fast": [5, 10], "slow": [20, 30]}), Costs(fee=0.001)):
        ...

Indicators are worked out once for each of their own parameters and shared by all combinations of a process.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workstation.domain.trade_rules import KEY, RULES
from workstation.market.candles import Candles, Floats
from workstation.research.costs import BacktestError, Costs, refuse_hedged
from workstation.research.crew import Crew, received, threads
from workstation.research.recipe import Maker
from workstation.strategies.contract import SignalStrategy, strategy_name
from workstation.strategies.parameters import Choice, Float, Int, Parameter, ParameterError, parameters_of

#: Combinations of one task here: few enough that rows stream; and at most of one that is sent elsewhere before it is
#: known how long they take.
CHUNK, MOST_SENT = 16, 128
#: Seconds of a task that is sent elsewhere, at most: rows stream, and a cancel has little to wait for.
_LONGEST = 0.5

#: Figures of which less is better; of the others more is.
_LESS_IS_BETTER = frozenset({"fees_paid"})


@dataclass(frozen=True, slots=True)
class Row:
    """One combination: its place in the list, its parameters, and its figures, or why it cannot be run. `levels`: the
    account at the ends of the periods, where it was asked for."""

    index: int
    params: dict[str, Any]
    metrics: dict[str, float]
    error: str | None = None
    levels: Floats | None = field(default=None, compare=False, repr=False)


def parse_grid(cls: type[SignalStrategy], words: Sequence[str]) -> dict[str, list[Any]]:
    """`name=lo:hi:step`, `name=lo:hi` (the parameter's own step) or `name=a,b,c` → the values of each parameter. A rule
    (`domain.trade_rules`) that the strategy has no parameter of that name beside can stand there too, or as rule:name;
    its key says that it is one.

    Raises `ParameterError`.
    """
    known, found = parameters_of(cls) | rule_axes(), dict[str, list[Any]]()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not text:
            raise ParameterError(f"A grid is name=low:high:step or name=a,b,c, not {word!r}.")
        if name not in known:
            name = f"{KEY}{name}"
        parameter = known.get(name)
        if parameter is None:
            raise _unknown(cls, word.partition("=")[0])
        if ":" not in text:
            found[name] = [parameter.parse(part.strip()) for part in text.split(",")]
            continue
        if not isinstance(parameter, Int | Float):
            raise ParameterError(f"{name} is no number: give its values as {name}=a,b.")
        parts = text.split(":")
        try:
            low, high, *step = (float(part) for part in parts)
        except ValueError:
            raise ParameterError(f"A range is low:high:step in numbers, not {text!r}.") from None
        by = step[0] if step else float(parameter.step)
        if len(step) > 1 or by <= 0 or high < low:
            raise ParameterError(f"The range {text!r} of {name} is empty: it is low:high:step, upwards.")
        count = int((high - low) / by + 1e-9) + 1
        found[name] = [parameter.parse(round(low + by * i, 12)) for i in range(count)]
    return found


def rule_axes() -> dict[str, Parameter[Any]]:
    """The rules that can be moved in a sweep, by their keys, as parameters."""
    found: dict[str, Parameter[Any]] = {}
    for rule in RULES:
        key = f"{KEY}{rule.name}"
        if rule.kind == "choice":
            found[key] = Choice(rule.choices[0], rule.choices, help=rule.help)
        elif rule.kind == "whole":
            found[key] = Int(0, low=int(rule.low), high=int(rule.high), step=int(rule.step), help=rule.help)
        elif rule.kind in ("fraction", "number"):
            low, high = (0.0, 1e12) if rule.name == "size" else (rule.low, rule.high)
            found[key] = Float(0.0, low=low, high=high, step=rule.step, help=rule.help)
        if key in found:
            found[key].name = rule.name
    return found


def _unknown(cls: type[SignalStrategy], name: str) -> ParameterError:
    own, rules = ", ".join(parameters_of(cls)), ", ".join(key.removeprefix(KEY) for key in rule_axes())
    return ParameterError(f"{strategy_name(cls)} has no parameter {name!r}; it has {own}; rules are {rules}.")


def grid(cls: type[SignalStrategy], values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the last parameter fastest. Raises `ParameterError` for a parameter that it does not have."""
    known = parameters_of(cls) | rule_axes()
    for name in values:
        if name not in known:
            raise _unknown(cls, name)
    names = list(values)
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values.values())]


def sample(combinations: Sequence[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """A random part of a grid, each combination at most once; the same seed gives the same part."""
    return random.Random(seed).sample(list(combinations), min(count, len(combinations)))


def sweep(
    make: Maker,
    candles: Candles,
    combinations: Sequence[Mapping[str, Any]],
    costs: Costs,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    crew: Crew | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    levels: Container[int] = (),
) -> Iterator[Row]:
    """The rows, in the order in which they come; a combination that cannot be run is a row with an error.

    Without a `crew` (or a plain `executor`) a pool of threads on all cores (`workers`) is used: the kernel holds no
    lock. `make` is the strategy's class or a `Recipe`; for processes and clusters a class must be importable there.
    Ends when `cancelled` says so or the iterator is closed; tasks that have not begun are dropped. `levels`: the places
    of the combinations whose rows are to bring the account at the ends of the periods. Raises `BacktestError` for fewer
    than 2 bars.
    """
    if len(candles) < 2:
        raise BacktestError("A backtest needs two bars at least: a decision fills at the next bar's open.")
    if crew is not None:
        yield from _stream(crew, make, candles, combinations, costs, cancelled, levels)
    elif executor is not None:
        yield from _stream(Crew(executor, workers or 1), make, candles, combinations, costs, cancelled, levels)
    else:
        with threads(workers) as pool:
            yield from _stream(pool, make, candles, combinations, costs, cancelled, levels)


@dataclass(frozen=True, slots=True)
class Job:
    """What all tasks of a sweep share. It is shipped once: a task then is a few words, wherever it goes."""

    make: Maker
    candles: Candles
    combinations: Sequence[Mapping[str, Any]]
    costs: Costs


@dataclass(frozen=True, slots=True)
class Part:
    """What a task answers. Numbers alone: whoever asked knows the rest, and rows by the hundred are slow to pack and
    unpack. `figures`: a line for each combination, NaN where it cannot be run; by their places why not (`errors`), and
    the account at the ends of the periods of those that were asked for (`levels`). `seconds`: a combination's time."""

    figures: Floats
    errors: dict[int, str]
    levels: dict[int, Floats]
    seconds: float


def run_part(shipped: Any, start: int, stop: int, levels: Container[int] = ()) -> Part:
    """What one task does: the combinations from `start` to before `stop` of the job that was shipped."""
    from workstation.research.shared_candles import SharedCandles
    from workstation.research.summary import FIGURES

    job: Job = received(shipped)
    begin, part = time.perf_counter(), Part(np.full((stop - start, len(FIGURES)), np.nan), {}, {}, 0.0)
    way = _singly if isinstance(job.candles, SharedCandles) else _together
    way(job, range(start, stop), levels, part)
    return replace(part, seconds=(time.perf_counter() - begin) / (stop - start))


def _together(job: Job, places: range, levels: Container[int], part: Part) -> None:
    """The signals of some combinations first, then the walks of all of them in one call of the kernel."""
    from workstation.research.fast import measure, own_scratch

    candles, scratch = job.candles, own_scratch(len(job.candles))
    waiting, told = list[int](), tuple[Any, ...]()

    def walk() -> None:
        asked = [each for each in enumerate(waiting) if each[1] in levels]
        figures, paths = measure(candles, len(waiting), told, scratch, paths=bool(asked))
        part.figures[[place - places.start for place in waiting]] = figures
        part.levels.update({place: paths[row].copy() for row, place in asked})
        waiting.clear()

    for place in places:
        try:
            strategy = job.make(**job.combinations[place])
            refuse_hedged(strategy)
            terms = scratch.terms(strategy, candles, job.costs)
            if waiting and (terms is not told or len(waiting) == len(scratch.codes)):
                walk()
            strategy.codes(candles, scratch.codes[len(waiting)])
        except (ParameterError, BacktestError) as error:
            part.errors[place] = str(error)
        else:
            waiting.append(place)
            told = terms
    if waiting:
        walk()


def _singly(job: Job, places: range, levels: Container[int], part: Part) -> None:
    """Several instruments on one account: one walk after the other."""
    from workstation.research.fast import own_scratch, simulate
    from workstation.research.metrics import period_ends, periods_per_year
    from workstation.research.summary import summarise

    candles, costs = job.candles, job.costs
    scratch, ends, periods = own_scratch(len(candles)), period_ends(candles), periods_per_year(candles)
    for place in places:
        try:
            whole, real, equity = simulate(job.make(**job.combinations[place]), candles, costs, scratch=scratch)
        except (ParameterError, BacktestError) as error:
            part.errors[place] = str(error)
            continue
        part.figures[place - places.start] = summarise(whole, real, equity, ends, periods, float(costs.cash))
        if place in levels:
            part.levels[place] = equity[ends]


def run_one(make: Maker, candles: Candles, index: int, params: Mapping[str, Any], costs: Costs) -> Row:
    """One combination."""
    part = run_part(Job(make, candles, [params], costs), 0, 1)
    return _row(index, params, part.figures[0].tolist(), part.errors.get(0))


def _rows(part: Part, start: int, combinations: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for place, figures in enumerate(part.figures.tolist(), start):
        yield _row(place, combinations[place], figures, part.errors.get(place), part.levels.get(place))


def _row(
    index: int, params: Mapping[str, Any], figures: Sequence[float], error: str | None, levels: Floats | None = None
) -> Row:
    from workstation.research.summary import FIGURES

    return Row(index, dict(params), {} if error else dict(zip(FIGURES, figures, strict=True)), error, levels)


def best_row(rows: Sequence[Row], rank: str) -> Row | None:
    """The row that is best by a figure; None where no row knows it. Raises `BacktestError` for an unknown figure."""
    from workstation.research.summary import FIGURES

    if rank not in FIGURES:
        raise BacktestError(f"There is no figure {rank!r} to rank by: {', '.join(FIGURES)}.")
    sign = -1 if rank in _LESS_IS_BETTER else 1
    known = [row for row in rows if rank in row.metrics and row.metrics[rank] == row.metrics[rank]]
    return max(known, key=lambda row: (sign * row.metrics[rank], -row.index), default=None)


def _stream(
    crew: Crew,
    make: Maker,
    candles: Candles,
    combinations: Sequence[Mapping[str, Any]],
    costs: Costs,
    cancelled: Callable[[], bool],
    levels: Container[int],
) -> Iterator[Row]:
    """Keeps a few tasks under way, so that a cancel has little to wait for and memory stays flat."""
    shipped, ahead = crew.ship(Job(make, candles, combinations, costs)), crew.workers + 1
    if not crew.threads:
        ahead += crew.workers  # a task has a way to go: the next one waits there
    start, total, pace = 0, len(combinations), 0.0
    under_way: dict[Future[Part], int] = {}
    done: list[tuple[Part, int]] = []
    try:
        while True:
            while start < total and len(under_way) < ahead:  # first of all: whoever reads the rows may take his time
                stop = min(start + _size(crew, total - start, pace), total)
                asked = frozenset(place for place in range(start, stop) if place in levels)
                under_way[crew.executor.submit(run_part, shipped, start, stop, asked)] = start
                start = stop
            for part, first in done:
                yield from _rows(part, first, combinations)
            if not under_way or cancelled():
                return
            ended = wait(under_way, return_when=FIRST_COMPLETED).done
            done = [(future.result(), under_way.pop(future)) for future in ended]
            pace = done[-1][0].seconds
    finally:
        for future in under_way:
            future.cancel()


def _size(crew: Crew, left: int, pace: float) -> int:
    """Combinations of the next task, of so many that are left; `pace`: seconds that one took, 0 if that is not known
    yet. One that is sent elsewhere has fewer towards the end, so that all workers end together, but not so few that its
    way costs more than it."""
    if crew.threads:
        return CHUNK
    share = left // (2 * crew.workers)
    if not pace:
        return max(CHUNK, min(MOST_SENT, share))
    return max(1, math.ceil(crew.worth / pace), min(share, int(_LONGEST / pace)))
