"""The run that shows, its picture, and the stored ones: what is asked of the research process and comes back."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Callable
from typing import Any

from plugins.backtest.form import Form
from workstation.engine import Engine
from workstation.research.bench.messages import (
    BenchError,
    ListRequest,
    Picture,
    PictureRequest,
    RunAnswer,
    RunRequest,
    TradeColumns,
)
from workstation.research.bench.setup import Setup
from workstation.store.errors import StoreError
from workstation.store.reader import StoredBacktest

#: A run that takes longer than this is called off by the next change; a shorter one is let end and painted.
_PATIENCE = 0.4
#: A run that takes longer is said to be under way.
_MOMENT = 0.3
#: Stored runs that are listed at most.
_STORED = 200
#: Stored runs beside the one that shows at most.
_COMPARED = 4


class TradeList:
    """The trades of a run, unpacked by column: nothing is made of a row before it is shown."""

    def __init__(self, columns: TradeColumns) -> None:
        self.count, self.tags = columns.count, columns.tags
        for name in ("entry_bar", "exit_bar", "entry_time", "exit_time", "side", "instrument"):
            setattr(self, name, _unpacked("q", getattr(columns, name)))
        for name in ("size", "entry_price", "exit_price", "pnl", "fees", "gain"):
            setattr(self, name, _unpacked("d", getattr(columns, name)))

    entry_bar: array[int]
    exit_bar: array[int]
    entry_time: array[int]
    exit_time: array[int]
    side: array[int]
    instrument: array[int]  # its number; nothing of a run on one
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
        self.running = False
        self.stored: list[StoredBacktest] = []
        self.compared: tuple[StoredBacktest, ...] = ()
        self._rerun: StoredBacktest | None = None
        self._fresh: dict[str, StoredBacktest] = {}
        self.on_answer: Callable[[RunAnswer], None] = lambda answer: None
        self.on_change: Callable[[], None] = lambda: None
        self._again = False
        self._asking: asyncio.Task[RunAnswer] | None = None
        self._begun = 0.0
        self._listing = False
        self._width = 100
        self._stretch = (0, 0)
        self._instrument = 0  # whose prices the chart shows, of several
        self._picturing = False

    def bump(self) -> None:
        """Something that can be seen has changed."""
        self.version += 1
        self.on_change()

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

    @property
    def waits(self) -> bool:
        """Whether a run takes longer than a moment: what shows is of the run before."""
        return self.running and asyncio.get_running_loop().time() - self._begun > _MOMENT

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
                    request = RunRequest(self.form.setup, self._width, instrument=self._instrument)
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
            self._ended()

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
        self._instrument = answer.picture.instrument
        self._keep(answer)
        self._taken(answer)
        self.bump()
        self.on_answer(answer)

    def _taken(self, answer: RunAnswer) -> None:
        """A run has come back."""

    def _ended(self) -> None:
        """Nothing more is to be run."""

    # -- stored runs

    def _keep(self, answer: RunAnswer) -> None:
        """Store the run, and say whether one that was made again gave the same digits."""
        setup = answer.setup
        run = StoredBacktest(
            ts=self.engine.clock.now(), strategy=setup.strategy, candles=setup.on, setup=setup.stored,
            seed=setup.seed, fingerprint=answer.fingerprint, code=answer.code, digest=answer.digest,
            figures={name: value if math.isfinite(value) else None for name, value in answer.metrics.items()},
        )  # fmt: skip
        self._fresh[run.id] = run  # the writer takes a moment
        self.engine.save_backtest(run)
        before, self._rerun = self._rerun, None
        if before is None or Setup.of(before.setup) != setup:
            return
        if before.digest == run.digest:
            self.notice = "the same digits as stored"
        elif before.fingerprint != run.fingerprint:
            data = "the candles or the funding rates" if isinstance(setup.funding, str) else "the candles"
            self.notice = f"other digits: {data} are not the same"
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
        self.form.restore(Setup.of(run.setup))
        self._rerun = run
        self.run()

    def compare(self, run: StoredBacktest) -> None:
        """Show a stored run's figures beside those of the one that shows and of others; once more takes it out. Of more
        than fit side by side the one that was chosen first gives way."""
        others = tuple(one for one in self.compared if one.id != run.id)
        self.compared = others if len(others) < len(self.compared) else (*others, run)[-_COMPARED:]
        self.bump()

    def show(self, first: int, last: int, width: int, instrument: int = 0) -> None:
        """Another stretch of the run's bars, or another of its instruments; `last` 0 shows all."""
        self._stretch, self._width, self._instrument = (first, last), width, instrument
        if not self._picturing and self.answer is not None:
            self._picturing = True
            self._spawn(self._picture())

    async def _picture(self) -> None:
        try:
            while True:
                wanted = (*self._stretch, self._width, self._instrument)
                try:
                    first, last, width, instrument = wanted
                    self.picture = await self.engine.bench.ask(PictureRequest(width, first, last, instrument))
                except BenchError as error:
                    self._refuse(str(error))
                    return
                self.bump()
                if wanted == (*self._stretch, self._width, self._instrument):
                    return
        finally:
            self._picturing = False
