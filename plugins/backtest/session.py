"""What the page is working on: the run that shows, the sweep, the judgement, and the questions under way."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from plugins.backtest.form import Form, space
from workstation.engine import Engine
from workstation.research.bench.messages import (
    BenchError,
    JudgeAnswer,
    JudgeRequest,
    ListRequest,
    Picture,
    PictureRequest,
    RunAnswer,
    RunRequest,
    Setup,
    SweepAnswer,
    SweepCells,
    SweepRequest,
    TradeColumns,
    Verdict,
    WalkAnswer,
    WalkRequest,
    WalkStep,
)
from workstation.store.errors import StoreError
from workstation.store.reader import StoredBacktest

#: A run that takes longer than this is called off by the next change; a shorter one is let end and painted.
_PATIENCE = 0.4
#: The judgement waits until the trader has stood still for so long.
_STILL = 0.5
#: Most columns and rows of a sweep.
ACROSS, DOWN = 30, 16
#: Stored runs that are listed at most.
_STORED = 200
_ORDER = {"bad": 0, "warning": 1, "unknown": 2, "good": 3}


class TradeList:
    """The trades of a run, unpacked by column: nothing is made of a row before it is shown."""

    def __init__(self, columns: TradeColumns) -> None:
        self.count, self.tags = columns.count, columns.tags
        for name in ("entry_bar", "exit_bar", "entry_time", "exit_time", "side"):
            setattr(self, name, _unpacked("q", getattr(columns, name)))
        for name in ("size", "entry_price", "exit_price", "pnl", "fees", "gain"):
            setattr(self, name, _unpacked("d", getattr(columns, name)))

    entry_bar: array[int]
    exit_bar: array[int]
    entry_time: array[int]
    exit_time: array[int]
    side: array[int]
    size: array[float]
    entry_price: array[float]
    exit_price: array[float]
    pnl: array[float]
    fees: array[float]
    gain: array[float]


def _unpacked(kind: str, data: bytes) -> array[Any]:
    values: array[Any] = array(kind)
    values.frombytes(data)
    return values


@dataclass(slots=True)
class Sweep:
    """A sweep and what has come of it."""

    request: SweepRequest
    begun: float
    cells: dict[int, dict[str, float] | str] = field(default_factory=dict)
    answer: SweepAnswer | None = None
    now: float = 0.0

    @property
    def total(self) -> int:
        return len(self.request.across_values) * len(self.request.down_values)

    @property
    def left(self) -> float | None:
        """Seconds that it will still take, or None while nothing is known."""
        done = len(self.cells)
        return None if not done else (self.now - self.begun) / done * (self.total - done)

    def params(self, cell: int) -> dict[str, Any]:
        down, across = divmod(cell, len(self.request.across_values))
        one = self.request
        return {
            **one.setup.params, one.across: one.across_values[across], one.down: one.down_values[down],
        }  # fmt: skip

    def figure(self, cell: int) -> float | None:
        found = self.cells.get(cell)
        value = found.get(self.request.rank) if isinstance(found, dict) else None
        return None if value is None or math.isnan(value) else value


class Session:
    """Asks the research process; `version` changes with everything that can be seen."""

    def __init__(self, engine: Engine, form: Form, spawn: Callable[[Any], None]) -> None:
        self.engine, self.form, self._spawn = engine, form, spawn
        self.version = 0
        self.answer: RunAnswer | None = None
        self.trades: TradeList | None = None
        self.picture: Picture | None = None
        self.problem: str | None = None
        self.notice: str = ""
        self.busy = ""  # the long work under way
        self.running = False
        self.sweep: Sweep | None = None
        self.judgement: JudgeAnswer | None = None
        self.judged: Setup | None = None
        self.walk_steps: list[WalkStep] = []
        self.walk_answer: WalkAnswer | None = None
        self.stored: list[StoredBacktest] = []
        self.compared: StoredBacktest | None = None
        self._rerun: StoredBacktest | None = None
        self._fresh: dict[str, StoredBacktest] = {}
        self.on_answer: Callable[[RunAnswer], None] = lambda answer: None
        self._tried: dict[tuple[str, str], dict[str, float]] = {}
        self._again = False
        self._asking: asyncio.Task[RunAnswer] | None = None
        self._begun = 0.0
        self._long: asyncio.Task[None] | None = None
        self._listing = False
        self._width = 100
        self._stretch = (0, 0)
        self._picturing = False

    def bump(self) -> None:
        self.version += 1

    # -- what can be picked

    def look(self) -> None:
        """Read again what can be picked, then run."""
        if not self._listing:
            self._listing = True
            self._spawn(self._look())

    async def _look(self) -> None:
        try:
            self.form.offer = await self.engine.bench.ask(ListRequest())
        except BenchError as error:
            self.problem = str(error)
            self.bump()
        else:
            self.run()
        finally:
            self._listing = False

    # -- one run

    def run(self, width: int | None = None) -> None:
        """Run what the form says. A run under way is finished and shown if it is quick, else called off."""
        if width is not None:
            self._width = width
        self.bump()
        if self.running:
            self._again = True
            slow = asyncio.get_running_loop().time() - self._begun > _PATIENCE
            if slow and self.answer is not None and self._asking is not None:
                self._asking.cancel()
            return
        self.running = True
        self._spawn(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._again = False
                self._begun = loop.time()
                choice = self.form.choice
                if choice is not None and choice.error is not None:
                    self._refuse(f"{choice.name} cannot be used: {choice.error}")
                else:
                    request = RunRequest(self.form.setup, self._width)
                    self._asking = asyncio.ensure_future(self.engine.bench.ask(request, self._note))
                    try:
                        self._take(await self._asking)
                    except BenchError as error:
                        self._refuse(str(error))
                    except asyncio.CancelledError:
                        if not self._again:
                            raise
                if not self._again:
                    break
        finally:
            self.running, self._asking = False, None
            self.bump()
        if self.problem is None:
            self._judge_soon()

    def _note(self, part: object) -> None:
        self.notice = str(part)
        self.bump()

    def _refuse(self, sentence: str) -> None:
        self.problem, self.notice = sentence, ""
        self.bump()

    def _take(self, answer: RunAnswer) -> None:
        self.answer, self.picture = answer, answer.picture
        self.trades = TradeList(answer.trades)
        self.problem, self.notice = None, ""
        self._stretch = (0, 0)
        key = (answer.setup.strategy, answer.setup.candles)
        self._tried.setdefault(key, {})[repr(sorted(answer.setup.params.items()))] = answer.ratio
        if self.judged != answer.setup:
            self.judgement = None
        self._keep(answer)
        self.bump()
        self.on_answer(answer)

    # -- stored runs

    def _keep(self, answer: RunAnswer) -> None:
        """Store the run, and say whether one that was made again gave the same digits."""
        setup = answer.setup
        run = StoredBacktest(
            ts=self.engine.clock.now(), strategy=setup.strategy, candles=setup.candles, setup=asdict(setup),
            seed=setup.seed, fingerprint=answer.fingerprint, code=answer.code, digest=answer.digest,
            figures={name: value if math.isfinite(value) else None for name, value in answer.metrics.items()},
        )  # fmt: skip
        self._fresh[run.id] = run  # the writer takes a moment
        self.engine.save_backtest(run)
        before, self._rerun = self._rerun, None
        if before is None or before.setup != run.setup:
            return
        if before.digest == run.digest:
            self.notice = "the same digits as stored"
        elif before.fingerprint != run.fingerprint:
            self.notice = "other digits: the candles are not the same"
        elif before.code != run.code:
            self.notice = "other digits: the code is not the same"
        else:
            self.notice = "other digits than stored"

    def read_stored(self) -> None:
        """Read the stored runs again."""
        self._spawn(self._read_stored())

    async def _read_stored(self) -> None:
        try:
            found = {run.id: run for run in await self.engine.backtests()} | self._fresh
            self.stored = sorted(found.values(), key=lambda run: -run.ts)[:_STORED]
        except StoreError as error:
            self._refuse(f"The stored runs cannot be read: {error}")
        self.bump()

    def run_stored(self, run: StoredBacktest) -> None:
        """Make a stored run again."""
        self.form.restore(Setup(**run.setup))
        self._rerun = run
        self.run()

    def compare(self, run: StoredBacktest) -> None:
        """Show a stored run's figures beside those of the one that shows; once more for none."""
        self.compared = None if self.compared is not None and self.compared.id == run.id else run
        self.bump()

    def show(self, first: int, last: int, width: int) -> None:
        """Another stretch of the run's bars; `last` 0 shows all."""
        self._stretch, self._width = (first, last), width
        if not self._picturing and self.answer is not None:
            self._picturing = True
            self._spawn(self._picture())

    async def _picture(self) -> None:
        try:
            while True:
                wanted = (*self._stretch, self._width)
                try:
                    self.picture = await self.engine.bench.ask(PictureRequest(wanted[2], wanted[0], wanted[1]))
                except BenchError as error:
                    self._refuse(str(error))
                    return
                self.bump()
                if wanted == (*self._stretch, self._width):
                    return
        finally:
            self._picturing = False

    # -- long work

    @property
    def sweeps(self) -> bool:
        choice = self.form.choice
        return choice is not None and choice.sweeps

    def call_off(self) -> None:
        """End the long work."""
        if self._long is not None and not self._long.done():
            self._long.cancel()

    def _begin(self, what: str, work: Any) -> None:
        self.call_off()
        self.busy = what

        async def guarded() -> None:
            mine = asyncio.current_task()
            try:
                await work
            except BenchError as error:
                self.problem = str(error)
            except asyncio.CancelledError:
                if self._long is mine:
                    self.notice = "Called off."
            finally:
                if self._long is mine:
                    self.busy = ""
                self.bump()

        self._long = asyncio.ensure_future(guarded())
        self.bump()

    def sweep_request(self, across: str, down: str, rank: str) -> SweepRequest:
        """A sweep around what the form says. Raises KeyError for a parameter that there is not."""
        choice = self.form.choice
        assert choice is not None
        specs = {spec.name: spec for spec in choice.parameters}
        params = self.form.params
        return SweepRequest(
            self.form.setup, across, space(specs[across], params[across], ACROSS), down,
            space(specs[down], params[down], DOWN), rank,
        )  # fmt: skip

    def start_sweep(self, request: SweepRequest) -> None:
        sweep = Sweep(request, asyncio.get_running_loop().time())
        sweep.now = sweep.begun
        self.sweep = sweep
        self._begin("Sweep", self._sweep(sweep))

    async def _sweep(self, sweep: Sweep) -> None:
        loop = asyncio.get_running_loop()

        def take(part: SweepCells) -> None:
            sweep.cells.update(part.cells)
            sweep.now = loop.time()
            self.bump()

        sweep.answer = await self.engine.bench.ask(sweep.request, take)
        tried = self._tried.setdefault((sweep.request.setup.strategy, sweep.request.setup.candles), {})
        for cell, ratio in sweep.answer.ratios.items():
            tried[repr(sorted(sweep.params(cell).items()))] = ratio
        self.judged = None
        loop.call_soon(self._judge_soon)

    def start_walk(self, request: SweepRequest, anchored: bool) -> None:
        self.walk_steps, self.walk_answer = [], None
        self._begin("Walk-forward", self._walk(WalkRequest(request, anchored=anchored)))

    async def _walk(self, request: WalkRequest) -> None:
        def take(step: WalkStep) -> None:
            self.walk_steps.append(step)
            self.bump()

        self.walk_answer = await self.engine.bench.ask(request, take)

    def _judge_soon(self) -> None:
        if self.busy or self.answer is None or self.judged == self.answer.setup:
            return
        self._begin("", self._judge(self.answer.setup))

    async def _judge(self, setup: Setup) -> None:
        await asyncio.sleep(_STILL)
        if self.answer is None or self.answer.setup != setup or self.running:
            return
        me = repr(sorted(setup.params.items()))
        tried = self._tried.get((setup.strategy, setup.candles), {})
        trials = tuple(ratio for key, ratio in tried.items() if key != me)
        answer = await self.engine.bench.ask(JudgeRequest(setup, trials))
        if self.answer is not None and self.answer.setup == setup:
            self.judgement, self.judged = answer, setup
            self.bump()

    # -- the judgement

    def verdicts(self) -> list[Verdict]:
        """All that is known of the run that shows, the worst first."""
        found: list[Verdict] = []
        if self.answer is None:
            return found
        if self.judgement is not None and self.judged == self.answer.setup:
            found += self.judgement.verdicts
        setup = self.answer.setup
        sweep = self.sweep
        if sweep is not None and sweep.answer is not None:
            same = (sweep.request.setup.strategy, sweep.request.setup.candles) == (setup.strategy, setup.candles)
            if same and sweep.answer.best is not None and sweep.params(sweep.answer.best) == setup.params:
                found += sweep.answer.verdicts
        return sorted(found, key=lambda verdict: _ORDER[verdict.level])
