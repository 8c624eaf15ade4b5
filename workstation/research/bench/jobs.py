"""What the research process does for each kind of question."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstation.domain.trade_rules import KEY, apart
from workstation.history.names import HistoryError
from workstation.market.candles import BadCandles, Candles, Floats
from workstation.research.bench.messages import (
    LONG,
    BandRequest,
    JudgeRequest,
    ListRequest,
    PictureRequest,
    ReportRequest,
    Request,
    RunAnswer,
    RunRequest,
    SearchRequest,
    SplitRequest,
    SweepAnswer,
    SweepCells,
    SweepRequest,
    WalkRequest,
)
from workstation.research.bench.offers import Shelf, code_version, needs_peer
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs, costs_of
from workstation.research.engine import engine
from workstation.research.recipe import Maker
from workstation.research.result import Result
from workstation.research.shared_candles import SharedCandles
from workstation.sideline.worker import sentence_of
from workstation.strategies.blame import line_in, raised
from workstation.strategies.contract import StrategyError
from workstation.strategies.library import StrategyInfo
from workstation.strategies.parameters import ParameterError
from workstation.strategies.trade_rules import put_swept

if TYPE_CHECKING:
    from workstation.research.bench.sharing import Shown

type Tell = Callable[[Any], None]
type CalledOff = Callable[[], bool]
_OURS = (ParameterError, BacktestError, StrategyError, BadCandles, HistoryError)
#: Cells of a sweep are sent at most this often, in seconds.
_SEND_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class _Ran:
    """A finished run with what went into it; `sets` are its candles by the instruments' names."""

    info: StrategyInfo
    result: Result
    sets: dict[str, Candles]
    costs: Costs
    seconds: float


class Jobs:
    """Keeps what the next question may need: candles, strategies, the last result."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self._shown: Shown | None = None

    def is_long(self, request: Request) -> bool:
        return isinstance(request, LONG)

    def sentence(self, error: Exception, trace: str) -> str:
        return sentence_of(error, trace, _OURS)

    def do(self, request: Request, tell: Tell, called_off: CalledOff) -> Any:
        """The answer to one question. Raises the project's own errors; what a strategy itself raises becomes a
        `StrategyError` that names it and its line, whatever was asked."""
        try:
            return self._do(request, tell, called_off)
        except _OURS:
            raise
        except Exception as error:
            setup = _setup_of(request)
            info = None if setup is None else self.shelf.strategy(setup.strategy)
            if info is None or line_in(error, info.source) is None:  # it was not in the strategy
                raise
            raise StrategyError(f"{info.name} raised {raised(error, info.source)}") from error

    def _do(self, request: Request, tell: Tell, called_off: CalledOff) -> Any:
        match request:
            case ListRequest():
                return self.shelf.offer()
            case RunRequest():
                return self.run(request, tell, called_off)
            case PictureRequest():
                return self._ran().picture(request.first, request.last, request.width, request.instrument)
            case SweepRequest():
                return self.sweep(request, tell, called_off)
            case JudgeRequest():
                from workstation.research.bench.judging import judge
                from workstation.research.bench.sharing import judge_shared

                info, candles, costs = self.parts(request.setup)
                make = maker(info, request.setup)
                if isinstance(candles, SharedCandles):
                    return judge_shared(info, make, candles, request.setup, costs, request.trials, called_off)
                return judge(info, make, candles, request.setup, costs, request.trials, called_off)
            case WalkRequest():
                from workstation.research.bench.walking import walk

                info, candles, costs = self.parts(request.sweep.setup)
                make = maker(info, request.sweep.setup, (request.sweep.across, request.sweep.down))
                _announce(candles, tell)
                return walk(
                    info, make, candles, costs, combinations(request.sweep), rank=request.sweep.rank,
                    windows=request.folds, anchored=request.anchored, tell=tell, called_off=called_off,
                )  # fmt: skip
            case SplitRequest():
                from workstation.research.bench.exploring import splits

                return splits(self._ran().result)
            case BandRequest():
                from workstation.research.bench.exploring import band

                info, candles, costs = self.parts(request.setup)
                if isinstance(candles, SharedCandles):
                    raise BacktestError("The honesty band is of one instrument: it takes one set of candles.")
                if info.native:
                    raise BacktestError(f"{info.name} runs by backtesting.py, which knows the pessimistic path only.")
                make, params = maker(info, request.setup), request.setup.params
                event = not _has_signals(info) or make(**params).hedged
                engine_name = "event" if event else "fast"
                return band(lambda: make(**params), candles, costs, engine_name, request.width)
            case SearchRequest():
                from workstation.research.bench.exploring import search

                info, candles, costs = self.parts(request.setup)
                make = maker(info, request.setup, request.wanted)
                _announce(candles, tell)
                return search(info, make, candles, costs, request, self.shelf.searches, tell, called_off)
            case ReportRequest():
                from workstation.research.bench.reporting import report

                ran = self._result(request.setup, tell, called_off)
                return report(ran.info, maker(ran.info, request.setup), ran.costs, request, ran.result)

    def _ran(self) -> Shown:
        if self._shown is None:
            raise BacktestError("Nothing has been run yet.")
        return self._shown

    def parts(self, setup: Setup) -> tuple[StrategyInfo, Candles, Costs]:
        """What all work on a setup needs; several instruments on one account are `SharedCandles`. Raises
        `BacktestError`."""
        info, costs = self.shelf.strategy(setup.strategy), costs_of(setup.terms, self.shelf.rates)
        if not _on_one_account(info, setup):
            return info, self._alone(info, setup), costs
        from workstation.research.bench.sharing import signals_needed

        signals_needed(info)
        return info, self.shelf.together(setup.sets, setup.share), costs

    def _alone(self, info: StrategyInfo, setup: Setup) -> Candles:
        if not needs_peer(info):
            return self.shelf.candles(setup.candles)
        if len(setup.beside) != 1:
            raise BacktestError(f"{info.title} reads a second instrument: mark two sets of candles.")
        return self.shelf.pair(setup.candles, setup.beside[0])

    def _result(self, setup: Setup, tell: Tell, called_off: CalledOff) -> _Ran:
        """A run on one instrument or on several."""
        info = self.shelf.strategy(setup.strategy)
        for spec in setup.sets:
            if self.shelf.reads_long(spec):
                tell(f"Reading {Path(spec).name}: so much takes some seconds.")
        info, candles, costs = self.parts(setup)
        if isinstance(candles, SharedCandles):
            from workstation.research.shared_account import run_shared

            series, make = candles, maker(info, setup)
            sets = dict(zip(series.sets, self.shelf.several(setup.sets), strict=True))
            begun = time.perf_counter()
            result: Result = run_shared(lambda: make(**setup.params), series, costs, cancelled=called_off)
        else:
            sets = {setup.candles: candles}
            begun = time.perf_counter()
            result = _one(info, candles, setup, costs, tell)
            if result.names and candles.peer is not None:  # both legs were traded
                sets = dict(zip(result.names, (candles, candles.peer), strict=True))
        return _Ran(info, result, sets, costs, time.perf_counter() - begun)

    def run(self, request: RunRequest, tell: Tell, called_off: CalledOff) -> RunAnswer:
        from workstation.research.bench.judging import period_returns, sharpe_of_period
        from workstation.research.bench.pictures import digest, packed
        from workstation.research.bench.sharing import Shown, fingerprint, oddities
        from workstation.research.metrics import period_ends
        from workstation.research.splits import monthly_returns

        setup = request.setup
        ran = self._result(setup, tell, called_off)
        result, candles, sets = ran.result, ran.result.candles, list(ran.sets.values())
        self._shown = shown = Shown(result, sets)
        return RunAnswer(
            setup=setup,
            title=ran.info.title,
            bars=len(candles),
            start=int(candles.time[0]),
            end=int(candles.time[-1]),
            interval=min(one.interval for one in sets),
            metrics={name: float(value) for name, value in result.metrics.items()},
            months=monthly_returns(result),
            trades=packed(result, shown.numbers),
            picture=shown.picture(request.first, request.last, request.width, request.instrument),
            fingerprint=fingerprint(sets, ran.costs),
            digest=digest(result),
            code=code_version(ran.info),
            seconds=ran.seconds,
            ratio=sharpe_of_period(period_returns(result.equity[period_ends(candles)])),
            instruments=result.names,
            odd=oddities(ran.sets),
        )

    def sweep(self, request: SweepRequest, tell: Tell, called_off: CalledOff) -> SweepAnswer:
        from workstation.research.bench.judging import judge_sweep, period_returns, sharpe_of_period
        from workstation.research.sweep import best_row, sweep

        info, candles, costs = self.parts(request.setup)
        make = _sweepable(info, request)
        wanted = combinations(request)
        kept: dict[int, Floats] = {}
        rows, waiting = [], []
        begun = sent = time.perf_counter()
        _announce(candles, tell)
        for row in sweep(make, candles, wanted, costs, cancelled=called_off, levels=range(len(wanted))):
            rows.append(row)
            if row.levels is not None:
                kept[row.index] = row.levels
            waiting.append((row.index, row.error if row.error is not None else row.metrics))
            if (now := time.perf_counter()) - sent > _SEND_EVERY:
                tell(SweepCells(tuple(waiting)))
                waiting, sent = [], now
        if waiting:
            tell(SweepCells(tuple(waiting)))
        seconds = time.perf_counter() - begun
        best = best_row(rows, request.rank)
        verdicts = () if called_off() or best is None else judge_sweep(request, rows, best, kept)
        ratios = {index: sharpe_of_period(period_returns(levels)) for index, levels in kept.items()}
        return SweepAnswer(None if best is None else best.index, seconds, verdicts, ratios)


def _on_one_account(info: StrategyInfo, setup: Setup) -> bool:
    """Whether several instruments share the account; the second one of a strategy that reads two is none of them."""
    return bool(setup.beside) and not needs_peer(info)


def maker(info: StrategyInfo, setup: Setup, swept: Iterable[str] = ()) -> Maker:
    """What makes the strategy from its parameters: its class, or that with the rules of the form. `swept`: the names
    that are moved; rules may be among them."""
    cls: Any = info.cls
    if not _has_signals(info) or not (setup.rules.given or any(name.startswith(KEY) for name in swept)):
        return cls  # type: ignore[no-any-return]

    def make(**params: Any) -> Any:
        own, moved = apart(params)
        made = cls(**own)
        put_swept(setup.rules, made, moved)
        return made

    return make


def _has_signals(info: StrategyInfo) -> bool:
    from workstation.strategies.contract import SignalStrategy

    return info.cls is not None and not info.native and issubclass(info.cls, SignalStrategy)


def combinations(request: SweepRequest) -> list[dict[str, Any]]:
    """Row by row, from the left."""
    return [
        {**request.setup.params, request.down: below, request.across: beside}
        for below in request.down_values
        for beside in request.across_values
    ]


def _sweepable(info: StrategyInfo, request: SweepRequest) -> Maker:
    if not _has_signals(info):
        raise BacktestError(f"{info.name} has no signals of ours: only strategies with signals can be swept.")
    return maker(info, request.setup, (request.across, request.down))


def _one(info: StrategyInfo, candles: Candles, setup: Setup, costs: Costs, tell: Tell) -> Result:
    if info.native:
        from workstation.research.backtesting_engine import run_native

        return run_native(info.cls, candles, costs, setup.params)  # type: ignore[arg-type]
    name = setup.engine if _has_signals(info) else "event"
    if name == "fast":
        _announce(candles, tell)
    chosen = engine(name)
    make = maker(info, setup)
    return chosen.run(make(**setup.params), candles, costs)


def _announce(candles: Candles, tell: Tell) -> None:
    from workstation.research.fast import is_compiled

    if not is_compiled(candles):
        tell("Compiling: only the first run after an installation takes these seconds.")


def _setup_of(request: Request) -> Setup | None:
    """What a question is asked about; None for one about nothing that is to be run."""
    asked = getattr(request, "sweep", request)
    setup = getattr(asked, "setup", None)
    return setup if isinstance(setup, Setup) else None
