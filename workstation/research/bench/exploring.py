"""A run under every path, its trades in groups, and searches by Optuna, as the research process works them out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import numpy as np

from workstation.domain.trade_rules import KEY
from workstation.market.candles import Candles, Floats
from workstation.research.bench.messages import (
    BandAnswer,
    BandPath,
    BandTrade,
    SearchAnswer,
    SearchRequest,
    SearchTrial,
    SearchTrials,
    SplitAnswer,
    SplitGroup,
)
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs
from workstation.research.engine import engine
from workstation.research.metrics import periods_per_year
from workstation.research.result import Result
from workstation.research.shared_candles import SharedCandles
from workstation.research.trades import BacktestTrade
from workstation.research.verdicts import Verdict
from workstation.strategies.contract import SignalStrategy
from workstation.strategies.library import StrategyInfo

#: Trades that differ between the paths, shown at most.
_MOST_DIFFERENT = 300
#: Trials are told at most this often, in seconds.
_TELL_EVERY = 0.1


def splits(result: Result) -> SplitAnswer:
    """The trades by what ended them, side, weekday and hour; of several instruments by instrument too."""
    from workstation.research.splits import kinds_of, split

    found: dict[str, tuple[SplitGroup, ...]] = {}
    for by in kinds_of(result):
        groups = split(result, by)
        found[by] = tuple(
            SplitGroup(
                key or "signal",
                {name: float(value) for name, value in figures.items()},
                float(figures["expectancy"]) * figures["n_trades"] if figures["n_trades"] else 0.0,
            )
            for key, figures in groups.items()
        )
    return SplitAnswer(found)


def band(make: Callable[[], Any], candles: Candles, costs: Costs, name: str, width: int) -> BandAnswer:
    """The honesty band of a run by the engine of that name."""
    from workstation.research.honesty import band as band_of

    found = band_of(make, candles, costs, engine(name))
    paths = tuple(
        BandPath(
            path,
            {key: float(value) for key, value in result.metrics.items()},
            _thinned(result.equity, max(2, width)),
        )
        for path, result in found.results.items()
    )
    rows = {path: list(result.rows()) for path, result in found.results.items()}

    def end(trade: BacktestTrade) -> tuple[int, float, float, str]:
        return trade.exit_time, trade.exit_price, trade.pnl, trade.tag

    trades = tuple(
        BandTrade(
            int(candles.time[each.entry_bar]),
            each.side,
            tuple(None if (row := each.rows[path]) is None else end(rows[path][row]) for path in found.results),
        )
        for each in found.differences[:_MOST_DIFFERENT]
    )
    gained = [path.figures["return_pct"] for path in paths]
    if not found.differences:
        verdict = Verdict("good", "Honest bars", found.verdict)
    elif min(gained) < 0 < max(gained):
        verdict = Verdict("bad", "Hangs on the bars", found.verdict)
    else:
        verdict = Verdict("warning", "Depends on the bars", found.verdict)
    return BandAnswer(paths, trades, len(found.differences), found.width, verdict)


def _thinned(values: Floats, most: int) -> tuple[float, ...]:
    if len(values) > most:
        values = values[np.linspace(0, len(values) - 1, most).astype(int)]
    return tuple(values.tolist())


def search(
    info: StrategyInfo,
    make: Callable[..., Any],
    candles: Candles,
    costs: Costs,
    request: SearchRequest,
    store: Path,
    tell: Callable[[Any], None],
    called_off: Callable[[], bool],
) -> SearchAnswer:
    """Search; what was found before is told first. Raises `BacktestError`."""
    from workstation.research.crew import threads
    from workstation.research.objectives import objective
    from workstation.research.recipe import source_of
    from workstation.research.search import Plan, Search, space_of
    from workstation.research.search_store import SearchStore

    if info.cls is None or info.native:
        raise BacktestError(f"{info.name} was written for backtesting.py: it has no parameters of ours to search.")
    setup = request.setup
    space = space_of(info.cls, dict.fromkeys(request.kept), request.wanted)
    fixed = {name: value for name, value in setup.params.items() if name not in space}
    plan = Plan(
        make=lambda **params: make(**{**fixed, **params}),
        candles=candles,
        costs=costs,
        space=space,
        objectives=[objective(word) for word in request.objectives],
        sampler=request.sampler,
        seed=setup.seed,
        engine=_engine(info.cls, candles, setup),
        pruned=request.pruned,
        name=info.name,
        source=f"{source_of(info.cls)} {_rules_text(setup, space)}",
        fixed=fixed,
    )
    begun = told = time.perf_counter()
    with threads() as crew:
        found = Search(plan, crew, SearchStore(store))
        waiting = [_trial(each) for each in found.trials]
        tell(SearchTrials(tuple(waiting), _number(found.best), found.reused))
        waiting = []
        for trial in found.run(request.trials, called_off):
            waiting.append(_trial(trial))
            if (now := time.perf_counter()) - told > _TELL_EVERY:
                tell(SearchTrials(tuple(waiting), _number(found.best), found.reused))
                waiting, told = [], now
        if waiting:
            tell(SearchTrials(tuple(waiting), _number(found.best), found.reused))
    periods = periods_per_year(candles)
    ratios = {each.number: each.figures["sharpe"] / periods**0.5 for each in found.trials if "sharpe" in each.figures}
    front = tuple(each.number for each in found.front)
    seconds = time.perf_counter() - begun
    return SearchAnswer(_number(found.best), front, seconds, ratios, _verdict(found, called_off))


def _engine(cls: type[Any], candles: Candles, setup: Setup) -> str:
    """What lives on events is searched by the engine that has them, whatever was chosen for signals."""
    if isinstance(candles, SharedCandles):
        return "fast"
    return setup.engine if issubclass(cls, SignalStrategy) else "event"


def _rules_text(setup: Setup, space: Container[str]) -> str:
    """The rules that a search leaves alone as part of its name; former searches had three numbers here."""
    given = {name: value for name, value in setup.rules.given.items() if f"{KEY}{name}" not in space}
    known = [given.pop(name, 0.0) for name in ("stop", "take_profit", "trailing")]
    return " ".join([*(f"{value:g}" for value in known), *(f"{name}={value}" for name, value in given.items())])


def _number(trial: Any) -> int | None:
    return None if trial is None else int(trial.number)


def _trial(trial: Any) -> SearchTrial:
    return SearchTrial(
        trial.number, trial.state, dict(trial.params), tuple(trial.values), dict(trial.figures), trial.error
    )


def _verdict(found: Any, called_off: Callable[[], bool]) -> Verdict:
    """Whether the best is more than the luckiest of so many."""
    from workstation.research.luck import best_of

    best, plan = found.best, found.plan
    if best is None:
        failed = next((each.error for each in found.trials if each.error), "")
        return Verdict("unknown", "No verdict", failed or "Nothing is known yet.")
    if called_off():
        return Verdict("unknown", "No verdict", "The search was called off.")
    result = engine(plan.engine).run(plan.make(**best.params), plan.candles, plan.costs)
    return best_of(result, [each.figures.get("sharpe", math.nan) for each in found.trials])[1]
