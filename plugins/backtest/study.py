"""The long work on a run: sweeps, searches, walk-forward, the honesty band, and the judgement of it all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from plugins.backtest.axes import values_of
from plugins.backtest.form import Form
from plugins.backtest.session import Session
from plugins.backtest.sought import Searched, Sweep
from screens.parts import count
from workstation.engine import Engine
from workstation.research.bench.messages import (
    BandAnswer,
    BandRequest,
    BenchError,
    JudgeAnswer,
    JudgeRequest,
    ReportRequest,
    RunAnswer,
    SearchRequest,
    SearchTrials,
    SplitAnswer,
    SplitRequest,
    SweepCells,
    SweepRequest,
    WalkAnswer,
    WalkRequest,
    WalkStep,
)
from workstation.research.bench.setup import Setup
from workstation.research.verdicts import Verdict, worst_first

#: The judgement waits until the trader has stood still for so long.
_STILL = 0.5
#: Most columns and rows of a sweep.
ACROSS, DOWN = 30, 16


class Study(Session):
    """A session with its long work; one at a time, each calls off the one before."""

    def __init__(self, engine: Engine, form: Form, spawn: Callable[[Any], None]) -> None:
        super().__init__(engine, form, spawn)
        self.busy = ""  # the long work under way
        self.sweep: Sweep | None = None
        self.searched: Searched | None = None
        self.judgement: JudgeAnswer | None = None
        self.judged: Setup | None = None
        self.walk_steps: list[WalkStep] = []
        self.walk_answer: WalkAnswer | None = None
        self.walked: Sweep | None = None  # over what it walks
        self.walk_of = 0  # windows that there will be
        self.band: BandAnswer | None = None
        self.banded: Setup | None = None
        self.splits: SplitAnswer | None = None
        self._split_of: RunAnswer | None = None
        self._splitting = False
        self._long: asyncio.Task[None] | None = None
        self._long_begun = 0.0
        self._tried: dict[tuple[str, tuple[str, ...]], dict[str, float]] = {}

    def _taken(self, answer: RunAnswer) -> None:
        self._note_tried(answer.setup, answer.ratio)
        if self.judged != answer.setup:
            self.judgement = None
        if self.banded != answer.setup:
            self.band = None

    def _ended(self) -> None:
        self._judge_soon()

    def _note_tried(self, setup: Setup, ratio: float) -> None:
        """What was tried on these candles: the more it is, the better the best must be."""
        self._tried.setdefault((setup.strategy, setup.sets), {})[_named(setup)] = ratio

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
        if what:
            self.problem = None  # what was asked before has nothing to say of this

        async def guarded() -> None:
            try:
                await work
            except BenchError as error:
                self.problem = str(error)

        def ended(task: asyncio.Task[None]) -> None:  # though it was called off before its first step
            work.close()
            if self._long is task:
                self.busy = ""
                if task.cancelled():
                    self.notice = "Called off."
            self.bump()

        self._long_begun = asyncio.get_running_loop().time()
        self._long = asyncio.ensure_future(guarded())
        self._long.add_done_callback(ended)
        self.bump()

    def _heard(self, take: Callable[[Any], None]) -> Callable[[Any], None]:
        """Takes what long work tells on its way; a sentence is shown until something comes of it."""

        def hear(part: Any) -> None:
            if isinstance(part, str):
                self._note(part)
            else:
                self.notice = ""
                take(part)

        return hear

    def sweep_request(self, across: str, down: str, rank: str) -> SweepRequest:
        """A sweep around what the form says. Raises KeyError for a parameter that there is not."""
        form = self.form
        return SweepRequest(
            form.setup, across, values_of(form, across, ACROSS), down, values_of(form, down, DOWN), rank,
        )  # fmt: skip

    def start_sweep(self, request: SweepRequest) -> None:
        sweep = Sweep(request, asyncio.get_running_loop().time(), own=self.form.own_rules)
        sweep.now = sweep.begun
        self.sweep = sweep
        self._begin("Sweep", self._sweep(sweep))

    async def _sweep(self, sweep: Sweep) -> None:
        loop = asyncio.get_running_loop()

        def take(part: SweepCells) -> None:
            sweep.cells.update(part.cells)
            sweep.now = loop.time()
            self.bump()

        sweep.answer = await self.engine.bench.ask(sweep.request, self._heard(take))
        ratios = sweep.answer.ratios
        for cell, ratio in ratios.items():
            self._note_tried(sweep.setup(cell), ratio)
            if cell % 50 == 0:
                await asyncio.sleep(0)
        self.judged = None
        loop.call_soon(self._judge_soon)

    def start_walk(self, request: SweepRequest, anchored: bool) -> None:
        wanted = WalkRequest(request, anchored=anchored)
        self.walk_steps, self.walk_answer, self.walk_of = [], None, wanted.folds
        self.walked = Sweep(request, 0.0, own=self.form.own_rules)
        self._begin("Walk-forward", self._walk(wanted))

    async def _walk(self, request: WalkRequest) -> None:
        def take(step: WalkStep) -> None:
            self.walk_steps.append(step)
            self.bump()

        self.walk_answer = await self.engine.bench.ask(request, self._heard(take))

    def _judge_soon(self) -> None:
        if self.busy or self.answer is None or self.judged == self.answer.setup:
            return
        self._begin("", self._judge(self.answer.setup))

    async def _judge(self, setup: Setup) -> None:
        await asyncio.sleep(_STILL)
        if self.answer is None or self.answer.setup != setup or self.running:
            return
        me = _named(setup)
        tried = self._tried.get((setup.strategy, setup.sets), {})
        trials = tuple(ratio for key, ratio in tried.items() if key != me)
        answer = await self.engine.bench.ask(JudgeRequest(setup, trials))
        if self.answer is not None and self.answer.setup == setup:
            self.judgement, self.judged = answer, setup
            self.bump()

    def start_search(self, request: SearchRequest) -> None:
        searched = Searched(request, asyncio.get_running_loop().time(), own=self.form.own_rules)
        searched.now = searched.begun
        self.searched = searched
        self._begin("Search", self._search(searched))

    async def _search(self, searched: Searched) -> None:
        loop = asyncio.get_running_loop()

        def take(part: SearchTrials) -> None:
            if not searched.trials:  # what was stored before is told first: the clock begins here
                searched.begun, searched.reused = loop.time(), part.reused
            searched.trials |= {trial.number: trial for trial in part.trials}
            searched.best, searched.now = part.best, loop.time()
            self.bump()

        searched.answer = await self.engine.bench.ask(searched.request, self._heard(take))
        for number, ratio in searched.answer.ratios.items():
            self._note_tried(searched.setup(number), ratio)
        self.judged = None
        loop.call_soon(self._judge_soon)

    def start_band(self, width: int) -> None:
        """The run that shows under every path inside its bars."""
        if self.answer is None or (self.band is not None and self.banded == self.answer.setup):
            return
        self._begin("Honesty band", self._band(BandRequest(self.answer.setup, width)))

    async def _band(self, request: BandRequest) -> None:
        band = await self.engine.bench.ask(request)
        if self.answer is not None and self.answer.setup == request.setup:
            self.band, self.banded = band, request.setup
        asyncio.get_running_loop().call_soon(self._judge_soon)

    @property
    def splits_of_run(self) -> SplitAnswer | None:
        """The groups of the run that shows; None while they are read."""
        return self.splits if self._split_of is self.answer else None

    def read_splits(self) -> None:
        """The trades of the run that shows in groups."""
        if self.answer is not None and self._split_of is not self.answer and not self._splitting:
            self._splitting = True
            self._spawn(self._read_splits())

    async def _read_splits(self) -> None:
        try:
            while self.answer is not None and self._split_of is not self.answer:
                wanted = self.answer
                splits = await self.engine.bench.ask(SplitRequest())
                if self.answer is wanted:
                    self.splits, self._split_of = splits, wanted
        except BenchError as error:
            self._refuse(str(error))
        finally:
            self._splitting = False
            self.bump()

    def start_report(self, form: str, path: str, done: Callable[[str], None]) -> None:
        """Write the run that shows into a file; `done` hears its path."""
        if self.answer is not None:
            self._begin("Report", self._report(ReportRequest(self.answer.setup, form, path), done))

    async def _report(self, request: ReportRequest, done: Callable[[str], None]) -> None:
        done(await self.engine.bench.ask(request))
        asyncio.get_running_loop().call_soon(self._judge_soon)  # the judgement may have given way to it

    def progress(self) -> str:
        """The long work in a few words, with what is left of it."""
        if not self.busy:
            return ""
        done, of, left = 0, 0, None
        if self.busy == "Sweep" and self.sweep is not None:
            done, of, left = len(self.sweep.cells), self.sweep.total, self.sweep.left
        elif self.busy == "Search" and self.searched is not None:
            done, of, left = len(self.searched.trials), self.searched.request.trials, self.searched.left
        elif self.busy == "Walk-forward":
            done, of = len(self.walk_steps), self.walk_of
            passed = asyncio.get_running_loop().time() - self._long_begun
            left = passed / done * (of - done) if done else None
        counted = f" {count(done)} of {count(of)}" if of else ""
        rest = "" if left is None else f", {count(left)} s left"
        return f"{self.busy.lower()}{counted}{rest}"

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
            same = (sweep.request.setup.strategy, sweep.request.setup.sets) == (setup.strategy, setup.sets)
            best = sweep.setup(sweep.answer.best) if same and sweep.answer.best is not None else None
            if best is not None and (best.params, best.rules) == (setup.params, setup.rules):
                found += sweep.answer.verdicts
        searched = self.searched
        if searched is not None and searched.answer is not None and searched.best is not None:
            best = searched.setup(searched.best)
            if (best.params, best.rules, best.sets) == (setup.params, setup.rules, setup.sets):
                found.append(searched.answer.verdict)
        if self.band is not None and self.banded == setup:
            found.append(self.band.verdict)
        if self.answer.odd:
            found.append(Verdict("unknown", "The candles", f"{'; '.join(self.answer.odd)}."))
        return worst_first(found)


def _named(setup: Setup) -> str:
    """What was tried, by its parameters, rules and terms."""
    return repr((sorted(setup.params.items()), setup.rules.given, setup.words))
