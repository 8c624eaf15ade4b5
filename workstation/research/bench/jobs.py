"""What the research process does for each kind of question."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from workstation.research.bench.offers import Shelf, code_version
from workstation.research.bench.setup import Setup
from workstation.research.costs import BacktestError, Costs, costs_of
from workstation.research.engine import engine
from workstation.research.recipe import Maker
from workstation.research.result import Result
from workstation.sideline.worker import sentence_of
from workstation.strategies.blame import raised
from workstation.strategies.contract import StrategyError
from workstation.strategies.library import StrategyInfo
from workstation.strategies.parameters import ParameterError
from workstation.strategies.trade_rules import put_on

type Tell = Callable[[Any], None]
type CalledOff = Callable[[], bool]
_OURS = (ParameterError, BacktestError, StrategyError, BadCandles, HistoryError)
#: Cells of a sweep are sent at most this often, in seconds.
_SEND_EVERY = 0.05


class Jobs:
    """Keeps what the next question may need: candles, strategies, the last result."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self._last: Result | None = None
        self._falls: Floats | None = None

    def is_long(self, request: Request) -> bool:
        return isinstance(request, LONG)

    def sentence(self, error: Exception, trace: str) -> str:
        return sentence_of(error, trace, _OURS)

    def do(self, request: Request, tell: Tell, called_off: CalledOff) -> Any:
        """The answer to one question. Raises the project's own errors, and whatever a strategy raises."""
        match request:
            case ListRequest():
                return self.shelf.offer()
            case RunRequest():
                return self.run(request, tell)
            case PictureRequest():
                from workstation.research.bench.pictures import picture

                if self._last is None:
                    raise BacktestError("Nothing has been run yet.")
                return picture(self._last, request.first, request.last, request.width, self._falls)
            case SweepRequest():
                return self.sweep(request, tell, called_off)
            case JudgeRequest():
                from workstation.research.bench.judging import judge

                info, candles, costs = self.parts(request.setup)
                make = maker(info, request.setup)
                return judge(info, make, candles, request.setup, costs, request.trials, called_off)
            case WalkRequest():
                from workstation.research.bench.walking import walk

                info, candles, costs = self.parts(request.sweep.setup)
                make = maker(info, request.sweep.setup)
                return walk(info, make, candles, costs, request, combinations(request.sweep), tell, called_off)
            case SplitRequest():
                from workstation.research.bench.exploring import splits

                if self._last is None:
                    raise BacktestError("Nothing has been run yet.")
                return splits(self._last)
            case BandRequest():
                from workstation.research.bench.exploring import band

                info, candles, costs = self.parts(request.setup)
                if info.native:
                    raise BacktestError(f"{info.name} runs by backtesting.py, which knows the pessimistic path only.")
                make, params = maker(info, request.setup), request.setup.params
                engine_name = "event" if not _has_signals(info) else "fast"
                return band(lambda: _blamed(info, lambda: make(**params)), candles, costs, engine_name, request.width)
            case SearchRequest():
                from workstation.research.bench.exploring import search

                info, candles, costs = self.parts(request.setup)
                make = maker(info, request.setup)
                return search(info, make, candles, costs, request, self.shelf.searches, tell, called_off)
            case ReportRequest():
                from workstation.research.bench.reporting import report

                info, candles, costs = self.parts(request.setup)
                result = _one(info, candles, request.setup, costs, tell)
                return report(info, maker(info, request.setup), candles, costs, request, result)

    def parts(self, setup: Setup) -> tuple[StrategyInfo, Candles, Costs]:
        return self.shelf.strategy(setup.strategy), self.shelf.candles(setup.candles), costs_of(setup.terms)

    def run(self, request: RunRequest, tell: Tell) -> RunAnswer:
        from workstation.market.candle_quality import examine
        from workstation.research.bench.judging import period_returns, sharpe_of_period
        from workstation.research.bench.pictures import digest, packed, picture
        from workstation.research.metrics import drawdowns, period_ends
        from workstation.research.splits import monthly_returns

        setup = request.setup
        if self.shelf.reads_long(setup.candles):
            tell(f"Reading {Path(setup.candles).name}: so much takes some seconds.")
        info, candles, costs = self.parts(setup)
        begun = time.perf_counter()
        result = _one(info, candles, setup, costs, tell)
        seconds = time.perf_counter() - begun
        self._last, self._falls = result, drawdowns(result.equity)
        return RunAnswer(
            setup=setup,
            title=info.title,
            bars=len(candles),
            start=int(candles.time[0]),
            end=int(candles.time[-1]),
            interval=candles.interval,
            metrics={name: float(value) for name, value in result.metrics.items()},
            months=monthly_returns(result),
            trades=packed(result),
            picture=picture(result, request.first, request.last, request.width, self._falls),
            fingerprint=candles.memo.get("fingerprint", candles.fingerprint),
            digest=digest(result),
            code=code_version(info),
            seconds=seconds,
            ratio=sharpe_of_period(period_returns(result.equity[period_ends(candles)])),
            odd=candles.memo.get(
                "odd", lambda: tuple(one.text for one in examine(candles).findings if one.kind != "closed_hours")
            ),
        )

    def sweep(self, request: SweepRequest, tell: Tell, called_off: CalledOff) -> SweepAnswer:
        from workstation.research.bench.judging import judge_sweep, period_returns, sharpe_of_period
        from workstation.research.sweep import best_row, sweep

        info, candles, costs = self.parts(request.setup)
        make = _sweepable(info, request.setup)
        wanted = combinations(request)
        kept: dict[int, Floats] = {}
        rows, waiting = [], []
        begun = sent = time.perf_counter()
        for row in sweep(make, candles, wanted, costs, cancelled=called_off, keep=kept.__setitem__):
            rows.append(row)
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


def maker(info: StrategyInfo, setup: Setup) -> Maker:
    """What makes the strategy from its parameters: its class, or that with the rules of the form."""
    cls: Any = info.cls
    if not setup.rules.given or not _has_signals(info):
        return cls  # type: ignore[no-any-return]

    def make(**params: Any) -> Any:
        made = cls(**params)
        put_on(setup.rules, made)
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


def _sweepable(info: StrategyInfo, setup: Setup) -> Maker:
    if not _has_signals(info):
        raise BacktestError(f"{info.name} has no signals of ours: only strategies with signals can be swept.")
    return maker(info, setup)


def _one(info: StrategyInfo, candles: Candles, setup: Setup, costs: Costs, tell: Tell) -> Result:
    if info.native:
        from workstation.research.backtesting_engine import run_native

        return _blamed(info, lambda: run_native(info.cls, candles, costs, setup.params))  # type: ignore[arg-type]
    name = setup.engine if _has_signals(info) else "event"
    if name == "fast":
        from workstation.research.fast import is_compiled

        if not is_compiled():
            tell("Compiling: only the first run after an installation takes these seconds.")
    chosen = engine(name)
    make = maker(info, setup)
    return _blamed(info, lambda: chosen.run(make(**setup.params), candles, costs))


def _blamed[T](info: StrategyInfo, work: Callable[[], T]) -> T:
    """What a strategy itself raises becomes a sentence that names it and its line."""
    try:
        return work()
    except Exception as error:
        if isinstance(error, _OURS):
            raise
        raise StrategyError(f"{info.name} raised {raised(error, info.source)}") from error
