"""Parameter sweeps on the kernel: a grid or a random sample of it, over all cores, results as they come.

    for row in sweep(SmaCross, candles, grid(SmaCross, {"fast": [5, 10], "slow": [20, 30]}), Costs(fee=0.001)):
        ...

Indicators are worked out once for each of their own parameters and shared by all combinations of a process.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from workstation.domain.trade_rules import KEY, RULES
from workstation.market.candles import Candles, Floats
from workstation.research.costs import BacktestError, Costs
from workstation.research.crew import Crew, received, threads
from workstation.research.recipe import Maker
from workstation.strategies.contract import SignalStrategy, strategy_name
from workstation.strategies.parameters import Choice, Float, Int, Parameter, ParameterError, parameters_of

#: Combinations of one task here: few enough that rows stream. One that is sent to another process has more at first,
#: because its way costs something, and fewer towards the end, so that all workers end together.
CHUNK, MOST_SENT = 16, 128

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


def run_chunk(
    make: Maker,
    candles: Any,
    first: int,
    chunk: Sequence[Mapping[str, Any]],
    costs: Costs,
    levels: Container[int] = (),
) -> list[Row]:
    """What one task does: the rows of some combinations. `candles` as they were shipped."""
    here: Candles = received(candles)
    places = range(first, first + len(chunk))
    return [run_one(make, here, i, params, costs, i in levels) for i, params in zip(places, chunk, strict=True)]


def run_one(
    make: Maker,
    candles: Candles,
    index: int,
    params: Mapping[str, Any],
    costs: Costs,
    levels: bool = False,
) -> Row:
    """One combination; with `levels` its row brings the account at the ends of the periods."""
    from workstation.research.fast import scratch, simulate
    from workstation.research.metrics import period_ends, periods_per_year
    from workstation.research.summary import FIGURES, summarise

    try:
        whole, real, equity = simulate(make(**params), candles, costs, equity=scratch(len(candles)))
    except (ParameterError, BacktestError) as error:
        return Row(index, dict(params), {}, str(error))
    ends = period_ends(candles)
    numbers = summarise(whole, real, equity, ends, periods_per_year(candles), float(costs.cash))
    figures = dict(zip(FIGURES, numbers.tolist(), strict=True))
    return Row(index, dict(params), figures, levels=equity[ends] if levels else None)


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
    shipped, ahead = crew.ship(candles), crew.workers + 1
    if not crew.threads:
        ahead += crew.workers  # a task has a way to go: the next one waits there
    start, total = 0, len(combinations)
    under_way: set[Future[list[Row]]] = set()
    try:
        while True:
            while start < total and len(under_way) < ahead:
                size = CHUNK if crew.threads else max(CHUNK, min(MOST_SENT, (total - start) // (3 * crew.workers)))
                chunk = list(combinations[start : start + size])
                asked = frozenset(i for i in range(start, start + len(chunk)) if i in levels)
                under_way.add(crew.executor.submit(run_chunk, make, shipped, start, chunk, costs, asked))
                start += size
            if not under_way or cancelled():
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    finally:
        for future in under_way:
            future.cancel()
