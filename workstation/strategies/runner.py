"""Strategies on the desk: start, stop, pause, change; they come back after a restart as configured, HALTED stops all.

What runs, on what and with what, is in the journal; what a strategy wants to remember (`on_save`) is in the store. The
strategies' own limits are the desk's `[risk.strategies]`, by the id of the run, which is the origin of its orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from workstation.bus import Bus
from workstation.clock import Clock
from workstation.domain.events import StrategyRunChanged, TradingState
from workstation.domain.instrument import InstrumentId
from workstation.domain.order import Order
from workstation.domain.strategy_run import RunId, RunState, StrategyRun
from workstation.domain.trade_rules import UNCHANGED, RulesChange, TradeRules
from workstation.log import DeskLog
from workstation.strategies.comings import Comings
from workstation.strategies.live_runs import LiveRuns
from workstation.strategies.making import check_further, make, make_changed, run_id_of, take_over
from workstation.strategies.run_book import RunView, StrategyDesk, closing, view_of
from workstation.strategies.run_rebalances import RunRebalances
from workstation.trading.core import TradingCore
from workstation.trading.errors import Refused
from workstation.trading.gateway import OrderGateway
from workstation.trading.journal import Journal
from workstation.trading.lost_orders import LostOrders

if TYPE_CHECKING:  # numpy and the library are loaded with the first strategy, not with the desk
    from workstation.strategies.contract import Strategy
    from workstation.strategies.live_run import LiveRun

MINUTE = 60_000_000_000


class StrategyRunner:
    """All strategies of the desk. Commands raise `Refused` with a sentence."""

    def __init__(
        self,
        *,
        core: TradingCore,
        gateway: OrderGateway,
        journal: Journal,
        clock: Clock,
        bus: Bus,
        log: DeskLog,
        get_setting: Callable[[str], Any],
        set_setting: Callable[[str, Any], None],
        lost: LostOrders,
        folder: Path | None = None,
        why_not_compared: Callable[[str], str] = lambda _venue: "",
    ) -> None:
        """`folder`: the user's own strategies; `why_not_compared`: see `StrategyDesk`."""
        self._core, self._gateway, self._journal, self._clock = core, gateway, journal, clock
        self._bus, self._log, self.folder = bus, log, folder
        self._get_setting = get_setting
        #: Seconds of one call of a strategy's own code above which it is stopped.
        self.stop_after = 2.0
        #: The desk's rebalances, for strategies that hold weights; they end with their strategy.
        self.rebalances = RunRebalances(core, log)
        self._desk = StrategyDesk(
            core=core,
            gateway=gateway,
            clock=clock,
            log=log,
            failed=self._failed,
            save=lambda run, state: set_setting(_key(run), state),
            stop_after=lambda: self.stop_after,
            hold=self.rebalances.hold,
            lost=lost,
            why_not_compared=why_not_compared,
        )
        self._at_work = LiveRuns(self._desk, bus)
        self._live = self._at_work.runs
        #: Called with every event of the market, and when it has jumped to another time.
        self.market_moved, self.market_jumped = self._at_work.market_moved, self._at_work.market_jumped
        self._ending: dict[RunId, set[asyncio.Event]] = {}  # whose orders are being pulled; set once they are
        self._tasks: set[asyncio.Task[None]] = set()
        self._comings = Comings(self._desk, self._live, self._changed)
        #: Grows with every change of a run.
        self.version = 0

    # Reading.

    def runs(self) -> list[RunView]:
        """Every run that the journal knows, ended ones too, the newest last."""
        return [self.view(run_id) for run_id in self._core.strategy_runs]

    def view(self, run_id: RunId) -> RunView:
        """Raises KeyError for a run that there never was."""
        view = view_of(self._core.strategy_runs[run_id], self._core)
        if (live := self._live.get(run_id)) is None:
            return view
        code, signals = getattr(live.strategy, "last_code", None), getattr(live.strategy, "signals", ())
        return replace(
            view,
            calls=live.calls,
            slowest=1000 * live.slowest,
            code=code,
            signals=signals,
            waits=live.waits,
            held=live.held_stops,
        )

    def names(self) -> list[str]:
        """Strategies by their files, nothing of them loaded: those that come with the desk, and the user's own."""
        shipped = Path(__file__).parent / "shipped"
        own = [] if self.folder is None else self.folder.glob("*.py")
        return sorted({file.stem for file in (*shipped.glob("*.py"), *own)} - {"__init__"})

    # Commands.

    async def start(
        self,
        strategy: str,
        instrument: InstrumentId,
        *,
        capital: Decimal,
        interval: int = MINUTE,
        params: dict[str, Any] | None = None,
        rules: TradeRules = UNCHANGED,
        restarts: bool = False,
        further: Mapping[str, InstrumentId] | None = None,
    ) -> StrategyRun:
        """Start a strategy (a name of the library, or a file) on closed bars of `interval` ns, with `rules` in place of
        its own sizes, exits and protections, and `further` instruments by the names that it declares. Raises
        `Refused`."""
        more = dict(further or {})
        for one in (instrument, *more.values()):
            if one not in self._core.instruments:
                raise Refused(f"There is no instrument {one}.")
        if not capital > 0:
            raise Refused("The capital of a strategy must be above zero.")
        if interval <= 0 or interval % (5 * 1_000_000_000):
            raise Refused("The bars of a strategy are multiples of 5 s.")
        made = await make(strategy, self.folder, params or {}, rules)
        check_further(strategy, type(made), instrument, more)
        run_id = run_id_of(strategy, instrument, more)
        await self._ended(run_id)
        if (known := self._core.strategy_runs.get(run_id)) is not None and known.active:
            raise Refused(f"{run_id} is {known.state} already.")
        run = StrategyRun(
            run_id=run_id,
            strategy=strategy,
            instrument=instrument,
            interval=interval,
            params=made.params,
            capital=capital,
            rules=rules,
            restarts=restarts,
            since=self._clock.now(),
            further=more,
        )
        return await self._run(run, made, None)

    async def stop(self, run_id: RunId, reason: str = "by the trader") -> StrategyRun:
        """End it: `on_stop`, then its orders are pulled, protective ones too. What it holds stays."""
        return await self._end(run_id, RunState.STOPPED, reason)

    async def pause(self, run_id: RunId) -> StrategyRun:
        """As `stop`, but it goes on with its state when it is resumed."""
        return await self._end(run_id, RunState.PAUSED, "by the trader")

    async def resume(self, run_id: RunId) -> StrategyRun:
        """A paused strategy goes on. Raises `Refused`."""
        await self._ended(run_id)
        run, made = await self._loaded(run_id, RunState.PAUSED)
        run = replace(run, state=RunState.RUNNING, since=self._clock.now(), reason="")
        return await self._run(run, made, self._get_setting(_key(run_id)) or {})

    async def _run(self, run: StrategyRun, made: Strategy, state: dict[str, Any] | None) -> StrategyRun:
        if self._core.state is TradingState.HALTED:
            raise Refused("The desk is HALTED: no strategy is started.")
        if run.run_id in self._live:
            raise Refused(f"{run.run_id} is running already.")
        live = self._at_work.add(run, made, state)
        try:
            await self._record(run)
        except Refused:
            self._at_work.drop(run.run_id).silence()
            raise
        if self._live.get(run.run_id) is not live:  # a halt while this was being stored
            raise Refused("The desk was halted meanwhile: the strategy was not started.")
        self._comings.begin(live)
        return run

    async def revise(
        self,
        run_id: RunId,
        *,
        params: Mapping[str, Any] | None = None,
        rules: RulesChange | None = None,
        capital: Decimal | None = None,
        restarts: bool | None = None,
    ) -> StrategyRun:
        """Change a running or a paused strategy: all of it or, raising `Refused`, nothing.

        Parameters and capital count from the next event on. Rules count from the next bar on: exits for a position
        that stands too, as if it had been entered with them; sizes for the next entry; protections are judged by the
        next trade that closes and look back at those before, and a lock that counts goes on. The change is in the
        journal before it counts, and holds after a restart.
        """
        run = self._active(run_id)
        if capital is not None and not capital > 0:
            raise Refused("The capital of a strategy must be above zero.")
        made = None
        if params or rules is not None:
            while made is None:
                loading, made = run, await make_changed(run, self.folder, params or {}, rules)
                run = self._active(run_id)  # it may have been paused or stopped meanwhile
                if (run.strategy, run.params, run.rules) != (loading.strategy, loading.params, loading.rules):
                    made = None  # another change came first: this one goes on top of it
            run = replace(run, params=made.strategy.params, rules=made.rules)
        run = replace(
            run,
            capital=run.capital if capital is None else capital,
            restarts=run.restarts if restarts is None else restarts,
        )
        live = self._live.get(run_id)
        await self._record(run)
        if live is not None and self._live.get(run_id) is live:
            live.run = live.book.run = run
            if made is not None:
                closed = [list(self._at_work.closed_bars(one, run.interval)) for one in run.instruments]
                live.change(partial(take_over, live.strategy, made.strategy, *closed))
        return run

    async def close_out(self, run_id: RunId) -> list[Order]:
        """End it if it has not ended, and close what it holds at the market, reduce-only, of each instrument; no order
        if it held nothing. Raises `Refused`."""
        if self._known(run_id).active:
            await self.stop(run_id)
        await self._ended(run_id)
        of, holds = self._core.instruments, self.view(run_id).holds
        found = [closing(run_id, self._core, of[instrument], held) for instrument, held in holds.items()]
        return list(await asyncio.gather(*(self._gateway.submit(draft) for draft in found if draft is not None)))

    # The desk's hooks.

    async def restore(self) -> None:
        """After the journal was folded: those that restart begin again once their venues are there and have ended
        what they left, each by itself; the others are stopped."""
        self._at_work.follow_orders()
        for run_id in [one.run_id for one in self._core.strategy_runs.values() if one.state is RunState.RUNNING]:
            why = "the desk was closed"
            if self._known(run_id).restarts and self._core.state is TradingState.ACTIVE:
                try:
                    run, made = await self._loaded(run_id, RunState.RUNNING)
                except Refused as refused:
                    why = str(refused)
                else:
                    if run_id in self._live:  # the trader was faster
                        continue
                    live = self._at_work.add(run, made, self._get_setting(_key(run_id)) or {})
                    self._comings.begin(live, again=True)  # it places its orders afresh
                    continue
            run = self._known(run_id)
            if run_id in self._live:
                continue
            if run.state is RunState.RUNNING:
                await self._record(replace(run, state=RunState.STOPPED, since=self._clock.now(), reason=why))
                self._left_alone(run_id, f"it is stopped, as {why.rstrip('.')}")
            await self.rebalances.end(run_id, "its strategy was stopped: " + why)
            self._comings.pull_left(run)

    def halt(self, reason: str) -> None:
        """The desk halts: every strategy is silent at once. The kill switch pulls the orders; the journal's HALTED
        stops the runs."""
        for run_id in list(self._live):
            self._at_work.drop(run_id).silence()
            left = f", and holds {held} without its stops" if (held := self.view(run_id).holdings) else ""
            self._log.warning("strategies", f"{run_id} is stopped: {reason}{left}.")
        self.version += 1

    async def close(self) -> None:
        """The desk closes: what runs stays as it is in the journal. Working orders stay at their venues."""
        for run_id in list(self._live):
            self._at_work.drop(run_id).silence()
        await self._comings.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._at_work.close()

    # Inside.

    async def _end(self, run_id: RunId, state: RunState, reason: str) -> StrategyRun:
        run = self._known(run_id)
        if not run.active or run.state is state:
            raise Refused(f"{run_id} is {run.state} already.")
        run = replace(run, state=state, since=self._clock.now(), reason=reason)
        live = self._at_work.drop(run_id) if run_id in self._live else None
        with self._ends(run_id):
            try:
                await self._record(run)
                await self.rebalances.end(run_id, f"its strategy is {state}")
            finally:  # it is silent, whatever the store says of it: nothing of it stays at a venue
                if live is not None:
                    await live.end(say=True)
                    self._comings.pull_left(run)
        if held := self.view(run_id).holdings:
            self._log.warning("strategies", f"{run_id} is {state} ({reason}) and holds {held}, without its orders.")
        return run

    def _left_alone(self, run_id: RunId, why: str) -> None:
        """It has ended, and not by the trader: what it holds has lost its stops."""
        if held := self.view(run_id).holdings:
            self._log.error("position", f"{run_id} holds {held}, NOT PROTECTED: {why}, and its stops went with it.")

    def _failed(self, run_id: RunId, reason: str) -> None:
        if run_id not in self._live:
            return
        live = self._at_work.drop(run_id)
        run = replace(live.run, state=RunState.FAILED, since=self._clock.now(), reason=reason)
        self._log.error("strategies", f"{run_id} is stopped, its orders are pulled: {reason}.")
        self._task(self._bury(run, live))

    async def _bury(self, run: StrategyRun, live: LiveRun) -> None:
        with self._ends(run.run_id):
            await self.rebalances.end(run.run_id, "its strategy failed")
            pulled = asyncio.ensure_future(live.end(say=False))
            await self._record(run)
            await pulled
            self._comings.pull_left(run)
        self._left_alone(run.run_id, "it failed")

    @contextmanager
    def _ends(self, run_id: RunId) -> Iterator[None]:
        """All of the run's orders are being pulled, whoever sends them: those that come next wait until it is over."""
        others, over = self._ending.setdefault(run_id, set()), asyncio.Event()
        others.add(over)
        try:
            yield
        finally:
            over.set()
            others.discard(over)
            if not others and self._ending.get(run_id) is others:
                del self._ending[run_id]

    async def _ended(self, run_id: RunId) -> None:
        for over in list(self._ending.get(run_id, ())):
            await over.wait()

    async def _record(self, run: StrategyRun) -> None:
        before = self._core.strategy_runs.get(run.run_id)
        goes_on = before is not None and before.state is run.state
        what = before.changes_to(run) if before is not None and goes_on else ""
        event = StrategyRunChanged(ts=self._clock.now(), run=run, what=what)
        stored = self._journal.append(event)
        self._core.apply_account(event)
        self._bus.publish(event)
        self.version += 1
        says = f"is changed: {what}" if goes_on and what else f"is {run.state}{f': {run.reason}' if run.reason else ''}"
        self._log.info("strategies", f"{run.run_id} {says}.")
        try:
            await asyncio.wrap_future(stored)
        except Exception as error:
            raise Refused(f"The store did not take it: {error}") from error

    def _known(self, run_id: RunId) -> StrategyRun:
        if (run := self._core.strategy_runs.get(run_id)) is None:
            raise Refused(f"There is no strategy {run_id}.")
        return run

    def _active(self, run_id: RunId) -> StrategyRun:
        if not (run := self._known(run_id)).active:
            raise Refused(f"{run_id} is {run.state}.")
        return run

    async def _loaded(self, run_id: RunId, state: RunState) -> tuple[StrategyRun, Strategy]:
        """The run in its newest terms with its strategy. Raises `Refused`, also if it is not in that state by then."""
        loaded = None
        while True:
            if (run := self._known(run_id)).state is not state:
                raise Refused(f"{run_id} is {run.state}, not {state}.")
            if missing := [one for one in run.instruments if one not in self._core.instruments]:
                raise Refused(f"{' and '.join(missing)} cannot be traded on this desk now.")
            if loaded is not None and loaded[0] is run:
                return loaded
            loaded = run, await make(run.strategy, self.folder, run.params, run.rules)

    def _task(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _changed(self) -> None:
        self.version += 1


def _key(run_id: RunId) -> str:
    return f"strategy.{run_id}"
